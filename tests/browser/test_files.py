"""Files and voice in real browsers: sent by button, drop, paste and microphone; shown, looked at, and never lost."""

import base64
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Dialog, Error, Page, Response, Route, expect

from tests.browser.conftest import PageErrors, until
from tests.support import files
from tests.support.clamd import Clamd
from tests.support.site import Site
from tests.support.size import whole

pytestmark = pytest.mark.browser

MEMBER, ADVISOR = "member@example.com", "advisor@example.com"
GONE_OFFLINE = ("net::ERR_", "Failed to fetch", "Failed to load resource")
PHOTO = files.image("JPEG", (1600, 1200))
TALL = files.image("PNG", (600, 1300))

Open = Callable[..., Page]


@pytest.fixture
def case(site: Site) -> int:
    """A new case of the demo member, followed by 李明; its number."""
    member, advisor = f"Member.objects.get(user__email={MEMBER!r})", f"Advisor.objects.get(user__email={ADVISOR!r})"
    return int(site.shell(f"print(open_case({member}, '工签材料', advisor={advisor}).number)"))


def opened(page: Page) -> Page:
    """The page, when its stream has said hello."""
    expect(page.locator("body")).to_have_attribute("data-connection", "live")
    return page


def file(name: str, content: bytes, kind: str) -> Any:
    return {"name": name, "mimeType": kind, "buffer": content}


def sent_files(site: Site, number: int) -> list[str]:
    """The names of the case's files, in order, as the database has them."""
    query = f"Message.objects.filter(case__number={number}, kind='file').order_by('seq')"
    names: list[str] = json.loads(site.shell(f"import json\nprint(json.dumps([m.body for m in {query}]))"))
    return names


def drag(page: Page, events: list[str], content: bytes, name: str, kind: str) -> None:
    """Drag a file over the conversation, as a file manager does."""
    page.evaluate(
        """([events, content, name, type]) => {
            const bytes = Uint8Array.from(atob(content), (c) => c.charCodeAt(0));
            const data = new DataTransfer();
            data.items.add(new File([bytes], name, { type }));
            for (const event of events) document.getElementById("scroller").dispatchEvent(
                new DragEvent(event, { dataTransfer: data, bubbles: true, cancelable: true }));
        }""",
        [events, base64.b64encode(content).decode(), name, kind],
    )


def paste(page: Page, content: bytes, text: str = "", into: str = "#compose textarea") -> None:
    page.evaluate(
        """([content, text, into]) => {
            const bytes = Uint8Array.from(atob(content), (c) => c.charCodeAt(0));
            const data = new DataTransfer();
            data.items.add(new File([bytes], "image.png", { type: "image/png" }));
            if (text) data.setData("text/plain", text);
            document.querySelector(into).dispatchEvent(
                new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
        }""",
        [base64.b64encode(content).decode(), text, into],
    )


def test_files_go_by_button_drop_and_paste_and_the_other_side_looks_at_them(
    site: Site, sign_in: Open, case: int, shot: Any
) -> None:
    member = opened(sign_in(MEMBER, f"/messages/{case}/"))
    advisor = opened(sign_in(ADVISOR, f"/messages/{case}/"))
    expect(member.locator("#file-limits")).to_contain_text("文件最大 20 MB")
    assert "PDF" in (member.locator("#attach").get_attribute("title") or "")
    with member.expect_file_chooser() as chooser:
        member.locator("#attach").press("Enter")
    chooser.value.set_files(
        [file("护照首页.jpg", PHOTO, "image/jpeg"), file("录取信.pdf", files.PDF, "application/pdf")]
    )
    expect(member.locator(".mine a.file")).to_have_count(2)
    assert member.evaluate("document.activeElement.id") == "attach"

    drag(member, ["dragenter", "dragover"], TALL, "手机截图.png", "image/png")
    expect(member.locator("#drop")).to_be_visible()
    expect(member.locator("#drop")).to_contain_text(f"#{case}")
    shot(member, "files-drop")
    drag(member, ["drop"], TALL, "手机截图.png", "image/png")
    expect(member.locator("#drop")).to_be_hidden()
    paste(member, files.image("PNG", (800, 500)))
    paste(member, files.PNG, "也有文字，那么它就是文字")
    member.evaluate("document.body.append(document.createElement('textarea'))")
    paste(member, files.PNG, into="body > textarea")
    expect(member.locator(".mine a.file")).to_have_count(4)
    expect(member.locator(".mine .file-name").last).to_have_text(re.compile(r"^截图 20\d\d-\d\d-\d\d .*\.png$"))

    pictures = advisor.locator("a.file[data-kind=image]")
    expect(pictures).to_have_count(3)
    until(advisor, "[...document.querySelectorAll('.file img')].every((one) => one.naturalWidth > 0)")
    with advisor.expect_download() as download:
        advisor.get_by_text("录取信.pdf").click()
    assert Path(download.value.path()).read_bytes() == files.PDF
    shot(member, "files-member")
    shot(advisor, "files-advisor")
    assert sent_files(site, case)[:3] == ["护照首页.jpg", "录取信.pdf", "手机截图.png"]


