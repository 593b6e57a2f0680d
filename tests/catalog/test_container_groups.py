"""A container names the group of its live version, whoever writes it; of all others it names none."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from django.db import connection
from django.utils import timezone

from registry.catalog import services
from registry.catalog.models import Container, ModelPackage, ModelPackageGroup
from registry.catalog.replay import compare_registry
from registry.catalog.reports.timeline import read_page
from registry.catalog.reports.version_filters import VersionFilter
from registry.catalog.services.import_records import check_package, package_row
from tests.catalog.counters import assert_containers_name_their_groups
from tests.factories import an_actor, make_group, make_package, make_version, specification

pytestmark = pytest.mark.django_db


def migration(name: str) -> Any:
    return import_module(f"registry.catalog.migrations.{name}")


BOTH = {"catalog_container_follows", "catalog_container_is_of_group"}


class Editor:
    """What a step of a migration needs of a schema editor, within the test's transaction."""

    connection = connection

    def execute(self, sql: str, params: None) -> None:
        with connection.cursor() as cursor:
            cursor.execute(sql)


def triggers() -> set[str]:
    where = "pg_trigger" if connection.vendor == "postgresql" else "sqlite_master WHERE type = 'trigger'"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {'tgname' if connection.vendor == 'postgresql' else 'name'} FROM {where}")
        return {name for (name,) in cursor.fetchall()}


def group_of(package: ModelPackage) -> int | None:
    return Container.objects.get(package=package).group_id


@pytest.fixture
def three() -> tuple[ModelPackage, ModelPackage, ModelPackage]:
    """A live version, a deleted one and an unversioned package, with one image."""
    group, of_image = make_group("fraud"), {"inference_specification": specification("train:1")}
    live, gone, alone = make_version(group, **of_image), make_version(group, **of_image), make_package(**of_image)
    services.delete_model_package(actor=an_actor("admin"), package=gone)
    return live, gone, alone


def test_what_names_no_group_is_given_that_of_its_live_version(three):
    for package in three:
        Container.objects.filter(package=package).delete()
        # As a release writes that knows no such column.
        Container.objects.bulk_create([Container(package=package, position=0, image="old:9", image_name="old:9")])
    assert [group_of(package) for package in three] == [three[0].group_id, None, None]


def test_a_change_of_the_row_itself_is_followed(three):
    live, gone, _ = three
    ModelPackage.objects.filter(pk=live.pk).update(deleted_at=timezone.now())
    ModelPackage.objects.filter(pk=gone.pk).update(deleted_at=None)
    assert (group_of(live), group_of(gone)) == (None, gone.group_id)


def test_the_migration_fills_in_what_was_there_before(three, monkeypatch):
    filling = migration("0014_fill_groups_of_containers")
    monkeypatch.setattr(filling, "BATCH", 2)
    # The wrong ones that it could leave, and the right ones that it has to find.
    Container.objects.update(group=None)
    filling.fill(apps, Editor())
    assert [group_of(package) for package in three] == [three[0].group_id, None, None]
    assert_containers_name_their_groups(Container.objects.all())


def test_a_replay_of_the_log_tells_a_group_that_is_missing(three):
    assert not list(compare_registry())
    Container.objects.filter(package=three[0]).update(group=None)
    assert [difference for difference in map(str, compare_registry()) if "group_id" in difference]


def test_the_line_of_a_deleted_version_stays_under_a_filter_by_image(three):
    group = ModelPackageGroup.objects.get()
    page = read_page(group, metric="", shown=VersionFilter(images=("train:1",)))
    assert [row.version for row in page.rows] == [1]
    assert [(one.first, one.last) for one in page.tombstones] == [(2, 2)]


def test_a_record_of_an_import_is_checked_without_the_database(django_assert_num_queries):
    registration = services.Registration(inference_specification=specification("train:1"))
    record = services.PackageRecord(
        place="dump.jsonl:1",
        region="us-east-1",
        group_name="fraud",
        version=1,
        status="Completed",
        registration=registration,
    )
    row = package_row(record, ModelPackageGroup(pk=5, region="us-east-1", name="fraud"))
    with django_assert_num_queries(0):
        check_package(record, row)


def test_a_table_can_be_remade_between_the_triggers():
    """As a later migration has to, on SQLite: one table's trigger names the other."""
    made = migration("0013_groups_of_containers")
    for step, there in ((None, BOTH), (made.drop_triggers, set()), (made.make_triggers, BOTH)):
        for _ in range(2 if step else 0):
            step(apps, Editor())
        assert BOTH & triggers() == there
