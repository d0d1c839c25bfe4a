"""Settings, all from the environment or `.env`. `.env.example` explains every variable."""

from datetime import timedelta
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _

from jiayi.caching import cache
from jiayi.clamd import parse_address
from jiayi.database_url import make_folder, parse_database_url
from jiayi.env import env_bool, env_choice, env_int, env_list, env_parsed, env_secret, env_str, parsed, take_env_file
from jiayi.hours import parse_office, parse_span
from jiayi.logs import logging_settings
from jiayi.object_storage import FOLDER, s3_storage
from jiayi.parsing import (
    parse_email,
    parse_location,
    parse_mail_url,
    parse_phone,
    parse_redis_url,
    parse_site_url,
    parse_time_zone,
    parse_web_address,
)
from jiayi.policy import DIRECTIVES
from jiayi.redact import hide
from wecom.api.secrets import SECRET_PARAMETERS

BASE_DIR = Path(__file__).resolve().parent.parent
VAR_DIR = BASE_DIR / "var"
# The process environment wins over .env, so that a shell or systemd unit can override one value. What the file said
# when this process began, to compare it with the file of now (jiayi/running.py).
ENV_FILE_DIGEST = take_env_file()

DEBUG = env_bool("DEBUG", False)
SECRET_KEY = env_secret("SECRET_KEY", "insecure-only-for-debug" if DEBUG else None)
SECRET_KEY_FALLBACKS = env_list("SECRET_KEY_FALLBACKS")
SITE_URL = env_str("SITE_URL", "http://127.0.0.1:8000" if DEBUG else None).rstrip("/")
_site = parsed("SITE_URL", SITE_URL, parse_site_url)
ALLOWED_HOSTS = env_list("ALLOWED_HOSTS", _site.hostname or "") + (["127.0.0.1", "localhost", "[::1]"] if DEBUG else [])
CSRF_TRUSTED_ORIGINS = [SITE_URL]
# What stands at the foot of the pages, as far as it is set.
CONTACT_EMAIL = env_parsed("CONTACT_EMAIL", "", parse_email)
CONTACT_PHONE = env_parsed("CONTACT_PHONE", "", parse_phone)
PRIVACY_URL = env_parsed("PRIVACY_URL", "", parse_web_address)
TERMS_URL = env_parsed("TERMS_URL", "", parse_web_address)

# The local stand-in for WeCom. Never in production: jiayi.E002 refuses it when DEBUG is off.
WECOM_SANDBOX = env_bool("WECOM_SANDBOX", False)
_sandbox = WECOM_SANDBOX and DEBUG

INSTALLED_APPS = [
    "jiayi",
    "members",
    "advisors",
    "cases",
    "wecom",
    *(["wecom.sandbox"] if _sandbox else []),
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "rest_framework",
    "csp",
    "jiayi.admin_app.JiayiAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",  # for its command clearsessions; the rows are members.models.Session
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "jiayi.middleware.Compress",
    "jiayi.middleware.security_headers",
    "jiayi.middleware.plain_cookies",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "jiayi.middleware.GoneIsNotFound",
]

ROOT_URLCONF = "jiayi.urls"
WSGI_APPLICATION = "jiayi.wsgi.application"
ASGI_APPLICATION = "jiayi.asgi.application"

TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "jiayi.context.site",
                *(["wecom.sandbox.context.strip"] if _sandbox else []),
            ],
        },
    },
]

# Database -------------------------------------------------------------------------------------------
_url = env_secret("DATABASE_URL", f"sqlite:///{VAR_DIR / 'jiayi.sqlite3'}")
DATABASES: dict[str, Any] = {"default": parsed("DATABASE_URL", _url, parse_database_url)}
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    make_folder(VAR_DIR)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = env_secret("REDIS_URL", "")
if REDIS_URL:
    parsed("REDIS_URL", REDIS_URL, parse_redis_url)
CACHES: dict[str, Any] = {"default": cache(REDIS_URL)}

