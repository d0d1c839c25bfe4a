"""What holds for every page: nothing that anybody wrote runs there, and everybody can use it."""

import json
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, Page, Route, expect

from tests.browser.conftest import PageErrors
from tests.browser.payloads import PAYLOADS, SHORT
from tests.guards.routes import all_routes
from tests.support.site import Site
from tests.support.size import part, size, sized, some, whole

pytestmark = pytest.mark.browser

MEMBER, ADVISOR, ADMIN, PENDING = (
    "member@example.com",
    "advisor@example.com",
    "admin@example.com",
    "pending@example.com",
)
Open = Callable[..., Page]

# Nothing that somebody wrote runs -----------------------------------------------------------------------

WATCH = """
window.ran = [];
for (const name of ["xss", "alert", "confirm", "prompt", "print"])
  window[name] = (...said) => window.ran.push([name, ...said]);
document.addEventListener("securitypolicyviolation", (event) =>
  window.ran.push(["policy", event.violatedDirective, event.blockedURI, event.sample]));
"""
# What a text has become in a page, if it became anything but text.
MADE_OF_A_TEXT = """() => {
  const made = "SCRIPT IFRAME OBJECT EMBED BASE META STYLE LINK MARQUEE FORM svg math".split(" ");
  const found = [];
  for (const element of document.querySelectorAll("*")) {
    const { tagName, id, outerHTML } = element;
    const inside = id === "page" || element.querySelector("textarea, input, select") ? "" : outerHTML;
    if (made.includes(tagName) && inside.includes("xss")) found.push(tagName);
    for (const { name, value } of element.attributes) {
      if (name.startsWith("on") || (name === "style" && value.includes("xss"))) found.push(name);
      const leads = ["href", "src", "action", "formaction", "data"].includes(name) && value.includes("xss");
      if (leads && !/^(https?:|[/#?])/.test(value)) found.push(`${name}=${value}`);
    }
  }
  return found;
}"""
CAST = """
import json
from advisors.actions import apply_as_advisor, approve_advisor, bind_wecom_account
from members.actions import register_member
name, advisors_name, title = json.loads({names!r})
member = register_member(email="poison@example.com", name=name, password="jiayi-demo-2026")
about = dict(email="poisoner@example.com", password="jiayi-demo-2026", licence_number="R777777")
advisor = approve_advisor(apply_as_advisor(name=advisors_name, **about), by=User.objects.get(email="admin@example.com"))
bind_wecom_account(advisor, "Poisoner")
print(open_case(member, title, advisor=advisor).number)
"""
SAY = """
import json, time
from io import BytesIO
from cases.files.actions import post_file
from cases.files.uploads import read_upload
payloads, names = json.loads({payloads!r}), json.loads({names!r})
case = Case.objects.get(number={number})
for text in payloads:
    post_message(case, case.member.user, text, client_id=uuid4().hex)
    time.sleep(0.005)  # SQLite is not fair: without a pause between, the site would wait for its turn for ever
for name in names:
    upload = read_upload(BytesIO(b"text"), name.replace("/", "") + ".txt")
    post_file(case, case.member.user, upload, client_id=uuid4().hex)
for text in names: post_message(case, case.advisor.user, text, client_id=uuid4().hex, source="wecom")
"""
NAMES = some(SHORT[:20], 3)


@pytest.fixture
def poisoned(site: Site) -> int:
    """A case whose member, advisor and title are called by payloads; its number."""
    return int(site.shell(CAST.format(names=json.dumps(SHORT[:3]))))


def watched(page: Page, path: str) -> Page:
    """The page again, with eyes on what runs in it."""
    page.on("dialog", lambda dialog: pytest.fail(f"a dialog: {dialog.message}"))
    page.add_init_script(WATCH)
    page.goto(path)
    return page


def nothing_ran(page: Page) -> None:
    assert page.evaluate("window.ran") == [], page.url
    assert page.evaluate(MADE_OF_A_TEXT) == [], page.url


