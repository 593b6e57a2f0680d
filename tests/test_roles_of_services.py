"""Who may do what, at the services that every door calls, and at the commands; a new one without a row fails."""

import inspect
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command, get_commands
from django.utils import timezone

from registry.accounts import access_keys, teams
from registry.accounts import services as accounts
from registry.accounts.models import Role
from registry.accounts.permissions import Actor, NotAllowed, authorize
from registry.catalog import services
from registry.catalog.models import ModelPackageGroup, SavedView, Vote
from registry.catalog.rules import ReviewRules
from registry.events.models import Event
from tests.factories import PASSWORD, REGION, make_group, make_package, make_user, make_version
from tests.roles import ROLES, person, reaches

pytestmark = pytest.mark.django_db

# Name of a service -> (action, call). The call is right but for the actor.
SERVICES = {
    "create_model_package_group": (
        "model_package_group.create",
        lambda actor, w: services.create_model_package_group(actor=actor, region=REGION, name="new"),
    ),
    "update_model_package_group_description": (
        "model_package_group.edit_description",
        lambda actor, w: services.update_model_package_group_description(
            actor=actor, group=w["group"], description="New."
        ),
    ),
    "create_model_package": (
        "model_package.create",
        lambda actor, w: services.create_model_package(
            actor=actor, group=w["group"], registration=services.Registration()
        ),
    ),
    "update_approval_status": (
        "model_package.decide",
        lambda actor, w: services.update_approval_status(actor=actor, package=w["version"], approval_status="Approved"),
    ),
    "request_changes": (
        "model_package.decide",
        lambda actor, w: services.request_changes(actor=actor, package=w["version"], comment="More data."),
    ),
    "undo_decision": (
        "model_package.decide",
        lambda actor, w: services.undo_decision(actor=actor, package=w["decided"]),
    ),
    "withdraw_vote": (
        "model_package.decide",
        lambda actor, w: services.withdraw_vote(actor=actor, package=w["version"]),
    ),
    "back_to_previous_approved": (
        "model_package.decide",
        lambda actor, w: services.back_to_previous_approved(actor=actor, package=w["newest"], reason="Drift."),
    ),
    "comment_on": (
        "model_package.comment",
        lambda actor, w: services.comment_on(actor=actor, package=w["version"], comment="Why?"),
    ),
    "report_check": (
        "model_package.report_check",
        lambda actor, w: services.report_check(actor=actor, package=w["version"], name="ci", state="success"),
    ),
    "update_review_rules": (
        "model_package_group.edit_rules",
        lambda actor, w: services.update_review_rules(
            actor=actor, group=w["group"], rules=ReviewRules(comment_required=True)
        ),
    ),
    "set_group_teams": (
        "model_package_group.edit_teams",
        lambda actor, w: services.set_group_teams(actor=actor, group=w["group"], teams=["Risk"]),
    ),
    "create_team": ("team.edit", lambda actor, w: teams.create_team(actor=actor, name="New")),
    "rename_team": ("team.edit", lambda actor, w: teams.rename_team(actor=actor, team=w["team"], name="New")),
    "delete_team": ("team.edit", lambda actor, w: teams.delete_team(actor=actor, team=w["team"])),
    "set_user_teams": (
        "user.edit",
        lambda actor, w: teams.set_user_teams(actor=actor, user=w["user"], teams=["Risk"]),
    ),
    "update_model_life_cycle": (
        "model_package.edit_stage",
        lambda actor, w: services.update_model_life_cycle(
            actor=actor, package=w["version"], stage="Staging", stage_status="Ready"
        ),
    ),
    "update_customer_metadata": (
        "model_package.edit_metadata",
        lambda actor, w: services.update_customer_metadata(actor=actor, package=w["version"], put={"b": "2"}),
    ),
    "update_model_package": (
        "model_package.update_content",
        lambda actor, w: services.update_model_package(
            actor=actor, package=w["version"], changes=services.PackageChanges(source_uri="s3://models/other")
        ),
    ),
    "delete_model_package": (
        "model_package.delete",
        lambda actor, w: services.delete_model_package(actor=actor, package=w["version"]),
    ),
    "delete_model_package_group": (
        "model_package_group.delete",
        lambda actor, w: services.delete_model_package_group(actor=actor, group=w["empty"]),
    ),
    "restore_model_package": (
        "model_package.restore",
        lambda actor, w: services.restore_model_package(actor=actor, package=w["deleted"]),
    ),
    "restore_model_package_group": (
        "model_package_group.restore",
        lambda actor, w: services.restore_model_package_group(actor=actor, group=w["deleted_group"]),
    ),
    "set_group_policy": (
        "model_package_group.edit_policy",
        lambda actor, w: services.set_group_policy(actor=actor, group=w["group"], policy="{}"),
    ),
    "update_metric_choices": (
        "model_package_group.edit_metric_choices",
        lambda actor, w: services.update_metric_choices(actor=actor, group=w["group"], leading_metric="auc"),
    ),
    "store_metrics": (
        "model_package.create",
        lambda actor, w: services.store_metrics(actor=actor, package=w["version"], metrics=[], note="none"),
    ),
    "set_tags": (
        "model_package_group.edit_tags",
        lambda actor, w: services.set_tags(actor=actor, owner=w["group"], tags=[("a", "b")]),
    ),
    "add_tags": (
        "model_package.edit_tags",
        lambda actor, w: services.add_tags(actor=actor, owner=w["package"], tags=[("a", "b")]),
    ),
    "delete_tags": (
        "model_package_group.edit_tags",
        lambda actor, w: services.delete_tags(actor=actor, owner=w["group"], keys=["team"]),
    ),
    "create_user": (
        "user.edit",
        lambda actor, w: accounts.create_user(actor=actor, username="new", password=PASSWORD, role="viewer"),
    ),
    "create_service_account": (
        "user.edit",
        lambda actor, w: accounts.create_service_account(actor=actor, username="new", role="viewer"),
    ),
    "set_role": ("user.edit", lambda actor, w: accounts.set_role(actor=actor, user=w["user"], role="reviewer")),
    "set_active": ("user.edit", lambda actor, w: accounts.set_active(actor=actor, user=w["user"], active=False)),
    "set_password": (
        "user.edit",
        lambda actor, w: accounts.set_password(actor=actor, user=w["user"], password=PASSWORD + "x"),
    ),
}
# A view is somebody's, so the actor is a user; changing takes its owner or an admin, and here it is somebody else's.
SERVICES |= {
    "save_view": (
        "saved_view.edit_own",
        lambda actor, w: services.save_view(
            actor=replace(actor, user=w["user"]), page="groups", name="new", query="q=a"
        ),
    ),
    "update_view": (
        "saved_view.edit_others",
        lambda actor, w: services.update_view(actor=actor, view=w["view"], query="q=b"),
    ),
    "share_view": (
        "saved_view.edit_others",
        lambda actor, w: services.share_view(actor=actor, view=w["view"], is_shared=False),
    ),
    "delete_view": (
        "saved_view.edit_others",
        lambda actor, w: services.delete_view(actor=actor, view=w["view"]),
    ),
}
# Of somebody else's key; one's own takes access_key.edit_own.
SERVICES |= {
    "create_access_key": (
        "access_key.edit_others",
        lambda actor, w: access_keys.create_access_key(actor=actor, user=w["user"], name="new"),
    ),
    "rename_access_key": (
        "access_key.edit_others",
        lambda actor, w: access_keys.rename_access_key(actor=actor, key=w["key"], name="new"),
    ),
    "set_access_key_active": (
        "access_key.edit_others",
        lambda actor, w: access_keys.set_access_key_active(actor=actor, key=w["key"], active=False),
    ),
    "rotate_access_key": (
        "access_key.edit_others",
        lambda actor, w: access_keys.rotate_access_key(actor=actor, key=w["key"]),
    ),
    "delete_access_key": (
        "access_key.edit_others",
        lambda actor, w: access_keys.delete_access_key(actor=actor, key=w["key"]),
    ),
}
# Asked for by a command only: who runs it owns the database.
WITHOUT_ACTOR = {"create_superuser"}
# Leaves its event later, in the background: tested by itself below.
LATER = {"read_metrics_again"}
# Only tells whether the actor may.
ASKS = {"authorize_view"}


