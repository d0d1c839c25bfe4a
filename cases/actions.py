"""Every change of state of a case and its conversation.

The HTML view, the API, the admin, the WeCom callback and the commands call these. Locks are always taken in the
order advisor, case (in wecom then notification, channel), so that two of these can wait for each other but never
deadlock.
"""

from datetime import datetime
from uuid import uuid4

from django.db import IntegrityError, transaction
from django.db.models import Max, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from advisors.models import Advisor
from cases.models import FIRST_NUMBER, MAX_BODY, RECALL_MINUTES, RECALL_WITHIN, Case, Message, ReadMark
from cases.signals import advisor_assigned, message_recalled
from cases.system_messages import record_of
from jiayi.bus import publish
from jiayi.errors import Conflict, Gone, InvalidInput
from jiayi.plaintext import one_line
from jiayi.statements import given, insert, kept, save
from members.models import Member, User

NUMBER_ATTEMPTS = 20


def open_case(member: Member, title: str, *, kind: str = Case.Kind.OTHER, advisor: Advisor | None = None) -> Case:
    """Open a case with the next free number.

    Raises InvalidInput for a bad title or a kind of matter there is none, Conflict for an advisor who is not approved.
    """
    title = one_line(title)
    if not 0 < len(title) <= 120:
        raise InvalidInput(_("请填写标题，最长 120 个字。"))
    if kind not in Case.Kind.values:
        raise InvalidInput(_("请从列表里选择类别。"))
    for attempt in range(NUMBER_ATTEMPTS):
        highest = Case.objects.aggregate(Max("number"))["number__max"] or FIRST_NUMBER - 1
        try:
            with transaction.atomic():
                case = Case.objects.create(number=highest + 1, title=title, kind=kind, member=member)
                return assign_advisor(case, advisor, by=None) if advisor else case
        except IntegrityError:
            # Another transaction took the number since it was computed.
            if attempt == NUMBER_ATTEMPTS - 1:
                raise
    raise AssertionError("unreachable")


@transaction.atomic
def assign_advisor(case: Case, advisor: Advisor | None, *, by: User | None) -> Case:
    """Make `advisor` the follow-up advisor of the case; None leaves it without. The former one loses access at once.

    Raises Conflict unless the advisor is approved and active, and not the member of the case.
    """
    if advisor is not None:
        advisor = lock_working_advisor(advisor.pk)
    return change_advisor(lock_case(case.pk), advisor, by=by)


def lock_working_advisor(pk: int) -> Advisor:
    """Return the advisor with its row locked. Raises Conflict unless they are approved and active now."""
    Advisor.objects.select_for_update(no_key=True).only("pk").get(pk=pk)  # first lock, then read, as lock_case does
    advisor = Advisor.objects.select_related("user").get(pk=pk)
    if not advisor.may_work:
        raise Conflict(_("只能指派已通过审核且启用的顾问。"))
    return advisor


def change_advisor(case: Case, advisor: Advisor | None, *, by: User | None) -> Case:
    """Do what assign_advisor does, when the rows of advisor and case are locked, in this order."""
    if advisor is not None and advisor.user_id == case.member.user_id:
        raise Conflict(_("会员本人不能做自己案件的跟进人。"))
    before = case.advisor
    if before == advisor:
        return case
    case.advisor = advisor
    # The notifications went to the former advisor.
    case.notified_seq, case.notified_at = 0, None
    case.save(update_fields=["advisor", "notified_seq", "notified_at"])
    if advisor:
        _say(case, Message.Notice.ADVISOR, advisor.user.name)
    else:
        _say(case, Message.Notice.NO_ADVISOR)
    advisor_assigned.send(sender=Case, case=case, before=before, after=advisor, by=by)
    if before is not None:
        publish({"type": "case", "case": case.pk, "users": [before.user_id]})
    return case