def texts(page: Page) -> list[str]:
    """What the bubbles say, as the DOM holds it; without files."""
    script = "all => all.filter(one => !one.querySelector('.file')).map(one => one.textContent)"
    found: list[str] = page.eval_on_selector_all("#messages .message:not(.system) .text", script)
    return found


@sized
def test_nothing_that_somebody_wrote_runs_in_a_conversation(
    site: Site, sign_in: Open, poisoned: int, shot: Callable[..., None]
) -> None:
    assert len(PAYLOADS) >= 200
    payloads = some(PAYLOADS, 11)  # two and more of each list there
    path, wrote = f"/messages/{poisoned}/", [text.strip() for text in payloads]
    live = watched(sign_in("poisoner@example.com", "/profile/"), path)
    expect(live.locator("body")).to_have_attribute("data-connection", "live")
    filled = {"payloads": json.dumps(payloads), "names": json.dumps(NAMES), "number": poisoned}
    site.shell(SAY.format(**filled))
    expect(live.locator("#messages .message:not(.system)")).to_have_count(
        len(payloads) + 2 * len(NAMES), timeout=30_000
    )
    assert texts(live) == wrote + NAMES, "as they arrive live, at the advisor's"
    files = live.locator("#messages .file-name").all_inner_texts()
    assert [name for name in NAMES if f"{name.replace('/', '')}.txt" not in files] == []
    nothing_ran(live)
    shot(live, "payloads-live")

    member, rendered = watched(sign_in("poison@example.com"), path), list[str]()
    assert texts(member)[-len(NAMES) :] == NAMES, "as the server renders them, at the member's"
    for before in range(len(payloads) + 2, 1, -50):
        member.goto(f"{path}?before={before}")
        rendered += texts(member)
        nothing_ran(member)
    assert set(rendered) >= set(wrote)
    assert SHORT[2] in member.title()
    expect(member.locator(".conversation-head h1")).to_contain_text(SHORT[2])


@whole
def test_nothing_that_somebody_wrote_runs_elsewhere(
    site: Site, sign_in: Open, visit: Open, page_errors: PageErrors, shot: Callable[..., None]
) -> None:
    page_errors.allow("status of 400")  # forms that are shown again
    number = site.shell("print(Case.objects.get(member__user__email='poison@example.com').pk)")
    member = watched(sign_in("poison@example.com"), "/messages/new/")
    member.fill("[name=title]", SHORT[3])
    member.fill("[name=body]", PAYLOADS[0])
    member.eval_on_selector("main form", "form => { form.client_id.value = '<svg onload=xss()>'; form.submit(); }")
    expect(member.locator("main .errorlist").first).to_be_visible()
    nothing_ran(member)
    stranger = watched(visit("/"), "/register/")
    for name in ("name", "email", "password"):
        stranger.fill(f"[name={name}]", SHORT[4])
    stranger.eval_on_selector("main form", "form => form.submit()")
    expect(stranger.locator("main .errorlist").first).to_be_visible()
    nothing_ran(stranger)

    admin = watched(sign_in(ADMIN), "/admin/")
    lists = (
        "cases/case/",
        "members/user/?q=poison",
        "members/member/",
        "advisors/advisor/",
        "wecom/notification/?all=1",
    )
    for place in (*lists, f"cases/case/{number}/change/", f"cases/case/?q={SHORT[5]}", "wecom/checkup/"):
        admin.goto(f"/admin/{place}")
        nothing_ran(admin)
    sandbox = watched(visit("/"), "/sandbox/")
    expect(sandbox.locator("#members")).not_to_be_empty()
    sandbox.select_option("#who", "Poisoner")
    lines = sandbox.locator("#app-lines > li")
    for text in (SHORT[0], PAYLOADS[22], "#1 " + SHORT[1]):
        before = lines.count()
        sandbox.fill("#text", text)
        sandbox.click("#write button")
        expect(lines.nth(before + 1)).to_be_visible()
    nothing_ran(sandbox)
    shot(sandbox, "payloads-sandbox")