@whole
def test_pictures_are_looked_at_by_keyboard(site: Site, sign_in: Open, case: int, shot: Any) -> None:
    member = opened(sign_in(MEMBER, f"/messages/{case}/"))
    three = [file(f"{n}.png", files.image("PNG", (900 + n, 600)), "image/png") for n in (1, 2, 3)]
    member.set_input_files("#picker", three)
    expect(member.locator(".mine a.file")).to_have_count(3)
    second = member.locator("a.file[data-kind=image]").nth(1)
    second.focus()
    member.keyboard.press("Enter")
    viewer = member.locator("dialog.viewer")
    expect(viewer).to_be_visible()
    expect(viewer.locator(".viewer-title")).to_have_text("2.png 2 / 3")
    until(member, "document.querySelector('.viewer img')?.naturalWidth === 902")
    shot(member, "files-viewer")
    member.keyboard.press("ArrowRight")
    expect(viewer.locator(".viewer-title")).to_have_text("3.png 3 / 3")
    expect(viewer.locator(".next")).to_be_hidden()
    member.keyboard.press("ArrowRight")
    for _step in range(2):
        member.keyboard.press("ArrowLeft")
    expect(viewer.locator(".viewer-title")).to_have_text("1.png 1 / 3")
    expect(viewer.get_by_role("link", name="下载")).to_have_attribute("href", re.compile("^/api/files/"))
    viewer.get_by_role("button", name="原始大小").press("Enter")
    expect(viewer.get_by_role("button", name="适应屏幕")).to_be_visible()
    member.keyboard.press("Escape")
    expect(viewer).to_be_hidden()
    assert member.evaluate("document.activeElement.querySelector('.file-name').textContent") == "2.png"


def test_what_cannot_be_sent_is_said_at_once_and_by_the_server_anyway(
    sign_in: Open, case: int, page_errors: PageErrors, shot: Any
) -> None:
    page_errors.allow("Failed to load resource")
    member = opened(sign_in(MEMBER, f"/messages/{case}/"))
    asked: list[str] = []
    member.on("request", lambda request: asked.append(request.method + request.url))
    note = member.locator("#attach-note")
    member.set_input_files("#picker", [file("程序.exe", b"MZ", "application/x-msdownload"), file("空.pdf", b"", "a/b")])
    expect(note).to_contain_text("“程序.exe”没有发送：只能发送照片、PDF、Office 文档、录音和视频。")
    expect(note).to_contain_text("“空.pdf”是空的")
    member.evaluate(
        """() => {
            const data = new DataTransfer();
            data.items.add(new File([new Uint8Array(20 * 1024 * 1024 + 1)], "大.pdf"));
            const picker = document.getElementById("picker");
            picker.files = data.files;
            picker.dispatchEvent(new Event("change"));
        }"""
    )
    expect(note).to_have_text("“大.pdf”超过 20 MB，没有发送。")
    shot(member, "files-refused")
    assert not [one for one in asked if one.startswith("POST") and "messages" in one]
    member.set_input_files("#picker", [file("假的.pdf", b"MZ\x90\0" + b"\0" * 100, "application/pdf")])
    expect(note).to_be_hidden()
    expect(member.locator(".failed .foot")).to_contain_text("只能发送照片、PDF、Office 文档、录音和视频。")


