"""Deleting and restoring: who, until when, what stands in the way, and that all counts are as before."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django_tasks_db.models import DBTaskResult
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from registry.accounts.models import Role
from registry.accounts.permissions import NotAllowed
from registry.catalog import services
from registry.catalog.errors import AlreadyExists, Conflict, LimitReached, NotFound
from registry.catalog.models import ModelPackage, ModelPackageGroup
from registry.catalog.restoring import RESTORABLE
from registry.events.models import Event
from tests.factories import an_actor, make_group, make_package, make_version

from .counters import assert_counts_equal_the_rows

ADMIN = an_actor(Role.ADMIN)
STATUSES = ["Approved", "PendingManualApproval", "Rejected", None]
# What restoring may not change: everything but the tombstone.
ROW = [f.attname for f in ModelPackage._meta.concrete_fields]


def delete(package: ModelPackage) -> ModelPackage:
    return services.delete_model_package(actor=ADMIN, package=package)


def restore(package: ModelPackage) -> ModelPackage:
    return services.restore_model_package(actor=ADMIN, package=package)


def age(row: ModelPackage | ModelPackageGroup, by: timedelta) -> None:
    """Make a deletion older."""
    assert row.deleted_at is not None
    type(row).objects.filter(pk=row.pk).update(deleted_at=row.deleted_at - by)


@pytest.mark.django_db
class TestVersions:
    @pytest.mark.parametrize("status", STATUSES)
    def test_a_restored_version_is_what_it_was_and_so_is_its_group(self, status):
        group = make_group()
        make_version(group, approval_status="Approved")
        package = make_version(group, approval_status=status, customer_metadata_properties={"metric.auc": "0.9"})
        make_version(group, approval_status="Rejected")
        before = ModelPackage.objects.filter(pk=package.pk).values(*ROW).get()
        counted = ["version_count", "approved_version", "approved_at", "latest_created_at", "last_version"]
        of_group = ModelPackageGroup.objects.filter(pk=group.pk).values(*counted)
        said = of_group.get()

        delete(package)
        assert_counts_equal_the_rows(group)
        assert of_group.get() != said
        restored = restore(package)

        assert ModelPackage.objects.filter(pk=package.pk).values(*ROW).get() == before
        assert of_group.get() == said
        assert_counts_equal_the_rows(group)
        assert restored.deleted_at is None
        assert [m.value for m in restored.metrics.all()] == [0.9]

    def test_it_leaves_an_event_that_says_what_came_back(self):
        package = make_version(description="Retrained", approval_status="Approved")
        delete(package)
        restore(package)
        event = Event.objects.latest("id")
        assert (event.kind, event.category) == ("model_package.restored", "registration")
        assert (event.version, event.actor_name) == (1, "any-admin")
        assert event.after == {"ModelApprovalStatus": "Approved", "ModelPackageDescription": "Retrained"}

    def test_one_that_is_not_deleted_stays_without_an_event(self):
        package = make_version()
        before = Event.objects.count()
        assert restore(package).pk == package.pk
        assert Event.objects.count() == before
        assert_counts_equal_the_rows(package.group)

    def test_it_waits_since_when_it_waited(self):
        package = make_version()
        delete(package)
        assert restore(package).waiting_since == package.waiting_since is not None

    def test_thirty_days_and_not_a_moment_longer(self):
        kept, late = make_version(), make_version()
        for package, by in ((kept, RESTORABLE - timedelta(minutes=1)), (late, RESTORABLE + timedelta(seconds=1))):
            age(delete(package), by)
        assert restore(kept).deleted_at is None
        with pytest.raises(Conflict, match="more than 30 days ago"):
            restore(late)
        assert ModelPackage.objects.get(pk=late.pk).deleted_at is not None
        assert not Event.objects.filter(kind="model_package.restored", package_id=late.pk).exists()

    def test_not_while_its_group_is_deleted(self):
        package = make_version(make_group("fraud"))
        delete(package)
        services.delete_model_package_group(actor=ADMIN, group=package.group)
        with pytest.raises(Conflict, match=r"The group fraud was deleted too\. Restore the group first\."):
            restore(package)
        services.restore_model_package_group(actor=ADMIN, group=package.group)
        restore(package)
        assert_counts_equal_the_rows(package.group)

    def test_a_number_is_never_used_again(self):
        group = make_group()
        first = make_version(group)
        delete(first)
        assert make_version(group).version == 2
        restore(first)
        assert make_version(group).version == 3

    def test_the_newest_by_time_counts_not_by_number(self):
        """An import may bring a version with a lower number and a later date."""
        group = make_group()
        early, late = make_version(group), make_version(group)
        ModelPackage.objects.filter(pk=early.pk).update(created_at=late.created_at + timedelta(days=1))
        gone = delete(make_version(group))
        assert_counts_equal_the_rows(group)
        restore(gone)
        assert_counts_equal_the_rows(group)

    def test_what_is_gone_altogether_is_not_found(self):
        package = make_version()
        ghost = ModelPackage(pk=package.pk + 1000, group=package.group, version=9)
        with pytest.raises(NotFound):
            restore(ghost)

    def test_metric_reports_that_nobody_read_meanwhile_are_read(self, settings, tmp_path):
        settings.REGISTRY_METRICS_ROOTS = {"metrics": tmp_path}
        quality = {"Statistics": {"ContentType": "application/json", "S3Uri": "s3://metrics/a.json"}}
        package = make_version(model_metrics={"ModelQuality": quality})
        asked = DBTaskResult.objects.count()
        delete(package)
        restore(package)
        assert DBTaskResult.objects.count() == asked + 1

    def test_not_into_a_group_that_is_full_again(self, settings):
        settings.REGISTRY_MAX_VERSIONS = 2
        group = make_group()
        gone = delete(make_version(group))
        make_version(group)
        last = make_version(group)
        with pytest.raises(LimitReached):
            restore(gone)
        delete(last)
        assert restore(gone).version == 1
        assert_counts_equal_the_rows(group)

    def test_reviewers_neither_delete_nor_restore(self):
        reviewer, package = an_actor(Role.REVIEWER), make_version()
        with pytest.raises(NotAllowed):
            services.delete_model_package(actor=reviewer, package=package)
        delete(package)
        with pytest.raises(NotAllowed, match="restore a version"):
            services.restore_model_package(actor=reviewer, package=package)


@pytest.mark.django_db
class TestNames:
    def test_an_unversioned_package_comes_back_unless_its_name_is_taken(self):
        package = make_package("sold")
        delete(package)
        restore(package)
        delete(package)
        other = make_package("sold")
        with pytest.raises(AlreadyExists, match="The name sold is taken again") as refusal:
            restore(package)
        assert refusal.value.existing == other
        delete(other)
        assert restore(package).name == "sold"

    def test_a_group_comes_back_with_its_tags_unless_its_name_is_taken(self):
        group = make_group("fraud", description="Cards", tags=[("team", "risk")])
        services.delete_model_package_group(actor=ADMIN, group=group)
        other = make_group("fraud")
        with pytest.raises(AlreadyExists, match="The name fraud is taken again") as refusal:
            services.restore_model_package_group(actor=ADMIN, group=group)
        assert refusal.value.existing == other
        services.delete_model_package_group(actor=ADMIN, group=other)
        restored = services.restore_model_package_group(actor=ADMIN, group=group)
        assert [(tag.key, tag.value) for tag in restored.tags.all()] == [("team", "risk")]
        event = Event.objects.latest("id")
        assert event.kind == "model_package_group.restored"
        tags = [{"Key": "team", "Value": "risk"}]
        assert event.after == {"ModelPackageGroupDescription": "Cards", "Tags": tags}
        assert_counts_equal_the_rows(group)

    def test_a_group_after_thirty_days_stays(self):
        group = services.delete_model_package_group(actor=ADMIN, group=make_group("fraud"))
        age(group, RESTORABLE + timedelta(seconds=1))
        with pytest.raises(Conflict, match="The group fraud was deleted more than 30 days ago"):
            services.restore_model_package_group(actor=ADMIN, group=group)

    def test_not_into_a_region_that_is_full_again(self, settings):
        settings.REGISTRY_MAX_GROUPS = 1
        group = services.delete_model_package_group(actor=ADMIN, group=make_group("fraud"))
        make_group("churn")
        with pytest.raises(LimitReached):
            services.restore_model_package_group(actor=ADMIN, group=group)

    def test_the_same_name_in_another_region_is_another_name(self):
        group = services.delete_model_package_group(actor=ADMIN, group=make_group("fraud"))
        make_group("fraud", region="eu-west-1")
        assert services.restore_model_package_group(actor=ADMIN, group=group).deleted_at is None


class TestAnyOrder(TestCase):
    """Whatever is registered, decided, deleted and restored, in whatever order: counts equal the rows."""

    @settings(max_examples=25, deadline=None)
    @given(
        st.lists(
            st.tuples(
                st.sampled_from(["register", "decide", "delete", "restore", "group"]),
                st.integers(0, 7),
                st.sampled_from(STATUSES),
            ),
            max_size=24,
        )
    )
    def test_counts_equal_the_rows(self, steps: list[tuple[str, int, str | None]]) -> None:
        group = make_group()
        for step, which, status in steps:
            found = list(ModelPackage.objects.filter(group=group).order_by("version"))
            package = found[which % len(found)] if found else None
            try:
                if step == "register":
                    make_version(group, approval_status=status)
                elif step == "group":
                    services.delete_model_package_group(actor=ADMIN, group=group)
                    services.restore_model_package_group(actor=ADMIN, group=group)
                elif package is None:
                    continue
                elif step == "decide" and status:
                    services.update_approval_status(actor=ADMIN, package=package, approval_status=status)
                elif step == "delete":
                    delete(package)
                elif step == "restore":
                    restore(package)
            except (NotFound, Conflict):
                pass
            assert_counts_equal_the_rows(group)