# Everybody can use every page ---------------------------------------------------------------------------

# Every route that is a page of ours: who looks at it, and at what address if the pattern is none. A new page must be
# added here; what is no page, below.
PAGES: dict[str, tuple[str, ...]] = {
    "/": ("stranger",),
    "/register/": ("stranger",),
    "/register/advisor/": ("stranger",),
    "/accounts/login/": ("stranger",),
    "/accounts/logout/": ("member",),
    "/accounts/inactive/": ("stranger",),
    "/accounts/signup/": ("stranger",),
    "/accounts/reauthenticate/": ("member",),
    "/accounts/confirm-email/": ("stranger",),
    "/accounts/^confirm-email/(?P<key>[-:\\w]+)/$": ("stranger /accounts/confirm-email/x/",),
    "/accounts/password/change/": ("member",),
    "/accounts/password/reset/": ("stranger",),
    "/accounts/password/reset/done/": ("stranger",),
    "/accounts/password/reset/key/done/": ("stranger",),
    "/accounts/^password/reset/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$": (
        "stranger /accounts/password/reset/key/1-x/",
    ),
    "/accounts/2fa/": ("member", "careful"),
    "/accounts/2fa/totp/activate/": ("member",),
    "/accounts/2fa/totp/deactivate/": ("careful",),
    "/accounts/2fa/recovery-codes/": ("careful",),
    "/accounts/2fa/recovery-codes/generate/": ("careful",),
    "/availability/": ("advisor",),
    "/messages/": ("member", "pending", "admin"),
    "/messages/new/": ("member",),
    "/messages/search/": ("member /messages/search/?q=护照", "advisor /messages/search/?q=护照"),
    "/messages/<int:number>/case/": ("advisor /messages/1001/case/",),
    "/messages/<int:number>/files/": ("member /messages/1001/files/", "advisor /messages/1001/files/"),
    "/messages/<int:number>/print/": ("member /messages/1001/print/",),
    "/messages/replies/": ("advisor",),
    "/messages/replies/<int:pk>/": ("advisor /messages/replies/{reply}/",),
    "/profile/": ("member", "advisor"),
    "/profile/reminders-off/<str:token>/": ("stranger /profile/reminders-off/{token}/",),
    "/messages/<int:number>/": ("member /messages/1001/", "advisor /messages/1001/", "member /messages/{closed}/"),
    "/sandbox/": ("stranger",),
    "/admin/wecom/checkup/": ("admin",),
    "/admin/wecom/notification/": ("admin",),
    "/admin/advisors/advisor/<path:object_id>/change/": ("admin /admin/advisors/advisor/1/change/",),
}
NO_PAGES = {
    "/healthz",
    "/favicon.ico",
    "/i18n/setlang/",
    "/accounts/email/",  # 404
    "/accounts/password/set/",  # leads to changing it
    "/accounts/login/code/confirm/",  # we do not offer codes by mail
    "/accounts/2fa/authenticate/",  # between password and page; tests/members
    "/accounts/2fa/reauthenticate/",  # the same form
    "/accounts/2fa/recovery-codes/download/",
    # POST only
    "/availability/away/",
    "/messages/<int:number>/hand-over/",
    "/messages/<int:number>/notes/",
    "/messages/<int:number>/status/",
    "/messages/replies/<int:pk>/delete/",
}
ERROR_PAGES = ("400", "403", "404", "429", "500")
SESSIONS = """
import time
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.test import Client
from members.actions import register_member
careful = register_member(email="careful@example.com", name="谨慎", password="jiayi-demo-2026").user
TOTP.activate(careful, generate_totp_secret())
RecoveryCodes.activate(careful)
for email in {emails!r}:
    client = Client()
    client.force_login(User.objects.get(email=email))
    session = client.session
    session["account_authentication_methods"] = [{{"method": "password", "at": time.time()}}]
    session.save()
    print(session.session_key)
"""
RICH = """
from io import BytesIO
from cases.files.actions import post_file
from cases.files.uploads import read_upload
from tests.support.files import PNG, PDF
from cases.desk.actions import save_reply, write_note
from members.reminders import switch_off_url
case, closed = Case.objects.get(number=1001), open_case(Member.objects.get(user__email="member@example.com"), "已了结")
member, advisor = case.member.user, case.advisor.user
def say(who, text, **more): return post_message(case, who, text, client_id=uuid4().hex, **more)[0]
say(member, "请看 https://www.canada.ca/ 。\\n第二行")
for data, name in ((PNG, "护照.png"), (PDF, "表格-很长的名字-" + "x" * 80 + ".pdf")):
    post_file(case, member, read_upload(BytesIO(data), name), client_id=uuid4().hex)
say(advisor, "好的", source="wecom")
recall_message(say(member, "写错了"), by=member)
say(advisor, "w" * 300)
close_case(closed)
write_note(case, advisor, "晚上八点以后打电话\\n" + "n" * 200, client_id=uuid4().hex)
reply = save_reply(case.advisor, shortcut=uuid4().hex[:8], body="您好")
print(closed.number, reply.pk, switch_off_url(case.member).split("/")[-2])
"""
RENDER = """
import json
from django.template.loader import render_to_string
from django.utils.translation import override
with override({language!r}):
    print(json.dumps({{name: render_to_string(name + ".html", {{"csrf_token": "x"}}) for name in {names}}}))
"""
SIDEWAYS = "() => document.documentElement.scrollWidth - window.innerWidth"
MOVING = """() => [...document.querySelectorAll("*")].filter((element) => {
  const { animationName, animationDuration, transitionDuration } = getComputedStyle(element);
  return (animationName !== "none" && parseFloat(animationDuration) > 0.01) || parseFloat(transitionDuration) > 0.01;
}).map((element) => element.outerHTML.slice(0, 100))"""


