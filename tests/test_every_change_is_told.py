"""No change without an event: services, admin pages and actions, commands; a new one without a row here fails.

What the tables hold is compared before and after. What differs must have come with at least one new event, but for the
short list of what is no change of the registry (UNTOLD).
"""

import inspect
import io
import json
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib import admin as django_admin
from django.contrib.auth.models import Group
from django.core.management import CommandError, call_command, get_commands
from django.db import connection
from django.test import RequestFactory

from registry.accounts import access_keys, teams
from registry.accounts import services as accounts
from registry.accounts.models import AccessKey, Role, User
from registry.accounts.permissions import Actor
from registry.catalog import services
from registry.catalog.models import ModelPackage, ModelPackageGroup
from registry.catalog.services.metric_readings import read_metric_reports
from registry.events.models import Event
from registry.events.verifying import verify_log
from registry.web.management.commands import demo
from tests.factories import PASSWORD, REGION, an_actor, make_user, make_version
from tests.roles import person
from tests.test_roles_of_services import SERVICES, subjects_of_services, writers
from tests.web.admin_forms import address, save

pytestmark = pytest.mark.django_db

# Tables, and columns, that may change without an event, each with the reason.
UNTOLD = {
    "accounts_badsignatures": "counts of a minute, against guessing",
    "accounts_signinfailure": "counts of a quarter of an hour, against guessing",
    "catalog_answeredcall": "the first answers to ClientTokens, for a week",
    "django_content_type": "Django's own names of the tables",
    "django_migrations": "which migrations ran",
    "auth_permission": "Django's own, asked by nobody",
    "django_session": "who is signed in where",
    "django_tasks_database_dbtaskresult": "what is to be done in the background",
    "sqlite_sequence": "SQLite's next ids",
    "events_event": "the log itself",
    "events_chainhead": "the ends of its chains",
    "events_checkpoint": "what is signed of it",
    "events_checkpointkey": "the public keys of that",
    "events_checkpointleaf": "the places of chains that are signed",
    "accounts_user.last_login": "not a change of the user",
    "accounts_accesskey.last_used_at": "not a change of the key",
    "accounts_accesskey.last_used_by": "not a change of the key",
}


def contents() -> dict[str, list[dict[str, object]]]:
    """What all tables hold, but for UNTOLD."""
    held = {}
    with connection.cursor() as cursor:
        for table in sorted(connection.introspection.table_names(cursor)):
            if table in UNTOLD:
                continue
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            names = [column[0] for column in cursor.description]
            kept = [place for place, name in enumerate(names) if f"{table}.{name}" not in UNTOLD]
            held[table] = sorted(repr([(names[place], row[place]) for place in kept]) for row in cursor.fetchall())
    return held


@contextmanager
def told(changed: bool = True):
    """Whatever changes in the block must be told; with `changed` something must change at all."""
    before, events = contents(), Event.objects.count()
    yield
    after = contents()
    differ = sorted(table for table in before.keys() | after.keys() if before.get(table) != after.get(table))
    assert bool(differ) == changed, differ
    assert not differ or Event.objects.count() > events, f"changed without an event: {', '.join(differ)}"
    assert list(verify_log()) == []


@pytest.fixture
def world():
    """What services change, in a registry that keeps an admin whatever they do."""
    make_user("admin", username="keeper")
    return subjects_of_services()


# ---------- services ----------


def read_metrics_again(world, tmp_path, settings):
    """No folder is mapped: it is noted at once."""
    ModelPackage.objects.filter(pk=world["version"].pk).update(model_metrics=METRICS)
    world["version"].refresh_from_db()
    with told():
        services.read_metrics_again(actor=an_actor(), package=world["version"])


def read_reports_later(world, tmp_path, settings):
    settings.REGISTRY_METRICS_ROOTS = {"models": tmp_path}
    report = {"binary_classification_metrics": {"auc": {"value": 0.91, "standard_deviation": 0.01}}}
    (tmp_path / "r.json").write_text(json.dumps(report))
    with told():
        version = make_version(world["group"], model_metrics=METRICS)
    with told():
        assert read_metric_reports.call(version.pk, 0) == ""


def import_everything(world, tmp_path, settings):
    with told():
        call_command("importdump", dump(tmp_path, "one"), verbosity=0)
    with told():
        call_command("importdump", dump(tmp_path, "other"), update=True, verbosity=0)
    with told(changed=False):
        call_command("importdump", dump(tmp_path, "third"), update=True, dry_run=True, verbosity=0)


def fill(world, *given):
    with told():
        call_command("filldemo", "--add", "--groups", "2", "--versions", "10", verbosity=0)


def once(world, tmp_path, settings):
    """The answer that it keeps is no change; what it does is told by that."""
    asked = {"region": REGION, "operation": "CreateModelPackage", "token": "t", "request": {"a": 1}}
    with told(changed=False):
        services.once(**asked, do=lambda: {"answer": 1})


