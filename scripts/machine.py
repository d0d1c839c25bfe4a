"""The machine of the production guide, in a temporary folder: its shell, its database, its programs, its nginx."""

import os
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from urllib.parse import unquote, urlsplit

import psycopg2

from scripts.guide import Failed, Shell, bare_environment
from scripts.processes import ROOT, start, stop
from scripts.units import FOLDER, UNITS, Unit, read_unit
from scripts.visitors import Visitor

HOST = "jiayi.example"  # the guide's
PASSWORD = "a-long-password-of-the-guide"  # noqa: S105  of accounts that exist for a minute
SBIN = "/usr/sbin:/sbin"  # where Debian has nginx
NOT_HERE = ("apt-get ", "adduser ", "cp docs/deploy/", "systemctl daemon-reload")
PATIENCE = 30  # seconds for anything that is to happen by itself


def until(what: str, holds: Callable[[], object]) -> None:
    """Wait for something that is to happen by itself. Raises Failed when it does not."""
    deadline = time.monotonic() + PATIENCE
    while not holds():
        if time.monotonic() > deadline:
            raise Failed(f"{what}: not within {PATIENCE} s.")
        time.sleep(0.1)
    print(f"ok  {what}", flush=True)


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Database:
    """A role and a name for a database of this run's own, made by the guide's commands, dropped by us."""

    def __init__(self, server: str) -> None:
        self.parts = urlsplit(server)
        self.name, self.password = f"jiayi_guide_{secrets.token_hex(4)}", secrets.token_hex(8)

    def environment(self) -> dict[str, str]:
        """What createuser and createdb have to know: on the guide's machine they are the user postgres."""
        host, port = self.parts.hostname or "", str(self.parts.port or 5432)
        user, password = unquote(self.parts.username or ""), unquote(self.parts.password or "")
        return {"PGHOST": host, "PGPORT": port, "PGUSER": user, "PGPASSWORD": password}

    def url(self) -> str:
        """The address for .env. It has a password: the local socket of the guide knows the user by the system."""
        self._do(f"ALTER ROLE {self.name} PASSWORD '{self.password}'")
        return f"postgres://{self.name}:{self.password}@{self.parts.hostname}:{self.parts.port or 5432}/{self.name}"

    def drop(self) -> None:
        """Remove what was made of it."""
        self._do(f"DROP DATABASE IF EXISTS {self.name} WITH (FORCE)")
        self._do(f"DROP ROLE IF EXISTS {self.name}")

    def _do(self, statement: str) -> None:
        with closing(psycopg2.connect(self.parts._replace(path="/postgres").geturl(), connect_timeout=5)) as connection:
            connection.autocommit = True
            connection.cursor().execute(statement)


