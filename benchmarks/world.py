"""The people of a benchmark, and what they send. Needs Django (servers.set_up_django)."""

import itertools
import secrets
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.hashers import make_password
from django.utils import timezone
from django.utils.crypto import get_random_string

from advisors.actions import apply_as_advisor, approve_advisor, bind_wecom_account
from advisors.models import Advisor
from benchmarks.sockets import request
from cases.models import FIRST_NUMBER, Case
from members.models import Member, Session, User
from members.session_store import SessionStore
from tests.support.colleague import WeCom, xml
from wecom.inbound.spool import _folder

_message_ids = itertools.count(8_000_000_000_000_000_001)


@dataclass(frozen=True)
class Client:
    """A signed-in member with one case."""

    user_id: int
    case: int  # its number
    session: str
    csrf: str

    @property
    def cookie(self) -> str:
        return f"session={self.session}; csrftoken={self.csrf}"


def make_advisors(count: int) -> list[Advisor]:
    """Make approved advisors, bound to the WeCom accounts `advisor0`, `advisor1` …"""
    admin = User.objects.create_superuser("admin@example.com", None)
    advisors = []
    for n in range(count):
        email, licence = f"advisor{n}@example.com", f"R{500_000 + n}"
        advisor = apply_as_advisor(
            email=email, name=f"顾问{n}", password=secrets.token_urlsafe(20), licence_number=licence
        )
        advisors.append(bind_wecom_account(approve_advisor(advisor, by=admin), f"advisor{n}"))
    return advisors


def make_clients(count: int, advisors: Sequence[Advisor]) -> list[Client]:
    """Make that many signed-in members with a case each, followed by the advisors in turn.

    Written in bulk: a thousand real sign-ups would hash passwords for a minute.
    """
    password = make_password(None)
    people = [User(email=f"member{n}@example.com", name=f"会员{n}", password=password) for n in range(count)]
    users = User.objects.bulk_create(people)
    members = Member.objects.bulk_create([Member(user=user) for user in users])
    cases = [
        Case(number=FIRST_NUMBER + n, title="学签续签", member=member, advisor=advisors[n % len(advisors)])
        for n, member in enumerate(members)
    ]
    Case.objects.bulk_create(cases)
    sessions = sign_in(users)
    return [
        Client(user.pk, case.number, session, get_random_string(32))
        for user, case, session in zip(users, cases, sessions, strict=True)
    ]


def sign_in(users: Sequence[User]) -> list[str]:
    """Give each of the users a session; return its keys."""
    backend = settings.AUTHENTICATION_BACKENDS[0]
    expires = timezone.now() + timedelta(days=1)
    sessions = [
        Session(
            session_key=get_random_string(32, "abcdefghijklmnopqrstuvwxyz0123456789"),
            user=user,
            session_data=SessionStore().encode(
                {
                    SESSION_KEY: str(user.pk),
                    BACKEND_SESSION_KEY: backend,
                    HASH_SESSION_KEY: user.get_session_auth_hash(),
                }
            ),
            expire_date=expires,
        )
        for user in users
    ]
    Session.objects.bulk_create(sessions)
    return [session.session_key for session in sessions]


def sealed(userid: str, text: str) -> tuple[str, bytes]:
    """Give the URL and the body by which WeCom delivers a text that this colleague typed, really encrypted."""
    plaintext = xml(
        {
            "ToUserName": settings.WECHAT_CORP_ID,
            "FromUserName": userid,
            "CreateTime": str(int(time.time())),
            "MsgType": "text",
            "Content": text,
            "MsgId": str(next(_message_ids)),
            "AgentID": settings.WECHAT_AGENT_ID,
        }
    )
    return WeCom().sealed(plaintext)


def callback(userid: str, text: str) -> bytes:
    """Give the whole request by which WeCom delivers such a text."""
    url, body = sealed(userid, text)
    return request("POST", url, body, Content_Type="text/xml")


def empty_spool() -> int:
    """Remove what the callback put aside because the database was too busy; give how many messages that were."""
    folder = _folder()
    count = len(list(folder.glob("*.json")))
    shutil.rmtree(folder)
    return count
