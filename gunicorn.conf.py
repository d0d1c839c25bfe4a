"""gunicorn: its own event-loop worker, set up for many open live streams (docs/decisions/ says why).

Started as `gunicorn -c gunicorn.conf.py jiayi.asgi:application`. PORT and WEB_CONCURRENCY come from the environment.
Put nginx in front in production: this worker bounds neither the number of connections nor the time a silent one
may stay, and it speaks to the machine it runs on only.
"""

import asyncio
import os
import signal
import sys
from pathlib import Path

from dotenv import load_dotenv
from gunicorn.glogging import Logger

sys.path.insert(0, str(Path(__file__).parent))
from jiayi.redact import mask

# The same file as the settings read, for PORT and WEB_CONCURRENCY; the process environment wins.
load_dotenv(os.environ.get("JIAYI_ENV_FILE", Path(__file__).parent / ".env"))

worker_class = "asgi"
workers = int(os.environ.get("WEB_CONCURRENCY") or 1)
bind = f"127.0.0.1:{os.environ.get('PORT') or 8000}"
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
        return {name: mask(value) if isinstance(value, str) else value for name, value in super().atoms(*args).items()}


logger_class = MaskingLogger


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
