"""`make run`: all of Jiayi on 127.0.0.1, with demo accounts and the WeCom sandbox, until Ctrl-C.

A variable that the process environment or `.env` sets wins over its demo value here. One that stands empty in `.env`
counts as not filled in; one that is empty in the environment is kept empty, so a demo value can be switched off.
"""

import base64
import contextlib
import http.client
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path

from dotenv import dotenv_values  # the same reader as the settings': what it sees here they see there

from scripts.processes import ROOT, die_with, start, stop, tail

VAR = ROOT / "var"
LOGS = VAR / "log"
PYTHON = sys.executable
START_TIMEOUT = 60  # seconds until the first page must answer
STOP_TIMEOUT = 7  # seconds that the programs get to end; gunicorn needs up to 4
RESTART_DELAYS = (1, 2, 5, 10, 30)  # seconds before a worker that ended is started again
STEADY = 60  # seconds after which a worker counts as running, and its next restart is quick again


class Stopped(Exception):
    """Somebody asked us to end."""


class Failed(Exception):
    """We cannot go on; the text says why."""


class _Signals:
    """Notes the request to end: Ctrl-C, SIGTERM, or the terminal that goes away."""

    asked = False

    def __init__(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._handle)

    def _handle(self, _number: int, _frame: object) -> None:
        self.asked = True

    def pause(self, seconds: float) -> None:
        """Sleep; raise Stopped as soon as somebody asked us to end."""
        end = time.monotonic() + seconds
        while True:
            if self.asked:
                raise Stopped
            left = end - time.monotonic()
            if left <= 0:
                return
            time.sleep(min(0.1, left))


def _private_file(path: Path, make: Callable[[], str]) -> str:
    """Give the text of a file that only we can read; make it the first time."""
    with contextlib.suppress(FileNotFoundError):
        if text := path.read_text(encoding="utf-8").strip():
            return text
    path.parent.mkdir(parents=True, exist_ok=True)
    text = make()
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        os.fchmod(file.fileno(), 0o600)
        file.write(text + "\n")
    return text


def _aes_key() -> str:
    """Give a new EncodingAESKey: 32 bytes in base64 without its padding, of letters and digits only (DOC 90968)."""
    while True:
        key = base64.b64encode(secrets.token_bytes(32)).decode().rstrip("=")
        if key.isalnum():
            return key


def _demo_secrets() -> str:
    return json.dumps(
        {"webhook_key": str(uuid.uuid4()), "callback_token": secrets.token_hex(12), "encoding_aes_key": _aes_key()}
    )


def demo_values(port: int) -> dict[str, str]:
    """Give what a trial run needs and nobody has set: names and values, with secrets kept in var/."""
    site = f"http://127.0.0.1:{port}"
    demo = json.loads(_private_file(VAR / "demo.json", _demo_secrets))
    return {
        "DEBUG": "true",
        "SECRET_KEY": _private_file(VAR / "secret_key", lambda: secrets.token_urlsafe(50)),
        "SITE_URL": site,
        "EMAIL_URL": "console://",
        "WECOM_SANDBOX": "true",
        "WECHAT_WEBHOOK_URL": f"{site}/sandbox/cgi-bin/webhook/send?key={demo['webhook_key']}",
        "WECHAT_CORP_ID": "wwdemo0000000000",
        "WECHAT_CALLBACK_TOKEN": demo["callback_token"],
        "WECHAT_ENCODING_AES_KEY": demo["encoding_aes_key"],
        "WECHAT_AGENT_ID": "1000002",
        "WECHAT_APP_SECRET": f"demo-{demo['callback_token']}",
        "WECHAT_APP_NAME": "佳忆顾问",
        "WECHAT_API_BASE_URL": f"{site}/sandbox",
    }


def _is_true(value: str) -> bool:
    return value.strip().lower() in {"true", "1", "yes"}  # as in jiayi/env.py


def environment() -> dict[str, str]:
    """Give the environment of the programs: ours, then `.env`, then the demo values. Raises Failed when it is unfit."""
    path = Path(os.environ.get("JIAYI_ENV_FILE", ROOT / ".env"))
    filled = {name: value for name, value in dotenv_values(path).items() if value and value.strip()}
    env = {**filled, **os.environ}
    port = env["PORT"] = env.get("PORT", "").strip() or "8000"
    if not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise Failed(f"PORT must be a number from 1 to 65535, not {port[:20]!r}.")
    for name, value in demo_values(int(port)).items():
        # NAME_FILE points at a file with the secret (jiayi/env.py).
        if f"{name}_FILE" not in env:
            env.setdefault(name, value)
    if not _is_true(env.get("DEBUG", "")):
        raise Failed(
            "make run 会建立密码公开的演示账号，DEBUG=false 时不运行。正式部署见 docs/production.md。\n"
            "make run makes demo accounts whose password everybody knows, so it refuses DEBUG=false.\n"
            "For production see docs/production.md; to try things out, set DEBUG=true (and an empty SITE_URL) in .env."
        )
    return env | {"PYTHONUNBUFFERED": "1"}


