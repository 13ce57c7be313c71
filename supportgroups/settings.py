"""One settings module. Everything that differs between machines comes from the environment.

`DJANGO_ENV` is `production` (the default, strict), `demo` (one machine, sample people, an outbox
instead of mail) or `test`. `.env.example` lists every variable that is read here.
"""

import os
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from celery.schedules import crontab
from django.core.exceptions import ImproperlyConfigured
from django.utils.csp import CSP
from environs import Env, EnvError

from supportgroups.lib import encryption

BASE_DIR = Path(__file__).resolve().parent.parent

env = Env()

DJANGO_ENV = env.str("DJANGO_ENV", "production")
if DJANGO_ENV not in {"production", "demo", "test"}:
    raise ImproperlyConfigured("DJANGO_ENV must be production, demo or test.")
PRODUCTION = DJANGO_ENV == "production"
#: The outbox page and the bar that switches between sample people exist only when this is true.
DEMO = DJANGO_ENV == "demo"
DEBUG = False

if DEMO and sys.argv[1:2] == ["demo"]:
    # The command that starts the services tells web, worker and beat where they are; until then
    # nobody can know, and itself it uses none of them.
    for _unused in (
        "SECRET_KEY=unused",
        f"FIELD_ENCRYPTION_KEYS={'01' * 32}",
        "DATABASE_URL=postgres://unused",
        "REDIS_URL=redis://unused",
    ):
        os.environ.setdefault(*_unused.split("=", 1))


def required(name: str, why: str) -> str:
    """Read a variable that has no safe default, or say what it is for."""
    try:
        return env.str(name)
    except EnvError:
        raise ImproperlyConfigured(f"Set {name}: {why} See .env.example.") from None


SECRET_KEY = required("SECRET_KEY", "50 or more random characters that sign sign-ins and links.")
if PRODUCTION and (len(SECRET_KEY) < 50 or "change-me" in SECRET_KEY or SECRET_KEY == "secret"):
    raise ImproperlyConfigured(
        "SECRET_KEY is an example or too short: use 50 or more random characters."
    )
SECRET_KEY_FALLBACKS: list[str] = env.list("SECRET_KEY_FALLBACKS", [])

_keys_file = env.str("FIELD_ENCRYPTION_KEYS_FILE", "")
#: Encrypt words and answers in the database: the first one encrypts, all decrypt.
FIELD_ENCRYPTION_KEYS = encryption.parse_keys(
    encryption.read_keys(_keys_file)
    if _keys_file
    else required("FIELD_ENCRYPTION_KEYS", "64 hexadecimal digits that encrypt people's words.")
)

SITE_NAME = env.str("SITE_NAME", "Open Circle")
SITE_URL = env.str("SITE_URL", "http://localhost:8000").rstrip("/")
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", [] if PRODUCTION else ["localhost", "127.0.0.1"])
if PRODUCTION and not ALLOWED_HOSTS:
    raise ImproperlyConfigured("Set ALLOWED_HOSTS: the host names people reach this site under.")
if PRODUCTION and not SITE_URL.startswith("https://"):
    raise ImproperlyConfigured("Set SITE_URL: the public address, beginning with https://.")
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", [SITE_URL])
#: Full origins, scheme and port included, that may open a socket. Host names alone would let
#: another port or plain http on the same host in.
SOCKET_ORIGINS = env.list("SOCKET_ORIGINS", CSRF_TRUSTED_ORIGINS)
#: How many messages a second one person may send in a room for long; ten at once are free.
ROOM_MESSAGES_PER_SECOND = env.float("ROOM_MESSAGES_PER_SECOND", 1.0)
#: Where the quick exit leads. Something dull that most people have reason to look at.
NEUTRAL_URL = env.str("NEUTRAL_URL", "https://www.bbc.co.uk/weather")
#: Where somebody tells of a hole in this installation; it begins with mailto: or https:.
SECURITY_CONTACT = (
    env.str("SECURITY_CONTACT", "") or f"mailto:security@{urlsplit(SITE_URL).hostname}"
)
#: Country for help lines when a visitor has not told us theirs (ISO 3166 two letters).
DEFAULT_COUNTRY = env.str("DEFAULT_COUNTRY", "GB")

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "channels",
    "django_htmx",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "supportgroups",
    "audit",
    "accounts",
    "groups",
    "instruments",
    "safeguarding",
    "screening",
    "sessions.apps.SessionsConfig",
    "outcomes",
    "oversight",
    "outreach",
]
if DEMO:
    INSTALLED_APPS.append("supportgroups.demo")