class Machine:
    """The guide's machine in a temporary folder: its shell, its programs, its nginx."""

    def __init__(self, folder: Path, database: Database) -> None:
        self.folder, self.database = folder, database
        self.site, self.env_file = folder / "site", folder / "site" / ".env"
        self.port, self.http, self.https = free_port(), free_port(), free_port()
        self.certificate, self.key = folder / "certificate.pem", folder / "key.pem"
        self.programs: dict[str, subprocess.Popen[bytes]] = {}
        self.shell = Shell(self.site, bare_environment(**database.environment()), self._instead())

    def _instead(self) -> dict[str, str]:
        return {
            "runuser -u (jiayi|postgres) -- ": "",
            " -o jiayi -g jiayi": "",
            r"(?<=createuser )jiayi\b|(?<=--owner )jiayi\b|(?<=template0 )jiayi\b": self.database.name,
            "THE_REPOSITORY": str(ROOT),
            f"{FOLDER}\\b": str(self.site),
            "127.0.0.1:8000": f"127.0.0.1:{self.port}",
            "createsuperuser": "createsuperuser --noinput",
        }

    def unit(self, name: str) -> Unit:
        """What systemd would read, from the folder the guide has made."""
        return read_unit(name, self.site / UNITS.relative_to(ROOT))

    def visitor(self) -> Visitor:
        """A browser that nobody has used yet."""
        return Visitor(f"https://127.0.0.1:{self.https}", HOST, self.certificate)

    def log(self, name: str) -> Path:
        """Where a program writes."""
        return self.folder / f"{name}.log"

    def start(self, name: str) -> None:
        """`systemctl start`, with nothing in the environment but what systemd and the unit put there."""
        unit = self.unit(name)
        env = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", **unit.environment}
        if "PORT" in env:
            env["PORT"] = str(self.port)
        command = [self.shell.here(word) for word in unit.start]
        self.programs[name] = start(command, env, self.log(name), self.site)

    def systemctl(self, order: str, *names: str) -> None:
        """What the guide has systemd do: enable --now, reload, restart."""
        for name in (name for name in names if not name.startswith("-")):
            if order == "reload":
                pid = str(self.programs[name].pid)
                for command in self.unit(name).reload:
                    self.shell.run(" ".join(command).replace("$MAINPID", pid))
                continue
            if order == "restart":
                stop([self.programs[name]], PATIENCE)
            self.start(name)

    def do(self, command: str) -> None:
        """Follow one line of the guide."""
        if command.startswith(NOT_HERE):
            print(f"--  {command}: left out", flush=True)
            return
        if command.startswith("systemctl "):
            self.systemctl(*command.split()[1:])
        elif command.startswith("curl "):
            until(
                "/healthz: site, database and worker",
                lambda: '"ok", "worker": "ok"' in self.shell.run(f"{command} || true"),
            )
        else:
            names = {"EMAIL": "admin@example.com", "NAME": "管理员", "PASSWORD": PASSWORD}
            self.shell.run(command, **{f"DJANGO_SUPERUSER_{name}": value for name, value in names.items()})
        print(f"ok  {command}", flush=True)

    def start_nginx(self) -> None:
        """Start Debian's nginx with the site's nginx.conf, other ports and folders, and a certificate of our own."""
        made = f"openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN={HOST} -addext subjectAltName=IP:127.0.0.1"
        self.shell.run(f"{made} -keyout {self.key} -out {self.certificate}")
        (self.folder / "jiayi.conf").write_text(self._nginx_conf(), encoding="utf-8")
        kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        temporary = " ".join(f"{kind}_temp_path {self.folder}/nginx-{kind};" for kind in kinds)
        # As root its workers would be somebody else, whom the guide gives the right to read the site's files.
        user = "user root;" if os.geteuid() == 0 else ""
        main = self.folder / "nginx.conf"
        main.write_text(
            f"{user} daemon off; pid {self.folder}/nginx.pid; events {{}}\n"
            f"http {{ {temporary} access_log off; include {self.folder}/jiayi.conf; }}\n"
        )
        program = shutil.which("nginx", path=f"{os.environ['PATH']}:{SBIN}")
        command = [str(program), "-e", str(self.log("nginx")), "-c", str(main)]
        self.shell.run(" ".join([*command, "-t"]))
        self.programs["nginx"] = start(command, self.shell.env, self.log("nginx"), self.folder)

    def _nginx_conf(self) -> str:
        """The site's, for this machine. Raises Failed when it is not what we know any more."""
        text = (self.site / "docs" / "deploy" / "nginx.conf").read_text(encoding="utf-8")
        for theirs, ours in {
            "    listen [::]:80;\n": "",
            "    listen [::]:443 ssl http2;\n": "",
            "listen 80;": f"listen 127.0.0.1:{self.http};",
            "listen 443 ssl": f"listen 127.0.0.1:{self.https} ssl",
            "server 127.0.0.1:8000;": f"server 127.0.0.1:{self.port};",
            f"/etc/letsencrypt/live/{HOST}/fullchain.pem": str(self.certificate),
            f"/etc/letsencrypt/live/{HOST}/privkey.pem": str(self.key),
            "/var/log/nginx/jiayi.log": str(self.log("nginx-access")),
            FOLDER: str(self.site),
        }.items():
            if theirs not in text:
                raise Failed(f"docs/deploy/nginx.conf has no {theirs.strip()!r}: scripts/machine.py must know of it.")
            text = text.replace(theirs, ours)
        return text

    def end(self) -> None:
        """End the programs, by their ids, and drop the database."""
        stop(self.programs.values(), PATIENCE)
        self.database.drop()