def is_page(pattern: str) -> bool:
    """Whether a route may be a page of ours; of Django's admin only what we made or changed is ours."""
    return not pattern.startswith(("/api/", "/sandbox/", "/admin/")) or pattern in PAGES


def test_every_route_is_a_page_that_is_looked_at_or_none() -> None:
    unknown = {route.pattern for route in all_routes() if is_page(route.pattern)} ^ (set(PAGES) | NO_PAGES)
    assert not unknown, "say in PAGES who looks at this page, or in NO_PAGES that it is none (test_guards.py)"


class Visitors:
    """One browser for each kind of visitor, all with the same language, colours and size."""

    def __init__(self, visit: Open, keys: dict[str, str], url: str, **options: Any) -> None:
        self._pages: dict[str, Page] = {}
        self._visit, self._keys, self._url, self._options = visit, keys, url, options

    def page(self, who: str) -> Page:
        if who not in self._pages:
            cookie = {"name": "session", "value": self._keys.get(who, ""), "url": self._url}
            page = self._visit("/healthz", **self._options)
            if cookie["value"]:
                context: BrowserContext = page.context
                context.add_cookies([cookie])  # type: ignore[list-item]
            self._pages[who] = page
        return self._pages[who]


@pytest.fixture(scope="module")
def scene(site: Site) -> tuple[dict[str, str], dict[str, str]]:
    """Session keys of the visitors, and what stands in the addresses of PAGES."""
    emails = {
        "member": MEMBER,
        "advisor": ADVISOR,
        "pending": PENDING,
        "admin": ADMIN,
        "careful": "careful@example.com",
    }
    keys = site.shell(SESSIONS.format(emails=list(emails.values()))).split()
    made = site.shell(RICH).split()
    return dict(zip(emails, keys, strict=True)), dict(zip(("closed", "reply", "token"), made, strict=True))


def looks(values: dict[str, str], begin: int) -> list[tuple[str, str]]:
    """Who looks at what: in small size every sixth page, from `begin` on."""
    found = []
    for pattern, visitors in PAGES.items():
        for visitor in visitors:
            who, _space, path = visitor.partition(" ")
            found.append((who, path.format_map(values) or pattern))
    return found[size(begin, 0) :: size(6, 1)]


