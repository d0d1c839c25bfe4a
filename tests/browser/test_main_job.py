"""The main job, end to end: real browsers, server and worker, WeCom's stand-in over HTTP, real encryption."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import PageErrors
from tests.support.processes import ROOT
from tests.support.site import Site
from tests.support.size import whole

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("calm_wecom")]

MEMBER, ADMIN = "member@example.com", "admin@example.com"
PASSWORD = "a-long-test-password"
Open = Callable[..., Page]


def replies_as(sandbox: Page, userid: str, text: str) -> str:
    """Write as a colleague in the sandbox's app; return what the app answered."""
    expect(sandbox.locator("#members")).not_to_be_empty()  # what was said before is shown, and no answer to this text
    if sandbox.locator(f"#who option[value='{userid}']").count():
        sandbox.select_option("#who", userid)
    else:
        sandbox.fill("#other", userid)
        sandbox.press("#other", "Enter")
    answers = sandbox.locator("#app-lines > [data-author=app]").filter(has_text="被动回复")
    before = answers.count()
    sandbox.fill("#text", text)
    sandbox.click("#write button")
    expect(answers).not_to_have_count(before)
    return answers.last.inner_text()


def test_a_member_writes_the_advisor_answers_in_wecom_and_the_member_sees_it(
    site: Site, sign_in: Open, visit: Open, shot: Callable[..., None], page_errors: PageErrors
) -> None:
    site.shell("Advisor.objects.update(last_active_at=None)")
    member = sign_in(MEMBER, "/messages/1001/")
    sandbox = visit("/sandbox/")
    alerts = sandbox.locator("#group-lines").get_by_text(re.compile("^#1001 王\\*：[0-9]+ 条消息，"))
    expect(sandbox.locator("#members")).not_to_be_empty()
    before = alerts.count()
    member.fill("#compose textarea", "您好，我的学签下个月到期")
    member.press("#compose textarea", "Enter")
    expect(alerts).to_have_count(before + 1)
    written = member.locator("#messages .mine", has_text="您好，我的学签下个月到期")
    expect(written.locator(".tick")).to_have_attribute("data-state", "told")  # with it the reply target is set
    assert "学签下个月" not in sandbox.locator("#group-lines").inner_text()
    receipt = replies_as(sandbox, "LiMing", "您好，请先准备护照首页")
    assert "✓ 已发送 → #1001 王小明 · 学签续签" in receipt
    expect(member.locator("#messages").get_by_text("您好，请先准备护照首页")).to_be_visible()
    expect(member.locator("#messages").get_by_text("企业微信").last).to_be_visible()
    shot(member, "main-job-member")
    shot(sandbox, "main-job-sandbox")
    assert "已撤回" in replies_as(sandbox, "LiMing", "撤回")
    expect(member.locator("#messages").get_by_text("您好，请先准备护照首页")).to_have_count(0)


def test_the_button_of_a_card_makes_its_case_the_reply_target(
    site: Site, sign_in: Open, visit: Open, shot: Callable[..., None]
) -> None:
    site.shell("Advisor.objects.update(last_active_at=None)")
    member, sandbox = sign_in("member2@example.com", "/messages/1002/"), visit("/sandbox/")
    sandbox.select_option("#who", "LiMing")
    member.fill("#compose textarea", "请问配偶表格怎么填？")
    member.press("#compose textarea", "Enter")
    card = sandbox.locator("#app-lines .wx-card").filter(has_text="#1002 林芳 · ").last
    expect(card).to_contain_text("请问配偶表格怎么填？")
    card.get_by_role("button", name="回复此案件").click()
    expect(card.get_by_role("button", name="正在回复 #1002")).to_be_visible()
    shot(sandbox, "card")
    assert "#1002 林芳 · 配偶团聚移民" in replies_as(sandbox, "LiMing", "请填 IMM 5532")
    expect(member.locator("#messages").get_by_text("请填 IMM 5532")).to_be_visible()


@whole
def test_a_video_sent_in_wecom_stands_in_the_case_and_plays(
    site: Site, sign_in: Open, visit: Open, shot: Callable[..., None]
) -> None:
    member, sandbox = sign_in(MEMBER, "/messages/1001/"), visit("/sandbox/")
    assert "#1001" in replies_as(sandbox, "LiMing", "#1001")
    sandbox.click("button[data-event=video]")
    file = member.locator("#messages a.file[data-kind=video]").last
    expect(file).to_contain_text("视频.mp4")
    shot(member, "video-from-wecom")
    address = file.get_attribute("href")
    assert member.request.get(str(address)).body() == (ROOT / "wecom/sandbox/video.mp4").read_bytes()
    played = member.evaluate(
        """(address) => new Promise((done) => {
            const video = document.createElement("video");
            video.addEventListener("ended", () => done([video.videoWidth, video.videoHeight, video.currentTime]));
            video.addEventListener("error", () => done(video.error.message));
            video.src = address;
            video.muted = true;
            video.play().catch((error) => done(error.message));
        })""",
        address,
    )
    assert played == [160, 120, 2]


