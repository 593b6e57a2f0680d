"""An approval is bound to content: what counts as content, and what follows when it changes."""

import copy

import pytest

from registry.accounts.permissions import Actor
from registry.catalog import services
from registry.catalog.contents import content_hash
from registry.catalog.errors import RulesNotMet
from registry.catalog.models import Check, ModelPackage, Vote
from registry.catalog.rules import ReviewRules
from registry.events.models import Event
from tests.factories import IMAGE, an_actor, make_group, make_user, make_version, specification

pytestmark = pytest.mark.django_db

ADMIN, CONTRIBUTOR = an_actor("admin"), an_actor("contributor", "sagemaker")
DIGEST = "sha256:" + "a" * 64
CARD = {"ModelCardStatus": "Draft", "ModelCardContent": '{"model_overview": {}}'}
FULL = {
    "Containers": [
        {
            "Image": IMAGE,
            "ImageDigest": DIGEST,
            "ModelDataUrl": "s3://models/a.tar.gz",
            "ModelDataETag": "e1",
            "Environment": {"THREADS": "4"},
            "Framework": "XGBOOST",
            "ModelDataSource": {"S3DataSource": {"S3Uri": "s3://models/a/", "S3DataType": "S3Prefix", "ETag": "e2"}},
            "AdditionalS3DataSource": {"S3Uri": "s3://models/more/", "S3DataType": "S3Object", "ETag": "e3"},
        }
    ],
    "SupportedContentTypes": ["text/csv"],
}


def update(version, actor=CONTRIBUTOR, **changes):
    return services.update_model_package(actor=actor, package=version, changes=services.PackageChanges(**changes))


def changed(path, value):
    """FULL with one member of its container replaced."""
    content = copy.deepcopy(FULL)
    place = content["Containers"][0]
    for part in path[:-1]:
        place = place[part]
    place[path[-1]] = value
    return content


@pytest.mark.parametrize(
    ("path", "value", "counts"),
    [
        (["Image"], "other:1", True),
        (["ImageDigest"], "sha256:" + "b" * 64, True),
        (["ModelDataUrl"], "s3://models/b.tar.gz", True),
        (["ModelDataETag"], "e9", True),
        (["Environment"], {"THREADS": "8"}, True),
        (["Environment"], {}, True),
        (["ModelDataSource", "S3DataSource", "S3Uri"], "s3://models/b/", True),
        (["ModelDataSource", "S3DataSource", "ETag"], "e9", True),
        (["AdditionalS3DataSource", "ETag"], "e9", True),
        (["Framework"], "PYTORCH", False),
        (["NearestModelName"], "resnet50", False),
    ],
)
def test_what_counts_as_content(path, value, counts):
    one, other = (ModelPackage(inference_specification=content) for content in (FULL, changed(path, value)))
    assert (content_hash(one) != content_hash(other)) is counts


def test_the_order_of_containers_counts_and_that_of_members_does_not():
    two = {"Containers": [{"Image": "a", "ModelDataUrl": "s3://b/x"}, {"Image": "b"}]}
    turned = {"Containers": two["Containers"][::-1]}
    same = {"Containers": [{"ModelDataUrl": "s3://b/x", "Image": "a", "Environment": {}}, {"Image": "b"}]}
    hashes = [content_hash(ModelPackage(inference_specification=content)) for content in (two, turned, same)]
    assert hashes[0] == hashes[2] != hashes[1]


def test_the_cards_content_counts_and_its_status_does_not():
    cards = [CARD, CARD | {"ModelCardStatus": "Approved"}, CARD | {"ModelCardContent": "{}"}, None]
    one, same, other, none = (content_hash(ModelPackage(model_card=card)) for card in cards)
    assert one == same and len({one, other, none}) == 3


def test_the_hash_is_the_same_before_and_after_the_database():
    odd = FULL | {"Containers": [FULL["Containers"][0] | {"Environment": {"A": "ü", "N": 1e20, "Z": -0.0, "B": True}}]}
    version = make_version(approval_status="Approved", inference_specification=odd, model_card=CARD)
    assert version.approved_content == content_hash(version) == content_hash(ModelPackage.objects.get())


def test_what_may_be_there_odd_from_an_import_has_a_hash_too():
    for value in (
        None,
        [],
        "x",
        {"Containers": None},
        {"Containers": "x"},
        {"Containers": [None, 3, {"Image": 10**400}]},
    ):
        assert len(content_hash(ModelPackage(inference_specification=value, model_card=value))) == 64
    assert content_hash(ModelPackage(additional_inference_specifications=["x", {"Containers": [{"Image": "a"}]}]))


# ---------- after an approval ----------


def approved(**rules):
    group = make_group("fraud")
    version = make_version(group, inference_specification=FULL, model_card=CARD)
    services.update_approval_status(actor=ADMIN, package=version, approval_status="Approved", comment="Good.")
    if rules:
        services.update_review_rules(actor=ADMIN, group=group, rules=ReviewRules(**rules))
    version.refresh_from_db()
    assert (version.approved_content, version.waiting_since) == (content_hash(version), None)
    return version


def test_changed_content_returns_to_the_queue_and_stays_approved_on_the_wire():
    version = approved()
    update(version, inference_specification=changed(["Image"], "other:1"))
    version.refresh_from_db()
    assert (version.approval_status, version.is_changed_since_approval) == ("Approved", True)
    assert (version.approval_description, version.decided_by_name) == ("Good.", ADMIN.name)
    event = Event.objects.latest("id")
    assert (event.kind, event.after["ChangedSinceApproval"]) == ("model_package.content_changed", True)
    version.group.refresh_from_db()
    assert (version.group.approved_count, version.group.approved_version) == (1, 1)


