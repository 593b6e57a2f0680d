"""Quotas: off unless set, held at both doors, given back by deleting, passed by imports."""

import pytest

from registry.catalog.models import ModelPackageGroup
from tests.factories import make_group, make_version

from .test_sagemaker import group, refused, version

pytestmark = pytest.mark.django_db


@pytest.fixture
def two_each(settings):
    settings.REGISTRY_MAX_GROUPS, settings.REGISTRY_MAX_VERSIONS = 2, 2


def test_there_is_none_unless_it_is_set(settings):
    assert (settings.REGISTRY_MAX_GROUPS, settings.REGISTRY_MAX_VERSIONS) == (0, 0)


def test_groups_of_a_region_end_at_the_quota_and_deleting_gives_room(sm, two_each):
    group(sm, "one")
    group(sm, "two")
    code, words = refused(sm.create_model_package_group, ModelPackageGroupName="three")
    assert (code, words) == (
        "ResourceLimitExceeded",
        "The region us-east-1 has 2 model package groups, as many as this registry allows.",
    )
    make_group("elsewhere", region="eu-west-1")
    sm.delete_model_package_group(ModelPackageGroupName="one")
    group(sm, "three")


def test_versions_of_a_group_end_at_the_quota_and_their_numbers_go_on(sm, two_each):
    group(sm)
    first = version(sm)
    version(sm)
    code, words = refused(version, sm=sm)
    assert (code, words) == (
        "ResourceLimitExceeded",
        "fraud has 2 versions, as many as this registry allows a group.",
    )
    sm.delete_model_package(ModelPackageName=first)
    assert version(sm).endswith("/fraud/3")
    assert ModelPackageGroup.objects.get(name="fraud").version_count == 2


def test_the_forms_say_it_and_keep_what_was_typed(as_role, two_each):
    full = make_group("full")
    make_version(full), make_version(full)
    make_group("other")
    made = as_role("admin").post("/groups/new/", {"region": "us-east-1", "name": "third", "description": "typed"})
    assert made.status_code == 422
    assert "as many as this registry allows" in made.content.decode() and "typed" in made.content.decode()
    registered = as_role("admin").post(f"{full.get_absolute_url()}register/", {"description": "typed too"})
    assert registered.status_code == 422
    assert "full has 2 versions" in registered.content.decode() and "typed too" in registered.content.decode()