MIDDLEWARE = [
    "supportgroups.middleware.RequestLog",
    "accounts.middleware.EvenTime",
    # Headers first: files, and what a middleware further in refuses, carry them too.
    "django.middleware.security.SecurityMiddleware",
    "supportgroups.middleware.SecurityHeaders",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django.middleware.csp.ContentSecurityPolicyMiddleware",
    "supportgroups.middleware.StaticFiles",
    # Pages too: a phone on a slow line. Django hides the length of secrets in them.
    "django.middleware.gzip.GZipMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "supportgroups.middleware.FromThisSite",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "accounts.middleware.SignInFirst",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "accounts.middleware.PersonalTimeZone",
    "accounts.middleware.EndOfSignIn",
    "accounts.middleware.KeepSignedIn",
    "supportgroups.second_factor.StaffPagesNeedOne",
    "audit.middleware.AuditOrigin",
    "supportgroups.middleware.UnreadableWords",
    "supportgroups.middleware.NoStoreForPeople",
]

ROOT_URLCONF = "supportgroups.urls"
ASGI_APPLICATION = "supportgroups.asgi.application"
FORM_RENDERER = "supportgroups.lib.forms.Renderer"

_context_processors = [
    "django.template.context_processors.request",
    "django.template.context_processors.csp",
    "django.contrib.auth.context_processors.auth",
    "django.contrib.messages.context_processors.messages",
    "supportgroups.context_processors.site",
    "supportgroups.navigation.navigation",
    "supportgroups.second_factor.reminder",
    "safeguarding.context_processors.crisis_help",
]
if DEMO:
    _context_processors.append("supportgroups.demo.context_processors.demo_bar")
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": _context_processors,
            "libraries": {
                "diagrams": "supportgroups.lib.templatetags.diagrams",
                "ui": "supportgroups.lib.templatetags.ui",
            },
            "builtins": ["django_htmx.templatetags.django_htmx"],
        },
    }
]

# Data --------------------------------------------------------------------------------------------

required("DATABASE_URL", "postgres://user:password@host:port/name of the application's own role.")
DATABASES = {"default": env.dj_db_url("DATABASE_URL")}
DATABASES["default"]["CONN_MAX_AGE"] = 0
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
DATABASES["default"].setdefault("OPTIONS", {})
#: Connections each process keeps. 0 turns the pool off (tests, one-off commands).
_pool_size = env.int("DATABASE_POOL_SIZE", 0 if DJANGO_ENV == "test" else 12)
if _pool_size:
    # A restart of the database then costs waiting requests a few seconds instead of an error.
    DATABASES["default"]["OPTIONS"]["pool"] = {
        "min_size": 1,
        "max_size": _pool_size,
        "timeout": 8,
    }
#: The role that migrations grant rights to. It may not change or remove audit events.
DATABASE_APP_ROLE = env.str("DATABASE_APP_ROLE", "supportgroups_app")
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

#: Backups (`manage.py backup`): where they are kept, whose keys open them, how many stay.
BACKUP_DIR = Path(env.str("BACKUP_DIR", str(BASE_DIR / ".local" / "backups")))
BACKUP_RECIPIENTS: list[str] = env.list("BACKUP_RECIPIENTS", [])
BACKUP_KEEP_DAILY = env.int("BACKUP_KEEP_DAILY", 7)
BACKUP_KEEP_WEEKLY = env.int("BACKUP_KEEP_WEEKLY", 4)
#: Folder of pg_dump and pg_restore, where the ones that are found are not the right ones.
POSTGRES_PROGRAMS = env.str("POSTGRES_PROGRAMS", "")

REDIS_URL = required("REDIS_URL", "redis://host:port/0, for live rooms, the queue and rate limits.")
CACHES = {
    "default": {
        # Without Redis each process counts by itself, so that nobody is kept out meanwhile.
        "BACKEND": "supportgroups.lib.cache.RedisOrMemory",
        "LOCATION": REDIS_URL,
        # Another prefix than pickles of earlier versions have.
        "KEY_PREFIX": "cached",
        "OPTIONS": {
            "serializer": "supportgroups.lib.cache.Serializer",
            "socket_connect_timeout": 0.5,
            "socket_timeout": 2,
        },
    }
}