@whole
def test_an_upload_shows_its_progress_and_can_be_cancelled_while_texts_go_on(
    site: Site, sign_in: Open, case: int, page_errors: PageErrors, shot: Any
) -> None:
    page_errors.allow("Failed to load resource", "net::ERR_")
    member = opened(sign_in(MEMBER, f"/messages/{case}/"))
    network = member.context.new_cdp_session(member)
    network.send("Network.enable")
    slow = {
        "offline": False,
        "latency": 20,
        "downloadThroughput": -1,
        "uploadThroughput": 100_000,
    }  # two minutes for the file
    network.send("Network.emulateNetworkConditions", slow)
    member.set_input_files("#picker", [file("长.pdf", files.PDF.ljust(12_000_000), "application/pdf")])
    bar = member.locator(".pending progress")
    expect(bar).to_be_visible()
    until(member, "(document.querySelector('.pending progress')?.value ?? 0) > 0.03")
    member.emulate_media(color_scheme="dark")
    shot(member, "files-progress-dark")
    member.fill("#compose textarea", "文字不用等文件")
    member.press("#compose textarea", "Enter")
    expect(member.locator(".mine:not(.pending) .text")).to_have_text("文字不用等文件")
    member.locator(".pending").get_by_role("button", name="取消").click()
    expect(member.locator(".pending")).to_have_count(0)
    network.send("Network.emulateNetworkConditions", slow | {"uploadThroughput": -1})
    member.set_input_files("#picker", [file("短.pdf", files.PDF, "application/pdf")])
    expect(member.locator(".mine a.file .file-name")).to_have_text(["短.pdf"])
    assert sent_files(site, case) == ["短.pdf"]


@whole
def test_a_file_that_is_cancelled_in_one_tab_is_sent_by_none(site: Site, sign_in: Open, case: int) -> None:
    advisor = opened(sign_in(ADVISOR, f"/messages/{case}/"))
    held: list[Route] = []
    advisor.context.route(f"**/api/cases/{case}/messages/", lambda route: held.append(route))
    advisor.set_input_files("#picker", [file("别人的.pdf", files.PDF, "application/pdf")])
    expect(advisor.locator(".pending")).to_have_count(1)
    other = advisor.context.new_page()
    other.goto("/messages/1001/")
    opened(other)
    same = advisor.context.new_page()
    same.goto(f"/messages/{case}/")
    opened(same)
    advisor.wait_for_timeout(500)
    assert len([route for route in held if route.request.method == "POST"]) == 1, "one tab sends it"
    advisor.bring_to_front()
    advisor.locator(".pending").get_by_role("button", name="取消").click()
    for tab in (advisor, same):
        expect(tab.locator(".pending")).to_have_count(0)
    advisor.context.unroute(f"**/api/cases/{case}/messages/")
    other.reload()
    opened(other)
    other.wait_for_timeout(500)
    assert sent_files(site, case) == []


def test_a_file_survives_a_killed_server_and_a_reload_and_is_sent_once(
    site: Site, sign_in: Open, case: int, page_errors: PageErrors, shot: Any
) -> None:
    page_errors.allow(*GONE_OFFLINE)
    member = opened(sign_in(MEMBER, f"/messages/{case}/"))

    def lost_answer(route: Route) -> None:
        """It arrives, and the answer does not."""
        route.fetch()
        route.abort()

    member.route("**/api/cases/*/messages/", lost_answer, times=1)
    member.set_input_files("#picker", [file("护照.jpg", PHOTO, "image/jpeg")])
    expect(member.locator(".pending .discard", has_text="删除").or_(member.locator(".mine a.file"))).to_have_count(1)
    site.kill()
    member.set_input_files("#picker", [file("工资单.pdf", files.PDF, "application/pdf")])
    waits = member.locator(".pending", has_text="工资单.pdf")
    expect(waits.locator(".foot")).to_contain_text("等待网络，恢复后自动发送")
    shot(member, "files-wait-for-the-network")
    site.start()
    member.reload()
    opened(member)
    expect(member.locator(".mine a.file")).to_have_count(2)
    expect(member.locator(".pending")).to_have_count(0)
    assert sorted(sent_files(site, case)) == ["工资单.pdf", "护照.jpg"]
    sha = "m.attachment.sha256 == hashlib.sha256(m.attachment.file.read()).hexdigest()"
    query = f"Message.objects.filter(case__number={case}, kind='file')"
    assert site.shell(f"import hashlib\nprint(all({sha} for m in {query}))") == "True"


