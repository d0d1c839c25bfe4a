"""The check-up: what of the connection to WeCom is in order, what is not, and what to do about it."""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from django.conf import settings
from django.db.models import Count, Min, Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from advisors.models import Advisor, working
from cases.models import Case
from wecom.api.addresses import OFFICIAL, robot_address
from wecom.diagnosis.checks import CALLBACK
from wecom.diagnosis.findings import Finding, Level, age, ago
from wecom.diagnosis.probe import ask
from wecom.diagnosis.programs import programs
from wecom.inbound.crypto import Keys
from wecom.inbound.spool import failed, waiting_since
from wecom.models import Attempt, Channel, InboundMessage, Notification
from wecom.outbound.channels import app_is_configured, transport_of
from wecom.outbound.events import APP, EMAIL, GROUP

State = Notification.State

LATE = timedelta(minutes=2)  # the robot's limit and retries explain less than this
VERY_LATE = timedelta(minutes=30)
LOOK_BACK = timedelta(days=7)  # how far the last error is looked for
LISTED = 10
# For each setting of the callback: which part of Keys it is. A valid value for the parts not under test.
PARTS = dict(zip(CALLBACK, ("receiveid", "token", "aes_key"), strict=True))
VALID = {"receiveid": "w", "token": "t", "aes_key": "k" * 43}


@dataclass(frozen=True)
class QueueState:
    """The state of the queue: how many are due, when the oldest was, how many come later, how many failed in a day."""

    due: int
    oldest: datetime | None
    later: int
    failed: int


def checkup(*, ask_wecom: bool) -> list[Finding]:
    """Return all findings, ten queries' worth. Never a secret, and no content of clients.

    With `ask_wecom` WeCom's API is asked too: for at most about a minute if it hangs, and never in a transaction.
    """
    now = timezone.now()
    rows = {row.name: row for row in Channel.objects.all()}
    return [
        *_channel(GROUP, rows.get(GROUP), now),
        *_app(),
        *_channel(APP, rows.get(APP), now),
        *(ask() if ask_wecom else []),
        _callback(),
        *_received(now),
        *_put_aside(now),
        *programs(now),
        *_queue(queue_state(now), now),
        _site(),
        *_people(),
    ]


def troubles() -> list[Finding]:
    """Return what keeps notifications back until a person acts, for each channel. One query as long as all is well."""
    rows = {row.name: row for row in Channel.objects.filter(needs_mending=True)}
    problems = {name: channel_problem(name, rows.get(name)) for name in (GROUP, APP, EMAIL)}
    return [_trouble(name, problem) for name, problem in problems.items() if problem]


def channel_problem(name: str, row: Channel | None) -> str:
    """Return why nothing can be sent by this channel before a person acts, or nothing."""
    unset = transport_of(name).problem()
    if name == APP and unset:
        # To have no app is a choice. It is a problem only when something waits for it.
        waiting = Notification.objects.filter(channel=APP, state__in=[State.WAITING, State.SENDING])
        return unset if row and row.needs_mending and waiting.exists() else ""
    if unset:
        return unset
    # Without a pause it is the lack of a setting that the worker noted, and that has been filled in since.
    return row.problem if row and row.needs_mending and row.paused_until else ""


def queue_state(now: datetime) -> QueueState:
    """Return what waits, and what failed within a day. One query."""
    due = Q(state__in=[State.WAITING, State.SENDING], due_at__lte=now)
    # A notification that failed was due shortly before, or would have been tried again shortly after.
    failed = Q(state=State.FAILED, due_at__gt=now - timedelta(days=1))
    later = Q(state=State.WAITING, due_at__gt=now)
    relevant = Notification.objects.filter(due | failed | later)
    return QueueState(
        **relevant.aggregate(
            due=Count("pk", filter=due),
            oldest=Min("due_at", filter=due),
            later=Count("pk", filter=later),
            failed=Count("pk", filter=failed),
        )
    )


def _put_aside(now: datetime) -> list[Finding]:
    """Return what is found of callbacks put aside on this machine's disk; nothing if all is well."""
    if number := failed():
        detail = (
            ngettext(
                "%d 条来信无法处理，留在服务器的 var/spool 里。",
                "%d 条来信无法处理，留在服务器的 var/spool 里。",
                number,
            )
            % number
        )
        fix = _("原因在日志里。修好之后把 .failed 文件改名为 .json，会自动写入。")
        return [Finding(_("搁置的来信"), "bad", detail, fix)]
    since = waiting_since()
    if since is None or now - since < LATE:
        return []
    fix = _("确认数据库可用，并且这台服务器上的发送进程在运行：manage.py deliver。")
    return [Finding(_("搁置的来信"), "bad", _("最久的一条已等待 %s。") % age(since, now), fix)]


