"""E-mails about an account, such as a password reset: queued in the request, sent by the worker.

At most one repetition for each kill of a worker; a mail that a server refuses for good, or did not take for an hour,
is given up. Its text, which may hold a link into the account, and its address are deleted with the outcome.
"""

import logging
from collections.abc import Callable
from datetime import timedelta

from django.core.mail import EmailMessage
from django.db.models import F, QuerySet
from django.utils import timezone

from jiayi.mail import Fault, NotTaken, hand_over
from members.models import AccountMail, User

LEASE = timedelta(minutes=3)  # a mail server may take EMAIL_TIMEOUT for each of a dozen answers
GIVE_UP_AFTER = timedelta(hours=1)  # a link that comes later is no longer expected
KEPT_FOR = timedelta(days=30)  # that something was sent, when and to whose account
BACKOFF = (2, 5, 15, 30, 60, 120, 300)  # seconds; the last one repeats

logger = logging.getLogger("jiayi.mail")


def queue_account_mail(mail: EmailMessage, user: User | None) -> AccountMail:
    """Ask for a mail to one address to be sent. `user`: whose account it is about, where that is known."""
    return AccountMail.objects.create(
        user=user, recipient=mail.to[0], sender=mail.from_email, subject=mail.subject[:300], body=str(mail.body)
    )


def send_account_mail(stopping: Callable[[], bool] = lambda: False) -> int:
    """Send what is due, until `stopping()` says so. Returns how many were tried. Holds no transaction meanwhile.

    A server that took nothing ends the round: one time-out shows that the others would fail too.
    """
    tried, answers = 0, True
    while answers and not stopping() and (mail := _claim()):
        answers = _send(mail)
        tried += 1
    return tried


def _claim() -> AccountMail | None:
    """Take the next one: it is due again when the lease ends, should this worker be killed."""
    while True:
        now = timezone.now()
        due = AccountMail.objects.filter(state=AccountMail.State.WAITING, due_at__lte=now)
        mail = due.select_related("user").order_by("due_at", "pk").first()
        if mail is None:
            return None
        if due.filter(pk=mail.pk, attempts=mail.attempts).update(due_at=now + LEASE, attempts=F("attempts") + 1):
            mail.attempts += 1
            return mail


def _send(mail: AccountMail) -> bool:
    """Send one and store the outcome. Returns whether to try the next one in this round."""
    too_late = mail.created_at < timezone.now() - GIVE_UP_AFTER
    moved = mail.user is not None and mail.user.email != mail.recipient
    if too_late or moved:
        note = "账号的邮箱已经换了。" if moved else mail.note or "一小时内没有送出。"
        _mark(mail, AccountMail.State.FAILED, note)
        return True
    try:
        hand_over(EmailMessage(mail.subject, mail.body, mail.sender, [mail.recipient], headers=_headers(mail)))
    except NotTaken as error:
        logger.warning("account mail %s was not taken: %s", mail.pk, error.reason)
        if error.fault is Fault.MAIL:
            _mark(mail, AccountMail.State.FAILED, error.reason)
            return True
        wait = BACKOFF[min(mail.attempts, len(BACKOFF)) - 1]
        _ours(mail).update(due_at=timezone.now() + timedelta(seconds=wait), note=error.reason[:300])
        return error.fault is Fault.PASSING and error.code is not None
    _mark(mail, AccountMail.State.SENT, "")
    return True


def _headers(mail: AccountMail) -> dict[str, str]:
    host = mail.sender.rpartition("@")[2].strip("> ")
    # The same at every try, so that a repetition can be known.
    message_id = f"<account-{mail.pk}.{mail.created_at:%Y%m%d%H%M%S}@{host}>"
    return {"Message-ID": message_id, "Auto-Submitted": "auto-generated"}


def _mark(mail: AccountMail, state: str, note: str) -> None:
    """Store the outcome and delete text and address."""
    _ours(mail).update(state=state, note=note[:300], recipient="", subject="", body="", ended_at=timezone.now())
    AccountMail.objects.filter(ended_at__lt=timezone.now() - KEPT_FOR).delete()


def _ours(mail: AccountMail) -> QuerySet[AccountMail]:
    """Return the row as a queryset, empty when another worker has taken it since: our outcome then does not count."""
    return AccountMail.objects.filter(pk=mail.pk, state=AccountMail.State.WAITING, attempts=mail.attempts)