def post_message(
    case: Case, sender: User, body: str, *, client_id: str, source: str = Message.Source.WEB
) -> tuple[Message, bool]:
    """Write a text into a case's conversation, once for each `client_id` of the sender.

    Returns the message and whether it is new. Raises Gone when the sender is neither the case's member nor its
    approved follow-up advisor at this moment, Conflict when the case is closed, InvalidInput for an empty or
    over-long text.
    """
    body = body.strip()
    if not body:
        raise InvalidInput(_("消息不能为空。"))
    if len(body) > MAX_BODY:
        too_long = _("一条消息最长 %(limit)d 字，现在是 %(length)d 字，请删减，或分几条发送。")
        raise InvalidInput(too_long % {"limit": MAX_BODY, "length": len(body)})
    return write_message(case, sender, kind=Message.Kind.TEXT, body=body, client_id=client_id, source=source)


@kept
def _sent_before() -> QuerySet[Message]:
    return Message.objects.filter(case=given("case"), sender=given("sender"), client_id=given("client_id")).order_by()


def sent_before(case: Case, sender: User, client_id: str) -> Message | None:
    """Return the message that this request repeats, if it does."""
    return _sent_before.first(case=case.pk, sender=sender.pk, client_id=client_id)


@transaction.atomic
def write_message(
    case: Case, sender: User, *, kind: str, body: str, client_id: str, source: str
) -> tuple[Message, bool]:
    """Write a message of a person, once for each `client_id` of the sender; `body` has been checked.

    Returns and raises what post_message does. What belongs to the message is written in the same transaction.
    """
    case = lock_case(case.pk)
    check_participant(case, sender)
    if repeated := sent_before(case, sender, client_id):
        return repeated, False
    if case.status == Case.Status.CLOSED:
        raise Conflict(_("案件已结案，不能再发送消息。"))
    return _append(case, kind=kind, body=body, client_id=client_id, sender=sender, source=source), True


def check_participant(case: Case, user: User) -> None:
    """Raise Gone unless `user` is the case's member or its approved follow-up advisor now, and active."""
    if not is_participant(case, user.pk):
        raise Gone(_("没有找到。"))


def is_participant(case: Case, user_id: int) -> bool:
    """Whether this User is the case's member or its approved follow-up advisor now, and active."""
    if case.member.user_id == user_id and case.member.user.is_active:
        return True
    return case.advisor is not None and case.advisor.user_id == user_id and case.advisor.may_work


def follows(case: Case, user: User) -> bool:
    """Whether `user` is the case's approved follow-up advisor now, and active; the member themselves never is."""
    if case.advisor is None or case.member.user_id == user.pk:
        return False
    return case.advisor.user_id == user.pk and case.advisor.may_work


@kept
def _locked() -> QuerySet[Case]:
    return Case.objects.select_for_update(no_key=True).only("pk").filter(pk=given("pk")).order_by()


@kept
def _with_people() -> QuerySet[Case]:
    return Case.objects.select_related("member__user", "advisor__user").filter(pk=given("pk")).order_by()


def lock_case(pk: int) -> Case:
    """Return the case with its row locked until the end of the transaction, which must be open."""
    # First lock, then read: after a wait PostgreSQL reads the locked row anew, but not what is joined to it.
    _locked.all(pk=pk)
    return read_case(pk)


def read_case(pk: int) -> Case:
    """Return the case with its people, as it stands now."""
    if case := _with_people.first(pk=pk):
        return case
    raise Case.DoesNotExist


def _say(case: Case, notice: str, name: str = "") -> None:
    """Write a system message into a case whose row is locked."""
    body = record_of(notice, name)
    _append(case, kind=Message.Kind.SYSTEM, body=body, client_id=uuid4().hex, notice=notice, about=name)


def _append(case: Case, *, sender: User | None = None, **fields: str) -> Message:
    """Write the case's next message. The case's row must be locked: `seq` has no holes and follows commit order."""
    now = timezone.now()
    case.last_seq += 1
    case.last_message_at = now
    if sender is not None:
        is_member = sender.pk == case.member.user_id
        case.waiting_since = (case.waiting_since or now) if is_member else None
    save(case, "last_seq", "last_message_at", "waiting_since")
    message = Message(case=case, seq=case.last_seq, sender=sender, created_at=now, **fields)
    insert(message)
    _tell(case, {"type": "message", "case": case.pk, "seq": message.seq})
    return message