CELERY_BROKER_URL = REDIS_URL
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = False
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
# Work of a killed worker comes back after this long. The longest tasks take 930 s (outreach).
# The clock finds the rest sooner: what its rows say is due is asked for each minute.
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 1200,
    "unacked_restore_interval": 2,
    "unacked_restore_throttle": 1,
    # A page never waits for a broker that is gone: the clock finds the work again.
    "socket_connect_timeout": 0.5,
    "socket_timeout": 30,
}
CELERY_TASK_PUBLISH_RETRY_POLICY = {"max_retries": 1, "interval_start": 0, "interval_max": 0.2}
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULE = {
    "tick": {
        "task": "supportgroups.tasks.tick",
        "schedule": 60,
        # A tick that waited for more than its minute is stale: the next one finds the same rows.
        "options": {"expires": 55},
    },
    "nightly": {"task": "supportgroups.tasks.nightly", "schedule": crontab(hour="3", minute="17")},
    "verify_trail": {
        "task": "supportgroups.tasks.verify_trail",
        "schedule": crontab(hour="3", minute="47"),
    },
}

# Monitoring --------------------------------------------------------------------------------------

#: Whoever asks web, worker or `manage.py metrics` for figures shows it. Empty: nobody is told any.
METRICS_TOKEN = env.str("METRICS_TOKEN", "")
if METRICS_TOKEN and PRODUCTION and len(METRICS_TOKEN) < 32:
    raise ImproperlyConfigured("METRICS_TOKEN is too short: use 32 or more random characters.")
#: A port of its own, which no proxy hands on.
METRICS_HOST = env.str("METRICS_HOST", "127.0.0.1")
METRICS_PORT = env.int("METRICS_PORT", 9100)
#: Gets a mail when the trail was changed from outside.
OPERATOR_EMAIL = env.str("OPERATOR_EMAIL", "")

# Mail --------------------------------------------------------------------------------------------

DEFAULT_FROM_EMAIL = env.str("MAIL_FROM", f"{SITE_NAME} <no-reply@localhost>")
SERVER_EMAIL = DEFAULT_FROM_EMAIL
if DEMO:
    #: One file a message, so that the outbox page shows what web and worker sent.
    DEMO_OUTBOX = Path(env.str("DEMO_OUTBOX", str(BASE_DIR / ".local" / "outbox")))
    MAILERS = {
        "default": {
            "BACKEND": "django.core.mail.backends.filebased.EmailBackend",
            "OPTIONS": {"file_path": str(DEMO_OUTBOX)},
        }
    }
elif DJANGO_ENV == "test":
    MAILERS = {"default": {"BACKEND": "django.core.mail.backends.locmem.EmailBackend"}}
else:
    _implicit_tls = env.bool("MAIL_IMPLICIT_TLS", False)
    _starttls = env.bool("MAIL_STARTTLS", not _implicit_tls)
    if _starttls and _implicit_tls:
        raise ImproperlyConfigured("Set one of MAIL_STARTTLS and MAIL_IMPLICIT_TLS, not both.")
    if env.str("MAIL_USERNAME", "") and not (_starttls or _implicit_tls):
        raise ImproperlyConfigured(
            "MAIL_USERNAME would send its password in the clear: set MAIL_STARTTLS=true, "
            "or MAIL_IMPLICIT_TLS=true for port 465."
        )
    MAILERS = {
        "default": {
            "BACKEND": "supportgroups.lib.metrics.CountingEmailBackend",
            "OPTIONS": {
                "host": required("MAIL_HOST", "the mail server that sends reminders and codes."),
                "port": env.int("MAIL_PORT", 587),
                "username": env.str("MAIL_USERNAME", ""),
                "password": env.str("MAIL_PASSWORD", ""),
                "use_tls": _starttls,
                "use_ssl": _implicit_tls,
                "timeout": 10,
            },
        }
    }

# People ------------------------------------------------------------------------------------------

