"""Every change of state of an account and of a member. Pages and commands call these."""

from django.contrib.auth.password_validation import validate_password
from django.db import transaction

from jiayi.plaintext import one_line
from jiayi.saving import save_valid
from members.models import Member, User


def new_account(*, email: str, name: str, password: str) -> User:
    """Return a new account, its password checked and hashed, not saved yet.

    Outside any transaction: hashing takes as long as it can afford, and SQLite has one writer. Raises django's
    ValidationError when the password is weak.
    """
    user = User(email=User.objects.normalize_email(email), name=one_line(name))
    validate_password(password, user)
    user.set_password(password)
    return user


def register_member(*, email: str, name: str, password: str) -> Member:
    """Sign a client up. Raises django's ValidationError when the address is taken or the password is weak."""
    user = new_account(email=email, name=name, password=password)
    with transaction.atomic():
        save_valid(user)
        return Member.objects.create(user=user)


def set_reminders(member: Member, *, on: bool) -> None:
    """Switch a member's e-mail reminders on or off. In force at once, also for those that wait."""
    Member.objects.filter(pk=member.pk).update(email_reminders=on)


def set_language(member: Member, language: str) -> None:
    """Note the language a member wants to be written to in; one of settings.LANGUAGES."""
    Member.objects.filter(pk=member.pk).update(language=language)
