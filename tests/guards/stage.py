"""One world for all guards: an actor of each kind, and a canary in every text that only some may see.

The cases: #1001 is wang's, followed by li, to whom ex handed it over; #1002 and #1003 are lin's, followed by zhang
and by suspended, who must not see it; #1004 is wang's second case, not yet assigned to anybody. Each advisor noted
something in their case and keeps a canned reply; one reply is shared by all advisors.
"""

import re
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from io import BytesIO
from typing import Any
from uuid import uuid4

from django.conf import settings
from django.test import Client
from django.utils import timezone

from advisors.actions import approve_advisor, bind_wecom_account, suspend_advisor
from advisors.models import Advisor
from cases.actions import mark_read, open_case, post_message, recall_message
from cases.desk.actions import hand_over_case, save_reply, write_note
from cases.files.actions import post_file
from cases.files.uploads import read_upload
from cases.models import Attachment, CannedReply, Case, Message
from members.actions import register_member
from members.models import Member, User
from members.reminders import switch_off_url
from tests.support.files import PDF, PNG
from tests.support.people import PASSWORD, make_advisor
from wecom.models import InboundMessage

# Who asks, in the order of the access table. SECURITY.md says who is trusted with what.
ACTORS = (
    "anonymous",
    "wang",  # the member of the case
    "lin",  # another member
    "pending",  # an advisor before approval
    "zhang",  # an approved advisor who is not on the case
    "li",  # its follow-up advisor
    "ex",  # its follow-up advisor until a moment ago
    "suspended",  # suspended while a case still names them
    "staff",  # a member of staff whom nobody gave a permission
    "admin",  # a superuser
)
CANARY = re.compile(r"zq([a-z]+)0([a-z]+)9")
SAID_EVERYWHERE = "everywhere"  # stands in all that is said, noted and kept, so that a search for it finds all
JSON = "application/json"
NEVER = {
    "number": "999999",
    "seq": "999999",
    "key": "00000000-0000-0000-0000-000000000000",
    "id": "999999",
    "pk": "999999",
    "object_id": "999999",
}


def canary(whose: str, what: str) -> str:
    """A text that occurs nowhere else. Letters and digits only: no escaping, folding or address rule changes it."""
    return f"zq{whose}0{what}9"


def canaries(text: str) -> set[str]:
    """The canaries in a text, as whose.what."""
    return {f"{whose}.{what}" for whose, what in CANARY.findall(text)}


@dataclass
class Stage:
    people: dict[str, User]
    sessions: dict[str, str]  # their session keys; "" for nobody
    cases: dict[str, Case]  # by name: "wang", "lin", "suspended", "waiting"
    client: Client
    filled: dict[str, dict[str, str]] = field(default_factory=dict)  # what values() has found
    before: Any = None  # what test_fields.py found in the database at first

    def ask(
        self, actor: str, method: str, url: str, data: Any = "", content_type: str = JSON, environ: Any = None
    ) -> Any:
        """Send one request as this actor, whatever became of the cookies of the request before."""
        self.client.cookies = SimpleCookie()
        if self.sessions[actor]:
            self.client.cookies[settings.SESSION_COOKIE_NAME] = self.sessions[actor]
        return self.client.generic(method, url, data, content_type=content_type, **(environ or {}))

    def values(self, case: str = "wang") -> dict[str, str]:
        """What to put into the holes of a route: everything of this case."""
        if case not in self.filled:
            self.filled[case] = self._values(case)
        return self.filled[case]

    def _values(self, case: str) -> dict[str, str]:
        said = Message.objects.filter(case=self.cases[case])
        own = said.filter(kind="text", recalled_at=None, sender=self.cases[case].member.user).order_by("-seq").first()
        image = Attachment.objects.filter(message__case=self.cases[case], kind="image").first()
        reply = CannedReply.objects.filter(owner=self.cases[case].advisor).exclude(owner=None).first()
        assert own is not None
        assert image is not None
        return {
            "number": str(self.cases[case].number),
            "seq": str(own.seq),
            "key": str(image.key),
            "id": str(own.pk),
            "pk": str(reply.pk if reply else own.pk),
            "object_id": str(self.cases[case].pk),
            "content_type_id": "1",
            "app_label": "cases",
            "uidb36": "1",
            "token": switch_off_url(self.cases[case].member).rstrip("/").rpartition("/")[2],
            "successor": str(Advisor.objects.get(user=self.people["ex"]).pk),
            "url": "no-such-page",
        }


@dataclass(frozen=True)
class Keys:
    """Where what stands on the stage is found in the database, and who is signed in."""

    people: dict[str, int]
    sessions: dict[str, str]
    cases: dict[str, int]


def stage_of(keys: Keys) -> Stage:
    people = {name: User.objects.get(pk=pk) for name, pk in keys.people.items()}
    found = Case.objects.select_related("member__user", "advisor__user")
    cases = {name: found.get(pk=pk) for name, pk in keys.cases.items()}
    return Stage(people, keys.sessions, cases, Client(raise_request_exception=False))


