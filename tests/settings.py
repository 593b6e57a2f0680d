"""The tests' settings: those of the project, on a database that only the tests know."""

import os
import sys
import tempfile
from pathlib import Path

TEST_DB = os.environ.get("TEST_DB", "sqlite")
if TEST_DB not in {"sqlite", "postgresql"}:
    raise RuntimeError(f"TEST_DB is {TEST_DB!r}, expected sqlite or postgresql")

# Nothing of a real installation may reach a test: not its database, not its data folder.
for name in [name for name in os.environ if name.startswith("REGISTRY_") or name == "DATABASE_URL"]:
    del os.environ[name]

if "pytest" in sys.modules:
    # Removed by tests/conftest.py: a worker of pytest-xdist ends without running what atexit knows.
    TEST_FOLDER = Path(tempfile.mkdtemp(prefix="registry-tests-"))
else:
    # The type checker reads the settings too.
    TEST_FOLDER = Path(tempfile.gettempdir()) / "registry-types"
os.environ["REGISTRY_DATA_DIR"] = str(TEST_FOLDER / "var")
if TEST_DB == "postgresql":
    # A socket in a folder of our own; tests/databases.py starts the server behind it when a test needs it.
    os.environ["DATABASE_URL"] = f"postgresql://postgres@/registry?host={TEST_FOLDER / 'postgresql'}"

from registry.settings import *  # noqa: E402, F403
from registry.settings import DATABASES, STORAGES  # noqa: E402

if TEST_DB == "sqlite":
    # A file, since threads of a test cannot share a database in memory; not synced, since nothing is at stake.
    DATABASES["default"]["TEST"] = {"NAME": TEST_FOLDER / "test.sqlite3"}
    options = DATABASES["default"]["OPTIONS"]
    options["init_command"] = options["init_command"].replace("synchronous=FULL", "synchronous=OFF")

SECRET_KEY = "only-for-tests-" + "x" * 40
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
ALLOWED_HOSTS = ["testserver", "localhost", "127.0.0.1"]
STATIC_ROOT = TEST_FOLDER / "static"
STATIC_ROOT.mkdir(exist_ok=True)
STORAGES = {
    **STORAGES,
    # Without the manifest: the tests serve the sources; test_serve.py serves the collected files.
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = True