@whole
def test_a_file_the_browser_did_not_keep_asks_to_be_chosen_again(
    sign_in: Open, case: int, page_errors: PageErrors
) -> None:
    page_errors.allow(*GONE_OFFLINE)
    member = opened(sign_in(MEMBER, f"/messages/{case}/"))
    member.route("**/api/cases/*/messages/", lambda route: route.abort())
    member.set_input_files("#picker", [file("护照.jpg", PHOTO, "image/jpeg")])
    expect(member.locator(".pending .foot")).to_contain_text("等待网络")
    member.evaluate("new Promise((done) => { indexedDB.deleteDatabase('jiayi').onsuccess = done; })")
    member.reload()
    opened(member)
    expect(member.locator(".failed .foot")).to_contain_text("请重新选择文件")
    expect(member.get_by_role("button", name="重试")).to_have_count(0)
    member.locator(".failed").get_by_role("button", name="删除").click()
    expect(member.locator(".pending")).to_have_count(0)


@whole
def test_signing_out_leaves_no_file_on_the_device(sign_in: Open, case: int, page_errors: PageErrors) -> None:
    page_errors.allow(*GONE_OFFLINE)
    member = opened(sign_in(MEMBER, f"/messages/{case}/", fresh=True))
    member.route("**/api/cases/*/messages/", lambda route: route.abort())
    member.set_input_files("#picker", [file("护照.jpg", PHOTO, "image/jpeg")])
    expect(member.locator(".pending .foot")).to_contain_text("等待网络")
    member.once("dialog", lambda dialog: dialog.accept())
    member.locator("[data-menu] summary").click()
    member.get_by_role("button", name="退出登录").click()
    member.wait_for_url(re.compile(r"^(?!.*messages).*$"))
    assert member.evaluate("indexedDB.databases()") == []
    assert member.evaluate("Object.keys(localStorage).filter((key) => key.startsWith('jiayi:'))") == []


@whole
def test_a_voice_note_is_recorded_listened_to_and_sent(site: Site, sign_in: Open, case: int, shot: Any) -> None:
    member = opened(sign_in(MEMBER, f"/messages/{case}/", permissions=["microphone"]))
    advisor = opened(sign_in(ADVISOR, f"/messages/{case}/"))
    member.locator("#record").press("Enter")
    expect(member.locator("#recorder .counter")).to_have_text(re.compile("0:0[1-9]"))
    shot(member, "voice-recording")
    member.keyboard.press("Escape")
    member.locator("#recorder").get_by_role("button", name="取消").click()
    expect(member.locator("#recorder")).to_be_hidden()
    member.locator("#record").click()
    expect(member.locator("#recorder .counter")).to_have_text(re.compile("0:0[1-9]"))
    member.locator("#recorder").get_by_role("button", name="停止").click()
    listen = member.locator("#recorder audio")
    expect(listen).to_be_visible()
    until(member, "document.querySelector('#recorder audio').readyState > 0")
    shot(member, "voice-review")
    member.keyboard.press("Enter")  # the focus is on "send"
    expect(member.locator(".mine audio.player")).to_be_visible()
    player = advisor.locator(".theirs audio.player")
    expect(player).to_be_visible()
    player.evaluate("audio => audio.play()")
    until(advisor, "document.querySelector('audio.player').currentTime > 0.05")
    shot(advisor, "voice-advisor")
    kinds = site.shell(
        f"print([m.attachment.content_type for m in Message.objects.filter(case__number={case}, kind='file')])"
    )
    assert kinds == "['audio/webm']"