def make_stage() -> Keys:
    """Build it, on an empty database."""
    admin = User.objects.create_superuser("admin@example.com", PASSWORD, name=canary("admin", "name"))
    staff = User.objects.create_user("staff@example.com", PASSWORD, name=canary("staff", "name"), is_staff=True)
    members = {name: _member(name) for name in ("wang", "lin")}
    advisors = {name: _advisor(name, n) for n, name in enumerate(("pending", "zhang", "li", "ex", "suspended"))}
    for name in ("zhang", "li", "ex", "suspended"):
        approve_advisor(advisors[name], by=admin)
        bind_wecom_account(advisors[name], canary(name, "wecom"))
    wang, lin = members["wang"], members["lin"]
    cases = {
        "wang": _case(wang, advisors["ex"], "wang", "ex"),
        "lin": _case(lin, advisors["zhang"], "lin", "zhang"),
        "suspended": _case(lin, advisors["suspended"], "third", "suspended"),
        "waiting": _case(wang, None, "fourth", ""),
    }
    for name, one in (("ex", cases["wang"]), ("zhang", cases["lin"]), ("suspended", cases["suspended"])):
        _note(one, advisors[name])
    for name in ("zhang", "li", "ex", "suspended"):
        save_reply(advisors[name], shortcut=name, body=_text(name, "reply"))
    CannedReply.objects.create(shortcut="shared", body=_text("shared", "reply"))
    suspend_advisor(advisors["suspended"], by=admin)
    hand_over_case(cases["wang"], advisors["li"], by=advisors["ex"].user, reason=_text("ex", "reason"))
    _note(cases["wang"], advisors["li"])
    for _number in range(5):  # so that its newest seq exists in no other case
        _say(cases["lin"], lin.user, "lin")
    _inbound(advisors["li"], _say(cases["wang"], advisors["li"].user, "li", source=Message.Source.WECOM))
    people = {name: member.user for name, member in members.items()}
    people |= {name: advisor.user for name, advisor in advisors.items()} | {"staff": staff, "admin": admin}
    people = {name: User.objects.get(pk=user.pk) for name, user in people.items()}
    sessions = {name: _session(people.get(name)) for name in ACTORS}
    keys = {name: user.pk for name, user in people.items()}
    return Keys(keys, sessions, {name: case.pk for name, case in cases.items()})


def _text(whose: str, what: str) -> str:
    return f"{canary(whose, what)} {SAID_EVERYWHERE}"


def _session(user: User | None) -> str:
    if user is None:
        return ""
    client = Client()
    client.force_login(user)
    return str(client.cookies[settings.SESSION_COOKIE_NAME].value)


def _member(name: str) -> Member:
    member = register_member(email=f"{name}@example.com", name=name, password=PASSWORD)
    _rename(member.user, name)
    return member


def _advisor(name: str, number: int) -> Advisor:
    advisor = make_advisor(number)
    _rename(advisor.user, name)
    return advisor


def _rename(user: User, name: str) -> None:
    user.name, user.email = canary(name, "name"), f"{canary(name, 'mail')}@example.com"
    user.save()


def _case(member: Member, advisor: Advisor | None, whose: str, advisors_name: str) -> Case:
    case = open_case(member, canary(whose, "title"), advisor=advisor)
    _say(case, member.user, whose)
    for file, kind in ((PNG, "png"), (PDF, "pdf")):
        upload = read_upload(BytesIO(file), f"{canary(whose, kind)}.{kind}")
        post_file(case, member.user, upload, client_id=uuid4().hex)
    if advisor is not None:
        _say(case, advisor.user, advisors_name, source=Message.Source.WECOM)
        mark_read(case, advisor.user, 2)
    taken_back, _new = post_message(case, member.user, _text(whose, "recalled"), client_id=uuid4().hex)
    recall_message(taken_back, by=member.user)
    _say(case, member.user, whose)
    return case


def _say(case: Case, who: User, whose: str, source: str = Message.Source.WEB) -> Message:
    """Two canaries: who searches for the first must not find the second."""
    text = f"{canary(whose, 'said')} {_text(whose, 'tail')}"
    return post_message(case, who, text, client_id=canary(whose, "client") + uuid4().hex, source=source)[0]


def _note(case: Case, advisor: Advisor) -> None:
    """What names the advisor in the note is the name of their canaries."""
    name = CANARY.findall(advisor.user.name)[0][0]
    write_note(case, advisor.user, _text(name, "note"), client_id=canary(name, "client"))


def _inbound(advisor: Advisor, message: Message) -> None:
    InboundMessage.objects.create(
        identity=uuid4().hex,
        userid=advisor.wecom_userid,
        message_type="text",
        content=canary("li", "inbound"),
        fields={"Content": canary("li", "inboundfield")},
        sent_at=timezone.now(),
        state=InboundMessage.State.DELIVERED,
        advisor=advisor,
        case=message.case,
        message=message,
    )
