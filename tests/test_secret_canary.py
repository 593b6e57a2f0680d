"""Secrets stand where they must and nowhere else: not in any table, byte by byte, not in the log, not in a backup."""

from __future__ import annotations

import base64
import gzip
import io
import logging
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from django.conf import settings
from django.core.management import call_command, get_commands
from django.db import connection
from django.test import Client
from django.urls import reverse

from registry.accounts.access_keys import create_access_key
from registry.accounts.models import AccessKey, User
from registry.accounts.permissions import Actor
from registry.configuration import PROJECT_ROOT
from tests.api.signing import SignedCall
from tests.factories import PASSWORD, make_user, make_version
from tests.web.admin_forms import save

pytestmark = pytest.mark.django_db

TYPED = "canary-of-a-password-"


def database_as_bytes() -> bytes:
    """Every column of every row of every table, those of Django and its packages too."""
    found = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            for row in cursor.fetchall():
                found += [bytes(v) if isinstance(v, (bytes, memoryview)) else str(v).encode() for v in row]
    return b"\0".join(found)


def unpacked(path: Path) -> bytes:
    """A file with what is packed in it."""
    found = [raw := path.read_bytes()]
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            found += [archive.read(name) for name in archive.namelist()]
    if raw.startswith(b"\x1f\x8b"):
        found.append(gzip.decompress(raw))
    return b"\0".join(found)


def kept_secrets() -> dict[str, str]:
    """The secrets of the installation: of the settings, by what they are called, and of the files that they name."""
    found = {}
    for name in dir(settings):
        value = getattr(settings, name)
        if re.search("SECRET|TOKEN|PASSWORD", name) and isinstance(value, str) and len(value) >= 16:
            found[name] = value
    key = getattr(settings, "REGISTRY_CHECKPOINT_KEY", None)
    if key and Path(key).is_file():
        # The line of a PEM file that is the key.
        found["checkpoint key"] = Path(key).read_text(encoding="utf-8").splitlines()[1]
    return {name: value for name, value in found.items() if "." not in value and "/" not in value[:2]}


def told(secrets: dict[str, str], where: Iterable[tuple[str, bytes]]) -> list[str]:
    """Which secret stands where."""
    return [
        f"{name} in {place}" for name, secret in secrets.items() for place, text in where if secret.encode() in text
    ]


def test_the_key_of_the_checkpoints_is_in_its_file_only(caplog, capfd, settings, tmp_path):
    caplog.set_level(logging.DEBUG)
    settings.REGISTRY_CHECKPOINT_KEY = tmp_path / "key.pem"
    make_user("viewer", username="vera")
    browser, version = Client(), make_version()
    browser.force_login(User.objects.get(username="vera"))
    shown = [browser.get(f"{version.get_absolute_url()}evidence{end}").content for end in ("/", ".json")]
    call_command("checkpoint", stdout=io.StringIO())
    call_command("verifylog", stdout=io.StringIO())
    pem = settings.REGISTRY_CHECKPOINT_KEY.read_text()
    seed = load_pem_private_key(pem.encode(), None).private_bytes_raw()
    kept, written = database_as_bytes().decode(errors="replace"), caplog.text + "".join(capfd.readouterr())
    assert "Checkpoint 1 of" in written and b"signature" in shown[1]
    for secret in (pem.splitlines()[1], seed.hex(), base64.b64encode(seed).decode().rstrip("=")):
        for text in (kept, written, *(page.decode() for page in shown)):
            assert secret not in text


@pytest.fixture
def written(caplog: Any, capfd: Any) -> Any:
    """All that was logged and printed so far, as bytes; everything is logged, the statements included."""
    caplog.set_level(logging.DEBUG)
    connection.force_debug_cursor = False
    yield lambda: (caplog.text + "".join(capfd.readouterr())).encode()


def test_the_secret_of_a_key_is_kept_and_logged_nowhere(written):
    rosa = make_user("contributor", username="rosa")
    browser = Client()
    browser.force_login(rosa)
    html = browser.post("/settings/access-keys/", {"name": "ci", "expires": "90"}).content.decode()
    found = [re.search(r"AWS_SECRET_ACCESS_KEY=([\w-]{40})", html)[1]]
    key = AccessKey.objects.get()
    html = browser.post(f"/settings/access-keys/{key.pk}/rotate/").content.decode()
    found.append(re.search(r"AWS_SECRET_ACCESS_KEY=([\w-]{40})", html)[1])
    printed = io.StringIO()
    call_command("createaccesskey", "rosa", stdout=printed, stderr=io.StringIO())
    found.append(re.search(r"AWS_SECRET_ACCESS_KEY=([\w-]{40})", printed.getvalue())[1])
    fresh = AccessKey.objects.get(pk=key.pk)
    good = SignedCall(key=(fresh.key_id, found[1]))
    assert good.send()[1] == ""
    # Also where it is refused, where a page fails, and where the database does.
    assert SignedCall(key=(key.key_id, found[0])).send()[1] == "UnrecognizedClientException"
    assert SignedCall(key=(fresh.key_id, found[1]), sent=b"other").send()[1] == "InvalidSignatureException"
    browser.get("/activity/")
    assert len(set(found)) == 3
    kept = database_as_bytes()
    assert fresh.key_id.encode() in kept and b"access_key.rotated" in kept
    secrets = {f"secret {number}": secret for number, secret in enumerate(found)}
    assert not told(secrets, [("the database", kept), ("the log", written())])