METRICS = {"ModelQuality": {"Statistics": {"ContentType": "application/json", "S3Uri": "s3://models/r.json"}}}
OTHERS = {
    "create_superuser": lambda world, tmp_path, settings: superuser(),
    "read_metrics_again": read_metrics_again,
    "store_metrics": read_reports_later,
    "import_model_package": import_everything,
    "import_model_package_group": import_everything,
    "import_records": import_everything,
    "fill_with_demo": fill,
    "once": once,
}
# What they do is the event itself.
SAYING = {"comment_on"}
# Write nothing.
READING = {"authorize_view", "digest_of_metric_choices", "digest_of_tags", "digest_of_teams"}
# Of registry.accounts.access_keys: when one was last used, what `serve` does (COMMANDS), and what writes nothing.
KEEPING = {"note_use", "reencrypt_secrets", "new_key_id", "new_secret", "can_sign", "free_name"}


def dump(tmp_path: Path, description: str) -> str:
    arn = f"arn:aws:sagemaker:{REGION}:000000000000"
    group = {
        "ModelPackageGroupName": "brought",
        "ModelPackageGroupArn": f"{arn}:model-package-group/brought",
        "ModelPackageGroupDescription": description,
        "CreationTime": 1700000000,
        "ModelPackageGroupStatus": "Completed",
    }
    version = {
        "ModelPackageGroupName": "brought",
        "ModelPackageVersion": 1,
        "ModelPackageArn": f"{arn}:model-package/brought/1",
        "ModelPackageDescription": "One.",
        "CreationTime": 1700000000,
        "ModelPackageStatus": "Completed",
        "ModelApprovalStatus": "Approved" if description == "one" else "Rejected",
        "CustomerMetadataProperties": {"said": description},
    }
    path = tmp_path / f"{description}.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in (group, version)))
    return str(path)


def superuser():
    with told():
        accounts.create_superuser(username="root", password=PASSWORD)


def test_every_service_has_a_row():
    public = {name for name in services.__all__ if inspect.isfunction(getattr(services, name))}
    assert public | writers(accounts) | writers(teams) | writers(access_keys) == set(SERVICES) | set(OTHERS) | READING
    functions = {name for name, value in inspect.getmembers(access_keys, inspect.isfunction) if name[0] != "_"}
    here = {name for name in functions if getattr(access_keys, name).__module__ == access_keys.__name__}
    assert here <= set(SERVICES) | KEEPING


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_leaves_an_event(world, name):
    actor, events = Actor(name="someone", role=Role.ADMIN, door="browser"), Event.objects.count()
    with told(changed=name not in SAYING):
        SERVICES[name][1](actor, world)
    assert Event.objects.count() > events


@pytest.mark.parametrize("name", sorted(set(OTHERS) - {"import_model_package", "import_model_package_group"}))
def test_other_services_leave_an_event(world, name, tmp_path, settings):
    OTHERS[name](world, tmp_path, settings)


# ---------- the admin site ----------

ADMIN_FORMS = {
    ("add", User): lambda client, w: save(
        client, address(User, "add"), username="rosa", role="viewer", password="a-new-and-long-one"
    ),
    ("change", User): lambda client, w: save(
        client, address(w["user"]), role="contributor", password="another-and-long-one"
    ),
    ("add", Group): lambda client, w: save(client, address(Group, "add"), name="New"),
    ("delete", Group): lambda client, w: client.post(address(w["team"], "delete"), {"post": "yes"}),
    ("change", Group): lambda client, w: save(client, address(w["team"]), name="Other"),
    ("add", ModelPackageGroup): lambda client, w: save(client, address(ModelPackageGroup, "add"), name="new-group"),
    ("change", ModelPackageGroup): lambda client, w: save(
        client, address(w["group"]), description="Other.", tags__0__value="other"
    ),
    ("change", ModelPackage): lambda client, w: save(
        client, address(w["version"]), approval_status="Rejected", stage="Staging", stage_status="Ready"
    ),
}
ADMIN_ACTIONS = {(ModelPackage, "approve"), (ModelPackage, "reject")}


def request_of(user):
    request = RequestFactory().get("/")
    request.user = user
    return request


def test_the_admin_site_writes_only_what_has_a_row(world):
    # The last one, after the roles, which stay.
    assert Group.objects.order_by("pk").last() == world["team"]
    request = request_of(User.objects.get(username="keeper"))
    forms, actions = set(), set()
    for model, page in django_admin.site._registry.items():
        forms |= {("add", model)} if page.has_add_permission(request) else set()
        forms |= {("change", model)} if page.has_change_permission(request) else set()
        actions |= {(model, name) for name in page.get_actions(request)}
        forms |= {("delete", model)} if page.has_delete_permission(request, model.objects.last()) else set()
    assert forms == set(ADMIN_FORMS)
    assert actions == ADMIN_ACTIONS


