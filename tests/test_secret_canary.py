"""The secret of an access key stands in the one answer that shows it: not in the database, the events or the log."""

from __future__ import annotations

import base64
import io
import logging
import re

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from django.apps import apps
from django.contrib.sessions.models import Session
from django.core import serializers
from django.core.management import call_command
from django.test import Client

from registry.accounts.models import AccessKey, User
from tests.api.signing import SignedCall
from tests.factories import make_user, make_version

pytestmark = pytest.mark.django_db


def database_as_text() -> str:
    """Every row of every table as text, sessions unpacked."""
    models = [model for model in apps.get_models(include_auto_created=True) if model._meta.managed]
    rows = [
        serializers.serialize("json", model._base_manager.all(), use_natural_foreign_keys=False) for model in models
    ]
    return "\n".join([*rows, *(str(session.get_decoded()) for session in Session.objects.all())])


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
    kept, written = database_as_text(), caplog.text + "".join(capfd.readouterr())
    assert "Checkpoint 1 of" in written and b"signature" in shown[1]
    for secret in (pem.splitlines()[1], seed.hex(), base64.b64encode(seed).decode().rstrip("=")):
        for text in (kept, written, *(page.decode() for page in shown)):
            assert secret not in text


def test_no_secret_is_kept_or_logged(caplog, capfd):
    caplog.set_level(logging.DEBUG)
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
    kept = database_as_text()
    written = caplog.text + "".join(capfd.readouterr())
    assert fresh.key_id in kept and "access_key.rotated" in kept
    for secret in found:
        assert secret not in kept
        assert secret not in written