# Accounts -------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "members.User"
AUTHENTICATION_BACKENDS = ["advisors.authentication.AuthenticationBackend"]
PASSWORD_HASHERS = [
    "members.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "members.passwords.UnlikeThePerson"},
    {"NAME": "members.passwords.LongEnough", "OPTIONS": {"min_length": 10}},
    {"NAME": "members.passwords.Uncommon"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "messages"
LOGOUT_REDIRECT_URL = "landing"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_ADAPTER = "members.adapter.AccountAdapter"
ACCOUNT_FORMS = {
    "login": "members.account_forms.LoginForm",
    "reset_password": "members.account_forms.ResetPasswordForm",
    "reset_password_from_key": "members.account_forms.ResetPasswordKeyForm",
    "change_password": "members.account_forms.ChangePasswordForm",
    "reauthenticate": "members.account_forms.ReauthenticateForm",
}
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_EMAIL_SUBJECT_PREFIX = "[佳忆] "  # allauth's own would repeat the request's Host header
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_LOGOUT_REDIRECT_URL = "landing"
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_TOTP_ISSUER = "Jiayi"
MFA_ADAPTER = "members.adapter.SecondFactorAdapter"
MFA_FORMS = {
    "authenticate": "members.account_forms.AuthenticateForm",
    "reauthenticate": "members.account_forms.ReauthenticateCodeForm",
    "activate_totp": "members.account_forms.ActivateTOTPForm",
}
SESSION_ENGINE = "members.session_store"
SESSION_COOKIE_AGE = 14 * 24 * 3600
# allauth counts by address of the client; "register" is our own sign-up, beside allauth's limits on signing in.
# "upload": files that a person sends on the website.
UPLOADS_PER_HOUR = env_int("UPLOADS_PER_HOUR", 200, minimum=1)
# What one person may send (cases/limits.py).
POSTS_PER_MINUTE = env_int("POSTS_PER_MINUTE", 60, minimum=1)
SEARCHES_PER_MINUTE = env_int("SEARCHES_PER_MINUTE", 60, minimum=1)
UPLOAD_MB_PER_DAY = env_int("UPLOAD_MB_PER_DAY", 500, minimum=1)
UPLOAD_MB_PER_CASE = env_int("UPLOAD_MB_PER_CASE", 2_000, minimum=1)
UPLOAD_MB_IN_ALL = env_int("UPLOAD_MB_IN_ALL", 0)
UPLOAD_MIN_FREE_MB = env_int("UPLOAD_MIN_FREE_MB", 1_000)
ACCOUNT_RATE_LIMITS = {
    "register": f"{env_int('REGISTRATIONS_PER_HOUR', 20, minimum=1)}/h/ip",
    "upload": f"{UPLOADS_PER_HOUR}/h/user",
}

# Security -------------------------------------------------------------------------------------------
_https = _site.scheme == "https"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _https
SESSION_COOKIE_NAME = "__Host-session" if _https else "session"
CSRF_COOKIE_NAME = "__Host-csrf" if _https else "csrftoken"
SECURE_SSL_REDIRECT = _https
# WeCom follows no redirect, and a health check comes from inside over http.
SECURE_REDIRECT_EXEMPT = [r"^api/wechat/receive$", r"^healthz$"]
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if _https else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = _https
SECURE_REFERRER_POLICY = "same-origin"
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if env_bool("BEHIND_PROXY", _https) else None
ALLAUTH_TRUSTED_PROXY_COUNT = 1 if env_bool("BEHIND_PROXY", _https) else 0
X_FRAME_OPTIONS = "DENY"
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
# For every request, signed in or not: Django by itself would take files of any size.
FILE_UPLOAD_HANDLERS = [
    "jiayi.uploads.LimitUploads",
    "django.core.files.uploadhandler.MemoryFileUploadHandler",
    "jiayi.uploads.TemporaryUploads",
]
CONTENT_SECURITY_POLICY = {"DIRECTIVES": DIRECTIVES}

# Language, time, files ------------------------------------------------------------------------------
LANGUAGE_CODE = "zh-hans"
LANGUAGES = [("zh-hans", _("中文")), ("en", "English")]
LANGUAGE_COOKIE_AGE = 365 * 24 * 3600  # seconds; the choice outlives signing out and closing the browser
LANGUAGE_COOKIE_SECURE, LANGUAGE_COOKIE_HTTPONLY, LANGUAGE_COOKIE_SAMESITE = _https, True, "Lax"
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_TZ = True
TIME_ZONE: str = parsed("TIME_ZONE", env_str("TIME_ZONE", "America/Toronto"), parse_time_zone)
STATIC_URL = "/static/"
STATIC_ROOT = VAR_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
# What people send each other. No MEDIA_URL: bytes leave only through cases/files/api.py, which checks who asks.
MEDIA_ROOT = Path(env_str("MEDIA_ROOT", str(VAR_DIR / "files")))
UPLOAD_MAX_MB = env_int("UPLOAD_MAX_MB", 20, minimum=1, maximum=500)
# Names of cases/files/uploads.py. No zip: what is in it is not checked.
UPLOAD_TYPES = env_list(
    "UPLOAD_TYPES",
    "jpeg,png,gif,webp,heic,pdf,doc,docx,xls,xlsx,ppt,pptx,txt,csv,mp3,m4a,ogg,webm,wav,amr,mp4,mov",
)
# Seconds by the clock in which a picture has to be read, more than cases/files/decoder.py allows of the processor.
PICTURE_SECONDS = env_int("PICTURE_SECONDS", 10, minimum=6, maximum=60)
# An internal location of nginx whose alias is MEDIA_ROOT; nginx then sends the bytes.
FILES_ACCEL_PREFIX = env_parsed("FILES_ACCEL_PREFIX", "", parse_location) or ""
_static = "django.contrib.staticfiles.storage.StaticFilesStorage" if DEBUG else "jiayi.staticfiles.ModuleStorage"
STORAGES = {"default": FOLDER, "staticfiles": {"BACKEND": _static}}
if _bucket := env_str("FILES_S3_BUCKET", ""):
    if FILES_ACCEL_PREFIX:
        raise ImproperlyConfigured("FILES_ACCEL_PREFIX is for files on this machine; unset it or FILES_S3_BUCKET.")
    STORAGES["default"] = s3_storage(
        _bucket,
        endpoint=env_str("FILES_S3_ENDPOINT", ""),
        region=env_str("FILES_S3_REGION", ""),
        addressing=env_str("FILES_S3_ADDRESSING", "auto"),
        key=env_secret("FILES_S3_ACCESS_KEY", ""),
        secret=env_secret("FILES_S3_SECRET_KEY", ""),
    )
# A virus scanner that every file has to pass before it is served (cases/files/scanning.py).
CLAMD_URL = env_parsed("CLAMD_URL", "", parse_address)
WHITENOISE_USE_FINDERS = WHITENOISE_AUTOREFRESH = DEBUG

# E-mail ---------------------------------------------------------------------------------------------
_mail = parsed("EMAIL_URL", env_secret("EMAIL_URL", "console://"), parse_mail_url)
EMAIL_BACKEND = f"django.core.mail.backends.{'console' if _mail.scheme == 'console' else 'smtp'}.EmailBackend"
EMAIL_HOST, EMAIL_PORT = _mail.host, _mail.port
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = _mail.user, _mail.password
EMAIL_USE_TLS, EMAIL_USE_SSL = _mail.scheme == "smtp+tls", _mail.scheme == "smtps"
EMAIL_TIMEOUT = 10
EMAIL_REMINDER_AFTER = timedelta(minutes=env_int("EMAIL_REMINDER_AFTER", 5, minimum=1))
DEFAULT_FROM_EMAIL = env_str("DEFAULT_FROM_EMAIL", f"Jiayi <no-reply@{_site.hostname}>")

# API ------------------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["jiayi.authentication.SessionAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser", "rest_framework.parsers.MultiPartParser"],
    "EXCEPTION_HANDLER": "jiayi.api.exception_handler",
}
# Threads that run ordinary (synchronous) Django beside the live stream: four were the best on 2 cores.
WEB_THREADS = env_int("WEB_THREADS", 4, minimum=1, maximum=64)

# WeCom (企业微信) -----------------------------------------------------------------------------------
WECHAT_WEBHOOK_URL = env_secret("WECHAT_WEBHOOK_URL", "")
WECHAT_CORP_ID = env_str("WECHAT_CORP_ID", "")
WECHAT_CALLBACK_TOKEN = env_secret("WECHAT_CALLBACK_TOKEN", "")
WECHAT_ENCODING_AES_KEY = env_secret("WECHAT_ENCODING_AES_KEY", "")
WECHAT_AGENT_ID = env_str("WECHAT_AGENT_ID", "")
WECHAT_APP_SECRET = env_secret("WECHAT_APP_SECRET", "")
WECHAT_API_BASE_URL = env_str("WECHAT_API_BASE_URL", "https://qyapi.weixin.qq.com")
WECHAT_APP_NAME = env_str("WECHAT_APP_NAME", "")
WECHAT_REPLY_ROUTING = env_choice("WECHAT_REPLY_ROUTING", "latest", "ask")

# Messages and seconds of the robot's limit; only tests change it.
WECHAT_ROBOT_LIMIT = (env_int("WECHAT_ROBOT_MESSAGES", 20, minimum=1), env_int("WECHAT_ROBOT_SECONDS", 60, minimum=1))
WECHAT_NOTIFY_PREVIEW = env_bool("WECHAT_NOTIFY_PREVIEW", False)
WECHAT_GROUP_QUIET_HOURS = env_parsed("WECHAT_GROUP_QUIET_HOURS", "", parse_span)
OFFICE_HOURS = env_parsed("OFFICE_HOURS", "1-5 09:00-18:00", parse_office) or parse_office("1-5 09:00-18:00")
ESCALATE_AFTER = timedelta(minutes=env_int("ESCALATE_AFTER", 30, minimum=1))
ESCALATE_UNANSWERED_AFTER = timedelta(minutes=env_int("ESCALATE_UNANSWERED_AFTER", 4 * 60))

# Before the first line is written. Paths: what opens something by itself, a reset link, the end of reminders, a file.
hide(parameters=SECRET_PARAMETERS, paths=("password/reset/key", "reminders-off", "api/files"))
LOGGING = logging_settings(env_choice("LOG_LEVEL", "INFO", "DEBUG", "WARNING", "ERROR"))

# gunicorn.conf.py takes these two itself: here a wrong one is told before gunicorn is asked to take it.
env_int("PORT", 8000, minimum=1, maximum=65535)
env_int("WEB_CONCURRENCY", 1, minimum=1, maximum=256)
