"""Django's settings; what differs between installations comes from registry.configuration."""

import sqlite3
from urllib.parse import urlsplit

from registry import configuration
from registry.monitoring.logs import django_logging
from registry.sqlite.versions import check_sqlite_version

ENV = configuration.read()
BASE_DIR = configuration.PROJECT_ROOT

REGISTRY_DATA_DIR = ENV.data_dir
REGISTRY_PUBLIC_URL = ENV.public_url
REGISTRY_ACCOUNT_ID = ENV.account_id
REGISTRY_REGION = ENV.region
REGISTRY_STAGES = ENV.stages
REGISTRY_MAX_GROUPS = ENV.max_groups
REGISTRY_MAX_VERSIONS = ENV.max_versions
REGISTRY_CHECKPOINT_KEY = ENV.checkpoint_key
REGISTRY_CHECKPOINT_MINUTES = ENV.checkpoint_minutes
REGISTRY_METRICS_ROOTS = ENV.metrics_roots
REGISTRY_TRUSTED_PROXIES = ENV.trusted_proxies
REGISTRY_WORKERS = ENV.workers
REGISTRY_MAX_IN_FLIGHT = ENV.max_in_flight
REGISTRY_METRICS_TOKEN = ENV.metrics_token
REGISTRY_LOG_FORMAT = ENV.log_format
REGISTRY_PATIENCE = ENV.patience

DEBUG = ENV.debug
SECRET_KEY, *SECRET_KEY_FALLBACKS = ENV.secret_keys
ALLOWED_HOSTS = list(ENV.allowed_hosts)
ROOT_URLCONF = "registry.urls"
WSGI_APPLICATION = "registry.wsgi.application"

# Databases

if ENV.database["ENGINE"] == "registry.sqlite":
    check_sqlite_version(sqlite3.sqlite_version_info)
DATABASES = {"default": ENV.database}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Applications

INSTALLED_APPS = [
    "registry.events",
    "registry.accounts",
    "registry.catalog",
    "registry.web",
    "registry.api.sagemaker",
    "registry.backup",
    "registry.web.admin_site.RegistryAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.forms",
    "allauth",
    "allauth.account",
    "django_htmx",
    "django_tasks",
    "django_tasks_db",
]

MIDDLEWARE = [
    "registry.monitoring.requests.RequestMiddleware",
    "registry.web.health.HealthMiddleware",
    "registry.web.scraping.ScrapeMiddleware",
    "registry.web.middleware.PublicAddressMiddleware",
    "registry.api.sagemaker.views.SageMakerDoor",
    "registry.api.checks.ChecksDoor",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "registry.web.compression.CompressionMiddleware",
    "registry.web.middleware.ContentPolicyMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "registry.web.middleware.PrivatePagesMiddleware",
    "registry.web.middleware.CapacityMiddleware",
    "registry.web.middleware.RefuseBrokenInputMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "registry.web.middleware.SignInRequiredMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "registry.web.refusals.RefusalsMiddleware",
]

# Templates: Jinja2 for the pages, Django's own for the admin.

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.jinja2.Jinja2",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "environment": "registry.web.jinja.environment",
            "context_processors": ["registry.web.context.page"],
        },
    },
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]
# Not the Jinja2 renderer: it breaks the admin's widgets.
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"

# Static files

STATIC_URL = "/static/"
STATIC_ROOT = REGISTRY_DATA_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"] if (BASE_DIR / "static").is_dir() else []
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
WHITENOISE_KEEP_ONLY_HASHED_FILES = True
WHITENOISE_ALLOW_ALL_ORIGINS = False
# Always the collected files, with DEBUG too: what is developed on is what is served.
WHITENOISE_AUTOREFRESH = False
WHITENOISE_USE_FINDERS = False

# Who signs in

AUTH_USER_MODEL = "accounts.User"
# Only one: with two, each try would hash the password twice.
AUTHENTICATION_BACKENDS = ["registry.accounts.backends.PeopleBackend"]
ACCOUNT_ADAPTER = "registry.accounts.adapters.AccountAdapter"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 8}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_URL = "/login/"
LOGIN_REDIRECT_URL = "/groups/"
LOGOUT_REDIRECT_URL = LOGIN_URL
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_LOGOUT_REDIRECT_URL = LOGIN_URL
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE = False
# registry.accounts.throttle counts failures; allauth's own limit would lock an account for everybody.
ACCOUNT_RATE_LIMITS = False
# REMOTE_ADDR is the visitor's address already: PublicAddressMiddleware reads the proxies' header.
ALLAUTH_TRUSTED_PROXY_COUNT = 0

# Background work: rows of the same database, taken by `manage.py worker`

TASKS = {"default": {"BACKEND": "django_tasks_db.DatabaseBackend"}}

# Sessions, cookies, headers

SESSION_ENGINE = "registry.accounts.sessions"
SESSION_COOKIE_AGE = 14 * 24 * 3600
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"
# Pages carry the token themselves: no script needs to read it.
CSRF_COOKIE_HTTPONLY = True
CSRF_FAILURE_VIEW = "registry.web.views.errors.csrf_failure"
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CSRF_TRUSTED_ORIGINS = [ENV.public_url] if ENV.public_url else []
if ENV.is_https:
    SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = LANGUAGE_COOKIE_SECURE = True
    # The prefix makes browsers refuse these cookies from any other host or path, or over plain http.
    SESSION_COOKIE_NAME = "__Host-sessionid"
    CSRF_COOKIE_NAME = "__Host-csrftoken"
    SECURE_HSTS_SECONDS = 365 * 24 * 3600
    # Only where our own proxy says that a visitor came over plain http; see PublicAddressMiddleware.
    SECURE_SSL_REDIRECT = True
    SECURE_SSL_HOST = urlsplit(ENV.public_url).netloc
    # HSTS speaks for this host alone. For its subdomains, and for the browsers' preload lists, only the owner of the
    # domain can promise https, for a year and hardly to be taken back: the proxy in front is the place for that.
    SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'"],
        "font-src": ["'self'"],
        "connect-src": ["'self'"],
        "form-action": ["'self'"],
        "base-uri": ["'none'"],
        "frame-ancestors": ["'none'"],
    }
}

# The widest form is a registration: containers, 50 pairs, metrics.
DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 2000
DATA_UPLOAD_MAX_NUMBER_FILES = 20

# Language and time

LANGUAGE_CODE = "en-us"
USE_I18N = False
USE_TZ = True
TIME_ZONE = "UTC"

# Log

LOGGING = django_logging(REGISTRY_LOG_FORMAT)