def is_there(page: Page, path: str) -> None:
    """Open it; what is looked at must be the page, not the one that says it does not exist."""
    answer = page.goto(path)
    assert answer is not None
    assert answer.status == 200 or path.startswith("/accounts/"), (answer.status, path)


def findings(page: Page, *rules: str) -> list[str]:
    """What axe finds: of any level on the site's pages, serious and critical ones in Django's admin."""
    # axe leaves the size of targets out unless it is asked for (WCAG 2.2: 24 pixels, or room around).
    all_of_them = {"rules": {"target-size": {"enabled": True}}}
    only = {"runOnly": {"type": "rule", "values": list(rules)}} if rules else all_of_them
    found = Axe().run(page, options={"reporter": "no-passes", **only}).response["violations"]
    bad = [one for one in found if "/admin/" not in page.url or one["impact"] in ("serious", "critical")]
    return [json.dumps([one["id"], [node["html"][:200] for node in one["nodes"]]], ensure_ascii=False) for one in bad]


def error_pages(site: Site, page: Page, language: str, at: int) -> Iterator[str]:
    """Open each error page as it is shown in production, in small size every second, from `at` on; here DEBUG is on."""
    names = part(ERROR_PAGES, 2, at)
    for status, html in json.loads(site.shell(RENDER.format(language=language, names=names))).items():
        page.unroute_all()
        page.route("**/error", partial(_fulfil, html))
        page.goto("/error")
        yield status


def _fulfil(html: str, route: Route) -> None:
    route.fulfill(body=html, content_type="text/html; charset=utf-8")


@sized
def test_axe_finds_nothing_and_nothing_is_cut_off_at_twice_the_size(
    site: Site, visit: Open, scene: Any, page_errors: PageErrors
) -> None:
    # axe itself puts a style into some pages. One of ours would be seen by the next test.
    page_errors.allow("Applying inline style")
    keys, values = scene
    visitors, wrong = Visitors(visit, keys, site.url), {}
    for who, path in looks(values, 0):
        page = visitors.page(who)
        is_there(page, path)
        wrong[f"{who} {path}"] = findings(page)
        # 200 %: half as many pixels of CSS on the same screen.
        page.set_viewport_size({"width": 640, "height": 400})
        if not path.startswith("/admin/"):
            assert page.evaluate(SIDEWAYS) <= 0, path
        page.set_viewport_size({"width": 1280, "height": 800})
    for status in error_pages(site, visitors.page("stranger"), "zh-hans", 0):
        wrong[status] = findings(visitors.page("stranger"))
    assert not {where: found for where, found in wrong.items() if found}


# The lists and forms of the admin, with the first row of each list.
ADMIN_PAGES = """
from django.contrib import admin
from django.urls import reverse
from django.test import RequestFactory
request = RequestFactory().get("/")
request.user = User.objects.get(email="admin@example.com")
print(reverse("admin:index"), reverse("admin:password_change"), reverse("admin:app_list", args=["wecom"]))
for model, its in admin.site._registry.items():
    name = f"{model._meta.app_label}_{model._meta.model_name}"
    print(reverse(f"admin:{name}_changelist"))
    if its.has_add_permission(request): print(reverse(f"admin:{name}_add"))
    row = its.get_queryset(request).first()
    if row is not None and name != "wecom_checkup":  # one page, no rows of its own
        print(reverse(f"admin:{name}_change", args=[row.pk]))
"""


# Until Select2 has made the box of one, there is nothing that could lack a name. Rows to be added have none.
UNNAMED_BOXES = "select.admin-autocomplete[id]:not([name*=__prefix__]):not(.select2-hidden-accessible)"


