"""Packages in the admin site: what may change goes through the services, what was registered stays."""

import pytest

from registry.catalog import services
from registry.catalog.models import CustomerMetadataProperty, ModelPackage, Tag
from tests.factories import an_actor, make_group, make_package, make_version

from .admin_forms import address, form_of, kinds, save

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin(as_role):
    return as_role("admin")


def test_package_status_stage_and_metadata_change_through_the_services(admin):
    version = make_version(make_group("fraud"), customer_metadata_properties={"a": "1", "b": "2"})
    save(
        admin,
        address(version),
        approval_status="Approved",
        approval_description="Looks good.",
        stage="Staging",
        stage_status="Ready",
        customer_metadata_properties__0__value="10",
        customer_metadata_properties__1__DELETE="on",
        customer_metadata_properties__2__key="c",
        customer_metadata_properties__2__value="3",
    )
    version.refresh_from_db()
    assert (version.approval_status, version.approval_description, version.decided_by_name) == (
        "Approved",
        "Looks good.",
        "admin",
    )
    assert (version.stage, version.stage_status) == ("Staging", "Ready")
    pairs = dict(CustomerMetadataProperty.objects.filter(package=version).values_list("key", "value"))
    assert pairs == {"a": "10", "c": "3"}
    assert kinds()[-3:] == [
        ("model_package.approval_status_changed", "admin"),
        ("model_package.stage_changed", "admin"),
        ("model_package.metadata_changed", "admin"),
    ]
    version.group.refresh_from_db()
    assert version.group.approved_version == 1
    before = kinds()
    save(admin, address(version))
    assert kinds() == before


def test_a_comment_belongs_to_its_decision(admin):
    version = make_version(make_group("fraud"))
    save(admin, address(version), approval_status="Rejected", approval_description="Wrong sign.")
    assert "Wrong sign." in admin.get(address(version)).content.decode()
    save(admin, address(version), approval_status="Approved")
    version.refresh_from_db()
    assert version.approval_description == ""


def test_what_was_registered_never_changes(admin):
    version = make_version(make_group("fraud"), description="As sent.", source_uri="s3://b/x")
    save(
        admin,
        address(version),
        description="Other.",
        source_uri="s3://b/y",
        version="7",
        region="eu-west-1",
        containers__0__image="x",
    )
    version.refresh_from_db()
    assert (version.description, version.source_uri, version.version, version.region) == (
        "As sent.",
        "s3://b/x",
        1,
        "us-east-1",
    )
    assert version.containers.get().image != "x"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"stage": "a b", "stage_status": "Ready"}, "Spaces are not allowed"),
        ({"stage": "Staging", "stage_status": ""}, "Only the letters"),
        ({"approval_status": "Approved", "approval_description": "x" * 1025}, "at most 1024"),
        ({"approval_status": "Maybe"}, "Select a valid choice"),
        (
            {"customer_metadata_properties__0__key": "a;b", "customer_metadata_properties__0__value": "1"},
            "is not allowed here",
        ),
        (
            {"customer_metadata_properties__0__key": "a", "customer_metadata_properties__0__value": ""},
            "This field is required.",
        ),
    ],
)
def test_package_is_refused_at_the_field(admin, changes, words):
    version = make_version(make_group("fraud"))
    before = kinds()
    form = form_of(admin, address(version)) | {name.replace("__", "-"): value for name, value in changes.items()}
    response = admin.post(address(version), form)
    assert response.status_code in (200, 422) and words in response.content.decode()
    assert kinds() == before


def test_two_reviewers_at_once_the_second_is_told(admin):
    version = make_version(make_group("fraud"))
    form = form_of(admin, address(version))
    services.update_approval_status(actor=an_actor(), package=version, approval_status="Rejected", comment="No.")
    response = admin.post(address(version), form | {"approval_status": "Approved"})
    assert response.status_code == 409
    assert "This version was changed since you opened it." in response.content.decode()
    version.refresh_from_db()
    assert version.approval_status == "Rejected"


def test_two_editors_of_the_same_pair(admin):
    version = make_version(make_group("fraud"), customer_metadata_properties={"a": "1", "b": "1"})
    form = form_of(admin, address(version))
    services.update_customer_metadata(actor=an_actor(), package=version, put={"a": "2"})
    response = admin.post(address(version), form | {"customer_metadata_properties-0-value": "3"})
    assert response.status_code == 409 and "a was changed meanwhile." in response.content.decode()
    # Another pair is nobody's conflict.
    assert admin.post(address(version), form | {"customer_metadata_properties-1-value": "3"}).status_code == 302
    pairs = dict(CustomerMetadataProperty.objects.values_list("key", "value"))
    assert pairs == {"a": "2", "b": "3"}


def test_versions_have_no_tag_form_and_unversioned_packages_do(admin):
    version, package = make_version(make_group("fraud")), make_package("sold-model")
    assert "tags-TOTAL_FORMS" not in form_of(admin, address(version))
    save(admin, address(package), tags__0__key="team", tags__0__value="risk")
    assert [str(tag) for tag in package.tags.all()] == ["team=risk"]
    forged = form_of(admin, address(version)) | {
        "tags-TOTAL_FORMS": "1", "tags-INITIAL_FORMS": "0", "tags-0-key": "team", "tags-0-value": "risk",
    }  # fmt: skip
    admin.post(address(version), forged)
    assert Tag.objects.filter(package=version).count() == 0


def test_bulk_approve_and_reject_tell_what_happened(admin):
    group = make_group("fraud")
    versions = [make_version(group) for _ in range(3)]
    url = address(ModelPackage, "changelist")
    chosen = {"_selected_action": [v.pk for v in versions[:2]]}
    html = admin.post(url, {"action": "approve", **chosen}, follow=True).content.decode()
    assert "2 approved." in html
    html = admin.post(url, {"action": "approve", "_selected_action": [v.pk for v in versions]}, follow=True)
    assert "1 approved." in html.content.decode() and "2 left alone: approved already." in html.content.decode()
    admin.post(url, {"action": "reject", **chosen})
    group.refresh_from_db()
    assert (group.approved_count, group.rejected_count, group.approved_version) == (1, 2, 3)
    assert kinds().count(("model_package.approval_status_changed", "admin")) == 5


def test_bulk_decisions_have_a_limit(admin, monkeypatch):
    from registry.catalog.admin import packages

    monkeypatch.setattr(packages, "ACTION_MAX", 2)
    group = make_group("fraud")
    for _ in range(3):
        make_version(group)
    form = {"action": "reject", "select_across": "1", "_selected_action": [ModelPackage.objects.first().pk]}
    html = admin.post(address(ModelPackage, "changelist"), form, follow=True).content.decode()
    assert "Nothing was rejected: at most 2 packages at once." in html
    assert not ModelPackage.objects.filter(approval_status="Rejected").exists()


def test_deleted_rows_are_not_there(admin):
    from django.utils import timezone

    version = make_version(make_group("fraud"))
    ModelPackage.objects.filter(pk=version.pk).update(deleted_at=timezone.now())
    assert "fraud v1" not in admin.get(address(ModelPackage, "changelist")).content.decode()
    assert admin.post(address(version), {}).status_code == 302  # to the index, "doesn't exist"