@pytest.mark.parametrize("form", ADMIN_FORMS, ids=lambda form: f"{form[0]} {form[1].__name__}")
def test_an_admin_form_leaves_an_event(world, form):
    client = person(Role.ADMIN)
    with told():
        ADMIN_FORMS[form](client, world)


@pytest.mark.parametrize("name", ["approve", "reject"])
def test_an_admin_action_leaves_an_event_for_each_row(world, name):
    client = person(Role.ADMIN)
    before = Event.objects.count()
    chosen = [make_version(world["group"]).pk, make_version(world["empty"]).pk]
    with told():
        client.post(address(ModelPackage, "changelist"), {"action": name, "_selected_action": chosen})
    assert Event.objects.count() == before + 4


# ---------- commands ----------


def change_password(world, monkeypatch, tmp_path):
    monkeypatch.setattr("getpass.getpass", lambda prompt="": "another-and-long-one")
    with told():
        call_command("changepassword", world["user"].username, stdout=io.StringIO())


def create_superuser(world, monkeypatch, tmp_path):
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", PASSWORD)
    with told():
        call_command("createsuperuser", "--noinput", username="root", email="", stdout=io.StringIO())


def create_access_key(world, monkeypatch, tmp_path):
    with told():
        call_command("createaccesskey", world["user"].username, stdout=io.StringIO(), stderr=io.StringIO())
    assert AccessKey.objects.count() == 2


def start_the_demo(world, monkeypatch, tmp_path):
    """What it does before it serves, but for migrating and collecting files."""
    command = demo.Command(stdout=io.StringIO())
    with told():
        command.make_users()
    with told():
        command.load_models()


def import_dump(world, monkeypatch, tmp_path):
    with told():
        call_command("importdump", dump(tmp_path, "one"), verbosity=0)


def renew_secrets(world, monkeypatch, tmp_path):
    """What `serve` does to the tables: nothing where the server's key is the same, else one event a key."""
    with told(changed=False):
        access_keys.reencrypt_secrets()
    monkeypatch.setattr(settings, "SECRET_KEY_FALLBACKS", [settings.SECRET_KEY])
    monkeypatch.setattr(settings, "SECRET_KEY", "another-" * 6)
    with told():
        access_keys.reencrypt_secrets()
    event = Event.objects.get(kind="access_key.reencrypted")
    assert event.target == f"{world['user'].username}/pipeline" and (event.before, event.after) == (None, None)


def reading(*arguments):
    """A command that changes nothing."""

    def run(world, monkeypatch, tmp_path):
        name, *more = arguments
        with told(changed=False):
            call_command(name, *(str(tmp_path / part) if part == "FILE" else part for part in more), verbosity=0)

    return run


def restore(world, monkeypatch, tmp_path):
    """Nothing goes into a registry that holds something; tests/backup has the event of what goes into an empty one."""
    call_command("backup", str(tmp_path / "FILE"), verbosity=0)
    with told(changed=False), pytest.raises(CommandError, match="holds data already"):
        call_command("restore", str(tmp_path / "FILE"), verbosity=0)


COMMANDS = {
    "backup": reading("backup", "FILE"),
    "changepassword": change_password,
    "checkpoint": reading("checkpoint"),
    "createaccesskey": create_access_key,
    "createsuperuser": create_superuser,
    "demo": start_the_demo,
    "exportdump": reading("exportdump", "FILE"),
    "exportlog": reading("exportlog", "FILE"),
    "filldemo": fill,
    "importdump": import_dump,
    # The same import, from another source.
    "importsagemaker": import_dump,
    # Changes no row that anybody made; tests/upgrades compares them all.
    "migrate": None,
    # Writes a file of the project.
    "makeservicemodel": None,
    "restore": restore,
    "replaylog": reading("replaylog", "--group=us-east-1/reviewed"),
    "serve": renew_secrets,
    # Reads a file.
    "verifyevidence": None,
    "verifylog": reading("verifylog"),
    # Does what is left in the background: read_reports_later.
    "worker": None,
}


def test_every_command_has_a_row():
    assert {name for name, app in get_commands().items() if str(app).startswith("registry.")} <= set(COMMANDS)


@pytest.mark.parametrize("name", [name for name, run in COMMANDS.items() if run and name != "importsagemaker"])
def test_a_command_leaves_an_event(world, name, monkeypatch, tmp_path):
    COMMANDS[name](world, monkeypatch, tmp_path)


def test_django_cannot_empty_the_tables(world):
    """`manage.py flush` says that it could not: the log would go with all else."""
    from tests.log import flushes_as_in_the_product

    before = contents()
    with flushes_as_in_the_product(), pytest.raises(CommandError):
        call_command("flush", interactive=False, stdout=io.StringIO())
    assert contents() == before
    assert Event.objects.exists()