# Two seconds of moving colours, as a browser records them.
FILM = """async () => {
    const canvas = Object.assign(document.createElement("canvas"), { width: 320, height: 180 });
    const brush = canvas.getContext("2d");
    const paint = setInterval(() => {
        brush.fillStyle = `hsl(${(performance.now() / 5) % 360} 80% 50%)`;
        brush.fillRect(0, 0, 320, 180);
    }, 40);
    const recorder = new MediaRecorder(canvas.captureStream(25), { mimeType: "video/webm;codecs=vp8" });
    const parts = [];
    recorder.ondataavailable = ({ data }) => parts.push(data);
    const ended = new Promise((done) => { recorder.onstop = done; });
    recorder.start();
    setTimeout(() => recorder.stop(), 2000);
    await ended;
    clearInterval(paint);
    const bytes = new Uint8Array(await new Blob(parts).arrayBuffer());
    return btoa([...bytes].map((one) => String.fromCharCode(one)).join(""));
}"""


def answers_to(page: Page) -> list[Response]:
    """What the page is answered from now on."""
    seen: list[Response] = []
    page.on("response", lambda one: seen.append(one))
    return seen


@whole
def test_a_film_plays_and_is_wound_where_the_browser_can_and_is_downloaded_everywhere(
    site: Site, sign_in: Open, case: int, shot: Any
) -> None:
    member = opened(sign_in(MEMBER, f"/messages/{case}/"))
    film = base64.b64decode(member.evaluate(FILM))
    member.set_input_files("#picker", [file("面试.webm", film, "video/webm")])
    member.set_input_files("#picker", [file("坏的.mp4", files.mp4(b"isom", b"vide", b"soun"), "video/mp4")])
    expect(member.locator(".mine a.file")).to_have_count(2)
    for phone in (False, True):
        advisor = sign_in(ADVISOR, "/messages/1001/", phone=phone)
        seen = answers_to(advisor)
        advisor.goto(f"/messages/{case}/")
        opened(advisor)
        player = advisor.locator("video.player")
        expect(player).to_have_count(1)  # the other one cannot be played
        expect(player).to_have_attribute("preload", "metadata")
        until(advisor, "document.querySelector('video.player').videoWidth === 320")
        parts = [one for one in seen if "/api/files/" in one.url]
        assert parts
        for part in parts:
            assert part.request.headers["range"].startswith("bytes=")
            assert part.status in (206, 416)
        player.evaluate("film => { film.muted = true; return film.play(); }")
        until(advisor, "document.querySelector('video.player').currentTime > 0.3")
        wound = (
            "film => new Promise((done) => {"
            " film.pause(); film.onseeked = () => done(film.currentTime); film.currentTime = 0.1; })"
        )
        assert 0 <= player.evaluate(wound) < 0.3
        with advisor.expect_download() as download:
            advisor.get_by_text("面试.webm").click()
        assert Path(download.value.path()).read_bytes() == film
        broken = advisor.locator(".theirs", has_text="坏的.mp4")
        expect(broken.locator(".file-state")).to_have_text("无法在这里播放，请点文件名下载。")
        expect(broken.locator("a.file")).to_be_visible()
        shot(advisor, f"files-film{'-phone' if phone else ''}")
    plain = sign_in(MEMBER, f"/messages/{case}/", java_script_enabled=False)
    expect(plain.locator("video.player")).to_have_count(2)


@whole
def test_the_microphone_is_off_when_the_case_is_gone(
    site: Site, sign_in: Open, case: int, page_errors: PageErrors
) -> None:
    page_errors.allow("status of 404")
    advisor = opened(sign_in(ADVISOR, f"/messages/{case}/", permissions=["microphone"]))
    advisor.evaluate("""() => {
        const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
        navigator.mediaDevices.getUserMedia = async (what) => (window.heard = await ask(what));
    }""")
    advisor.click("#record")
    expect(advisor.locator("#recorder .counter")).to_be_visible()
    other = "Advisor.objects.get(user__email='advisor2@example.com')"
    site.shell(f"assign_advisor(Case.objects.get(number={case}), {other}, by=None)")
    expect(advisor.get_by_text("您已不能查看这个案件。")).to_be_visible()
    until(advisor, "window.heard.getTracks().every((track) => track.readyState === 'ended')")


