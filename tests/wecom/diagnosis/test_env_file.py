"""A changed `.env` is taken up by what the guide says, and the check-up tells until somebody has done it."""

import http.client
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import urlencode

import pytest

from jiayi.health import WORKER
from jiayi.running import WEB, note_of
from scripts.units import FOLDER, read_unit
from tests.support.processes import ROOT, database_url, end, eventually, free_port, patched, run, start
from tests.support.size import size, sized, whole
from wecom.inbound import crypto
from wecom.inbound.crypto import Keys

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.once, sized]

TOKEN, OTHER_TOKEN = "firsttoken1234567890", "othertoken1234567890"
AES_KEY = "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C"
CALLBACK = {"WECHAT_CORP_ID": "wwtest0000000000", "WECHAT_CALLBACK_TOKEN": TOKEN, "WECHAT_ENCODING_AES_KEY": AES_KEY}
KEYS = Keys(TOKEN, AES_KEY, "wwtest0000000000")
PYTHON = f"{FOLDER}/.venv/bin/python"


class Production:
    """The programs of the two units on the tests' database, with an `.env` of their own."""

    def __init__(self, folder: Path) -> None:
        self.file, self.port = folder / ".env", free_port()
        self.unit = read_unit("jiayi-web")
        self.web: subprocess.Popen[bytes] | None = None
        self.fill(**dict.fromkeys(CALLBACK, ""))

    def fill(self, **values: str) -> None:
        """Write the file: what every site needs, and these."""
        site = {
            "SECRET_KEY": "only-for-these-tests-" * 3,
            "SITE_URL": "https://jiayi.example",
            "DATABASE_URL": database_url(),
            "WECHAT_API_BASE_URL": "http://127.0.0.1:9",
        }
        self.file.write_text("".join(f"{name}={value}\n" for name, value in {**site, **values}.items()))

    def environment(self, **more: str) -> dict[str, str]:
        kept = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "JIAYI_ENV_FILE": str(self.file)}
        processes = size({"WEB_CONCURRENCY": "1"}, {})  # as many as the unit says in full size
        return kept | self.unit.environment | processes | {"PORT": str(self.port)} | more

    def start(self, **more: str) -> None:
        log = self.file.with_name("web.log")
        self.web = start("-m", "gunicorn", *self.unit.start[1:], env=self.environment(**more), log=log)
        eventually(lambda: self.get("/healthz")[0] == 200, self.said)

    def reload(self) -> bool:
        """What `systemctl reload jiayi-web` does; whether it went well."""
        assert self.web
        for command in self.unit.reload:
            words = [word.replace(PYTHON, sys.executable).replace("$MAINPID", str(self.web.pid)) for word in command]
            if subprocess.run(words, cwd=ROOT, env=self.environment(), capture_output=True, check=False).returncode:
                return False
        return True

    def manage(self, *arguments: str) -> str:
        """What a command of manage.py says."""
        # The check-up gives programs six seconds to start again; here it is known which do.
        program = patched("wecom.management.commands.check_wecom.STARTING", 0.5)
        done = run(*program, *arguments, env=self.environment(DJANGO_SETTINGS_MODULE="jiayi.settings"))
        return done.stdout + done.stderr

    def get(self, path: str) -> tuple[int, bytes]:
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)) as connection:
            try:
                connection.request("GET", path, headers={"Host": "jiayi.example"})
                answer = connection.getresponse()
                return answer.status, answer.read()
            except (OSError, http.client.HTTPException):
                return 0, b""

    def passes_the_url_check(self, keys: Keys = KEYS) -> bool:
        """What WeCom does when somebody presses 保存: an encrypted echostr, whose content is the right answer."""
        sealed = crypto.encrypt(keys, b"7219857219", timestamp=str(int(time.time())), nonce="1")
        query = {"msg_signature": sealed.msg_signature, "timestamp": sealed.timestamp, "nonce": sealed.nonce}
        return self.get(f"/api/wechat/receive?{urlencode({**query, 'echostr': sealed.encrypt})}") == (
            200,
            b"7219857219",
        )

    def said(self) -> str:
        return self.file.with_name("web.log").read_text()

    def end(self) -> None:
        if self.web:
            end(self.web)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Production]:
    production = Production(tmp_path)
    monkeypatch.setenv("JIAYI_ENV_FILE", str(production.file))
    try:
        yield production
    finally:
        production.end()
        for program in (WEB, WORKER):
            note_of(program).unlink(missing_ok=True)


