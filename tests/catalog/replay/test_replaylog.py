"""`manage.py replaylog`: names what the tables say otherwise than the log, and what an older log did not keep."""

from __future__ import annotations

import io
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.core.management import CommandError, call_command
from django.utils import timezone

from registry.accounts import services as accounts
from registry.accounts import teams
from registry.accounts.access_keys import (
    create_access_key,
    rename_access_key,
    rotate_access_key,
    set_access_key_active,
)
from registry.accounts.models import AccessKey, User
from registry.accounts.permissions import Actor
from registry.catalog import services
from registry.catalog.models import (
    ApprovalStatus,
    CustomerMetadataProperty,
    ModelPackage,
    ModelPackageGroup,
    SavedView,
    Tag,
)
from registry.events.services import record
from tests.factories import an_actor, make_group, make_package, make_user, make_version

pytestmark = pytest.mark.django_db


def replaylog(**options: Any) -> tuple[bool, str]:
    """Run it; whether it found no difference, and what it said."""
    out = io.StringIO()
    try:
        call_command("replaylog", stdout=out, **options)
    except CommandError as error:
        return False, f"{out.getvalue()}{error}"
    return True, out.getvalue()


@pytest.fixture
def version() -> ModelPackage:
    version = make_version(make_group("fraud", tags=[("team", "risk")]), customer_metadata_properties={"owner": "ana"})
    services.update_approval_status(
        actor=an_actor("reviewer"), package=version, approval_status="Rejected", comment="No."
    )
    return version


def test_what_the_services_wrote_is_what_the_log_says(version):
    make_package("alone", tags=[("a", "b")])
    services.save_view(actor=Actor.of(make_user("viewer"), "browser"), page="groups", name="late", query="q=a")
    assert replaylog() == (True, "The tables are what the log says: 1 group, packages, views and accounts.\n")
    assert replaylog(group="us-east-1/fraud") == (True, "The tables are what the log says: 1 group.\n")


def test_a_status_that_nobody_gave_is_named_with_what_the_log_says(version):
    ModelPackage.objects.update(approval_status=ApprovalStatus.APPROVED)
    fine, said = replaylog()
    assert not fine and "1 difference in 1 group." in said
    assert "fraud (us-east-1) v1: approval_status: the tables say Approved, the log says Rejected since 20" in said
    assert "by any-reviewer" in said


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda: ModelPackageGroup.objects.update(approved_count=1), "the tables say 1, the log says 0"),
        (lambda: ModelPackageGroup.objects.update(description="x"), "the tables say x, the log says nothing"),
        (lambda: ModelPackage.objects.update(decided_at=timezone.now() - timedelta(days=9)), "decided_at: the tables"),
        (lambda: ModelPackage.objects.update(model_card={"a": 1}), "model_card: the tables say {'a': 1}"),
        (lambda: CustomerMetadataProperty.objects.update(value="ben"), "the tables say {'value': 'ben'}"),
        (lambda: CustomerMetadataProperty.objects.all().delete(), "metadata owner: the tables lack it, the log has it"),
        (lambda: Tag.objects.update(key="other"), "tags other: the tables have it, the log lacks it"),
    ],
)  # fmt: skip
def test_whatever_is_changed_behind_the_log_is_named(version, change, named):
    change()
    fine, said = replaylog()
    assert not fine and named in said


def test_a_row_without_an_event_and_an_event_without_a_row(version):
    now = timezone.now()
    forged = ModelPackage.objects.create(group=version.group, region="us-east-1", version=2, created_at=now)
    assert (
        "fraud (us-east-1) v2: registration: the tables have it, the log does not say that it was made"
        in (replaylog(group="us-east-1/fraud")[1])
    )
    forged.delete()
    CustomerMetadataProperty.objects.all().delete()
    version.containers.all().delete()
    ModelPackage.objects.filter(pk=version.pk).delete()
    fine, said = replaylog()
    assert not fine and "registration: the log says that it was made, the tables lack it" in said
    SavedView.objects.create(owner=make_user("viewer"), page="groups", name="forged", saved_at=now)
    assert "view forged of groups: view: the tables have it" in replaylog()[1]