# What an import calls for each record; its permission is asked per record too, its door is the command below.
IMPORTS = {"import_model_package_group", "import_model_package", "import_records", "fill_with_demo"}


def writers(module):
    """The public functions of a services module that take an actor, or write without one."""
    found = {name for name, value in inspect.getmembers(module, inspect.isfunction) if not name.startswith("_")}
    here = {name for name in found if getattr(module, name).__module__.startswith(module.__name__)}
    return {n for n in here if "actor" in inspect.signature(getattr(module, n)).parameters} | (here & WITHOUT_ACTOR)


def test_every_service_has_a_row():
    catalog = {name for name in writers(services) if name in services.__all__}
    assert (catalog | writers(accounts) | writers(access_keys) | writers(teams)) - IMPORTS - LATER - ASKS == set(
        SERVICES
    ) | WITHOUT_ACTOR


def subjects_of_services() -> dict[str, Any]:
    """Something of everything that a service may be asked to change, by the names that SERVICES uses."""
    keeper = Actor.system("test")
    group = make_group("fraud", tags=[("team", "risk")])
    version = make_version(group)
    made = {"group": group, "version": version, "package": make_package("sold-model"), "user": make_user("viewer")}
    made["empty"] = make_group("empty")
    made["team"] = teams.create_team(actor=keeper, name="Risk")
    made["deleted"] = services.delete_model_package(actor=keeper, package=make_version(group))
    made["deleted_group"] = services.delete_model_package_group(actor=keeper, group=make_group("gone"))
    made["key"] = access_keys.create_access_key(actor=keeper, user=made["user"], name="pipeline")[0]
    made["view"] = SavedView.objects.create(
        owner=made["user"], page="groups", name="late", is_shared=True, saved_at=timezone.now()
    )
    someone = make_user("viewer", username="someone")
    Vote.objects.create(package=version, user=someone, user_name="someone", voted_at=timezone.now())
    reviewed = make_group("reviewed")
    made["decided"] = make_version(reviewed)
    reviewer = Actor(name="someone", role=Role.REVIEWER, door="browser")
    services.update_approval_status(actor=reviewer, package=made["decided"], approval_status="Approved")
    made["newest"] = make_version(reviewed, approval_status="Approved")
    return made