@transaction.atomic
def recall_message(message: Message, *, by: User) -> Message:
    """Take one's own message back within RECALL_WITHIN; the original stays for the audit log.

    Raises Gone when it is not one's own or one is no longer on the case, Conflict when it is too late.
    """
    case = lock_case(message.case_id)
    check_participant(case, by)
    message = case.messages.get(pk=message.pk)  # its `case` is the locked one, for receivers of the signal
    if message.sender_id != by.pk:
        raise Gone(_("没有找到。"))
    if message.recalled_at is not None:
        return message
    now = timezone.now()
    if message.created_at < now - RECALL_WITHIN:
        raise Conflict(_("发送超过 %d 分钟的消息不能撤回。") % RECALL_MINUTES)
    message.recalled_at = now
    message.save(update_fields=["recalled_at", "search"])
    case.waiting_since = _waiting_since(case)
    case.save(update_fields=["waiting_since"])
    message_recalled.send(sender=Message, message=message, by=by)
    _tell(case, {"type": "message", "case": case.pk, "seq": message.seq})
    return message


def _waiting_since(case: Case) -> datetime | None:
    """Return the time of the member's first message after the last answer; recalled messages do not count."""
    said = case.messages.filter(recalled_at=None).exclude(sender=None)
    answered = said.exclude(sender=case.member.user_id).aggregate(Max("seq"))["seq__max"] or 0
    first = said.filter(sender=case.member.user_id, seq__gt=answered).order_by("seq").first()
    return first.created_at if first else None


@transaction.atomic
def mark_read(case: Case, user: User, seq: int) -> None:
    """Note that `user` has read the case up to `seq`. Raises Gone unless they are its member or its advisor now."""
    case = lock_case(case.pk)
    check_participant(case, user)
    note_read(case, user, seq)


def note_read(case: Case, user: User, seq: int) -> None:
    """Do what mark_read does, when the case's row is locked. A mark never moves back, nor past the newest message."""
    seq = min(seq, case.last_seq)
    mark, _created = ReadMark.objects.get_or_create(case=case, user=user, defaults={"seq": 0})
    if seq > mark.seq:
        mark.seq = seq
        mark.save(update_fields=["seq", "read_at"])
        _tell(case, {"type": "read", "case": case.pk, "user": user.pk, "seq": seq})


def note_advisor_notified(case: Case, advisor: Advisor | None, seq: int) -> None:
    """Note that `advisor`, or the team while the case has none, was told in WeCom of the messages up to `seq`.

    The case's row must be locked. Nothing changes when another advisor follows it by now, or for an older `seq`.
    """
    seq = min(seq, case.last_seq)
    if case.advisor != advisor or seq <= case.notified_seq:
        return
    case.notified_seq, case.notified_at = seq, timezone.now()
    save(case, "notified_seq", "notified_at")
    _tell(case, {"type": "notified", "case": case.pk})


def note_alert_due(case_id: int, due_at: datetime | None) -> None:
    """Note when the follow-up advisor is to be told, elsewhere than on the website, of what waits; None: not at all."""
    save(Case(pk=case_id, alert_due_at=due_at), "alert_due_at")


@transaction.atomic
def close_case(case: Case, *, by: User | None = None) -> Case:
    """Close a case: no more messages can be written, both sides can still read it.

    Raises Gone unless `by` follows the case now or is an administrator; None stands for the product itself.
    """
    return _set_status(case, Case.Status.CLOSED, by)


@transaction.atomic
def reopen_case(case: Case, *, by: User | None = None) -> Case:
    """Open a closed case again. Raises as close_case does."""
    return _set_status(case, Case.Status.OPEN, by)


def _set_status(case: Case, status: str, by: User | None) -> Case:
    case = lock_case(case.pk)
    if by is not None and not (follows(case, by) or by.has_perm("cases.change_case")):
        raise Gone(_("没有找到。"))
    if case.status != status:
        case.status = status
        case.save(update_fields=["status"])
        _say(case, Message.Notice.CLOSED if status == Case.Status.CLOSED else Message.Notice.REOPENED)
    return case


def _tell(case: Case, event: dict[str, object]) -> None:
    """Publish an event for the people on the case. Their right to see it is checked when it is shown (cases/live)."""
    publish({**event, "users": case.people})