def _trouble(name: str, problem: str) -> Finding:
    fix = _("照说明处理，然后发送一条测试消息：成功后通道立即恢复。")
    if name == EMAIL:
        fix = _("改正后重启网站和发送进程，邮件会自动再发；在此之前不会丢失，只是等待。")
    elif problem == transport_of(name).problem():
        fix = _("在 .env 里填写或改正，然后重启网站和发送进程。在此之前通知不会丢失，只是等待。")
    return Finding(_("%s不能发送") % Channel.Name(name).label, "bad", problem, fix)


def _channel(name: str, row: Channel | None, now: datetime) -> list[Finding]:
    """The address of the group robot, and how sending went lately."""
    problem = channel_problem(name, row)
    history, failing = _history(name, row, now)
    if problem:
        return [replace(_trouble(name, problem), detail=f"{problem}{history}")]
    if name == APP and not app_is_configured():
        return []
    found = [_address()] if name == GROUP else []
    title = _("%s的发送") % Channel.Name(name).label
    if row and row.paused_until and row.paused_until > now:
        wait = _("暂停中：%s") % row.problem
        return [*found, Finding(title, "warn", wait + history, _("不需要处理，时间到后自动继续。"))]
    if failing:
        fix = _("临时的故障会自动重试；若一直如此，请在通知列表里查看失败的原因。")
        return [*found, Finding(title, "warn", history, fix)]
    if row is None or row.last_success_at is None:
        return [*found, Finding(title, "warn", _("还没有成功发送过。"), _("发送一条测试消息。"))]
    return [*found, Finding(title, "ok", history)]


def _history(name: str, row: Channel | None, now: datetime) -> tuple[str, bool]:
    """Return in words the last success and the last error, and whether the error came after the success."""
    ended = Attempt.objects.filter(channel=name, started_at__gt=now - LOOK_BACK, finished_at__isnull=False)
    error = ended.exclude(outcome="ok").order_by("-started_at").first()
    success = row.last_success_at if row else None
    text = _("最近成功：%s。") % ago(success, now) if success else ""
    if error is None or error.finished_at is None:
        return text, False
    text += _("最近失败：%(when)s，%(why)s") % {"when": ago(error.finished_at, now), "why": error.outcome}
    return text, success is None or error.finished_at > success


def _address() -> Finding:
    base, title = robot_address(settings.WECHAT_WEBHOOK_URL).base, _("群机器人地址")
    detail = _("已设置，主机 %s。") % urlsplit(base).netloc
    if base == OFFICIAL or settings.DEBUG:
        return Finding(title, "ok", detail)
    fix = _("把 WECHAT_WEBHOOK_URL 改成企业微信里复制的地址：现在消息只发到本机，群里收不到。")
    return Finding(title, "warn", detail, fix)


def _app() -> list[Finding]:
    title, agent_id = _("应用设置"), settings.WECHAT_AGENT_ID
    if agent_id and not (agent_id.isascii() and agent_id.isdigit()):
        return [Finding(title, "bad", _("WECHAT_AGENT_ID 不是数字。"), _("从应用详情页复制 AgentId，例如 1000002。"))]
    if settings.WECHAT_APP_SECRET and not app_is_configured():
        fix = _("在 .env 里补上，三个值在应用详情页和「我的企业」页；或清空 WECHAT_APP_SECRET，只用群机器人。")
        return [Finding(title, "bad", _("有 WECHAT_APP_SECRET，但缺少 WECHAT_AGENT_ID 或 WECHAT_CORP_ID。"), fix)]
    if app_is_configured():
        return [Finding(title, "ok", _("AgentId 和 Secret 已设置，顾问会直接收到消息。"))]
    return [Finding(title, "ok", _("没有设置 Secret（可选）：消息只发到群，图片和语音不能从企业微信转发。"))]


