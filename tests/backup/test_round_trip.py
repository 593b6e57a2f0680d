"""What comes out of a restored database is what went into the backup, byte by byte, on the same database or another."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import connection

from registry.accounts.permissions import Actor, NotAllowed
from registry.backup.archive import MANIFEST
from registry.backup.errors import Refusal
from registry.backup.restoring import restore
from registry.backup.services import back_up
from registry.backup.tables import LEFT_OUT, kept_tables
from registry.catalog import services
from registry.catalog.models import ModelPackage, Tag
from registry.configuration import PROJECT_ROOT
from registry.events.models import Event
from registry.events.verifying import verify_log
from registry.web.sentences import tell
from tests.factories import an_actor, make_group, make_version

from .conftest import SYSTEM, empty
from .worlds import HOSTILE, make_world

pytestmark = pytest.mark.django_db(transaction=True)

# One event more, of the restore itself.
OF_THE_LOG = {"events_event", "events_chainhead"}


def manifest(path: Path) -> dict[str, Any]:
    with zipfile.ZipFile(path) as archive:
        return json.loads(archive.read(MANIFEST))


def digests(path: Path) -> dict[str, tuple[int, str, Any]]:
    return {told["name"]: (told["rows"], told["sha256"], told["last_number"]) for told in manifest(path)["tables"]}


def events(path: Path) -> list[str]:
    """The log as its lines, but for what restores wrote."""
    with zipfile.ZipFile(path) as archive:
        lines = archive.read("tables/events_event.jsonl").decode().splitlines()
    return [line for line in lines if '"registry.restored"' not in line]


def assert_same(first: Path, second: Path) -> None:
    before, after = digests(first), digests(second)
    assert {n: d for n, d in after.items() if n not in OF_THE_LOG} == {
        n: d for n, d in before.items() if n not in OF_THE_LOG
    }
    assert events(first) == events(second)


def plain(value: Any) -> Any:
    """A JSON value with all numbers of one kind."""
    return json.loads(json.dumps(value), parse_int=float)


def plain_row(row: dict[str, Any]) -> dict[str, Any]:
    """A row without what differs from one database to the other: ids of permissions, how JSON holds a number."""
    return {
        name: plain(value) if isinstance(value, dict | list) else value
        for name, value in row.items()
        if name != "permission_id"
    }


def test_every_table_is_the_same_after_a_restore(save, file, tmp_path):
    world = make_world()
    before = {
        model._meta.label: list(model._base_manager.order_by("pk").values())
        for model in apps.get_models(include_auto_created=True)
        if model._meta.label not in LEFT_OUT
    }
    assert all(before[label] for label in before), "a table without a row proves nothing"
    save()
    empty()
    told = restore(actor=SYSTEM, path=file)
    assert (told.faults, told.is_older, told.rows) == ([], False, manifest(file)["totals"]["rows"])
    event = Event.objects.order_by("id").last()
    assert (event.kind, event.chain, event.target) == ("registry.restored", 0, f"sha256:{told.digest}")
    assert "restored the backup of 20" in tell(event).words
    again = tmp_path / "again.backup"
    back_up(actor=SYSTEM, path=again)
    assert_same(file, again)
    assert list(verify_log()) == []
    # What users see is the same too, but for what jsonb does not keep: no sign of zero, no exponent.
    card = ModelPackage.objects.get(pk=world["versions"][2].pk)
    assert plain(card.model_card) == plain(HOSTILE)
    # SQLite compares the texts of times: they have to be as Django writes them.
    assert ModelPackage.objects.filter(last_modified_at=card.last_modified_at, decided_at=card.decided_at).count() == 1
    for model in apps.get_models(include_auto_created=True):
        label = model._meta.label
        if label not in LEFT_OUT and model._meta.db_table not in OF_THE_LOG | {"django_admin_log"}:
            now = list(model._base_manager.order_by("pk").values())
            assert [*map(plain_row, now)] == [*map(plain_row, before[label])], label
    assert world["viewer"].__class__.objects.get(username="viewer").has_perm("accounts.view_user")


def test_what_is_registered_afterwards_goes_on_behind_everything_that_was(save, file):
    group = make_group("fraud", tags=[("a", ""), ("b", "")])
    make_version(group)
    services.delete_tags(actor=an_actor(), owner=group, keys=["b"])
    last = Tag.objects.get().pk + 1
    save()
    empty()
    restore(actor=SYSTEM, path=file)
    group.refresh_from_db()
    assert make_version(group).version == 2
    services.add_tags(actor=an_actor(), owner=group, tags=[("c", "")])
    # The id of what was deleted is not given again.
    assert Tag.objects.get(key="c").pk > last
    assert list(verify_log()) == []


@pytest.mark.parametrize("role", ["viewer", "contributor", "reviewer"])
def test_neither_is_for_others_than_admins(file, role):
    for call in (back_up, restore):
        with pytest.raises(NotAllowed):
            call(actor=an_actor(role), path=file)


def test_nothing_goes_into_a_database_with_data(save, file):
    make_version()
    save()
    before = Event.objects.count()
    with pytest.raises(Refusal, match=r"holds data already, in .*catalog_modelpackage.* nothing is deleted"):
        restore(actor=SYSTEM, path=file)
    assert Event.objects.count() == before
    empty()
    # A user who made the first sign-in counts too.
    from tests.factories import make_user

    make_user("admin", username="first")
    with pytest.raises(Refusal, match="accounts_user"):
        restore(actor=SYSTEM, path=file)


def test_each_table_is_in_a_backup_or_left_out_with_a_reason():
    left_out = {apps.get_model(label)._meta.db_table for label in LEFT_OUT}
    kept = {table.name for table in kept_tables()}
    assert kept | left_out | {"django_migrations"} == set(connection.introspection.table_names())
    assert not kept & left_out


def test_commands_say_what_they_did(file):
    make_version()
    said = io.StringIO()
    call_command("backup", str(file), stdout=said, stderr=said)
    assert said.getvalue().startswith("Wrote 1 group, 1 version or package, 2 events and ")
    with pytest.raises(CommandError, match=r"is there already. --force writes it anew.") as refused:
        call_command("backup", str(file), stderr=said)
    assert refused.value.returncode == 2
    call_command("backup", str(file), force=True, verbosity=0)
    said = io.StringIO()
    call_command("backup", str(file), verify=True, stdout=said, stderr=said)
    assert " is whole: 1 group, " in said.getvalue()
    empty()
    said = io.StringIO()
    call_command("restore", str(file), stdout=said, stderr=said)
    assert "is the same, byte by byte" in said.getvalue()
    with pytest.raises(CommandError, match="holds data already"):
        call_command("restore", str(file))


def on_sqlite(folder: Path, *arguments: str) -> str:
    """Run a command on a registry of its own, on SQLite."""
    folder.mkdir(exist_ok=True)
    environ = {"PATH": os.environ["PATH"], "REGISTRY_DATA_DIR": str(folder)}
    command = [sys.executable, "manage.py", *arguments]
    done = subprocess.run(command, cwd=PROJECT_ROOT, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.postgresql_only
def test_a_registry_goes_from_postgresql_to_sqlite_and_back(save, file, tmp_path):
    make_world()
    save()
    folder, again = tmp_path / "small", tmp_path / "again.backup"
    # Into a file without tables: they are made first.
    said = on_sqlite(folder, "restore", str(file))
    assert "byte by byte" in said
    assert "REGISTRY_SECRET_KEY: It does not open the secrets of 1 of 1 access keys (ci)" in said
    assert "REGISTRY_CHECKPOINT_KEY: There is none here; checkpoint 1, the newest" in said
    on_sqlite(folder, "backup", str(again))
    assert_same(file, again)
    empty()
    restore(actor=Actor.system("test"), path=again)
    third = tmp_path / "third.backup"
    back_up(actor=SYSTEM, path=third)
    assert_same(file, third)
    assert manifest(again)["database"] == "sqlite"
    assert manifest(third)["database"] == "postgresql"


OLDER = """
import sys, django
django.setup()
from django.core.management import call_command
from django.db.migrations.loader import MigrationLoader
from django.utils import timezone
from registry.backup.migration_states import migrate_to