def test_what_is_filled_into_the_file_is_taken_up_by_a_reload_and_the_url_check_passes(site: Production) -> None:
    site.start()
    assert not site.passes_the_url_check()
    site.fill(**CALLBACK)
    assert "systemctl reload jiayi-web" in site.manage("check_wecom")
    assert site.reload()
    eventually(site.passes_the_url_check, site.said)
    said = site.manage("check_wecom")
    assert "systemctl reload jiayi-web" not in said
    assert "与 .env 一致" in said
    assert not [value for value in CALLBACK.values() if value in site.said()]


@whole
def test_what_is_taken_out_of_the_file_is_gone_after_a_reload(site: Production) -> None:
    site.fill(**CALLBACK)
    site.start()
    assert site.passes_the_url_check()
    site.fill(WECHAT_CORP_ID=CALLBACK["WECHAT_CORP_ID"], WECHAT_CALLBACK_TOKEN="", WECHAT_ENCODING_AES_KEY="")
    assert not site.reload(), "one of three values: manage.py check refuses"
    assert site.passes_the_url_check()
    site.fill()
    assert site.reload()
    eventually(lambda: not site.passes_the_url_check(), site.said)


@whole
def test_a_secret_in_a_file_of_its_own_is_read_anew_and_the_check_up_knows(site: Production, tmp_path: Path) -> None:
    secret = tmp_path / "token"
    secret.write_text(OTHER_TOKEN)
    values = {name: value for name, value in CALLBACK.items() if name != "WECHAT_CALLBACK_TOKEN"}
    site.fill(**values, WECHAT_CALLBACK_TOKEN_FILE=str(secret))
    site.start()
    assert site.passes_the_url_check(Keys(OTHER_TOKEN, AES_KEY, "wwtest0000000000"))
    secret.write_text(TOKEN)
    assert "systemctl reload jiayi-web" in site.manage("check_wecom")
    assert site.reload()
    eventually(site.passes_the_url_check, site.said)


@whole
def test_what_the_process_environment_says_wins_over_the_file_before_and_after_a_reload(site: Production) -> None:
    site.fill(**{**CALLBACK, "WECHAT_CALLBACK_TOKEN": OTHER_TOKEN})
    site.start(WECHAT_CALLBACK_TOKEN=TOKEN)
    assert site.passes_the_url_check()
    site.fill(**{**CALLBACK, "WECHAT_CALLBACK_TOKEN": OTHER_TOKEN}, WECHAT_APP_NAME="佳忆顾问")
    assert site.reload()
    eventually(lambda: "网站" not in site.manage("check_wecom").partition("运行中的设置")[2].partition("\n")[0])
    assert site.passes_the_url_check()


@whole
def test_a_wrong_setting_does_not_take_the_site_down_on_a_reload(site: Production) -> None:
    site.fill(**CALLBACK)
    site.start()
    site.fill(**CALLBACK, LOG_LEVEL="verbose")
    assert not site.reload()
    assert site.web
    site.web.send_signal(signal.SIGHUP)  # whoever does not use the unit
    eventually(lambda: "not reloaded" in site.said())
    assert "LOG_LEVEL" in site.said()
    assert "Traceback" not in site.said()
    assert site.passes_the_url_check()
    site.fill(**CALLBACK, LOG_LEVEL="ERROR")
    assert site.reload()
    eventually(lambda: "verbose" not in site.manage("check_wecom") and site.passes_the_url_check())


@whole
def test_the_check_up_tells_when_the_worker_was_started_with_other_settings(site: Production) -> None:
    site.fill(**CALLBACK)
    worker = start("manage.py", *read_unit("jiayi-deliver").start[2:], env=site.environment())
    try:
        eventually(lambda: note_of(WORKER).exists())
        assert "jiayi-deliver" not in site.manage("check_wecom").partition("运行中的设置")[2].partition("\n")[0]
        site.fill(**CALLBACK, WECHAT_WEBHOOK_URL="a-key-of-a-robot")
        said = site.manage("check_wecom")
        assert "systemctl restart jiayi-deliver" in said.partition("运行中的设置")[2]
        assert "a-key-of-a-robot" not in said
    finally:
        end(worker)