def _callback() -> Finding:
    title = _("回调设置")
    url = _("回调 URL：%s") % (settings.SITE_URL + reverse("wechat-receive"))
    unset = [name for name in CALLBACK if not getattr(settings, name)]
    fix = _(
        "在应用的「接收消息」→「设置 API 接收」里粘贴这个 URL，把页面上的 Token、EncodingAESKey 和企业 ID 填进 .env，"
        "重启网站，再在该页面点保存。"
    )
    if len(unset) == len(CALLBACK):
        return Finding(title, "warn", _("没有设置，顾问不能从企业微信回复。") + url, fix)
    if unset:
        return Finding(title, "bad", _("缺少 %s。") % "、".join(unset) + url, fix)
    wrong = [name for name in CALLBACK if not _is_valid(name)]
    if wrong:
        form = _("Token 是 1 到 32 位字母和数字，EncodingAESKey 正好 43 位，企业 ID 在「我的企业」页；改正后重启网站。")
        return Finding(title, "bad", _("格式不对：%s。") % "、".join(wrong) + url, form)
    return Finding(title, "ok", _("三个值齐全，格式正确。") + url)


def _is_valid(name: str) -> bool:
    try:
        Keys(**{**VALID, PARTS[name]: getattr(settings, name)})
    except ValueError:
        return False
    return True


def _received(now: datetime) -> list[Finding]:
    if not all(getattr(settings, name) for name in CALLBACK):
        return []
    last = InboundMessage.objects.order_by("-pk").values_list("received_at", flat=True).first()
    title = _("收到回调")
    if last is None:
        fix = _("在企业微信里给应用发一句话。没有回执时，检查上面的 URL 能否从外网打开，并在企业微信重新保存一次。")
        return [Finding(title, "warn", _("还没有收到过通过验证的消息。"), fix)]
    return [Finding(title, "ok", _("最近一次通过验证的消息：%s。") % ago(last, now))]


def _queue(queue: QueueState, now: datetime) -> list[Finding]:
    waits = now - queue.oldest if queue.oldest else timedelta()
    later = _("另有 %d 条定时稍后发送。") % queue.later if queue.later else ""
    detail = _("没有到期未发的通知。")
    if queue.oldest:
        words = {"due": queue.due, "age": age(queue.oldest, now)}
        detail = _("%(due)d 条已到期未发，最久的到期于 %(age)s前。") % words
    fix = _("查看发送进程和通道的检查结果；它们正常时，积压会自动发完。") if waits > LATE else ""
    level: Level = "bad" if waits > VERY_LATE else "warn" if waits > LATE else "ok"
    failed = Finding(_("发送失败"), "ok", _("最近 24 小时没有失败的通知。"))
    if queue.failed:
        text = ngettext("最近 24 小时失败 %d 条。", "最近 24 小时失败 %d 条。", queue.failed) % queue.failed
        failed = Finding(_("发送失败"), "warn", text, _("在通知列表里查看原因，处理后选中它们，点「重新发送」。"))
    return [Finding(_("等待发送"), level, detail + later, fix), failed]


def _site() -> Finding:
    title, site = _("网站地址 SITE_URL"), urlsplit(settings.SITE_URL)
    if settings.DEBUG or (site.scheme == "https" and _is_public(site.hostname or "")):
        return Finding(title, "ok", settings.SITE_URL)
    fix = _("把 SITE_URL 设为外网可以打开的 https 地址：企业微信里的链接和回调都用它。")
    return Finding(title, "warn", _("%s 从外网打不开，或不是 https。") % settings.SITE_URL, fix)


def _is_public(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_global
    except ValueError:
        return "." in host and not host.endswith((".localhost", ".local", ".internal"))


def _people() -> list[Finding]:
    unbound = Advisor.objects.working().filter(wecom_userid="").order_by("pk")
    names = list(unbound.values_list("user__name", flat=True)[: LISTED + 1])
    cases = Case.objects.filter(status=Case.Status.OPEN).exclude(working("advisor__")).order_by("number")
    numbers = [f"#{number}" for number in cases.values_list("number", flat=True)[: LISTED + 1]]
    bind = _("在「RCIC 顾问审核」里打开这位顾问，填写企业微信账号；不填就收不到提醒，也不能从企业微信回复。")
    assign = _("在「案件」里打开它们，指派一位可以工作的跟进人。")
    return [
        Finding(_("顾问的企业微信账号"), "warn", _("没有绑定：%s") % _listed(names), bind)
        if names
        else Finding(_("顾问的企业微信账号"), "ok", _("所有已通过的顾问都已绑定。")),
        Finding(_("案件的跟进人"), "warn", _("进行中但没有可用的跟进人：%s") % _listed(numbers), assign)
        if numbers
        else Finding(_("案件的跟进人"), "ok", _("所有进行中的案件都有跟进人。")),
    ]


def _listed(words: Iterable[str]) -> str:
    words = list(words)
    return "、".join(words[:LISTED]) + (_(" 等") if len(words) > LISTED else "")