def check_port(port: int) -> None:
    """Raise Failed when another program has the port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise Failed(
                f"端口 {port} 不可用。换一个：make run PORT={port + 1}\n"
                f"Port {port} cannot be used ({error.strerror}). Take another: make run PORT={port + 1}"
            ) from None


class Site:
    """The programs of one run: web and delivery worker."""

    def __init__(self, env: dict[str, str], signals: _Signals) -> None:
        self.env = env
        self.port = int(env["PORT"])
        self.signals = signals
        self.children: list[subprocess.Popen[bytes]] = []

    def log(self, name: str) -> Path:
        """Give the file that the program `name` writes to."""
        return LOGS / f"{name}.log"

    def start(self, name: str, *command: str) -> subprocess.Popen[bytes]:
        """Start a program that ends with us."""
        child = start([PYTHON, *command], self.env, self.log(name))
        self.children.append(child)
        return child

    def prepare(self) -> None:
        """Bring the database up to date, with the demo accounts in it. Data that is there stays."""
        for command in ("migrate", "createcachetable", "seed_demo"):
            child = self.start("setup", "manage.py", command)
            while child.poll() is None:
                self.signals.pause(0.05)
            if child.returncode:
                raise Failed(f"manage.py {command} failed:\n{tail(self.log('setup'))}")

    def start_web(self) -> subprocess.Popen[bytes]:
        """Start the web server and wait until it answers. Raises Failed when it ends or does not answer."""
        web = self.start("web", "-m", "gunicorn", "-c", "gunicorn.conf.py", "jiayi.asgi:application")
        deadline = time.monotonic() + START_TIMEOUT
        while not self.answers():
            if web.poll() is not None or time.monotonic() > deadline:
                raise Failed(f"The web server did not start:\n{tail(self.log('web'))}")
            self.signals.pause(0.1)
        return web

    def answers(self) -> bool:
        """Tell whether the site and its database answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/healthz", headers={"Connection": "close"})
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def watch(self, web: subprocess.Popen[bytes]) -> None:
        """Keep the delivery worker running until somebody asks us to end. Raises Failed when the web server ends."""
        attempt = 0
        while True:
            worker, began = self.start("worker", "manage.py", "deliver"), time.monotonic()
            while worker.poll() is None:
                if web.poll() is not None:
                    raise Failed(f"The web server ended (exit code {web.returncode}):\n{tail(self.log('web'))}")
                self.signals.pause(0.5)
            attempt = 0 if time.monotonic() - began > STEADY else attempt
            delay = RESTART_DELAYS[min(attempt, len(RESTART_DELAYS) - 1)]
            attempt += 1
            say(f"The delivery worker ended (exit code {worker.returncode}); it is started again in {delay} s:")
            say(tail(self.log("worker"), 5))
            self.children.remove(worker)
            self.signals.pause(delay)


BANNER = """
佳忆 Jiayi  {site}/    （Ctrl-C 停止 / stops everything）

  演示账号，密码都是 jiayi-demo-2026            Demo accounts, one password for all
    会员 member   member@example.com
    顾问 advisor  advisor@example.com         （李明 LiMing）
    管理 admin    admin@example.com           {site}/admin/
"""
TRY = """
  试一试：1. 以会员登录，在消息页写一句话。2. 打开 {site}/sandbox/ ，通知已在企业微信群里；
          以李明的身份在应用里回复。3. 会员的页面不用刷新，回复已经到了。
  Try:    1. Sign in as the member and write. 2. Open the sandbox: the group has been told; answer there as
          李明 in the app. 3. The answer stands on the member's page, without reloading.
"""
END = """
  日志和邮件 logs and e-mail: var/log/    数据 data: {data}
"""


def banner(env: dict[str, str]) -> str:
    """Give the one block that a newcomer reads."""
    data = "DATABASE_URL" if env.get("DATABASE_URL", "").strip() else "var/jiayi.sqlite3"
    # Where this run listens: SITE_URL may be the name that a proxy has.
    return (BANNER + (TRY if _is_true(env.get("WECOM_SANDBOX", "")) else "") + END).format(
        site=f"http://127.0.0.1:{env['PORT']}", data=data
    )


def say(text: str) -> None:
    """Write to the person who started us, who may have gone."""
    with contextlib.suppress(OSError):
        print(text, flush=True)


def _fresh_logs() -> None:
    """Keep the logs of this run and of the last one."""
    LOGS.mkdir(parents=True, exist_ok=True)
    for log in LOGS.glob("*.log"):
        log.replace(log.with_suffix(".log.1"))


def main() -> int:
    """Run until somebody asks us to end (0) or something fails (1)."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal without Chinese is no reason to stop
    os.umask(0o077)  # data, logs and the e-mails in them are for whoever runs this, and nobody else
    signals = _Signals()
    if os.environ.get("MAKELEVEL"):
        die_with(os.getppid())
    site: Site | None = None
    try:
        env = environment()
        check_port(int(env["PORT"]))
        _fresh_logs()
        site = Site(env, signals)
        say("准备数据库… Preparing the database…")
        site.prepare()
        web = site.start_web()
        say(banner(env))
        site.watch(web)
    except Stopped:
        say("正在停止… Stopping…")
        return 0
    except Failed as failure:
        print(f"\n{failure}", file=sys.stderr, flush=True)
        return 1
    finally:
        if site is not None:
            stop(site.children, STOP_TIMEOUT)
    return 0


if __name__ == "__main__":
    sys.exit(main())