def test_passwords_are_kept_and_logged_nowhere(written):
    """Typed rightly, wrongly, at the wrong place, too weak, for oneself, for others, at the admin site."""
    ada = make_user("admin", username="ada")
    browser = Client()
    passwords = [f"{TYPED}{number}" for number in range(8)]
    browser.post("/login/", {"login": "ada", "password": passwords[0]})
    browser.post("/login/", {"login": passwords[1], "password": "x"})
    browser.post("/admin/login/", {"username": "ada", "password": passwords[2]})
    assert browser.post("/login/", {"login": "ada", "password": PASSWORD}).status_code == 302
    new = {"old_password": PASSWORD, "password": passwords[3], "password_again": passwords[3]}
    assert browser.post("/settings/password/", new).status_code == 302
    wrong = {"old_password": passwords[4], "password": passwords[3], "password_again": passwords[3]}
    assert browser.post("/settings/password/", wrong).status_code == 422
    vera = {"username": "vera", "role": "viewer", "password": passwords[5], "password_again": passwords[5]}
    assert browser.post("/settings/users/new/", vera).status_code == 302
    html = browser.post("/settings/users/new/", vera).content.decode()
    assert passwords[5] not in html  # refused, and not shown again
    save(browser, reverse("admin:accounts_user_change", args=[ada.pk]), password=passwords[6])
    browser.get("/nowhere/", {"q": "x"})
    secrets = {password: password for password in [*passwords, PASSWORD]}
    assert not told(secrets, [("the database", database_as_bytes()), ("the log", written())])


def test_sessions_and_tokens_are_kept_and_logged_nowhere(written):
    """Whoever reads the database, or a copy of it, cannot go on with somebody's session or forge a form."""
    make_user("viewer", username="vera")
    browser = Client(enforce_csrf_checks=True)
    page = browser.get("/login/").content.decode()
    token = re.search(r'csrfmiddlewaretoken" value="([^"]+)"', page)[1]
    form = {"login": "vera", "password": PASSWORD, "csrfmiddlewaretoken": token}
    assert browser.post("/login/", form).status_code == 302
    browser.get("/activity/")
    assert browser.post("/groups/new/", {}).status_code == 403
    cookies = {name: morsel.value for name, morsel in browser.cookies.items()}
    assert {"sessionid", "csrftoken"} <= set(cookies)
    kept = database_as_bytes()
    assert not told(cookies | {"token": token}, [("the database", kept), ("the log", written())])
    # What is kept opens nothing.
    with connection.cursor() as cursor:
        cursor.execute("SELECT session_key FROM django_session")
        keys = [key for (key,) in cursor.fetchall()]
    for key in keys:
        thief = Client()
        thief.cookies["sessionid"] = key
        assert thief.get("/settings/password/").status_code == 302
    assert keys and browser.get("/settings/password/").status_code == 200
    # And signing out ends it.
    token = re.search(r'csrfmiddlewaretoken" value="([^"]+)"', browser.get("/logout/").content.decode())[1]
    browser.post("/logout/", {"csrfmiddlewaretoken": token})
    thief = Client()
    thief.cookies["sessionid"] = cookies["sessionid"]
    assert thief.get("/settings/password/").status_code == 302


def test_the_secrets_of_the_installation_are_in_no_table_log_or_backup(written, tmp_path: Path):
    rosa = make_user("contributor", username="rosa")
    key, secret = create_access_key(actor=Actor.system("test"), user=rosa, name="ci")
    browser = Client()
    browser.force_login(rosa)
    browser.get("/groups/")
    assert SignedCall(key=(key.key_id, secret)).send()[1] == ""
    commands = get_commands()
    if "checkpoint" in commands:
        call_command("checkpoint", stdout=io.StringIO(), stderr=io.StringIO())
    places = [("the database", database_as_bytes())]
    if "backup" in commands and connection.vendor == "sqlite":
        copy = subprocess_backup(tmp_path)
        places.append(("a backup", unpacked(copy)))
    secrets = kept_secrets() | {"key": secret}
    assert "SECRET_KEY" in secrets
    assert not told(secrets, [*places, ("the log", written())])


def subprocess_backup(folder: Path) -> Path:
    """A backup of a registry of its own with an access key, made by the command."""
    environ = {"PATH": os.environ["PATH"], "REGISTRY_DATA_DIR": str(folder / "var")}
    environ |= {"REGISTRY_SECRET_KEY": settings.SECRET_KEY, "DJANGO_SUPERUSER_PASSWORD": f"{TYPED}boss"}
    target = folder / "registry.backup"

    def manage(*arguments: str) -> str:
        command = [sys.executable, "manage.py", *arguments]
        done = subprocess.run(command, cwd=PROJECT_ROOT, env=environ, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    manage("migrate", "--verbosity=0")
    manage("createsuperuser", "--no-input", "--username=boss", "--email=")
    printed = manage("createaccesskey", "boss")
    manage("backup", str(target))
    secret = re.search(r"AWS_SECRET_ACCESS_KEY=([\w-]{40})", printed)[1]
    assert not told({"key": secret, "password": f"{TYPED}boss"}, [("a backup", unpacked(target))])
    return target


@pytest.mark.sqlite_only
def test_the_password_of_the_database_is_said_to_nobody(tmp_path: Path):
    """Where the database cannot be reached, and where its address is wrong."""
    for address in (
        "postgresql://registry:hu-canary-nter@127.0.0.1:1/registry",
        "postgresql://a:hu-canary-nter@/x?y=z",
    ):
        done = subprocess.run(
            [sys.executable, "manage.py", "migrate", "--verbosity=3"],
            env={"PATH": os.environ["PATH"], "REGISTRY_DATA_DIR": str(tmp_path / "var"), "DATABASE_URL": address},
            cwd=PROJECT_ROOT,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode != 0 and "canary" not in done.stdout + done.stderr, done.stderr[-500:]