@pytest.mark.parametrize("role", ROLES, ids=str)
@pytest.mark.parametrize("door", ["browser", "admin", "command", "sagemaker"])
@pytest.mark.parametrize("name", SERVICES)
def test_services_ask_at_every_door(name, door, role):
    made = subjects_of_services()
    action, call = SERVICES[name]
    before = Event.objects.count()
    actor = Actor(name="someone", role=role, door=door)
    if reaches(role, action):
        call(actor, made)
        assert Event.objects.count() == before + 1
        assert Event.objects.latest("id").door == door
    else:
        with pytest.raises(NotAllowed):
            call(actor, made)
        assert Event.objects.count() == before


@pytest.mark.parametrize("role", ROLES, ids=str)
def test_reading_metrics_again_takes_who_may_register(role):
    version, actor = make_version(), Actor(name="someone", role=role, door="browser")
    if reaches(role, "model_package.create"):
        assert services.read_metrics_again(actor=actor, package=version) is False
    else:
        with pytest.raises(NotAllowed):
            services.read_metrics_again(actor=actor, package=version)


@pytest.mark.parametrize("status", ["Approved", "Rejected"])
@pytest.mark.parametrize("role", list(Role))
def test_registering_a_decision_takes_a_reviewer(role, status):
    actor = Actor(name="someone", role=role, door="browser")
    registration = services.Registration(approval_status=status)
    if role.rank >= Role.REVIEWER.rank:
        assert services.create_model_package(actor=actor, group=make_group(), registration=registration)
    else:
        with pytest.raises(NotAllowed):
            services.create_model_package(actor=actor, group=make_group(), registration=registration)


def test_an_unknown_action_is_refused_for_everybody():
    for role in ROLES:
        with pytest.raises(NotAllowed):
            authorize(Actor(name="x", role=role, door="browser"), "model_package.explode")


# ---------- the commands ----------

# The project's own commands -> whether they take a user to act as; the others act as the system or write nothing.
COMMANDS = {
    "backup": False,
    "changepassword": False,
    "checkpoint": False,
    "createaccesskey": False,
    "createsuperuser": False,
    "demo": False,
    "exportdump": False,
    "exportlog": False,
    "filldemo": False,
    "importdump": True,
    "importsagemaker": True,
    "makeservicemodel": False,
    "migrate": False,
    "restore": False,
    "replaylog": False,
    "serve": False,
    "verifyevidence": False,
    "verifylog": False,
    "worker": False,
}


def test_every_command_has_a_row():
    own = {name for name, app in get_commands().items() if str(app).startswith("registry.")}
    assert own == set(COMMANDS)


@pytest.mark.parametrize("role", ROLES, ids=str)
def test_commands_act_as_somebody_only_within_the_role(tmp_path: Path, role):
    person(role)
    dump = tmp_path / "groups.json"
    dump.write_text(
        '{"ModelPackageGroupName": "fraud", "CreationTime": 1700000000, "ModelPackageGroupStatus": "Completed",'
        f' "ModelPackageGroupArn": "arn:aws:sagemaker:{REGION}:000000000000:model-package-group/fraud"}}'
    )
    name = f"the-{role or 'nobody'}"
    if reaches(role, "registry.import"):
        call_command("importdump", str(dump), user=name, verbosity=0)
        assert Event.objects.get(kind="registry.imported").actor_name == name
    else:
        with pytest.raises((CommandError, NotAllowed, ValidationError)):
            call_command("importdump", str(dump), user=name, verbosity=0)
        assert not ModelPackageGroup.objects.exists()
