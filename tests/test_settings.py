"""The environment: defaults, what is read, and what is refused with which sentence."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from registry import configuration
from registry.configuration import ConfigurationError, read
from registry.sqlite.versions import check_sqlite_version

ROOT = configuration.PROJECT_ROOT
KEY = "k" * 40


def environ(folder: Path, **values: str) -> dict[str, str]:
    return {"REGISTRY_DATA_DIR": str(folder / "var"), **values}


def test_defaults_need_nothing_but_the_data_folder(tmp_path):
    found = read(environ(tmp_path))
    assert found.account_id == "000000000000"
    assert found.region == "us-east-1"
    assert found.stages == ("Development", "Staging", "Production")
    assert found.allowed_hosts == ("localhost", "127.0.0.1", "[::1]")
    assert (found.debug, found.public_url, found.trusted_proxies, found.workers) == (False, "", 0, 2)
    assert found.max_in_flight == 24
    assert found.database["NAME"] == tmp_path / "var" / "registry.sqlite3"


def test_data_folder_is_made_for_its_owner_only(tmp_path):
    read(environ(tmp_path))
    assert stat.S_IMODE((tmp_path / "var").stat().st_mode) == 0o700


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("REGISTRY_ACCOUNT_ID", "12345", "12 digits"),
        ("REGISTRY_ACCOUNT_ID", "١٢٣٤٥٦٧٨٩٠١٢", "12 digits"),
        ("REGISTRY_REGION", "EU", "9 to 16 characters"),
        ("REGISTRY_WORKERS", "0", "from 1 to 64"),
        ("REGISTRY_WORKERS", "many", "from 1 to 64"),
        ("REGISTRY_MAX_IN_FLIGHT", "0", "from 1 to 500"),
        ("REGISTRY_TRUSTED_PROXIES", "-1", "from 0 to 10"),
        ("REGISTRY_DEBUG", "maybe", "on or off"),
        ("REGISTRY_PUBLIC_URL", "registry.example.com", "https://registry.example.com"),
        ("REGISTRY_PUBLIC_URL", "https://example.com/registry", "without a path"),
        ("REGISTRY_PUBLIC_URL", "https://[::1", "https://registry.example.com"),
        ("REGISTRY_ALLOWED_HOSTS", "https://example.com", "without scheme and port"),
        ("REGISTRY_METRICS_ROOTS", "bucket=/tmp", "s3://BUCKET=FOLDER"),
        ("REGISTRY_METRICS_ROOTS", "s3://bucket=/nowhere/at/all", "a folder that exists"),
        ("REGISTRY_STAGES", "Development,,Production", "separated by commas"),
        ("REGISTRY_STAGES", "Test,test", "different names"),
        ("DATABASE_URL", "mysql://localhost/registry", "sqlite:/// or postgresql://"),
        ("DATABASE_URL", "sqlite:///", "sqlite:///folder/file.sqlite3"),
        ("DATABASE_URL", "sqlite:////nowhere/at/all.sqlite3", "a folder that exists"),
        ("DATABASE_URL", "postgresql://localhost/", "postgresql://USER:PASSWORD@HOST:PORT/DATABASE"),
        ("DATABASE_URL", "postgresql://localhost:port/registry", "an address"),
        ("DATABASE_URL", "postgresql://localhost/registry?sslmod=require", "sslmod is none"),
        ("DATABASE_URL", "postgresql://localhost/registry?pool_max_size=0", "pool_max_size"),
        ("DATABASE_URL", "postgresql://localhost/registry?prepared_statements=1", "prepared_statements=on or off"),
    ],
)
def test_wrong_value_is_refused_by_name_value_and_expectation(tmp_path, name, value, expected):
    with pytest.raises(ConfigurationError) as refusal:
        read(environ(tmp_path, **{name: value}))
    message = str(refusal.value)
    assert message.startswith(f"{name} is {value[:6]!r}"[:-1])
    assert expected in message
    assert message.endswith(".") and "\n" not in message


def test_refusal_never_shows_a_password(tmp_path):
    with pytest.raises(ConfigurationError) as refusal:
        read(environ(tmp_path, DATABASE_URL="postgresql://registry:hu@nter2@db/registry?color=red"))
    assert "nter2" not in str(refusal.value)
    assert "postgresql://registry:***@db/registry" in str(refusal.value)


def test_refusal_never_shows_a_secret_key(tmp_path):
    with pytest.raises(ConfigurationError) as refusal:
        read(environ(tmp_path, REGISTRY_SECRET_KEY=f"{KEY},short-secret"))
    assert "short-secret" not in str(refusal.value)
    assert "key number 2" in str(refusal.value)


def test_first_secret_key_writes_and_all_read(tmp_path):
    found = read(environ(tmp_path, REGISTRY_SECRET_KEY=f"{KEY}, {'o' * 40}"))
    assert found.secret_keys == (KEY, "o" * 40)
    assert not (tmp_path / "var" / "secret_key").exists()


def test_generated_secret_key_is_kept_and_private(tmp_path):
    first, second = read(environ(tmp_path)), read(environ(tmp_path))
    kept = tmp_path / "var" / "secret_key"
    assert first.secret_keys == second.secret_keys == (kept.read_text().strip(),)
    assert len(first.secret_keys[0]) >= 50
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert [path.name for path in (tmp_path / "var").iterdir()] == ["secret_key"]


def test_relative_sqlite_path_counts_from_the_project(tmp_path):
    assert (
        read(environ(tmp_path, DATABASE_URL="sqlite:///tests/x.sqlite3")).database["NAME"] == ROOT / "tests/x.sqlite3"
    )
    absolute = read(environ(tmp_path, DATABASE_URL=f"sqlite:///{tmp_path}/a%20b.sqlite3?timeout=5"))
    assert absolute.database["NAME"] == tmp_path / "a b.sqlite3"
    assert absolute.database["OPTIONS"]["timeout"] == 5


def test_sqlite_waits_for_locks_and_never_loses_a_commit(tmp_path):
    options = read(environ(tmp_path)).database["OPTIONS"]
    assert options["transaction_mode"] == "IMMEDIATE"
    assert options["timeout"] == 20
    assert "journal_mode=WAL" in options["init_command"]
    assert "synchronous=FULL" in options["init_command"]


def test_postgresql_address_with_options(tmp_path):
    address = "postgres://us%40er:p%2Fw@db.example.com:5433/registry?sslmode=require&pool_max_size=8"
    found = read(environ(tmp_path, DATABASE_URL=address)).database
    assert found["ENGINE"] == "registry.postgresql"
    assert (found["USER"], found["PASSWORD"], found["HOST"], found["PORT"]) == (
        "us@er",
        "p/w",
        "db.example.com",
        "5433",
    )
    assert found["NAME"] == "registry"
    assert found["OPTIONS"] == {
        "pool": {"min_size": 1, "max_size": 8, "timeout": 2, "reconnect_timeout": 3},
        "prepare_threshold": 0,
        "connect_timeout": 3,
        "sslmode": "require",
    }
    assert found["CONN_MAX_AGE"] == 0 and found["CONN_HEALTH_CHECKS"] is False


def test_postgresql_behind_a_pooler_prepares_nothing(tmp_path):
    address = "postgresql://me@/registry?prepared_statements=off"
    found = read(environ(tmp_path, DATABASE_URL=address)).database
    assert found["OPTIONS"]["prepare_threshold"] is None
    assert found["DISABLE_SERVER_SIDE_CURSORS"] is True


def test_postgresql_behind_a_socket(tmp_path):
    found = read(environ(tmp_path, DATABASE_URL="postgresql://me@/registry?host=/run/postgresql")).database
    assert (found["HOST"], found["PORT"], found["USER"]) == ("/run/postgresql", "", "me")


@pytest.mark.parametrize(
    ("version", "accepted"),
    [
        ((3, 40, 1), False),
        ((3, 44, 5), False),
        ((3, 44, 6), True),
        ((3, 45, 0), False),
        ((3, 50, 6), False),
        ((3, 50, 7), True),
        ((3, 51, 2), False),
        ((3, 51, 3), True),
        ((3, 53, 4), True),
        ((4, 0, 0), True),
    ],
)
def test_sqlite_with_the_wal_reset_bug_is_refused(version, accepted):
    if accepted:
        check_sqlite_version(version)
    else:
        with pytest.raises(ConfigurationError, match="can lose committed writes"):
            check_sqlite_version(version)


def test_public_address_is_answered_beside_the_given_hosts(tmp_path):
    found = read(
        environ(tmp_path, REGISTRY_PUBLIC_URL="https://Models.Example.com:8443/", REGISTRY_ALLOWED_HOSTS="a.b, c")
    )
    assert found.public_url == "https://models.example.com:8443"
    assert found.allowed_hosts == ("a.b", "c", "models.example.com")


def test_metrics_roots_by_blank_or_comma(tmp_path):
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    roots = f"s3://first={tmp_path}/one, s3://second.bucket={tmp_path}/two"
    found = read(environ(tmp_path, REGISTRY_METRICS_ROOTS=roots))
    assert found.metrics_roots == {"first": tmp_path / "one", "second.bucket": tmp_path / "two"}


def test_stages_keep_their_order(tmp_path):
    stages = read(environ(tmp_path, REGISTRY_STAGES="Dev, QA, Pre-Production ,Production")).stages
    assert stages == ("Dev", "QA", "Pre-Production", "Production")


def run_settings(folder: Path, code: str, **values: str) -> subprocess.CompletedProcess[str]:
    """Run a line in a fresh process with the real settings, as a server would load them."""
    setup = f"import django; django.setup(); from django.conf import settings; {code}"
    return subprocess.run(
        [sys.executable, "-c", setup],
        env={"PATH": os.environ["PATH"], "DJANGO_SETTINGS_MODULE": "registry.settings", **environ(folder, **values)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.sqlite_only
def test_https_address_turns_on_secure_cookies_and_hsts(tmp_path):
    code = (
        "print(settings.SESSION_COOKIE_NAME, settings.CSRF_COOKIE_NAME, settings.SESSION_COOKIE_SECURE, "
        "settings.CSRF_COOKIE_SECURE, settings.SECURE_HSTS_SECONDS > 0, settings.CSRF_TRUSTED_ORIGINS)"
    )
    secure = run_settings(tmp_path, code, REGISTRY_PUBLIC_URL="https://models.example.com")
    expected = "__Host-sessionid __Host-csrftoken True True True ['https://models.example.com']"
    assert secure.stdout.strip() == expected, secure.stderr
    plain = run_settings(tmp_path, code, REGISTRY_PUBLIC_URL="http://models.example.com")
    assert plain.stdout.strip() == "sessionid csrftoken False False False ['http://models.example.com']", plain.stderr


@pytest.mark.sqlite_only
def test_packaged_sqlite_is_the_one_in_use(tmp_path):
    code = (
        "import sqlite3; from django.db import connection; print(connection.Database.sqlite_version_info >= (3, 51, 3))"
    )
    assert run_settings(tmp_path, code).stdout.strip() == "True"


@pytest.mark.sqlite_only
def test_wrong_value_ends_every_command_with_one_sentence(tmp_path):
    done = subprocess.run(
        [sys.executable, "manage.py", "migrate"],
        env={"PATH": os.environ["PATH"], **environ(tmp_path, REGISTRY_ACCOUNT_ID="12")},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr == "Cannot start: REGISTRY_ACCOUNT_ID is '12', expected 12 digits.\n"
    assert done.stdout == ""


@pytest.mark.sqlite_only
def test_command_without_tables_says_what_to_run(tmp_path):
    done = subprocess.run(
        [sys.executable, "manage.py", "createsuperuser", "--no-input", "--username", "boss"],
        env={"PATH": os.environ["PATH"], "DJANGO_SUPERUSER_PASSWORD": "quiet-harbour-42", **environ(tmp_path)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.endswith("The database has no tables yet: run `manage.py migrate` (serve and demo do it).\n")
    assert "Traceback" not in done.stderr