def test_a_second_change_keeps_its_place_in_the_queue():
    version = approved()
    update(version, inference_specification=changed(["Image"], "other:1"))
    since = ModelPackage.objects.get().waiting_since
    update(version, inference_specification=changed(["Image"], "other:2"))
    assert ModelPackage.objects.get().waiting_since == since


def test_a_change_back_leaves_the_queue_again():
    version = approved()
    update(version, inference_specification=changed(["Image"], "other:1"))
    update(version, inference_specification=FULL)
    version.refresh_from_db()
    assert not version.is_changed_since_approval
    assert Event.objects.latest("id").after["ChangedSinceApproval"] is False


@pytest.mark.parametrize(
    "changes",
    [
        {"source_uri": "s3://models/other"},
        {"registration_type": "Logged"},
        {"inference_specification": changed(["Framework"], "PYTORCH")},
        {"model_card": {"ModelCardStatus": "Approved"}},
        {"customer_metadata_properties": {"a": "1"}},
        {"model_life_cycle": {"Stage": "Staging", "StageStatus": "Ready"}},
    ],
)
def test_what_is_no_content_changes_no_review(changes):
    version = approved()
    update(version, actor=ADMIN, **changes)
    version.refresh_from_db()
    assert (version.is_approved, version.is_changed_since_approval) == (True, False)


def test_an_added_specification_is_new_content():
    version = approved()
    added = {"Name": "gpu", "Containers": [{"Image": "gpu:1"}]}
    assert update(version, additional_inference_specifications_to_add=[added]).is_changed_since_approval


def test_approving_again_binds_to_the_new_content_with_the_same_words_too():
    version = approved()
    update(version, inference_specification=specification("other:1"))
    services.update_approval_status(actor=ADMIN, package=version, approval_status="Approved", comment="Good.")
    version.refresh_from_db()
    assert (version.is_changed_since_approval, version.approved_content) == (False, content_hash(version))


def test_other_words_alone_approve_nothing():
    version = approved()
    update(version, inference_specification=specification("other:1"))
    update(version, actor=ADMIN, approval_description="See the ticket.")
    version.refresh_from_db()
    assert (version.is_changed_since_approval, version.approval_description) == (True, "See the ticket.")


def test_one_call_may_change_content_and_approve_it():
    version = approved()
    changes = {"inference_specification": specification("other:1"), "approval_status": "Approved"}
    updated = update(version, actor=an_actor("reviewer"), **changes)
    assert (updated.is_changed_since_approval, updated.approved_content) == (False, content_hash(updated))


def test_the_rules_are_asked_again_for_changed_content():
    version = approved(required_checks=("ci",))
    update(version, inference_specification=specification("other:1"))
    with pytest.raises(RulesNotMet):
        services.update_approval_status(actor=ADMIN, package=version, approval_status="Approved")
    version.refresh_from_db()
    assert version.is_changed_since_approval


def test_a_rule_withdraws_the_approval_and_says_why():
    version = approved(content_withdraws_approval=True)
    update(version, inference_specification=specification("other:1"))
    version.refresh_from_db()
    assert (version.approval_status, version.decided_by_name, version.approved_content) == (
        "PendingManualApproval", "", "",
    )  # fmt: skip
    event = Event.objects.latest("id")
    assert (event.kind, event.after["Withdrawn"]) == ("model_package.approval_status_changed", True)
    assert event.comment == version.approval_description == "The content was changed after the approval."
    version.group.refresh_from_db()
    assert (version.group.approved_count, version.group.waiting_count, version.group.approved_version) == (0, 1, None)


def test_an_approval_from_before_hashes_is_bound_at_the_first_change():
    version = approved()
    ModelPackage.objects.update(approved_content="")
    update(version, inference_specification=specification("other:1"))
    assert ModelPackage.objects.get().is_changed_since_approval
    update(version, inference_specification=FULL)
    assert not ModelPackage.objects.get().is_changed_since_approval


# ---------- votes and checks speak of the content they saw ----------


def test_votes_end_when_content_changes():
    group = services.update_review_rules(actor=ADMIN, group=make_group(), rules=ReviewRules(approvals_needed=2))
    version = make_version(group)
    ann = Actor.of(make_user("reviewer", username="ann"), "browser")
    services.update_approval_status(actor=ann, package=version, approval_status="Approved")
    update(version, source_uri="s3://models/other")
    assert Vote.objects.count() == 1
    update(version, inference_specification=specification("other:1"))
    assert not Vote.objects.exists()
    assert [vote["User"] for vote in Event.objects.latest("id").before["Votes"]] == ["ann"]


def test_checks_wait_for_a_new_report_when_content_changes():
    version = make_version()
    for name, state in (("ci", "success"), ("lint", "failure"), ("slow", "pending")):
        services.report_check(actor=CONTRIBUTOR, package=version, name=name, state=state, url="https://ci.test/1")
    update(version, inference_specification=specification("other:1"))
    assert set(Check.objects.values_list("state", flat=True)) == {"pending"}
    assert Event.objects.latest("id").after["ChecksOutdated"] == ["ci", "lint"]


def test_a_call_that_changes_nothing_leaves_the_revision_so_that_an_undo_still_goes():
    version = make_version(make_group("fraud"), inference_specification=FULL)
    reviewer = an_actor("reviewer")
    decided = services.update_approval_status(actor=reviewer, package=version, approval_status="Approved")
    before = decided.last_modified_at
    after = update(version, inference_specification=FULL)
    assert after.revision == decided.revision and after.last_modified_at > before
    assert after.last_modified_by_name == CONTRIBUTOR.name
    undone = services.undo_decision(actor=reviewer, package=version, seen=decided.revision)
    assert undone.approval_status == "PendingManualApproval"
