"""A log that somebody changed by hand is told of at every step and never lost; and which keys a restore needs."""

from __future__ import annotations

import io
import re
import shutil

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection

from registry.accounts.access_keys import can_sign
from registry.accounts.models import AccessKey
from registry.backup.errors import Damaged
from registry.backup.restoring import restore
from registry.backup.services import back_up, check
from registry.catalog.models import ModelPackage
from registry.events.checkpoints import make_checkpoint
from registry.events.models import ChainHead, Event
from registry.events.triggers import missing_triggers
from registry.events.verifying import verify_log
from tests.factories import make_group, make_version
from tests.log import behind_the_triggers

from .conftest import SYSTEM, empty
from .worlds import make_world

pytestmark = pytest.mark.django_db(transaction=True)


def changed(sql: str) -> None:
    with behind_the_triggers(), connection.cursor() as cursor:
        cursor.execute(sql)


@pytest.mark.parametrize(
    ("sql", "fault", "seen_at_once"),
    [
        (
            "UPDATE events_event SET comment = 'other' WHERE version = 2",
            "event 3, position 3 of chain 1, was edited",
            False,
        ),
        ("DELETE FROM events_event WHERE version = 2", "event 4 does not continue chain 1 at position 3", True),
        ("DELETE FROM events_event WHERE version = 3", "chain 1 does not end where its head is", True),
        ("UPDATE events_event SET previous = digest WHERE version = 1", "event 2 does not continue chain 1", True),
    ],
)
def test_a_log_that_was_changed_is_told_of_and_comes_back_only_knowingly(file, sql, fault, seen_at_once):
    group = make_group()
    first = Event.objects.get().pk
    for _ in range(3):
        make_version(group)
    fault = fault.replace("chain 1", f"chain {group.pk}")
    fault = re.sub(r"event (\d)", lambda found: f"event {first + int(found[1]) - 1}", fault)
    changed(sql)
    findings = list(verify_log())
    assert findings
    written = back_up(actor=SYSTEM, path=file)
    assert (fault in "; ".join(written.faults)) == seen_at_once
    assert fault in "; ".join(check(path=file).faults)
    rows = list(Event.objects.order_by("id").values())
    heads = list(ChainHead.objects.filter(position__gt=0).order_by("chain").values())
    empty()
    with pytest.raises(Damaged, match=r"Nothing was\s+restored"):
        restore(actor=SYSTEM, path=file)
    assert not ModelPackage.objects.exists()
    assert not Event.objects.exists()
    told = restore(actor=SYSTEM, path=file, accept_broken_log=True)
    assert fault in "; ".join(told.faults)
    assert Event.objects.order_by("id").last().after["faults"] == told.faults
    # Nothing is mended, the triggers are back, and the next event follows.
    assert list(Event.objects.exclude(kind="registry.restored").order_by("id").values()) == rows
    assert list(ChainHead.objects.filter(position__gt=0).exclude(chain=0).order_by("chain").values()) == heads
    assert missing_triggers(connection) == []
    assert len(list(verify_log())) == len(findings)


def test_the_commands_end_with_1(file):
    make_version()
    changed("DELETE FROM events_event WHERE version = 1")
    for name, words in (("backup", "Run `manage.py verifylog`"), ("backup --verify", "only with --accept-broken-log")):
        said = io.StringIO()
        with pytest.raises(CommandError, match=words) as ended:
            call_command("backup", str(file), stdout=said, stderr=said, verify="--verify" in name)
        assert ended.value.returncode == 1
        assert "was changed by hand: chain " in said.getvalue()
    empty()
    with pytest.raises(CommandError, match="--accept-broken-log restores it as it is"):
        call_command("restore", str(file))
    said = io.StringIO()
    call_command("restore", str(file), accept_broken_log=True, stdout=said, stderr=said)
    assert "was changed by hand: chain " in said.getvalue()


def test_a_chain_that_was_computed_anew_does_not_fit_its_checkpoint(save, file):
    from registry.events.chains import content_of, digest_of

    group = make_group()
    make_version(group)
    make_checkpoint()
    last = Event.objects.order_by("id").last()
    last.comment = "forged"
    digest = digest_of(bytes(last.previous), content_of(last)).hex()
    as_bytes = f"'\\x{digest}'::bytea" if connection.vendor == "postgresql" else f"X'{digest}'"
    changed(f"UPDATE events_event SET comment = 'forged', digest = {as_bytes} WHERE id = {last.pk}")
    changed(f"UPDATE events_chainhead SET digest = {as_bytes} WHERE chain = {group.pk}")
    save()
    assert check(path=file).faults == []
    empty()
    with pytest.raises(Damaged, match="checkpoint 1"):
        restore(actor=SYSTEM, path=file)


def test_it_says_which_keys_are_needed_and_whether_they_fit(save, file, checkpoint_key, monkeypatch):
    make_world()
    save()

    def fits() -> dict[str, bool]:
        return {key.name: key.fits for key in check(path=file).keys}

    assert fits() == {"REGISTRY_SECRET_KEY": True, "REGISTRY_CHECKPOINT_KEY": True}
    kept = checkpoint_key.with_name("kept.pem")
    shutil.move(checkpoint_key, kept)
    monkeypatch.setattr(settings, "SECRET_KEY", "another-key-" + "y" * 40)
    empty()
    told = restore(actor=SYSTEM, path=file)
    assert {key.name: key.fits for key in told.keys} == {"REGISTRY_SECRET_KEY": False, "REGISTRY_CHECKPOINT_KEY": False}
    assert "1 of 1 access keys (ci)" in told.keys[0].said
    assert "There is none here" in told.keys[1].said
    # Asking made no key, and nothing was lost.
    assert not checkpoint_key.exists()
    assert not can_sign(AccessKey.objects.get())
    monkeypatch.undo()
    assert can_sign(AccessKey.objects.get())


def test_another_account_is_told_of(save, file, monkeypatch):
    make_version()
    save()
    monkeypatch.setattr(settings, "REGISTRY_ACCOUNT_ID", "123456789012")
    assert "REGISTRY_ACCOUNT_ID=000000000000, here it is 123456789012" in check(path=file).remarks[0]
