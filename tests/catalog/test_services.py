"""The rules of the services that make and change groups and packages: what they refuse, keep and record."""

from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError

from registry.accounts.models import Role
from registry.accounts.permissions import MINIMUM_ROLE, Actor, NotAllowed, authorize
from registry.catalog import services
from registry.catalog.errors import AlreadyExists, Conflict, NotFound
from registry.catalog.models import ModelPackage, ModelPackageGroup
from registry.events.models import Event
from tests.factories import an_actor, make_group, make_package, make_version, specification

pytestmark = pytest.mark.django_db

ADMIN = an_actor(Role.ADMIN)


def kinds() -> list[str]:
    return list(Event.objects.order_by("id").values_list("kind", flat=True))


def faults_of(call) -> dict[str, list[str]]:
    with pytest.raises(ValidationError) as caught:
        call()
    return caught.value.message_dict


def test_create_model_package_group_keeps_tags_in_order_and_records_one_event():
    group = services.create_model_package_group(
        actor=ADMIN, region="us-east-1", name="Fraud-2", description="Card fraud", tags=[("team", "b"), ("a", "")]
    )
    assert list(group.tags.values_list("key", "value")) == [("team", "b"), ("a", "")]
    event = Event.objects.get()
    assert (event.kind, event.group_id, event.actor_name, event.door) == (
        "model_package_group.created", group.pk, "any-admin", "browser",
    )  # fmt: skip
    assert event.after["Tags"] == [{"Key": "team", "Value": "b"}, {"Key": "a", "Value": ""}]
    assert group.arn == "arn:aws:sagemaker:us-east-1:000000000000:model-package-group/Fraud-2"


@pytest.mark.parametrize("name", ["", "a b", "-a", "a-", "a_b", "x" * 64, "ä", "a\x00b"])
def test_create_model_package_group_refuses_a_name_outside_the_pattern(name):
    faults = faults_of(lambda: services.create_model_package_group(actor=ADMIN, region="us-east-1", name=name))
    assert "name" in faults and not Event.objects.exists()


@pytest.mark.parametrize(
    "tags", [[("a", "1"), ("a", "2")], [("", "x")], [("aws:x", "1")], [("k" * 129, "")], [("k", "a,b")],
             [(f"k{n}", "") for n in range(51)]],
)  # fmt: skip
def test_create_model_package_group_refuses_bad_tags_and_leaves_nothing(tags):
    call = lambda: services.create_model_package_group(  # noqa: E731
        actor=ADMIN, region="us-east-1", name="fine", tags=tags
    )
    assert "tags" in faults_of(call)
    assert not ModelPackageGroup.objects.exists()


def test_create_model_package_group_refuses_a_taken_name_in_its_region_only():
    first = make_group("fraud")
    with pytest.raises(AlreadyExists) as caught:
        make_group("fraud")
    assert caught.value.existing == first
    make_group("fraud", region="eu-central-1")
    make_group("Fraud")


def test_versions_are_numbered_1_2_3_per_group():
    group, other = make_group(), make_group()
    assert [make_version(group).version for _ in range(3)] == [1, 2, 3]
    assert make_version(other).version == 1
    group.refresh_from_db()
    assert (group.last_version, group.version_count, group.waiting_count) == (3, 3, 3)


def test_a_refused_registration_takes_no_number_and_leaves_nothing():
    group = make_group()
    make_version(group)
    for values in (
        {"customer_metadata_properties": {"k": "a,b"}},
        {"inference_specification": specification(image="a b")},
        {"inference_specification": specification(artifact="ftp://x/y")},
        {"metrics": [("auc", float("nan"))]},
        {"approval_status": "Maybe"},
        {"tags": [("team", "x")]},
        {"description": "x" * 1025},
    ):
        assert faults_of(lambda values=values: make_version(group, **values))
    assert make_version(group).version == 2
    assert kinds().count("model_package.created") == 2


def test_registration_names_the_container_that_is_wrong():
    call = lambda: make_version(  # noqa: E731
        inference_specification={"Containers": [{"Image": "fine:1"}, {"Image": "not fine", "ModelDataUrl": "x"}]}
    )
    faults = faults_of(call)
    assert set(faults) == {"containers.1.image", "containers.1.model_data_url"}