def take_role() -> None:
    User.objects.get(username="vera").groups.set([Group.objects.get_or_create(name="admin")[0]])


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (take_role, "user vera: role: the tables say admin, the log says viewer since 20"),
        (lambda: User.objects.update(is_superuser=True), "user vera: role: the tables say admin"),
        (lambda: User.objects.update(is_staff=True), "user vera: is_staff: the tables say True"),
        (lambda: User.objects.update(is_active=True), "user nina: is_active: the tables say True, the log says False"),
        (lambda: User.objects.update(is_service=True), "user vera: is_service: the tables say True"),
        (lambda: User.objects.create(username="eve"), "user eve: user: the tables have it, the log does not say"),
        (lambda: User.objects.get(username="nina").delete(), "user nina: user: the log says that it was made"),
        (lambda: User.objects.get(username="vera").groups.clear(), "user vera: teams: the tables say []"),
        (lambda: Group.objects.filter(name="Risk").update(name="Sales"), "team Sales: team: the tables have it"),
        (lambda: AccessKey.objects.update(role=""), "access key vera/weekly: role: the tables say nothing"),
        (lambda: AccessKey.objects.update(is_active=True), "access key vera/weekly: is_active: the tables say True"),
        (lambda: AccessKey.objects.update(key_id="AKIAFORGED"), "key_id: the tables say AKIAFORGED, the log says AKIA"),
        (lambda: AccessKey.objects.update(expires_at=None), "access key vera/weekly: expires_at: the tables say not"),
        (lambda: AccessKey.objects.update(user=User.objects.get(username="nina")), "access key nina/weekly: access"),
    ],
)
def test_whoever_was_given_more_behind_the_log_is_named(change, named):
    keeper, vera = Actor.system("test"), make_user("viewer", username="vera")
    accounts.set_active(actor=keeper, user=make_user("reviewer", username="nina"), active=False)
    teams.rename_team(actor=keeper, team=teams.create_team(actor=keeper, name="Risks"), name="Risk")
    teams.set_user_teams(actor=keeper, user=vera, teams=["Risk"])
    later = timezone.now() + timedelta(days=9)
    key, _ = create_access_key(actor=keeper, user=vera, name="ci", role="viewer", expires_at=later)
    key, _ = rotate_access_key(actor=keeper, key=rename_access_key(actor=keeper, key=key, name="weekly"))
    set_access_key_active(actor=keeper, key=key, active=False)
    assert replaylog(verbosity=2) == (
        True,
        "The tables are what the log says: 0 groups, packages, views and accounts.\n",
    )
    change()
    fine, said = replaylog()
    assert not fine and named in said


def test_what_an_older_release_did_not_log_is_not_known_and_no_difference():
    """A group and version as a release before this one left them: an event some moments late, no names in it."""
    admin = an_actor("admin")
    then = timezone.now() - timedelta(seconds=1)
    names = {"created_by_name": "any-admin", "updated_by_name": "any-admin"}
    group = ModelPackageGroup.objects.create(
        region="us-east-1", name="old", created_at=then, updated_at=then, **names, last_version=1, version_count=1,
        latest_created_at=then,
    )  # fmt: skip
    package = ModelPackage.objects.create(
        group=group, region="us-east-1", version=1, created_at=then, created_by_name="ana", imported_at=then
    )
    CustomerMetadataProperty.objects.create(package=package, key="b", value="1", slot=0)
    CustomerMetadataProperty.objects.create(package=package, key="a", value="2", slot=1)
    told = {"CreationTime": then.isoformat()}
    record(admin, "model_package_group.created", group=group, after=told)
    pairs = {"CustomerMetadataProperties": {"b": "1", "a": "2"}}
    import_id = "00000000-0000-0000-0000-000000000001"
    record(admin, "model_package.created", package=package, after=told | pairs, batch=import_id)  # type: ignore[arg-type]
    fine, said = replaylog()
    assert fine and "Not known in " in said and "-v 2 names each" in said
    fine, said = replaylog(verbosity=2)
    assert "v1: created_by_name: the tables say ana, the log of an older release does not tell it (not known)" in said
    assert "v1: metadata a: " in said
    ModelPackage.objects.update(description="forged")
    assert not replaylog()[0]


def test_a_group_that_there_is_not_is_said():
    with pytest.raises(CommandError, match="There is no group us-east-1/none"):
        call_command("replaylog", group="us-east-1/none")