def test_sign_ups_show_in_the_group(visit: Open) -> None:
    sandbox = visit("/sandbox/")
    for path, name, more in (("/register/", "钱六", {}), ("/register/advisor/", "孙七", {"licence_number": "R598765"})):
        page = visit(path)
        fields = {"name": name, "email": f"{more.get('licence_number', 'm')}@example.org", "password": PASSWORD, **more}
        for field, value in fields.items():
            page.fill(f"[name={field}]", value)
        page.click("main button.primary")
        page.wait_for_url("**/messages/**")
    group = sandbox.locator("#group-lines")
    expect(group.get_by_text("【新会员】钱*")).to_be_visible()
    expect(group.get_by_text("【顾问待审核】孙*")).to_be_visible()


def bind(admin: Page, name: str, userid: str) -> None:
    """What an administrator does: RCIC 顾问审核, 查看详情, 企业微信账号, save."""
    admin.goto("/admin/")
    admin.get_by_role("link", name="RCIC 顾问审核").first.click()
    admin.get_by_role("row", name=name).get_by_role("link", name="查看详情").click()
    admin.get_by_label("企业微信账号").fill(userid)
    admin.click("[name=_save]")
    expect(admin.locator(".messagelist .success")).to_be_visible()


@whole
@pytest.mark.parametrize(("locale", "names"), [("zh-CN", {"搜索", "是", "否"}), ("en", {"Search", "yes", "no"})])
def test_the_icons_of_the_admin_have_names_in_the_readers_language(sign_in: Open, locale: str, names: set[str]) -> None:
    page = sign_in(ADMIN, "/admin/members/user/", locale=locale)
    icons = page.locator("#changelist img[alt]")
    assert {one.get_attribute("alt") for one in icons.all()} == names


def test_an_application_is_reviewed_and_approved_in_the_admin(
    site: Site, sign_in: Open, visit: Open, shot: Callable[..., None]
) -> None:
    admin, sandbox = sign_in(ADMIN, "/admin/advisors/advisor/"), visit("/sandbox/")
    admin.get_by_role("row", name="陈静").get_by_role("link", name="查看详情").click()
    shot(admin, "admin-review-detail")
    admin.get_by_role("button", name="通过").click()
    expect(admin.locator(".messagelist .success")).to_contain_text("已通过")
    expect(sandbox.locator("#group-lines").get_by_text("【顾问审核】陈静：已通过")).to_be_visible()
    admin.get_by_role("button", name="停用").click()
    expect(admin.locator(".messagelist .success")).to_contain_text("已停用")


@whole
def test_binding_changing_and_unbinding_an_account_takes_effect_with_the_next_message(
    site: Site, sign_in: Open, visit: Open, shot: Callable[..., None]
) -> None:
    number = site.shell(
        "print(open_case(Member.objects.get(user__email='member2@example.com'), '访客签证', "
        "advisor=Advisor.objects.get(user__email='advisor2@example.com')).number)"
    )
    admin, sandbox = sign_in(ADMIN, "/admin/"), visit("/sandbox/")
    new_account = sandbox.locator("#who option[value='zhang.wei.2']")
    try:
        assert f"#{number}" in replies_as(sandbox, "ZhangWei", f"#{number} 旧账号")
        bind(admin, "张伟", "zhang.wei.2")
        expect(new_account).to_have_count(1)
        assert "还没有绑定" in replies_as(sandbox, "ZhangWei", f"#{number} 旧账号又写")
        assert "✓ 已发送" in replies_as(sandbox, "zhang.wei.2", f"#{number} 新账号")
        bind(admin, "张伟", "")
        expect(new_account).to_have_count(0)
        assert "还没有绑定" in replies_as(sandbox, "zhang.wei.2", f"#{number} 解绑以后")
    finally:
        bind(admin, "张伟", "ZhangWei")
    shot(admin, "admin-review")
    written = site.shell(
        f"print(list(Message.objects.filter(case__number={number}, kind='text').values_list('body', flat=True)))"
    )
    assert written == "['旧账号', '新账号']"
