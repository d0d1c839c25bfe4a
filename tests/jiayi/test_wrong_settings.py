"""Wrong settings are named in one line by whatever starts, or by check --deploy; no secret and no traceback."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from pytest_django import Settings

from jiayi.database_url import make_folder, parse_database_url
from tests.support.processes import ROOT, free_port
from tests.support.size import part, sized, some

PRODUCTION = {"SECRET_KEY": "only-for-these-tests-" * 3, "SITE_URL": "https://jiayi.example"}
MANAGE = (sys.executable, "manage.py")
GUNICORN = (sys.executable, "-m", "gunicorn", "-c", "gunicorn.conf.py", "jiayi.asgi:application")
STOPS = {
    "REDIS_URL": ["localhost", "localhost:6379", "http://geheim@localhost", "redis://:geheim@"],
    "FILES_ACCEL_PREFIX": ["stored", "/stored", "stored/", "/", "/a b/", "//"],
    "DATABASE_URL": [
        "garbage",
        "postgres://jiayi:geheim@db:port/jiayi",
        "postgres://jiayi:ge/heim@db/jiayi",
        "mysql://jiayi:geheim@db/jiayi",
        "oracle://jiayi:geheim@db/jiayi",
        "postgis://jiayi:geheim@db/jiayi",
        "postgres://jiayi:geheim@db",
    ],
    "LOG_LEVEL": ["verbose", "info", "10"],
    "TIME_ZONE": ["Toronto", "../etc/passwd"],
    "EMAIL_URL": ["mail.example", "smtp://jiayi:geheim@mail.example:port", "smtp://", "ftp://jiayi:geheim@mail"],
    "SITE_URL": ["jiayi.example", "https://[", "https://jiayi.example:port", "https://jiayi.example/path"],
    "PORT": ["many", "0", "65536"],
    "WEB_CONCURRENCY": ["many", "-1"],
}


def run(*command: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run a program with nothing in its environment but this."""
    clean = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "JIAYI_ENV_FILE": os.devnull, **PRODUCTION, **env}
    return subprocess.run(command, env=clean, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


# In the small size of each setting some of the values.
STOPPING = [(name, value) for at, name in enumerate(STOPS) for value in part(STOPS[name], 4, at)]


@sized
@pytest.mark.parametrize(("name", "value"), STOPPING)
def test_a_wrong_setting_stops_the_start_with_one_line_that_names_it(name: str, value: str) -> None:
    ended = run(*MANAGE, "check", **{name: value})
    (line,) = ended.stderr.splitlines()
    assert line.startswith(f"jiayi: {name} ")
    assert ended.returncode == 1
    assert "geheim" not in ended.stdout + ended.stderr


COMMANDS = [(*MANAGE, "deliver"), (*MANAGE, "migrate"), GUNICORN]
ASKED = ["DATABASE_URL", "REDIS_URL", "LOG_LEVEL", "WEB_CONCURRENCY"]


@sized
@pytest.mark.parametrize(
    ("command", "name"),
    [(command, name) for at, command in enumerate(COMMANDS) for name in part(ASKED, 4, at)],
    ids=str,
)
def test_worker_commands_and_web_server_say_it_in_one_line_too(
    command: tuple[str, ...], name: str, tmp_path: Path
) -> None:
    said = {"PORT": str(free_port()), "WEB_CONCURRENCY": "2", name: "geheim"}
    file = tmp_path / ".env"
    file.write_text("".join(f"{name}={value}\n" for name, value in said.items()))
    ended = run(*command, JIAYI_ENV_FILE=str(file))
    (line,) = (line for line in (ended.stdout + ended.stderr).splitlines() if "[INFO]" not in line)
    assert line.startswith(f"jiayi: {name} ")
    assert ended.returncode == 1


def test_a_settings_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_bytes("SITE_URL=https://佳忆.example".encode("gbk"))
    for command in ((*MANAGE, "check"), GUNICORN):
        (line,) = run(*command, JIAYI_ENV_FILE=str(file)).stderr.splitlines()
        assert ".env cannot be read" in line


EXAMPLES = [
    {
        "DATABASE_URL": "postgresql://jiayi:ge%2Fheim@[::1]:5432/jiayi?sslmode=require",
        "REDIS_URL": "unix:///run/redis.sock?db=0",
        "FILES_ACCEL_PREFIX": "/stored/",
    },
    {"DATABASE_URL": "postgres:///jiayi", "REDIS_URL": "redis://:geheim@localhost:6379/0"},
    {"DATABASE_URL": "sqlite://:memory:", "EMAIL_URL": "smtps://jiayi:ge%40heim@mail.example:465"},
]


@sized
@pytest.mark.parametrize("right", some(EXAMPLES, 3), ids=str)
def test_what_the_readme_gives_as_examples_is_taken(right: dict[str, str]) -> None:
    ended = run(*MANAGE, "check", **right)
    assert ended.returncode == 0, ended.stderr


def test_both_kinds_of_database_keep_what_they_need() -> None:
    postgres = parse_database_url("postgres://jiayi@db/jiayi")
    assert (postgres["CONN_MAX_AGE"], postgres["OPTIONS"]["connect_timeout"]) == (60, 3)
    assert parse_database_url("postgres://jiayi@db/jiayi?connect_timeout=9")["OPTIONS"]["connect_timeout"] == 9
    assert parse_database_url("sqlite:////tmp/x")["OPTIONS"]["transaction_mode"] == "IMMEDIATE"


# check --deploy -------------------------------------------------------------------------------------------


HURTING = [
    (
        {"ALLOWED_HOSTS": "www.jiayi.example", "DATABASE_URL": "postgres://jiayi:geheim@127.0.0.1:9/jiayi"},
        ["jiayi.E005", "jiayi.E006"],
    ),
    (
        {"MEDIA_ROOT": "/proc", "DATABASE_URL": "sqlite:////proc/jiayi.sqlite3"},  # not even by root
        ["MEDIA_ROOT, /proc, cannot be written", "jiayi.E006"],
    ),
    (
        {"UPLOAD_TYPES": "pdf,zip,exe", "MEDIA_ROOT": "/nowhere/files"},
        ["unknown kinds: zip, exe", "MEDIA_ROOT, /nowhere/files, cannot be written: No such file"],
    ),
]


@sized
@pytest.mark.parametrize(("env", "told"), some(HURTING, 2), ids=str)
def test_check_deploy_names_what_nobody_would_notice_before_it_hurts(env: dict[str, str], told: list[str]) -> None:
    ended = run(*MANAGE, "check", "--deploy", **env)
    assert ended.returncode == 1
    assert [one for one in told if one not in ended.stderr] == []
    assert ended.stderr.count(": (jiayi.E") + ended.stderr.count(": (cases.E") == len(told)
    assert "Traceback" not in ended.stderr
    assert "geheim" not in ended.stdout + ended.stderr


HOSTS = ["", "jiayi.example", "JIAYI.example,other.example", "www.jiayi.example,jiayi.example", ".example"]


@sized
@pytest.mark.parametrize("hosts", some(HOSTS, 4))
def test_hosts_that_hold_the_sites_own_are_in_order(hosts: str) -> None:
    assert run(*MANAGE, "check", "--deploy", ALLOWED_HOSTS=hosts).returncode == 0


def test_an_address_in_brackets_holds_itself() -> None:
    assert (
        run(*MANAGE, "check", "--deploy", SITE_URL="https://[2001:db8::1]", ALLOWED_HOSTS="[2001:db8::1]").returncode
        == 0
    )


@pytest.mark.django_db
@pytest.mark.parametrize("unwritable", ["var", "spool"])
def test_a_folder_for_what_is_put_aside_that_cannot_be_written_is_named(
    settings: Settings, tmp_path: Path, unwritable: str
) -> None:
    settings.SITE_URL, settings.ALLOWED_HOSTS = "https://jiayi.example", ["jiayi.example"]
    settings.VAR_DIR = Path("/proc/nowhere/var") if unwritable == "var" else tmp_path
    if unwritable == "spool":
        (tmp_path / "spool").symlink_to("/proc")  # where not even root makes a file
    with pytest.raises(SystemCheckError, match="jiayi.E007.* cannot be written"):
        call_command("check", deploy=True)


def test_a_folder_for_the_sqlite_file_that_cannot_be_made_stops_the_start() -> None:
    with pytest.raises(ImproperlyConfigured, match="/proc/var cannot be made"):
        make_folder(Path("/proc/var"))