AUTH_USER_MODEL = "accounts.User"
SILENCED_SYSTEM_CHECKS = [
    # Addresses are unique in any spelling, by a constraint on Lower("email") it overlooks.
    "auth.W004",
    # What other hosts of the domain speak is for whoever runs them: HSTS_INCLUDE_SUBDOMAINS.
    "security.W005",
    "security.W021",
]
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
PASSWORD_HASHERS = [
    "accounts.passwords.PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
if DJANGO_ENV == "test":
    PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "accounts.passwords.LengthValidator"},
    {"NAME": "accounts.passwords.GuessableValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "outcomes:participant_home"

ACCOUNT_ADAPTER = "accounts.adapter.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*"]
ACCOUNT_FORMS = {
    "signup": "accounts.forms.SignupForm",
    "login": "accounts.forms.LoginForm",
    "request_login_code": "accounts.forms.RequestLoginCodeForm",
    "confirm_login_code": "accounts.forms.ConfirmLoginCodeForm",
    "confirm_email_verification_code": "accounts.forms.ConfirmEmailVerificationCodeForm",
    "reset_password": "accounts.forms.ResetPasswordForm",
    "confirm_password_reset_code": "accounts.forms.ConfirmPasswordResetCodeForm",
    "reset_password_from_key": "accounts.forms.ResetPasswordKeyForm",
    "set_password": "accounts.forms.SetPasswordForm",
    "change_password": "accounts.forms.ChangePasswordForm",
    "change_email": "accounts.forms.ChangeEmailForm",
    "reauthenticate": "accounts.forms.ReauthenticateForm",
}
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_EMAIL_VERIFICATION_BY_CODE_ENABLED = True
ACCOUNT_EMAIL_VERIFICATION_SUPPORTS_RESEND = True
ACCOUNT_LOGIN_BY_CODE_ENABLED = True
ACCOUNT_PASSWORD_RESET_BY_CODE_ENABLED = True
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = True
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_CHANGE_EMAIL = True
ACCOUNT_REAUTHENTICATION_REQUIRED = True
#: Seconds for which somebody who showed that it is still them is not asked again.
ACCOUNT_REAUTHENTICATION_TIMEOUT = 300
# Not of this browser: accounts/apps.py ends the other sign-ins.
ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE = False
ACCOUNT_LOGOUT_REDIRECT_URL = "groups:directory"
ACCOUNT_SESSION_REMEMBER = False
ACCOUNT_DEFAULT_HTTP_PROTOCOL = "https" if SITE_URL.startswith("https://") else "http"
ALLAUTH_TRUSTED_PROXY_COUNT = env.int("TRUSTED_PROXY_COUNT", 1 if PRODUCTION else 0)
#: How often one account may be tried: accounts/limits.py. allauth counts what one network address
#: does; its own counts of an account would let anybody lock somebody out.
SIGN_IN_LIMITS = PRODUCTION
#: Longer than what is asked about an address takes, so that the time tells nothing of it.
EVEN_ANSWER_SECONDS = 0.0 if DJANGO_ENV == "test" else 0.4
ACCOUNT_RATE_LIMITS: Any = {
    "request_login_code": "20/m/ip",
    "reset_password": "20/m/ip",
    # Second factors only, so only who has passed the first one is counted.
    "login_failed": "10/m/ip,5/5m/key",
}
if not PRODUCTION:
    # One person tries every role within minutes here; the limits are for strangers.
    ACCOUNT_RATE_LIMITS = False
    MFA_RATE_LIMITS = False

MFA_ADAPTER = "accounts.factor_adapter.FactorAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_FORMS = {
    "authenticate": "accounts.factor_forms.AuthenticateForm",
    "authenticate_webauthn": "accounts.factor_forms.AuthenticatePasskeyForm",
    "reauthenticate": "accounts.factor_forms.ReauthenticateForm",
    "reauthenticate_webauthn": "accounts.factor_forms.ReauthenticatePasskeyForm",
    "activate_totp": "accounts.factor_forms.ActivateAppForm",
    "add_webauthn": "accounts.factor_forms.AddPasskeyForm",
    "edit_webauthn": "accounts.factor_forms.RenamePasskeyForm",
    "login_webauthn": "accounts.factor_forms.PasskeySignInForm",
}
MFA_PASSKEY_LOGIN_ENABLED = True
#: A passkey always asks for the finger, the face or the PIN, so that alone it is two proofs.
MFA_WEBAUTHN_USER_VERIFICATION = "required"
#: Browsers allow passkeys without https on localhost alone, and only the demo and tests are there.
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not PRODUCTION and urlsplit(SITE_URL).hostname == "localhost"
#: Clocks of old phones are off by some seconds: the code before and the one after are good too.
MFA_TOTP_TOLERANCE = 1
MFA_TOTP_ISSUER = SITE_NAME
MFA_TRUST_ENABLED = False
#: For so long somebody whose new role asks for a second factor may work without.
SECOND_FACTOR_GRACE_DAYS = env.int("SECOND_FACTOR_GRACE_DAYS", 14)

# Web ---------------------------------------------------------------------------------------------

LANGUAGE_CODE = "en-gb"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = True

