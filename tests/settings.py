"""The product's settings with what tests need: a fixed environment, no `.env`, a cheap hasher."""

import os

os.environ.update(
    JIAYI_ENV_FILE="/nonexistent",
    DEBUG="true",
    SECRET_KEY="only-for-tests",
    SITE_URL="http://testserver",
    ALLOWED_HOSTS="testserver",
    # TEST_WEBHOOK_URL: a worker process that a test starts talks to that test's robot.
    WECHAT_WEBHOOK_URL=os.environ.get(
        "TEST_WEBHOOK_URL", "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=test-robot-key"
    ),
    WECHAT_CORP_ID="wwtest0000000000",
    WECHAT_CALLBACK_TOKEN="testtoken",
    WECHAT_ENCODING_AES_KEY="jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C",
    WECHAT_AGENT_ID="1000002",
    WECHAT_APP_NAME="佳忆顾问",
    WECHAT_APP_SECRET="",
    WECHAT_REPLY_ROUTING="latest",
    LOG_LEVEL="INFO",
    # Tests send faster than people; tests/cases/test_limits.py sets what it needs.
    POSTS_PER_MINUTE="100000",
    SEARCHES_PER_MINUTE="100000",
    WECOM_SANDBOX="true",
)

from jiayi.settings import *  # noqa: F403
from jiayi.settings import DATABASES, VAR_DIR

DEBUG = False  # as pytest-django has it; the sandbox is installed because it was on above
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    # A file, not memory: threads and other processes of the tests must see the same database.
    DATABASES["default"]["TEST"] = {"NAME": str(VAR_DIR / f"test-{os.getpid()}.sqlite3")}
    # No test pulls the plug. An fsync for each commit holds the one writer's lock, for seconds on a busy disk.
    options = DATABASES["default"]["OPTIONS"]
    options["init_command"] = options["init_command"].replace("synchronous=FULL", "synchronous=OFF")