@sized
@pytest.mark.timeout(300)
def test_axe_finds_nothing_serious_on_any_page_of_the_admin(
    site: Site, visit: Open, scene: Any, page_errors: PageErrors
) -> None:
    # axe puts a style into some pages, and reads a style sheet's @import as if it stood in the page.
    page_errors.allow("Applying inline style", "/widgets.css")
    page = Visitors(visit, scene[0], site.url).page("admin")
    paths = list(dict.fromkeys(site.shell(ADMIN_PAGES).split()))
    assert len(paths) > 25
    wrong = {}
    for path in some(paths, 7):
        is_there(page, path)
        expect(page.locator(UNNAMED_BOXES)).to_have_count(0)
        wrong[path] = findings(page)
    assert not {where: found for where, found in wrong.items() if found}


@sized
def test_every_page_fits_a_small_phone_in_the_dark_in_english_without_moving(
    site: Site, visit: Open, scene: Any, page_errors: PageErrors
) -> None:
    keys, values = scene
    small: dict[str, Any] = {"width": 320, "height": 640}
    options = {"viewport": small, "color_scheme": "dark", "reduced_motion": "reduce", "locale": "en"}
    visitors, wrong = Visitors(visit, keys, site.url, **options), {}
    for who, path in looks(values, 3):
        page = visitors.page(who)
        is_there(page, path)
        wrong[f"{who} {path}"] = findings(page, "color-contrast", "label", "button-name", "link-name")
        if not path.startswith("/admin/"):
            assert page.evaluate(SIDEWAYS) <= 0, path
            assert page.evaluate(MOVING) == [], path
    for status in error_pages(site, visitors.page("stranger"), "en", 1):
        wrong[status] = findings(visitors.page("stranger"), "color-contrast")
        assert visitors.page("stranger").evaluate(SIDEWAYS) <= 0, status
    assert not {where: found for where, found in wrong.items() if found}


# A control in words that stay the same when the page draws it anew.
NAMED = "(one) => [one.tagName, one.id || one.getAttribute('href') || one.name || one.textContent.trim()].join(' ')"
# Every element that can be used with a pointer, as far as it is shown.
CONTROLS = f"""() => {{
  const all = document.querySelectorAll("a[href], button, input, select, textarea, summary, audio, [tabindex='0']");
  const shown = [...all].filter((one) => one.checkVisibility({{ checkVisibilityCSS: true }}));
  return shown.filter((one) => !one.disabled && one.type !== "hidden" && one.tabIndex >= 0).map({NAMED});
}}"""
# Where the focus is, null at the end, and whether one sees it: an outline or a ring, on it or on the box around it.
FOCUSED = f"""() => {{
  const focused = document.activeElement;
  if (!focused || focused === document.body || focused.wasReached) return null;
  focused.wasReached = true;
  const ring = (one) => {{
    const {{ outlineStyle, outlineWidth, boxShadow }} = getComputedStyle(one);
    return (outlineStyle !== "none" && parseFloat(outlineWidth) > 0) || boxShadow !== "none";
  }};
  return [({NAMED})(focused), ring(focused) || ring(focused.parentElement)];
}}"""


@pytest.mark.parametrize("who", ["member", "advisor"])
def test_the_keyboard_reaches_everything_and_one_sees_where_it_is(
    site: Site, visit: Open, scene: Any, who: str
) -> None:
    page = Visitors(visit, scene[0], site.url).page(who)
    page.goto("/messages/1001/")
    expect(page.locator("body")).to_have_attribute("data-connection", "live")
    page.evaluate("[document.body.tabIndex = -1, document.body.focus()]")  # to the top, out of the message box
    controls, reached = page.evaluate(CONTROLS), list[str]()
    for _press in range(len(controls) + 10):
        page.keyboard.press("Tab")
        focused = page.evaluate(FOCUSED)
        if focused is None:
            break
        reached.append(focused[0])
        assert focused[1], f"one does not see the focus on {focused[0]}"
    assert set(controls) - set(reached) == set()
    assert reached[0] == "A #main", "the way past the header comes first"
    assert len(reached) >= 12
