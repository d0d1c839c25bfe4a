"""gunicorn: its own event-loop worker, set up for many open live streams (docs/decisions/ says why).

Started as `gunicorn -c gunicorn.conf.py jiayi.asgi:application`. PORT and WEB_CONCURRENCY come from the environment
or `.env`. On SIGHUP gunicorn reads this file again and starts new workers, which read `.env` anew.
Put nginx in front in production: this worker bounds neither the number of connections nor the time a silent one
may stay, and it speaks to the machine it runs on only.
"""

import asyncio
import os
import signal
import sys
from pathlib import Path

from dotenv import dotenv_values
from gunicorn.errors import AppImportError
from gunicorn.glogging import Logger

sys.path.insert(0, str(Path(__file__).parent))


def number(name, default, most):
    """Give a whole number of the environment or `.env`, or end with a line that names it.

    The file goes into nobody's environment here: the workers would inherit what it said when this process began, and
    take that for the environment, which wins over the file. And nothing of jiayi/env.py is used: what this process
    has imported, its workers have too, in the version from before an upgrade.
    """
    try:
        said = {**dotenv_values(os.environ.get("JIAYI_ENV_FILE", Path(__file__).parent / ".env")), **os.environ}
    except (OSError, UnicodeDecodeError) as error:
        sys.exit(f"jiayi: .env cannot be read: {error.__class__.__name__}.")
    value = (said.get(name) or "").strip() or default
    if not (value.isascii() and value.isdigit() and len(value) <= 5 and 1 <= int(value) <= most):
        sys.exit(f"jiayi: {name} must be a whole number from 1 to {most}.")
    return int(value)


worker_class = "asgi"
workers = number("WEB_CONCURRENCY", "1", 256)
bind = f"127.0.0.1:{number('PORT', '8000', 65535)}"
backlog = 2048  # above the number of streams that come back at once after a restart

# Seconds. With open connections the default of 30 would make every stop take that long. A worker gives its requests
# one second less to finish, so that it ends by itself, with what it has to tidy up, before it is killed.
graceful_timeout = 4
keepalive = 75  # seconds; above nginx's 60, so that nginx, not we, closes an idle connection between the two
# No max_requests: a worker that is recycled cuts every stream it holds.

control_socket_disable = True  # nothing here is managed at run time
forwarded_allow_ips = "127.0.0.1,::1"  # only a proxy on this machine may say that a request came by https
proc_name = "jiayi"

# Errors to stderr. No access log: the query strings of WeCom's callbacks carry signatures, and those of some links
# carry tokens. If one is wanted (ACCESS_LOG=-), it has the path without the query and what is secret in it, and no
# referrer.
accesslog = os.environ.get("ACCESS_LOG") or None
access_log_format = '%(h)s %(t)s "%(m)s %(U)s %(H)s" %(s)s %(B)s %(L)s'


class MaskingLogger(Logger):
    """gunicorn's, whose lines have no secrets either: some paths are ones."""

    def atoms(self, *args):
        # In a worker, which has read the settings. Here it would be kept, for workers of a later version as well.
        from jiayi.redact import mask

        return {name: mask(value) if isinstance(value, str) else value for name, value in super().atoms(*args).items()}


logger_class = MaskingLogger


def wrong_setting():
    """Read the settings in this process; return which is wrong and how, or nothing."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "jiayi.settings")
    from django.conf import settings
    from django.core.exceptions import ImproperlyConfigured

    try:
        settings.DEBUG  # noqa: B018
    except ImproperlyConfigured as error:
        return f"jiayi: {error}"
    return ""


def wrong_setting_apart():
    """What wrong_setting says, asked in a child, so that nothing of it stays in this process.

    When nothing is wrong, the child notes for the check-up with which settings the workers are about to start.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            if wrong := wrong_setting():
                os.write(writing, wrong.encode())
            else:
                from jiayi.running import WEB, note_start

                note_start(WEB)
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as said:
        text = said.read().decode()
    os.waitpid(child, 0)
    return text


def on_starting(server):
    """Do not start with a wrong setting: gunicorn would, and have a traceback for each of its workers."""
    if wrong := wrong_setting_apart():
        sys.exit(wrong)


def on_reload(server):
    """Keep the old workers when a setting is wrong by now: new ones could not start, and there would be none."""
    if wrong := wrong_setting_apart():
        server.log.error("not reloaded, the old settings go on: %s", wrong)
        server.cfg.set("workers", 0)  # how many are started now, after which old ones end; the next reload sets it anew


def post_fork(server, worker):
    """For a worker that replaces one which broke off: `.env` may have changed since."""
    if wrong := wrong_setting():
        raise AppImportError(wrong)


def post_worker_init(worker):
    """Put `stopping`, an asyncio.Event set by SIGTERM, into every request's `scope["state"]`.

    The worker itself tells its requests nothing: a live stream waits for this event, tells its client to come back,
    and ends, so that a stop takes a second.
    """
    worker.cfg.set("graceful_timeout", graceful_timeout - 2)  # it takes up to a second to notice the signal
    stopping = worker.state["stopping"] = asyncio.Event()

    def on_sigterm():
        stopping.set()
        worker.handle_exit_signal()

    worker.loop.add_signal_handler(signal.SIGTERM, on_sigterm)
