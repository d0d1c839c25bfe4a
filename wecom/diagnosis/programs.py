"""The two programs that must run, web and worker: whether the worker does, and with which settings both run."""

import time
from contextlib import suppress
from datetime import datetime

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext as _

from jiayi.env import env_file, env_file_digest
from jiayi.health import WORKER, is_gone, seen
from jiayi.running import WEB, outdated
from wecom.diagnosis.findings import Finding, ago

# What makes a program read `.env` again.
AGAIN = {WEB: "systemctl reload jiayi-web", WORKER: "systemctl restart jiayi-deliver"}


def programs(now: datetime) -> list[Finding]:
    """Return what is found of the programs. One query."""
    return [_worker(now), _settings()]


def await_starts(seconds: float) -> None:
    """Give programs that were told a moment ago to read `.env` again the time it takes them to start."""
    deadline = time.monotonic() + seconds
    with suppress(ImproperlyConfigured):  # the check-up itself says that the file cannot be read
        while outdated(WEB, WORKER) and time.monotonic() < deadline:
            time.sleep(0.2)


def _worker(now: datetime) -> Finding:
    last, title = seen(WORKER), _("发送进程")
    if not is_gone(last):
        return Finding(title, "ok", _("正在运行。"))
    if last is None:
        fix = _("在服务器上启动 manage.py deliver，并设为开机自动运行（docs/deploy/jiayi-deliver.service）。")
        return Finding(title, "bad", _("从来没有运行过，通知不会发出。"), fix)
    fix = _("查看它的日志，然后重新启动：systemctl restart jiayi-deliver。")
    return Finding(title, "bad", _("最近一次见到：%s。通知不会发出。") % ago(last, now), fix)


def _settings() -> Finding:
    title = _("运行中的设置")
    try:
        old = outdated(WEB, WORKER)
        # Of several processes one may have been started again by itself since.
        if env_file_digest() != settings.ENV_FILE_DIGEST and WEB not in old:
            old = [WEB, *old]
    except ImproperlyConfigured as error:
        return Finding(title, "bad", str(error), _("让运行网站的用户可以读取这个文件，然后重新检查。"))
    if not old:
        return Finding(title, "ok", _("与 %s 一致。") % env_file().name)
    names = {WEB: _("网站"), WORKER: _("发送进程")}
    detail = _("%(file)s 在启动之后改过，仍在使用旧设置：%(programs)s。") % {
        "file": env_file().name,
        "programs": "、".join(names[program] for program in old),
    }
    commands = "；".join(AGAIN[program] for program in old)
    fix = _("先运行 manage.py check --deploy，没有错误再执行：%s（make run：停止后重新启动）。") % commands
    return Finding(title, "bad", detail, fix)
