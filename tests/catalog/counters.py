"""What a group must say of its versions, counted from the rows themselves."""

from __future__ import annotations

from django.db.models import F, Q, QuerySet

from registry.catalog.models import Container, ModelPackage, ModelPackageGroup


def assert_counts_equal_the_rows(group: ModelPackageGroup) -> None:
    """Every counter and date that the services keep on the group, against a look at all of its versions."""
    group = ModelPackageGroup.objects.get(pk=group.pk)
    rows = list(ModelPackage.objects.filter(group=group).order_by("version"))
    live = [row for row in rows if row.deleted_at is None]
    statuses = [row.approval_status for row in live]
    assert group.version_count == len(live)
    assert group.approved_count == statuses.count("Approved")
    assert group.rejected_count == statuses.count("Rejected")
    assert group.waiting_count == statuses.count("PendingManualApproval")
    assert group.unset_count == statuses.count(None)
    assert group.latest_created_at == max((row.created_at for row in live), default=None)
    approved = [row for row in live if row.is_approved]
    newest = approved[-1] if approved else None
    assert group.approved_version == (newest.version if newest else None)
    assert group.approved_at == ((newest.decided_at or newest.created_at) if newest else None)
    assert group.last_version == (rows[-1].version if rows else 0)
    assert [row.version for row in rows] == list(range(1, len(rows) + 1)), "a number is used once and never again"
    assert_containers_name_their_groups(Container.objects.filter(package__in=[row.pk for row in rows]))


def assert_containers_name_their_groups(containers: QuerySet[Container]) -> None:
    """Those of a live version name its group, all others none."""
    of_live = Q(package__deleted_at=None, package__group__isnull=False)
    assert not containers.filter(of_live).exclude(group=F("package__group")).exists()
    assert not containers.exclude(of_live).filter(group__isnull=False).exists()