@whole
def test_a_refused_microphone_is_explained(sign_in: Open, case: int) -> None:
    member = opened(sign_in(MEMBER, f"/messages/{case}/"))
    refuse = """window.asked = 0;
        navigator.mediaDevices.getUserMedia = () => {
            window.asked += 1;
            return Promise.reject(new DOMException('', 'NotAllowedError'));
        };"""
    member.evaluate(f"() => {{ {refuse} }}")
    # Two taps, as when the recorder is slow to come: it is fetched when it is wanted first.
    member.locator("#record").evaluate("button => { button.click(); button.click(); }")
    expect(member.locator("#attach-note")).to_contain_text("没有使用麦克风的权限")
    assert member.evaluate("window.asked") == 1
    expect(member.locator("#recorder")).to_be_hidden()


def test_a_file_that_waits_for_the_scanner_turns_ready_by_itself(
    site: Site, sign_in: Open, case: int, shot: Any
) -> None:
    member = opened(sign_in(MEMBER, f"/messages/{case}/"))
    member.set_input_files("#picker", [file("护照.jpg", PHOTO, "image/jpeg"), file("坏.pdf", files.PDF, "a/b")])
    expect(member.locator(".mine a.file")).to_have_count(2)
    mine = f"Attachment.objects.filter(message__case__number={case})"
    waiting = f"from cases.models import Attachment\n{mine}.update(state='waiting', scan_due_at=timezone.now())"
    site.shell(waiting)
    advisor = opened(sign_in(ADVISOR, f"/messages/{case}/"))
    expect(advisor.get_by_text("正在安全检查…")).to_have_count(2)
    assert advisor.locator("a.file").count() == 0
    shot(advisor, "files-waiting")
    with Clamd(
        lambda wire, seen: wire.sendall(b"stream: Bad FOUND\0" if b"%PDF" in seen else b"stream: OK\0")
    ) as scanner:
        site.shell(
            "from django.conf import settings\nfrom jiayi.clamd import Address\n"
            "from cases.files.scanning import scan_due\n"
            f"settings.CLAMD_URL = Address('127.0.0.1', {scanner.address.port})\nscan_due()\nsettings.CLAMD_URL = None"
        )
    expect(advisor.locator("a.file[data-kind=image] img")).to_be_visible()
    expect(advisor.get_by_text("文件未通过安全检查")).to_be_visible()
    shot(advisor, "files-infected")
    advisor.emulate_media(color_scheme="dark")
    shot(advisor, "files-dark")


@whole
def test_on_a_phone_there_is_a_camera_and_everything_fits(sign_in: Open, case: int, shot: Any) -> None:
    member = opened(sign_in(MEMBER, f"/messages/{case}/", phone=True))
    camera = member.locator("#camera")
    expect(camera).to_be_visible()
    assert member.locator("#camera-picker").get_attribute("capture") == "environment"
    with member.expect_file_chooser() as chooser:
        camera.tap()
    chooser.value.set_files([file("IMG_0001.jpg", PHOTO, "image/jpeg")])
    expect(member.locator(".mine a.file")).to_have_count(1)
    member.set_input_files("#picker", [file("很长的名字" * 20 + ".pdf", files.PDF, "application/pdf")])
    expect(member.locator(".mine a.file")).to_have_count(2)
    shot(member, "files-phone")
    member.locator("a.file[data-kind=image]").tap()
    shot(member, "files-phone-viewer")
    member.locator("dialog.viewer").get_by_role("button", name="关闭").tap()
    member.set_viewport_size({"width": 320, "height": 640})
    assert member.evaluate("document.documentElement.scrollWidth") == 320
    for button in member.locator(".tools .tool:visible").all():
        box = button.bounding_box()
        assert box is not None
        assert box["height"] >= 44
    member.emulate_media(color_scheme="dark")
    shot(member, "files-320-dark")


