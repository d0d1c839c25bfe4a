"""What every benchmark stands on: an empty database of its own, and servers started as production starts them.

Linux only: memory and threads are read from /proc.
"""

import http.client
import os
import resource
import secrets
import shutil
import string
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg2

from scripts.processes import ROOT, start, stop, tail

VAR = ROOT / "var"  # not /tmp, which may be memory: the figures must hold for a real disk
START_WITHIN = 30.0  # seconds
STOP_WITHIN = 8.0  # seconds; gunicorn needs up to 4
KEPT = {"PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR"}  # of the caller's environment; nothing else changes a figure


@contextmanager
def empty_database(server: str) -> Iterator[str]:
    """Give the URL of a new, empty database, which is gone afterwards.

    `server` is "" for a SQLite file in var/, or the URL of a PostgreSQL server on which databases may be created;
    the database that this URL names is only used to connect to, never changed.
    """
    if not server:
        VAR.mkdir(exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix="bench-", dir=VAR))
        try:
            yield f"sqlite:///{folder / 'bench.sqlite3'}"
        finally:
            shutil.rmtree(folder)
        return
    name = f"jiayi_bench_{os.getpid()}"
    _on_server(server, f'CREATE DATABASE "{name}"')
    try:
        yield server.rsplit("/", 1)[0] + f"/{name}"
    finally:
        _on_server(server, f'DROP DATABASE "{name}" WITH (FORCE)')


def _on_server(server: str, statement: str) -> None:
    connection = psycopg2.connect(server)
    try:
        connection.set_session(autocommit=True)
        with connection.cursor() as cursor:
            cursor.execute(statement)
    finally:
        connection.close()


def environment(database_url: str, **more: str) -> dict[str, str]:
    """Give the whole environment of a production-like run on this database, with keys made up for it."""
    letters = string.ascii_letters + string.digits
    return {name: value for name, value in os.environ.items() if name in KEPT} | {
        "JIAYI_ENV_FILE": "/nonexistent",
        "PYTHONPATH": str(ROOT),
        "PYTHONDONTWRITEBYTECODE": "1",
        "DEBUG": "false",
        "SECRET_KEY": secrets.token_urlsafe(50),
        "SITE_URL": "http://127.0.0.1",
        "DATABASE_URL": database_url,
        "POSTS_PER_MINUTE": "1000000",  # a benchmark's people write faster than people
        "SEARCHES_PER_MINUTE": "1000000",
        "WECHAT_CORP_ID": "wwbench000000000",
        "WECHAT_CALLBACK_TOKEN": secrets.token_hex(12),
        "WECHAT_ENCODING_AES_KEY": "".join(secrets.choice(letters) for _ in range(43)),
        "WECHAT_AGENT_ID": "1000002",
        **more,
    }


def set_up_django(env: dict[str, str], settings: str = "jiayi.settings") -> None:
    """Make this process a part of that run, and bring its database up to date."""
    os.environ.clear()
    os.environ.update(env, DJANGO_SETTINGS_MODULE=settings)
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)
    call_command("createcachetable", verbosity=0)


def allow_many_sockets() -> None:
    """Raise this process's limit of open files, which its children inherit, as far as it may."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


class Server:
    """One gunicorn with the product's own configuration and one worker process."""

    def __init__(self, env: dict[str, str], port: int, log: Path) -> None:
        self.port = port
        self.log = log
        self.env = {**env, "PORT": str(port), "WEB_CONCURRENCY": "1"}

    def _start(self, application: str, path: str) -> None:
        command = [sys.executable, "-m", "gunicorn", "-c", "gunicorn.conf.py", application]
        self.arbiter = start(command, self.env, self.log)
        deadline = time.monotonic() + START_WITHIN
        while not self._answers(path):
            if self.arbiter.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"{application} did not start on port {self.port}:\n{tail(self.log)}")
            time.sleep(0.1)

    def _answers(self, path: str) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", path)
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    @property
    def worker(self) -> int:
        """The process id of the worker, which does all the work."""
        arbiter = self.arbiter.pid
        return int(Path(f"/proc/{arbiter}/task/{arbiter}/children").read_text().split()[0])

    def status(self, name: str) -> int:
        """Give a number of the worker from /proc: `VmRSS` (KB of memory) or `Threads`."""
        for line in Path(f"/proc/{self.worker}/status").read_text().splitlines():
            if line.startswith(f"{name}:"):
                return int(line.split()[1])
        raise KeyError(name)

    def cpu(self) -> float:
        """Give the CPU seconds the worker has needed so far: what other programs disturb least."""
        after_the_name = Path(f"/proc/{self.worker}/stat").read_text().rpartition(")")[2].split()
        return (int(after_the_name[11]) + int(after_the_name[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def serving(application: str, env: dict[str, str], port: int, path: str = "/healthz") -> Iterator[Server]:
    """Run `application` (as gunicorn names it) on `port` until the end of the block. It is up when `path` is."""
    VAR.mkdir(exist_ok=True)
    with tempfile.NamedTemporaryFile(prefix="bench-", suffix=".log", dir=VAR) as log:
        server = Server(env, port, Path(log.name))
        try:
            server._start(application, path)
            yield server
        finally:
            stop([server.arbiter], STOP_WITHIN)