def test_registration_keeps_what_was_sent_and_makes_rows_of_it():
    sent = {
        "Containers": [
            {"Image": "1.dkr.ecr.us-east-1.amazonaws.com/ml/xgb:1.7-1@sha256:ab", "Environment": {"A": "1"},
             "ModelDataSource": {"S3DataSource": {"S3Uri": "s3://b/dir/", "S3DataType": "S3Prefix", "ETag": "e"}}},
            {"Image": "plain", "ModelDataUrl": "s3://b/m.tar.gz", "Framework": "SKLEARN", "FrameworkVersion": "1.2"},
        ],
        "SupportedContentTypes": ["text/csv"],
    }  # fmt: skip
    version = make_version(
        inference_specification=sent,
        customer_metadata_properties={"metric.auc": "0.9", "metric.note": "good", "metric.f1": "nan", "git": "abc"},
        metrics=[("f1", 0.5)],
    )
    version.refresh_from_db()
    assert version.inference_specification == sent
    rows = list(version.containers.values_list("image_name", "image_tag", "model_data_url", "model_data_etag"))
    assert rows == [("xgb:1.7-1", "1.7-1", "s3://b/dir/", "e"), ("plain", "", "s3://b/m.tar.gz", "")]
    assert sorted(version.metrics.values_list("name", "value", "source")) == [
        ("auc", 0.9, "metadata"), ("f1", 0.5, "typed"),
    ]  # fmt: skip
    assert Event.objects.latest("id").after["InferenceSpecification"] == sent


def test_an_unversioned_package_has_a_name_tags_and_no_number():
    package = make_package("iris", tags=[("team", "x")])
    assert (package.version, package.group_id, str(package)) == (None, None, "iris")
    assert package.arn == "arn:aws:sagemaker:us-east-1:000000000000:model-package/iris"
    with pytest.raises(AlreadyExists):
        make_package("iris")
    make_package("iris", region="eu-central-1")


@pytest.mark.parametrize(("field", "values"), [("name", {"name": "a b"}), ("region", {"region": "EU"})])
def test_an_unversioned_package_needs_a_name_and_a_region_of_the_contract(field, values):
    assert field in faults_of(lambda: make_package(**({"name": "iris"} | values)))


def test_approving_moves_counts_and_the_approved_version():
    group = make_group()
    first, second, third = (make_version(group) for _ in range(3))
    decide = services.update_approval_status
    decide(actor=ADMIN, package=second, approval_status="Approved", comment="Good.")
    decide(actor=ADMIN, package=first, approval_status="Approved")
    decide(actor=ADMIN, package=third, approval_status="Rejected", comment="Drift.")
    group.refresh_from_db()
    assert (group.approved_count, group.rejected_count, group.waiting_count) == (2, 1, 0)
    assert group.approved_version == 2
    decide(actor=ADMIN, package=second, approval_status="PendingManualApproval")
    group.refresh_from_db()
    assert (group.approved_version, group.approved_count, group.waiting_count) == (1, 1, 1)
    second.refresh_from_db()
    assert (second.decided_at, second.decided_by_name, second.revision) == (None, "", 2)


def test_a_decision_records_both_states_and_the_comment():
    version = make_version()
    services.update_approval_status(actor=ADMIN, package=version, approval_status="Rejected", comment="Drift.")
    event = Event.objects.latest("id")
    assert (event.kind, event.comment, event.version) == ("model_package.approval_status_changed", "Drift.", 1)
    before, after = event.before, event.after
    assert (before["ModelApprovalStatus"], before["ApprovalDescription"]) == ("PendingManualApproval", "")
    assert (after["ModelApprovalStatus"], after["ApprovalDescription"]) == ("Rejected", "Drift.")
    assert (before["WaitingSince"], after["DecidedBy"]) == (version.waiting_since.isoformat(), ADMIN.name)


def test_the_same_decision_again_changes_nothing():
    version = make_version()
    for _ in range(2):
        services.update_approval_status(actor=ADMIN, package=version, approval_status="Approved", comment="Fine.")
    assert kinds().count("model_package.approval_status_changed") == 1


def test_a_decision_on_a_changed_version_is_a_conflict_that_names_the_other():
    version = make_version()
    other = an_actor(Role.REVIEWER)
    services.update_approval_status(actor=other, package=version, approval_status="Rejected", comment="No.", seen=0)
    with pytest.raises(Conflict) as caught:
        services.update_approval_status(actor=ADMIN, package=version, approval_status="Approved", seen=0)
    assert caught.value.changed_by == "any-reviewer"
    assert caught.value.current.approval_status == "Rejected"


def test_versions_registered_as_approved_need_a_reviewer_and_count_at_once():
    group = make_group()
    with pytest.raises(NotAllowed):
        make_version(group, actor=an_actor(Role.CONTRIBUTOR), approval_status="Approved")
    make_version(group, actor=an_actor(Role.REVIEWER), approval_status="Approved")
    group.refresh_from_db()
    assert (group.approved_version, group.approved_count) == (1, 1)


