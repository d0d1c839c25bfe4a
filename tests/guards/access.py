"""Who may do what, for every route of the site: the access table.

A NEW ROUTE NEEDS A ROW. Copy its pattern as test_access.py prints it, and say for each method who is let in:

    "/api/cases/<int:number>/notes/": Row(GET=FOLLOWER, POST=FOLLOWER, sends={"body": "text"}),

Whoever is not named gets the site's refusal: a stranger 401 (API) or the sign-in page, everybody else a 404 that is
the same as for a number never used. A method that no row names must change nothing, whoever uses it.

`sends` is a request that succeeds, with every field the endpoint takes: the guards add and twist fields of their own.
An endpoint that takes a form says `form=True`. `{number}` and the like become the values of the case it is sent to.
"""

from dataclasses import dataclass, field
from typing import Any

from tests.guards.routes import Route
from tests.guards.stage import ACTORS
from tests.support.people import PASSWORD

Who = frozenset[str]

EVERYBODY = frozenset(ACTORS)
SIGNED_IN = EVERYBODY - {"anonymous"}
MEMBERS = frozenset({"wang", "lin"})
ADVISORS = frozenset({"zhang", "li", "ex"})  # those who may work
ON_THE_CASE = frozenset({"wang", "li"})
FOLLOWER = frozenset({"li"})
OWNER = frozenset({"li"})  # of the canned reply that the route names
AUTHOR = frozenset({"wang"})  # of the message that the route names
STAFF = frozenset({"staff", "admin"})
NOBODY: Who = frozenset()
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


@dataclass(frozen=True)
class Row:
    GET: Who | None = None
    POST: Who | None = None
    PUT: Who | None = None
    PATCH: Who | None = None
    DELETE: Who | None = None
    sends: dict[str, Any] | None = None  # None: what it takes is a library's business (allauth, Django)
    form: bool = False
    also: frozenset[str] = field(default_factory=frozenset)  # further fields it takes, tested elsewhere
    public: bool = False  # the same for everybody, so that caches may keep it

    def who(self, method: str) -> Who | None:
        """Who is let in; None when the row does not name the method."""
        who: Who | None = getattr(self, method)
        return who


_REGISTRATION = {"name": "新来的", "email": "new@example.com", "password": "a-long-new-password"}
_MESSAGE = {"body": "您好", "client_id": "guard-1"}
_AVAILABILITY = {
    "away": "on",
    "hours_from": "09:00",
    "hours_to": "17:00",
    "quiet_from": "22:00",
    "quiet_to": "07:00",
    "plain_text": "on",
}