def test_a_file_goes_without_javascript(
    site: Site, sign_in: Open, case: int, page_errors: PageErrors, shot: Any
) -> None:
    page_errors.allow("400 (Bad Request)")
    member = sign_in(MEMBER, f"/messages/{case}/", java_script_enabled=False)
    member.set_input_files("#file", [file("护照.jpg", PHOTO, "image/jpeg")])
    member.fill("#compose textarea", "见附件")
    member.click("#compose button.send")
    expect(member.locator(".mine a.file")).to_have_count(1)
    expect(member.locator("#messages").get_by_text("见附件")).to_be_visible()
    shot(member, "files-no-javascript")
    member.set_input_files("#file", [file("a.exe", b"MZ", "a/b")])
    member.click("#compose button.send")
    expect(member.get_by_text("只能发送照片、PDF、Office 文档、录音和视频。")).to_be_visible()
    assert sent_files(site, case) == ["护照.jpg"]


# Puts what shell() is given into a case, past every check: as if a hostile file had got through all of them.
STORE = """
import json
from io import BytesIO
from unittest.mock import patch
from django.db import transaction
from cases.files.actions import post_file
from cases.files.uploads import TYPES, Upload
from cases.files.scanning import Verdict
from tests.support.files import HOSTILE
case = Case.objects.get(number={number})
types = sorted({{(one.content_type, one.kind if one.kind != "image" else "file") for one in TYPES}})
urls = []
# All in one transaction and without waiting for the disk: this is not about either.
with patch("cases.files.actions._to_disk"), transaction.atomic():
    for at, (name, content) in enumerate(HOSTILE.items()):
        for step in range(6):
            content_type, kind = types[(at * 5 + step * 4) % len(types)]
            said = (f"{{name}}.html", len(content), content_type, kind, f"{{at}}-{{step}}", Verdict("ready"))
            upload = Upload(BytesIO(content), *said)
            message, _created = post_file(case, case.member.user, upload, client_id=uuid4().hex)
            urls.append(f"/api/files/{{message.attachment.key}}/")
print(json.dumps(urls))
"""
OPEN_EACH = """async (urls) => {
    const wait = (tag, attributes) => new Promise((done) => {
        const element = document.createElement(tag);
        for (const event of ["load", "error"]) element.addEventListener(event, done);
        for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
        document.body.append(element);
        setTimeout(done, 300); // a frame that became a download tells nothing
    });
    const batch = (at) => urls.slice(at, at + 50);
    for (let at = 0; at < urls.length; at += 50) {
        await Promise.all(batch(at).flatMap((url) => [
            wait("iframe", { src: url }), wait("script", { src: url }),
            wait("link", { href: url, rel: "stylesheet" })]));
    }
    await Promise.all(urls.filter((_url, at) => at % 6 === 0).flatMap((url) => [
        wait("embed", { src: url }), wait("img", { src: url }), wait("script", { src: url, type: "module" })]));
    for (const url of urls) try { new Worker(url); } catch { /* refused at once */ }
    const rules = (sheet) => { try { return sheet.cssRules.length; } catch { return 0; } };
    const theirs = [...document.styleSheets].filter((one) => one.href.includes("/api/files/"));
    return theirs.reduce((sum, one) => sum + rules(one), 0);
}"""


@whole
def test_no_hostile_file_runs_however_a_browser_opens_it(
    site: Site, sign_in: Open, case: int, page_errors: PageErrors
) -> None:
    page_errors.allow("")  # browsers complain of each
    urls: list[str] = json.loads(site.shell(STORE.format(number=case)))
    assert len(urls) >= 150
    page = opened(sign_in(ADVISOR, "/messages/1001/"))
    dialogs: list[str] = []
    asked: list[str] = []

    def dismiss(dialog: Dialog) -> None:
        dialogs.append(dialog.message)
        dialog.dismiss()

    page.on("dialog", dismiss)
    page.context.on("request", lambda request: asked.append(request.url))
    assert page.evaluate(OPEN_EACH, urls) == 0
    for url in urls[::30]:
        with pytest.raises(Error, match="Download is starting"):
            page.goto(url)
    assert page.evaluate("[document.title === 'ran', window.canary ?? null]") == [False, None]
    assert not dialogs
    assert not [one for one in asked if "canary" in one]
    assert {url for url in urls if any(one.endswith(url) for one in asked)} == set(urls)