def test_registering_in_a_later_stage_needs_a_reviewer(settings):
    first, *_, last = settings.REGISTRY_STAGES
    contributor = an_actor(Role.CONTRIBUTOR)
    make_version(actor=contributor, model_life_cycle={"Stage": first, "StageStatus": "PendingApproval"})
    with pytest.raises(NotAllowed):
        make_version(actor=contributor, model_life_cycle={"Stage": last, "StageStatus": "Approved"})


def test_a_version_without_a_status_may_be_decided():
    group = make_group()
    version = make_version(group, approval_status=None)
    group.refresh_from_db()
    assert group.unset_count == 1
    services.update_approval_status(actor=ADMIN, package=version, approval_status="Approved")
    group.refresh_from_db()
    assert (group.unset_count, group.approved_count) == (0, 1)


def test_stage_changes_are_events_and_stale_ones_conflicts():
    version = make_version()
    move = services.update_model_life_cycle
    move(actor=ADMIN, package=version, stage="Staging", stage_status="Approved", seen="")
    assert Event.objects.latest("id").after == {"ModelLifeCycle": {"Stage": "Staging", "StageStatus": "Approved"}}
    with pytest.raises(Conflict) as caught:
        move(actor=ADMIN, package=version, stage="Production", stage_status="Approved", seen="")
    assert caught.value.current == "Staging"
    assert faults_of(lambda: move(actor=ADMIN, package=version, stage="a b", stage_status="x"))


def test_description_edits_conflict_with_later_ones():
    group = make_group(description="old")
    edit = services.update_model_package_group_description
    edit(actor=ADMIN, group=group, description="new", seen="old")
    with pytest.raises(Conflict) as caught:
        edit(actor=ADMIN, group=group, description="mine", seen="old")
    assert (caught.value.current, caught.value.changed_by) == ("new", "any-admin")
    assert "description" in faults_of(lambda: edit(actor=ADMIN, group=group, description="a\x00"))
    assert "description" in faults_of(lambda: edit(actor=ADMIN, group=group, description="x" * 1025))


def test_a_deleted_group_takes_no_version():
    group = make_group()
    ModelPackageGroup.objects.filter(pk=group.pk).update(deleted_at=group.created_at)
    with pytest.raises(NotFound):
        make_version(group)
    assert not ModelPackage.objects.exists()


def test_every_action_is_refused_below_its_role_and_unknown_ones_always():
    for action, needed in MINIMUM_ROLE.items():
        for role in Role:
            allowed = an_actor(role).may(action)
            assert allowed == (list(Role).index(role) >= list(Role).index(needed)), (action, role)
        assert not Actor(name="nobody", role=None, door="browser").may(action)
    with pytest.raises(NotAllowed):
        authorize(Actor.system(), "registry.launch")


@pytest.mark.parametrize(
    ("least", "call"),
    [
        (Role.CONTRIBUTOR, lambda a: make_group(actor=a)),
        (Role.CONTRIBUTOR, lambda a: make_version(actor=a, group=make_group())),
        (Role.CONTRIBUTOR, lambda a: make_package(actor=a)),
        (Role.CONTRIBUTOR,
         lambda a: services.update_customer_metadata(actor=a, package=make_version(), put={"k": "v"})),
        (Role.REVIEWER,
         lambda a: services.update_approval_status(actor=a, package=make_version(), approval_status="Approved")),
        (Role.REVIEWER, lambda a: services.update_model_life_cycle(
            actor=a, package=make_version(), stage="Staging", stage_status="Approved")),
        (Role.ADMIN, lambda a: services.set_tags(actor=a, owner=make_group(), tags=[("k", "v")])),
        (Role.ADMIN, lambda a: services.add_tags(actor=a, owner=make_package(), tags=[("k", "v")])),
        (Role.ADMIN, lambda a: services.delete_tags(actor=a, owner=make_group(tags=[("k", "")]), keys=["k"])),
        (Role.ADMIN, lambda a: services.update_model_package_group_description(
            actor=a, group=make_group(), description="new")),
    ],
)  # fmt: skip
def test_each_service_refuses_the_roles_below_its_own(least, call):
    for role in Role:
        events = Event.objects.count()
        if role.rank < least.rank:
            with pytest.raises(NotAllowed):
                call(an_actor(role))
            made_by_role = Event.objects.order_by("id")[events:].values_list("actor_name", flat=True)
            assert f"any-{role}" not in set(made_by_role) or role == Role.ADMIN
        else:
            call(an_actor(role))
            assert Event.objects.latest("id").actor_name == f"any-{role}"