_secure = SITE_URL.startswith("https://")
_cookie_prefix = "__Host-" if _secure else ""
SESSION_ENGINE = "accounts.browser_sessions"
SESSION_COOKIE_NAME = f"{_cookie_prefix}sid"
SESSION_COOKIE_SECURE = _secure
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
#: How long a sign-in lasts when nobody is there, and at the longest. A live room counts as being
#: there. Shorter for people who work for an organisation, and on a device that others use too.
SIGN_IN_IDLE_MINUTES = env.int("SIGN_IN_IDLE_MINUTES", 7 * 24 * 60)
SIGN_IN_MAX_HOURS = env.int("SIGN_IN_MAX_HOURS", 30 * 24)
STAFF_SIGN_IN_IDLE_MINUTES = env.int("STAFF_SIGN_IN_IDLE_MINUTES", 30)
STAFF_SIGN_IN_MAX_HOURS = env.int("STAFF_SIGN_IN_MAX_HOURS", 12)
SHARED_SIGN_IN_IDLE_MINUTES = env.int("SHARED_SIGN_IN_IDLE_MINUTES", 15)
CSRF_COOKIE_NAME = f"{_cookie_prefix}csrf"
CSRF_COOKIE_SECURE = _secure
CSRF_COOKIE_HTTPONLY = True
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "supportgroups.errors.csrf_failure"
# The default falls back to a readable cookie that would hold an e-mail address.
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"

SECURE_SSL_REDIRECT = _secure and env.bool("SSL_REDIRECT", True)
# The container's own health check speaks plain http.
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if PRODUCTION else None
SECURE_HSTS_SECONDS = env.int("HSTS_SECONDS", 31_536_000 if PRODUCTION else 0)
# Off unless asked for: both bind hosts of the same domain that are not ours.
SECURE_HSTS_INCLUDE_SUBDOMAINS = env.bool("HSTS_INCLUDE_SUBDOMAINS", False)
SECURE_HSTS_PRELOAD = env.bool("HSTS_PRELOAD", False)
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SECURE_CSP = {
    "default-src": [CSP.NONE],
    "script-src": [CSP.SELF, CSP.NONCE],
    "style-src": [CSP.SELF],
    "img-src": [CSP.SELF],
    "font-src": [CSP.SELF],
    "connect-src": [CSP.SELF],
    "manifest-src": [CSP.SELF],
    "base-uri": [CSP.NONE],
    "form-action": [CSP.SELF],
    "frame-ancestors": [CSP.NONE],
    # Strings are put into the page through one policy only: static/js/trusted.js.
    "require-trusted-types-for": ["'script'"],
    "trusted-types": ["default"],
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 1_000_000

STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = Path(env.str("STATIC_ROOT", str(BASE_DIR / ".local" / "static")))
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": (
            "django.contrib.staticfiles.storage.StaticFilesStorage"
            if DJANGO_ENV == "test"
            else "supportgroups.lib.staticfiles.BundlingStaticFilesStorage"
        )
    },
}
WHITENOISE_USE_FINDERS = DJANGO_ENV == "test"
# Tests collect no files, so there is no folder of them to read.
WHITENOISE_AUTOREFRESH = DJANGO_ENV == "test"
WHITENOISE_KEEP_ONLY_HASHED_FILES = True
# Pages of other sites have no use for them.
WHITENOISE_ALLOW_ALL_ORIGINS = False

# Logs: one JSON object a line, no names, addresses, answers or paths with tokens. -----------------

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"no_personal_data": {"()": "supportgroups.logs.NoPersonalData"}},
    "formatters": {
        "json": {
            "()": "pythonjsonlogger.json.JsonFormatter",
            "format": "%(asctime)s %(levelname)s %(name)s %(message)s",
        }
    },
    "handlers": {
        "stderr": {
            "class": "logging.StreamHandler",
            "formatter": "json",
            "filters": ["no_personal_data"],
        }
    },
    "root": {"handlers": ["stderr"], "level": env.str("LOG_LEVEL", "INFO")},
    "loggers": {
        # Django's own request lines carry the path and, for errors, the whole request.
        "django.request": {"level": "ERROR"},
        "django.security.DisallowedHost": {"level": "CRITICAL"},
        # Uvicorn brings handlers of its own, which would print exceptions past the filter, and
        # tells of each socket that opens from which address and to which session.
        "uvicorn": {"level": "WARNING", "handlers": [], "propagate": True},
        "uvicorn.access": {"level": "WARNING", "handlers": [], "propagate": True},
        "celery.app.trace": {"level": "WARNING"},
    },
}
