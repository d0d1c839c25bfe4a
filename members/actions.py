from django.contrib.auth.password_validation import validate_password
from django.db import transaction

from jiayi.saving import save_valid
from members.models import Member, User


def create_account(*, email: str, name: str, password: str) -> User:
    """Create the account somebody signs in with.

    Raises django's ValidationError when the address is taken or the password is weak.
    """
    user = User(email=User.objects.normalize_email(email), name=name.strip())
    validate_password(password, user)
    user.set_password(password)
    save_valid(user)
    return user


@transaction.atomic
def register_member(*, email: str, name: str, password: str) -> Member:
    """Sign a client up. Raises django's ValidationError as `create_account` does."""
    return Member.objects.create(user=create_account(email=email, name=name, password=password))
