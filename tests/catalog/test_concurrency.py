"""Eight writers at once, on threads with their own connections: numbers, limits and counts hold."""

from __future__ import annotations

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.core.exceptions import ValidationError
from django.db import connection

from registry.accounts.models import Role
from registry.catalog import services
from registry.catalog.errors import AlreadyExists, Conflict, NotFound, Refused
from registry.catalog.models import ModelPackage, ModelPackageGroup
from registry.events.models import Event
from tests.factories import an_actor, make_group, make_version

from .counters import assert_counts_equal_the_rows

pytestmark = pytest.mark.django_db(transaction=True)

ADMIN = an_actor(Role.ADMIN)
WRITERS = 8


def at_once(job: Callable[[int], object], times: int) -> list[object]:
    """Run job(0) … job(times - 1) on eight threads and return what each gave back or raised."""

    def run(number: int) -> object:
        try:
            return job(number)
        except Exception as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(WRITERS) as pool:
        return list(pool.map(run, range(times)))


def test_eight_writers_get_each_number_once_and_no_gap():
    group = make_group()
    made = at_once(lambda n: make_version(group, description=f"job {n}").version, 64)
    assert sorted(made) == list(range(1, 65))
    group.refresh_from_db()
    assert (group.last_version, group.version_count, group.waiting_count) == (64, 64, 64)
    assert Event.objects.filter(kind="model_package.created").count() == 64


def test_numbers_have_no_gap_where_some_registrations_are_refused():
    group = make_group()

    def job(number: int) -> object:
        bad = {"customer_metadata_properties": {"k": ","}} if number % 3 == 0 else {}
        return make_version(group, **bad).version

    made = at_once(job, 48)
    numbers = sorted(value for value in made if isinstance(value, int))
    assert numbers == list(range(1, 33))
    assert sum(isinstance(value, ValidationError) for value in made) == 16


def test_eight_writers_cannot_pass_50_tags():
    group = make_group()
    made = at_once(
        lambda n: services.add_tags(actor=ADMIN, owner=group, tags=[(f"k{n}-{m}", "") for m in range(5)]), 16
    )
    assert group.tags.count() == 50
    assert sum(isinstance(value, ValidationError) for value in made) == 6


def test_eight_writers_cannot_pass_50_pairs():
    version = make_version()
    made = at_once(
        lambda n: services.update_customer_metadata(
            actor=ADMIN, package=version, put={f"k{n}-{m}": "v" for m in range(5)}
        ),
        16,
    )
    assert version.customer_metadata_properties.count() == 50
    assert sum(isinstance(value, ValidationError) for value in made) == 6


def test_decisions_at_once_leave_counts_that_equal_the_versions():
    group = make_group()
    versions = [make_version(group) for _ in range(6)]
    choices = ["Approved", "Rejected", "PendingManualApproval"]
    made = at_once(
        lambda n: services.update_approval_status(
            actor=ADMIN, package=versions[n % 6], approval_status=choices[(n // 6) % 3], comment=f"job {n}"
        ),
        48,
    )
    assert not [value for value in made if isinstance(value, Exception)]
    group.refresh_from_db()
    statuses = list(ModelPackage.objects.filter(group=group).values_list("approval_status", "version"))
    found = [status for status, _ in statuses]
    assert group.approved_count == found.count("Approved")
    assert group.rejected_count == found.count("Rejected")
    assert group.waiting_count == found.count("PendingManualApproval")
    approved = [version for status, version in statuses if status == "Approved"]
    assert group.approved_version == max(approved, default=None)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_deleting_restoring_and_registering_at_once_leaves_counts_that_equal_the_rows(seed):
    group = make_group()
    versions = [make_version(group, approval_status="Approved") for _ in range(4)]
    chance = random.Random(seed)
    plan = [(chance.choice(["delete", "restore", "register", "decide"]), chance.choice(versions)) for _ in range(64)]

    def job(number: int) -> object:
        step, package = plan[number]
        if step == "register":
            return make_version(group, approval_status=chance.choice(["Approved", "Rejected", None]))
        if step == "delete":
            return services.delete_model_package(actor=ADMIN, package=package)
        if step == "restore":
            return services.restore_model_package(actor=ADMIN, package=package)
        status = chance.choice(["Approved", "Rejected"])
        return services.update_approval_status(actor=ADMIN, package=package, approval_status=status)

    made = at_once(job, len(plan))
    faults = [value for value in made if isinstance(value, Exception) and not isinstance(value, Refused)]
    assert not faults
    assert_counts_equal_the_rows(group)
    kinds = Event.objects.filter(group_id=group.pk).values_list("kind", "package_id")
    deleted, restored = (
        [p for kind, p in kinds if kind == f"model_package.{word}"] for word in ("deleted", "restored")
    )
    for package in versions:
        package.refresh_from_db()
        assert deleted.count(package.pk) - restored.count(package.pk) == (package.deleted_at is not None)


def test_of_a_restored_group_and_new_ones_of_its_name_one_is_live():
    group = make_group("fraud")
    services.delete_model_package_group(actor=ADMIN, group=group)

    def job(number: int) -> object:
        if number % 2:
            return services.restore_model_package_group(actor=ADMIN, group=group)
        return make_group("fraud")

    made = at_once(job, 16)
    live = ModelPackageGroup.objects.live().get(name="fraud")
    won = {value.pk for value in made if isinstance(value, ModelPackageGroup)}
    assert won == {live.pk}
    assert all(isinstance(value, ModelPackageGroup | AlreadyExists) for value in made)


def test_a_group_is_not_deleted_under_a_version_that_comes_back():
    for _ in range(6):
        package = make_version()
        services.delete_model_package(actor=ADMIN, package=package)
        group = package.group

        def job(number: int, package: ModelPackage = package) -> object:
            if number:
                return services.restore_model_package(actor=ADMIN, package=package)
            return services.delete_model_package_group(actor=ADMIN, group=package.group)

        made = at_once(job, 2)
        assert sum(isinstance(value, Conflict | NotFound) for value in made) == 1
        group.refresh_from_db()
        package.refresh_from_db()
        assert (group.deleted_at is None) == (package.deleted_at is None)
        assert_counts_equal_the_rows(group)
