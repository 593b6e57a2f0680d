"""What the database itself refuses, whoever writes."""

from __future__ import annotations

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.utils import timezone

from registry.catalog.models import Container, CustomerMetadataProperty, Metric, ModelPackage, ModelPackageGroup, Tag
from tests.factories import make_group, make_package, make_version

pytestmark = pytest.mark.django_db


def refused(write) -> bool:
    """True if the database refuses what `write` does."""
    try:
        with transaction.atomic():
            write()
    except (IntegrityError, DatabaseError):
        return True
    return False


def test_database_refuses_a_tag_on_a_version():
    version, package = make_version(), make_package()
    assert refused(lambda: Tag.objects.create(package=version, key="team", value="fraud", slot=0))
    assert not refused(lambda: Tag.objects.create(package=package, key="team", value="fraud", slot=0))
    assert refused(lambda: Tag.objects.filter(package=package).update(package=version))


def test_database_refuses_a_package_that_changes_its_kind():
    group, package = make_group(), make_package()
    assert refused(lambda: ModelPackage.objects.filter(pk=package.pk).update(group=group, version=1, name=None))


def test_database_refuses_a_package_that_is_both_or_neither():
    group, now = make_group(), timezone.now()
    common = {"region": "us-east-1", "created_at": now}
    assert refused(lambda: ModelPackage.objects.create(group=group, version=1, name="both", **common))
    assert refused(lambda: ModelPackage.objects.create(**common))
    assert refused(lambda: ModelPackage.objects.create(group=group, **common))
    assert refused(lambda: ModelPackage.objects.create(group=group, version=0, **common))
    assert not refused(lambda: ModelPackage.objects.create(name="one", **common))


def test_database_refuses_a_number_twice():
    version = make_version()
    assert refused(
        lambda: ModelPackage.objects.create(
            region="us-east-1", group=version.group, version=version.version, created_at=timezone.now()
        )
    )


def test_database_refuses_an_unknown_status():
    version = make_version()
    assert refused(lambda: ModelPackage.objects.filter(pk=version.pk).update(approval_status="Maybe"))


def test_database_refuses_a_live_name_twice_and_takes_it_again_after_a_deletion():
    group, now = make_group("fraud"), timezone.now()
    values = {"region": "us-east-1", "name": "fraud", "created_at": now, "updated_at": now}
    assert refused(lambda: ModelPackageGroup.objects.create(**values))
    assert not refused(lambda: ModelPackageGroup.objects.create(**(values | {"region": "eu-central-1"})))
    ModelPackageGroup.objects.filter(pk=group.pk).update(deleted_at=now)
    assert not refused(lambda: ModelPackageGroup.objects.create(**values))


@pytest.mark.parametrize(
    ("field", "length"), [("name", 64), ("description", 1025), ("region", 17)], ids=["name", "description", "region"]
)
def test_database_refuses_a_group_text_that_is_too_long(field, length):
    now = timezone.now()
    values = {"region": "us-east-1", "name": "fine", "created_at": now, "updated_at": now, field: "x" * length}
    assert refused(lambda: ModelPackageGroup.objects.create(**values))


def test_database_refuses_the_51st_tag_and_pair():
    group, version = make_group(), make_version()
    Tag.objects.bulk_create(Tag(group=group, key=f"k{n}", slot=n) for n in range(50))
    CustomerMetadataProperty.objects.bulk_create(
        CustomerMetadataProperty(package=version, key=f"k{n}", value="v", slot=n) for n in range(50)
    )
    for slot in (50, 0, 49):
        assert refused(lambda slot=slot: Tag.objects.create(group=group, key="more", slot=slot))
        assert refused(
            lambda slot=slot: CustomerMetadataProperty.objects.create(package=version, key="m", value="v", slot=slot)
        )


def test_database_refuses_long_or_empty_pairs_and_tags():
    group, version = make_group(), make_version()

    def pair(**values):
        base = {"package": version, "key": "k", "value": "v", "slot": 1}
        return lambda: CustomerMetadataProperty.objects.create(**(base | values))

    assert refused(pair(key="k" * 129))
    assert refused(pair(value="v" * 257))
    assert refused(pair(key=""))
    assert refused(pair(value=""))
    assert refused(lambda: Tag.objects.create(group=group, key="", slot=1))
    assert refused(lambda: Tag.objects.create(key="orphan", slot=1))
    assert not refused(pair())


def test_database_refuses_a_16th_container_and_a_metric_twice():
    version = make_version()
    assert refused(lambda: Container.objects.create(package=version, position=15))
    assert refused(lambda: Container.objects.create(package=version, position=1, image="i" * 256))
    Metric.objects.create(package=version, name="auc", value=0.5, source="typed")
    assert refused(lambda: Metric.objects.create(package=version, name="auc", value=0.6, source="typed"))


def test_prefix_lookup_is_exact_about_case_and_wildcards():
    make_version(inference_specification={"Containers": [{"Image": "host/Xgb_a:1%"}]})
    make_version(inference_specification={"Containers": [{"Image": "host/xgbba:1.5"}]})
    found = Container.objects.filter
    assert found(image_name__prefix="Xgb").count() == 1
    assert found(image_name__prefix="xgb").count() == 1
    assert found(image_name__prefix="xgb_a").count() == 0
    assert found(image_name__prefix="Xgb_a:1%").count() == 1


def test_where_used_reads_an_index():
    make_version()
    for column, value in (("image", "host/a:1"), ("image_digest", "sha256:0")):
        plan = Container.objects.filter(**{column: value}).values("package_id").explain()
        if connection.vendor == "sqlite":
            assert f"container_of_{column}" in plan
