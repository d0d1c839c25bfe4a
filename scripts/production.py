"""`make production`: docs/production.md, followed in a temporary folder, then docs/wecom-setup.md with its values.

PostgreSQL, gunicorn and the worker as the units say, Debian's nginx with docs/deploy/nginx.conf, and servers of the
tests in WeCom's place. Then the URL check passes, a member's message reaches the group, and the advisor's answer the
member. Left out is what belongs to the machine alone: packages, users, systemd. Everything ends, and is removed,
with this script; when a step fails, what it and the programs said is printed.
"""

import re
import secrets
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

from scripts.guide import Failed, commands, fill_in
from scripts.machine import HOST, PASSWORD, SBIN, Database, Machine, until
from scripts.processes import install, tail
from scripts.test import postgres_url
from scripts.visitors import CALLBACK, Colleague
from tests.support.app import App
from tests.support.robot import Robot

NEEDED = {"nginx": "nginx", "openssl": "openssl", "curl": "curl", "createdb": "postgresql-client"}
PEOPLE = """
from advisors.actions import *
from cases.actions import open_case
from members.actions import register_member
from members.models import User
member = register_member(email="member@example.com", name="王小明", password="{password}")
advisor = apply_as_advisor(email="advisor@example.com", name="李明", password="{password}", licence_number="R500001")
approve_advisor(advisor, by=User.objects.get(is_superuser=True))
bind_wecom_account(advisor, "LiMing")
advisor.refresh_from_db()
print("case", open_case(member, "学签续签", advisor=advisor).number)
"""


def missing_programs() -> list[str]:
    """Return which of the programs we need are not here."""
    return [name for name in NEEDED if not shutil.which(name, path=f"/usr/local/bin:/usr/bin:/bin:{SBIN}")]


def first_time(machine: Machine) -> None:
    """“First time”, line by line, and nginx, as the text below it says."""
    for command in commands("docs/production.md", "## First time"):
        machine.do(command)
        if command.endswith(" .env"):
            fill_in(
                machine.env_file,
                SECRET_KEY=secrets.token_urlsafe(50),
                SITE_URL=f"https://{HOST}",
                EMAIL_URL="smtp+tls://jiayi:secret@127.0.0.1:9",
                DATABASE_URL=machine.database.url(),
            )
    machine.start_nginx()


def people(machine: Machine) -> int:
    """A member with a case of an approved and bound advisor. Returns the number of the case."""
    said = machine.shell.run(f"manage shell -c '{PEOPLE.format(password=PASSWORD)}'")
    found = re.search("^case ([0-9]+)$", said, re.MULTILINE)
    if not found:
        raise Failed(f"there is no case: {said}")
    return int(found[1])


def connect(machine: Machine, robot: Robot, app: App) -> None:
    """“Connecting WeCom”: the values into .env, then the commands that the guide has after every change of it."""
    fill_in(
        machine.env_file,
        **CALLBACK,
        WECHAT_WEBHOOK_URL=robot.webhook_url("key-of-the-robot"),
        WECHAT_AGENT_ID="1000002",
        WECHAT_APP_SECRET="secret-of-the-app",  # noqa: S106
        WECHAT_API_BASE_URL=app.url,
    )
    told = machine.shell.run("manage check_wecom || true")
    if "systemctl reload jiayi-web" not in told or "systemctl restart jiayi-deliver" not in told:
        raise Failed(f"check_wecom does not tell that both programs run with the old settings:\n{told}")
    for command in commands("docs/wecom-setup.md", "# Connecting WeCom 接入企业微信"):
        machine.do(command)


def converse(machine: Machine, number: int, robot: Robot, app: App, colleague: Colleague) -> None:
    """A member writes, the advisor is told and answers in WeCom, the member reads it."""
    member = machine.visitor()
    member.sign_in("member@example.com", PASSWORD)
    member.write(number, "请问续签还要多久？")
    until("the group is told of the message", lambda: any(f"#{number}" in text for text in robot.texts))
    until("the advisor has the card", lambda: any(message["touser"] == "LiMing" for message in app.messages))
    receipt = colleague.says("LiMing", f"#{number} 大约两周。")
    if f"→ #{number} 王小明" not in receipt:
        raise Failed(f"the receipt does not say where the answer went: {receipt}")
    until("the member reads the answer", lambda: ("wecom", "大约两周。") in member.reads(number))


def story(machine: Machine) -> None:
    """All of it. Raises Failed at the first thing that is not as the guide says."""
    first_time(machine)
    number, colleague = people(machine), Colleague(machine.visitor())
    if colleague.checks_the_url():
        raise Failed("the URL check passes before the site knows the keys.")
    with Robot() as robot, App() as app:
        connect(machine, robot, app)
        until("WeCom's check of the URL passes", colleague.checks_the_url)
        converse(machine, number, robot, app, colleague)


def main() -> int:
    """Follow the guide; 0 when everything in it is true."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # tidy up, as after Ctrl-C
    began = time.monotonic()
    install([NEEDED[name] for name in missing_programs()])
    server, no_postgres = postgres_url()
    if absent := [*missing_programs(), *([no_postgres] if no_postgres else [])]:
        print(f"!!!!!!!! The production guide was NOT followed: missing are {', '.join(absent)}", flush=True)
        return 1
    folder = Path(tempfile.mkdtemp(prefix="jiayi-production-"))
    machine = Machine(folder, Database(server))
    try:
        story(machine)
    except Exception as failure:
        logs = "".join(f"\n{log.name}:\n{tail(log)}" for log in sorted(folder.glob("*.log")))
        print(f"{logs}\n!!!!!!!! production: {type(failure).__name__}: {failure}", file=sys.stderr, flush=True)
        return 1
    finally:
        machine.end()
        shutil.rmtree(folder)
    print(f"production: the guide is true ({time.monotonic() - began:.0f} s)", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