ACCESS: dict[str, Row] = {
    # for everybody
    "/": Row(GET=EVERYBODY),
    "/healthz": Row(GET=EVERYBODY),
    "/favicon.ico": Row(GET=EVERYBODY, public=True),
    "/i18n/setlang/": Row(GET=EVERYBODY, POST=EVERYBODY, sends={"language": "en", "next": "/"}, form=True),
    "/register/": Row(GET=EVERYBODY, POST=EVERYBODY, sends=_REGISTRATION, form=True),
    "/register/advisor/": Row(
        GET=EVERYBODY, POST=EVERYBODY, sends=_REGISTRATION | {"licence_number": "R598765"}, form=True
    ),
    # the account
    "/accounts/login/": Row(GET=EVERYBODY, POST=EVERYBODY),
    "/accounts/logout/": Row(GET=EVERYBODY, POST=EVERYBODY),
    "/accounts/inactive/": Row(GET=EVERYBODY),
    "/accounts/signup/": Row(GET=EVERYBODY, POST=EVERYBODY),  # closed; says where one signs up
    "/accounts/reauthenticate/": Row(GET=SIGNED_IN, POST=SIGNED_IN),
    "/accounts/email/": Row(GET=NOBODY, POST=NOBODY),
    "/accounts/confirm-email/": Row(GET=EVERYBODY),
    "/accounts/^confirm-email/(?P<key>[-:\\w]+)/$": Row(GET=EVERYBODY, POST=NOBODY),
    "/accounts/password/change/": Row(
        GET=SIGNED_IN,
        POST=SIGNED_IN,
        sends={"oldpassword": PASSWORD, "password1": "another-long-one-1", "password2": "another-long-one-1"},
        form=True,
    ),
    "/accounts/password/set/": Row(GET=SIGNED_IN, POST=SIGNED_IN),
    "/accounts/password/reset/": Row(GET=EVERYBODY, POST=EVERYBODY),
    "/accounts/password/reset/done/": Row(GET=EVERYBODY),
    "/accounts/password/reset/key/done/": Row(GET=EVERYBODY),
    "/accounts/^password/reset/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$": Row(GET=EVERYBODY, POST=EVERYBODY),
    "/accounts/login/code/confirm/": Row(GET=SIGNED_IN, POST=SIGNED_IN),
    # the second factor, which nobody on the stage has
    "/accounts/2fa/": Row(GET=SIGNED_IN),
    "/accounts/2fa/authenticate/": Row(GET=SIGNED_IN, POST=SIGNED_IN),
    "/accounts/2fa/reauthenticate/": Row(GET=SIGNED_IN, POST=SIGNED_IN),
    "/accounts/2fa/totp/activate/": Row(GET=SIGNED_IN, POST=SIGNED_IN),
    "/accounts/2fa/totp/deactivate/": Row(GET=NOBODY, POST=NOBODY),
    "/accounts/2fa/recovery-codes/": Row(GET=NOBODY),
    "/accounts/2fa/recovery-codes/generate/": Row(GET=SIGNED_IN, POST=SIGNED_IN),
    "/accounts/2fa/recovery-codes/download/": Row(GET=NOBODY, POST=NOBODY),
    "/profile/": Row(
        GET=SIGNED_IN, POST=SIGNED_IN, sends={"language": "en"}, also=frozenset({"email_reminders"}), form=True
    ),
    # for whoever holds the link in an e-mail; it can do nothing but switch reminders off
    "/profile/reminders-off/<str:token>/": Row(GET=EVERYBODY, POST=EVERYBODY, sends={}, form=True),
    # advisors
    "/availability/away/": Row(POST=ADVISORS, sends={"away": "yes", "next": "/messages/"}, form=True),
    "/messages/replies/": Row(GET=ADVISORS, POST=ADVISORS, sends={"shortcut": "hi", "body": "您好"}, form=True),
    "/messages/replies/<int:pk>/": Row(GET=OWNER, POST=OWNER, sends={"shortcut": "hi", "body": "您好"}, form=True),
    "/messages/replies/<int:pk>/delete/": Row(POST=OWNER, sends={}, form=True),
    "/availability/": Row(GET=ADVISORS, POST=ADVISORS, sends=_AVAILABILITY, form=True),
    # the advisor's desk: for a case's follow-up advisor only
    "/messages/<int:number>/case/": Row(GET=FOLLOWER),
    "/messages/<int:number>/notes/": Row(POST=FOLLOWER, sends=_MESSAGE, also=frozenset({"back"}), form=True),
    "/messages/<int:number>/hand-over/": Row(
        POST=FOLLOWER, sends={"advisor": "{successor}", "reason": "休假", "confirmed": "1"}, form=True
    ),
    "/messages/<int:number>/status/": Row(
        POST=FOLLOWER, sends={"status": "closed"}, also=frozenset({"back"}), form=True
    ),
    "/api/cases/<int:number>/notes/": Row(GET=FOLLOWER, POST=FOLLOWER, sends=_MESSAGE),
    "/api/cases/<int:number>/hand-over/": Row(
        GET=FOLLOWER, POST=FOLLOWER, sends={"advisor": "{successor}", "reason": "休假"}
    ),
    "/api/cases/<int:number>/close/": Row(POST=FOLLOWER, sends={}),
    "/api/cases/<int:number>/reopen/": Row(POST=FOLLOWER, sends={}),
    "/api/cases/<int:number>/replies/": Row(GET=FOLLOWER),
    # conversations
    "/messages/search/": Row(GET=SIGNED_IN),
    "/api/search/": Row(GET=SIGNED_IN),
    "/api/cases/<int:number>/typing/": Row(POST=ON_THE_CASE, sends={}),
    "/messages/": Row(GET=SIGNED_IN),
    "/messages/new/": Row(
        GET=MEMBERS, POST=MEMBERS, sends={"title": "工签", **_MESSAGE}, also=frozenset({"kind"}), form=True
    ),
    "/messages/<int:number>/": Row(
        GET=ON_THE_CASE, POST=ON_THE_CASE, sends=_MESSAGE, also=frozenset({"file"}), form=True
    ),
    "/messages/<int:number>/files/": Row(GET=ON_THE_CASE),
    "/messages/<int:number>/print/": Row(GET=ON_THE_CASE),
    "/api/cases/": Row(GET=SIGNED_IN),
    "/api/cases/<int:number>/messages/": Row(
        GET=ON_THE_CASE, POST=ON_THE_CASE, sends=_MESSAGE, also=frozenset({"file"})
    ),
    "/api/cases/<int:number>/messages/<int:seq>/recall/": Row(POST=AUTHOR, sends={}),
    "/api/cases/<int:number>/read/": Row(POST=ON_THE_CASE, sends={"seq": 2}),
    "/api/files/<uuid:key>/": Row(GET=ON_THE_CASE),
    "/api/files/<uuid:key>/thumbnail/": Row(GET=ON_THE_CASE),
    "/api/active/": Row(POST=SIGNED_IN, sends={}),
    "/api/events/": Row(GET=SIGNED_IN),
    # WeCom; it proves who it is by its signature, and whoever cannot is told nothing (tests/wecom)
    "/api/wechat/receive": Row(GET=EVERYBODY, POST=EVERYBODY),
    # WeCom's stand-in, only on a developer's machine (tests/wecom/sandbox/test_sandbox.py)
    "/sandbox/": Row(GET=EVERYBODY),
    "/sandbox/state/": Row(GET=EVERYBODY),
    "/sandbox/api/say/": Row(POST=EVERYBODY),
    "/sandbox/api/event/": Row(POST=EVERYBODY),
    "/sandbox/image.png": Row(GET=EVERYBODY),
    "/sandbox/cgi-bin/webhook/send": Row(GET=EVERYBODY, POST=EVERYBODY),
    "/sandbox/cgi-bin/gettoken": Row(GET=EVERYBODY, POST=EVERYBODY),
    "/sandbox/cgi-bin/agent/get": Row(GET=EVERYBODY, POST=EVERYBODY),
    "/sandbox/cgi-bin/message/send": Row(GET=EVERYBODY, POST=EVERYBODY),
    "/sandbox/cgi-bin/message/update_template_card": Row(GET=EVERYBODY, POST=EVERYBODY),
    "/sandbox/cgi-bin/media/get": Row(GET=EVERYBODY, POST=EVERYBODY),
}

# Django's admin as one group: strangers and everybody without is_staff are sent to the sign-in page, staff without a
# permission see the empty front page and their own password, and nothing else; a superuser sees what each page allows.
ADMIN = "/admin/"
ADMIN_FOR_STRANGERS = {"/admin/login/", "/admin/logout/"}
ADMIN_FOR_ALL_STAFF = {
    "/admin/",
    "/admin/login/",
    "/admin/logout/",
    "/admin/password_change/",
    "/admin/password_change/done/",
    "/admin/jsi18n/",
}


def is_admin(route: Route) -> bool:
    return route.pattern.startswith(ADMIN)


def row_of(route: Route) -> Row:
    """The row of a route outside the admin. Raises AssertionError that tells how to add a missing one."""
    assert route.pattern in ACCESS, (
        f"{route.pattern} has no row in tests/guards/access.py. Say there who may use it, method by method:\n"
        f'    "{route.pattern}": Row(GET=…, POST=…, sends={{…}}),'
    )
    return ACCESS[route.pattern]
