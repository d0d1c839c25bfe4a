"""No secret and nothing of a client in the logs: what a real server writes, and what libraries write."""

import logging
import os
from io import BytesIO

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from jiayi.redact import mask
from members.reminders import switch_off_url
from tests.support import files
from tests.support.people import World, signed_in
from tests.support.processes import run
from tests.support.server import Server

RESET = "/accounts/password/reset/key/2n9c-d4kvq2-canary5reset5key5a1b2c3d4e5f/"


@pytest.mark.once
@pytest.mark.django_db(transaction=True)
def test_a_real_server_writes_no_secret_path_and_no_address(world: World) -> None:
    token = switch_off_url(world.wang).split("/")[-2]
    server = Server(ACCESS_LOG="-")
    try:
        paths = [RESET, f"{RESET}x", f"/profile/reminders-off/{token}/", f"/profile/reminders-off/{token}/x"]
        for path in [*paths, "/nothing/someone@example.com"]:
            assert server.request("GET", path)[0] in {200, 301, 302, 404}, path
            assert server.request("POST", path)[0] < 500, path
        sent = server.request(
            "POST", "/accounts/password/reset/", "email=wang%40example.com", "application/x-www-form-urlencoded"
        )
        assert sent[0] == 302
        said = server.said()
    finally:
        server.close()
    assert "/accounts/password/reset/key/***" in said, "it writes what it was asked"
    assert "/profile/reminders-off/***" in said
    for canary in ("canary5reset5key", token, "someone@example.com", "wang@example.com"):
        assert canary not in said


@pytest.mark.django_db
def test_what_stands_in_a_picture_is_in_no_line_of_its_library(
    world: World, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    picture = files.png_with(b"tEXt", b"Comment\0canary-of-a-picture")
    answer = signed_in(world.wang).post(
        f"/api/cases/{world.case.number}/messages/",
        {"file": SimpleUploadedFile("护照.png", BytesIO(picture).read()), "client_id": "c1"},
    )
    assert answer.status_code == 201
    out, err = capfd.readouterr()
    assert "PIL" not in {record.name.split(".")[0] for record in caplog.records}
    assert "canary-of-a-picture" not in caplog.text + out + err


@pytest.mark.parametrize(
    ("line", "masked"),
    [
        ("Not Found: /accounts/password/reset/key/1-abc/", "Not Found: /accounts/password/reset/key/***/"),
        ("https://jiayi.co/profile/reminders-off/7:xyz/ asked", "https://jiayi.co/profile/reminders-off/***/ asked"),
        ("{'wang@example.com': (550, b'unknown')}", "{'***@***': (550, b'unknown')}"),
        ("to <王@例子.公司>, later", "to <***@***>, later"),
        ("asgi@1.2 took 3 ms; user@host; a@b", "asgi@1.2 took 3 ms; user@host; a@b"),
    ],
)
def test_a_line_loses_its_secrets_and_nothing_else(line: str, masked: str) -> None:
    assert mask(line) == masked


def test_the_names_of_the_paths_are_those_of_the_site() -> None:
    for name, args in (
        ("reminders-off", ["secret-token"]),
        ("api-file", ["7d2f8c1e-3a44-4f7e-9a51-0123456789ab"]),
        ("account_reset_password_from_key", ["uid", "secret-key"]),
    ):
        path = reverse(name, args=args)
        assert "***" in mask(path), path
        assert str(args[-1]) not in mask(path), path


@pytest.mark.parametrize("debug", ["true", "false"])
def test_a_path_that_is_a_secret_is_masked_by_whatever_writes_the_line(debug: str) -> None:
    """With DEBUG on, Django's own handler wrote each line a second time, as it came."""
    script = "import django, logging; django.setup()\n"
    script += f"logging.getLogger('django.request').warning('Not Found: %s', {RESET!r})"
    env = {
        "PATH": os.environ["PATH"],
        "DJANGO_SETTINGS_MODULE": "jiayi.settings",
        "JIAYI_ENV_FILE": os.devnull,
        "DEBUG": debug,
        "SECRET_KEY": "only-for-this-test",
        "SITE_URL": "http://testserver",
    }
    done = run("-c", script, env=env)
    assert done.returncode == 0, done.stderr
    assert (done.stdout + done.stderr).count("/accounts/password/reset/key/") == 1
    assert "canary5reset5key" not in done.stdout + done.stderr