loader = MigrationLoader(None)
nodes = set(loader.graph.nodes) - set(loader.graph.backwards_plan(("events", "0003_chain")))
migrate_to(nodes)
apps = loader.project_state(sorted(nodes)).apps
now = timezone.now()
group = apps.get_model("catalog", "ModelPackageGroup").objects.create(
    region="us-east-1", name="fraud", created_at=now, updated_at=now, created_by={"a": 1}
)
event = apps.get_model("events", "Event").objects
for number in range(3):
    event.create(
        at=now, kind="model_package_group.created", category="registration", actor_name="rosa", door="browser",
        region="us-east-1", group_id=group.pk if number else None, group_name="fraud", after={"n": number},
    )
call_command("backup", sys.argv[1])
"""


@pytest.mark.sqlite_only
def test_a_backup_of_an_older_program_is_restored_as_it_was_and_migrated(file, tmp_path):
    environ = {
        "PATH": os.environ["PATH"],
        "REGISTRY_DATA_DIR": str(tmp_path),
        "DJANGO_SETTINGS_MODULE": "registry.settings",
    }
    command = [sys.executable, "-c", OLDER, str(file)]
    subprocess.run(command, cwd=PROJECT_ROOT, env=environ, check=True, capture_output=True)
    with pytest.raises(Refusal, match=r"made before the migrations? .*events.0003_chain.*without any table"):
        restore(actor=SYSTEM, path=file)
    told = on_sqlite(tmp_path / "newer", "restore", str(file))
    assert "of an older program: it was restored as it was, then migrated" in told
    assert "is as it was written: 2 chains, 4 events" in on_sqlite(tmp_path / "newer", "verifylog")
