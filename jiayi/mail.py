"""Sending an e-mail to the mail server, outside of any request. No error names the address."""

import enum
import smtplib
import ssl
from contextlib import suppress

from django.conf import settings
from django.core.mail import EmailMessage, get_connection

from jiayi.database import let_go_of_the_database

NO_SERVER = "没有设置 EMAIL_URL，不发邮件。"
PERMANENT = 500  # SMTP answers from here on stay as they are (RFC 5321, 4.2.1)


class Fault(enum.Enum):
    """The reason for which the mail server did not take a mail."""

    PASSING = "the next try may succeed"
    MAIL = "this mail, or its address"
    SERVER = "how the mail server is set up: no mail goes out"


class NotTaken(Exception):
    """The mail server did not take it. `reason` is for administrators; `code` that of SMTP, if there was one."""

    def __init__(self, reason: str, fault: Fault, code: int | None = None) -> None:
        super().__init__(reason)
        self.reason, self.fault, self.code = reason, fault, code


def mail_is_configured() -> bool:
    """Whether e-mail reaches people. In production, printing it on the console does not."""
    return settings.DEBUG or "console" not in settings.EMAIL_BACKEND


def hand_over(mail: EmailMessage) -> None:
    """Give a mail to the mail server. Holds no transaction. Raises NotTaken, also where there is none.

    In production nothing is printed instead: the worker's log would hold links that open accounts.
    """
    if not mail_is_configured():
        raise NotTaken(NO_SERVER, Fault.SERVER)
    server = get_connection()
    let_go_of_the_database()
    mail.connection = server
    try:
        server.open()
        mail.send()
    except Exception as error:
        # smtplib's errors name the address, so nothing of them is kept but the number.
        raise _explained(error) from None
    finally:
        with suppress(smtplib.SMTPException, OSError):
            server.close()  # also after a refused password, where Django leaves it open


def _explained(error: Exception) -> NotTaken:
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        code = next((code for code, _said in error.recipients.values()), PERMANENT)
        return _of_code(code, Fault.MAIL, "邮件服务器拒绝了收件地址，请核对会员的邮箱")
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return _of_code(error.smtp_code, Fault.SERVER, "邮件服务器的用户名或密码不对，请修改 EMAIL_URL")
    if isinstance(error, smtplib.SMTPSenderRefused):
        return _of_code(error.smtp_code, Fault.SERVER, "邮件服务器拒绝了发件地址，请修改 DEFAULT_FROM_EMAIL")
    if isinstance(error, smtplib.SMTPDataError):
        return _of_code(error.smtp_code, Fault.MAIL, "邮件服务器拒收了这封邮件")
    if isinstance(error, smtplib.SMTPNotSupportedError | ssl.SSLCertVerificationError):
        return NotTaken("邮件服务器不支持所设的加密或登录，或证书无效，请检查 EMAIL_URL。", Fault.SERVER)
    if isinstance(error, smtplib.SMTPException | OSError):
        return NotTaken(f"邮件服务器暂时不可用（{type(error).__name__}），稍后自动重试。", Fault.PASSING)
    return NotTaken(f"这封邮件无法发送，请核对会员的邮箱（{type(error).__name__}）。", Fault.MAIL)


def _of_code(code: int, fault: Fault, said: str) -> NotTaken:
    if code < PERMANENT:
        return NotTaken(f"邮件服务器暂时不收（SMTP {code}），稍后自动重试。", Fault.PASSING, code)
    return NotTaken(f"{said}（SMTP {code}）。", fault, code)
