"""The e-mail that says, without any content, that an advisor replied. The address is in no row and no error."""

import time
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMessage

from jiayi.mail import Fault, NotTaken, hand_over
from members.reminders import switch_off_url
from wecom.api.answers import Answer, WeComError
from wecom.api.errcodes import Verdict
from wecom.models import Channel, Notification
from wecom.outbound import words
from wecom.outbound.channels.transport import Composed, Transport

MAIL_LEASE = timedelta(minutes=3)  # a mail server may take EMAIL_TIMEOUT for each of a dozen answers
VERDICTS = {Fault.PASSING: Verdict.RETRY, Fault.MAIL: Verdict.PAYLOAD, Fault.SERVER: Verdict.CONFIGURATION}
SEPARATOR = "\n\n――――――――――\n\n"

# Subject and body in each language; {url} leads to the case, {off} switches these e-mails off.
TEXTS = {
    "zh-hans": (
        "您的顾问在案件 #{number} 中回复了您",
        "您好：\n\n您的顾问在案件 #{number} 中回复了您。请登录查看：\n{url}\n\n"
        "为了保护您的隐私，邮件里没有回复的内容，也请不要直接回复这封邮件。\n"
        "不想再收到这样的提醒：{off}\n\n佳忆 Jiayi",
    ),
    "en": (
        "Your advisor replied to you in case #{number}",
        "Hello,\n\nYour advisor replied to you in case #{number}. Sign in to read it:\n{url}\n\n"
        "To protect your privacy, this e-mail does not contain the reply. Please do not answer this e-mail.\n"
        "To receive no more of these reminders: {off}\n\n佳忆 Jiayi",
    ),
}


class Email(Transport):
    """The way to a member who has left the site. Without a mail server its rows are cancelled (reminders.py)."""

    name = Channel.Name.EMAIL
    lease = MAIL_LEASE

    def compose(self, row: Notification) -> Composed:
        """Return the e-mail in the language that the case's member used last; in both when none is known."""
        case = row.case
        assert case is not None
        off = switch_off_url(case.member)
        in_braces = {"number": case.number, "url": words.page(case), "off": off}
        texts = [TEXTS[case.member.language]] if case.member.language in TEXTS else list(TEXTS.values())
        subject = " / ".join(subject.format(**in_braces) for subject, _body in texts)
        payload = {
            "to": case.member.user.email,
            "subject": subject,
            "body": SEPARATOR.join(body.format(**in_braces) for _subject, body in texts),
            "headers": {
                # The same at every try, so that a repetition can be known.
                "Message-ID": f"<{row.reference}.{row.created_at:%Y%m%d%H%M%S}@{urlsplit(settings.SITE_URL).hostname}>",
                "Auto-Submitted": "auto-generated",
                "X-Auto-Response-Suppress": "All",
                "List-Unsubscribe": f"<{off}>",
                "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
            },
        }
        return Composed(payload, f"[邮件] {subject}")

    def send(self, row: Notification, payload: dict[str, Any]) -> Answer:
        started = time.monotonic()
        mail = EmailMessage(payload["subject"], payload["body"], to=[payload["to"]], headers=payload["headers"])
        try:
            hand_over(mail)
        except NotTaken as error:
            raise WeComError(error.reason, VERDICTS[error.fault], error.code) from None
        return Answer(0, "ok", {}, round((time.monotonic() - started) * 1000))
