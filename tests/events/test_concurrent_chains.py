"""Many at once on the same chains, in every order of locks there is: nobody is turned away, and each chain holds."""

from __future__ import annotations

import pytest
from django.db import connection, transaction
from django.utils import timezone

from registry.accounts.models import Role
from registry.accounts.services import create_user
from registry.catalog import services
from registry.catalog.errors import AlreadyExists
from registry.catalog.models import ModelPackage, ModelPackageGroup
from registry.events.models import ChainHead, Event
from registry.events.services import record
from registry.events.verifying import verify_log
from tests.catalog.test_concurrency import at_once
from tests.factories import PASSWORD, REGION, an_actor, make_group, make_package, make_version

pytestmark = pytest.mark.django_db(transaction=True)

ADMIN = an_actor(Role.ADMIN)


def the_version(group: str, number: int) -> services.PackageRecord:
    registration = services.Registration(description="Imported.")
    return services.PackageRecord(
        place="x", region=REGION, created_at=timezone.now(), group_name=group, version=number, registration=registration
    )


def the_package(name: str, tag: str) -> services.PackageRecord:
    registration = services.Registration(description="Imported.")
    return services.PackageRecord(
        place="x",
        region=REGION,
        created_at=timezone.now(),
        name=name,
        tags=[("from", tag)],
        registration=registration,
    )


def test_writers_of_all_kinds_never_wait_for_each_other_in_a_ring():
    """An import writes to several groups and to chain 0; others hold packages, groups and names the other way round."""
    one, two = make_group("one"), make_group("two")
    alone = make_package("alone")

    def work(number: int) -> object:
        match number % 4:
            case 0:
                names = ["one", "two"] if number % 8 else ["two", "one"]
                records = [the_version(name, 1000 + number) for name in names]
                records.insert(number % 3, the_package("alone", str(number)))
                records.insert(number % 2, the_package(f"new-{number % 3}", str(number)))
                counts = services.import_records(actor=ADMIN, records=records, source="x", update=True)
                assert not counts["faults"], counts
            case 1:
                create_user(actor=ADMIN, username=f"user-{number}", password=PASSWORD, role="viewer")
                services.set_tags(actor=ADMIN, owner=alone, tags=[("from", f"hand-{number}")])
            case 2:
                services.set_tags(actor=ADMIN, owner=(one, two)[number % 2], tags=[("n", str(number))])
                try:
                    make_package(f"new-{number % 3}")
                except AlreadyExists as error:
                    assert "exists already" in str(error), error
            case 3:
                version = make_version((one, two)[number % 2])
                services.update_approval_status(actor=ADMIN, package=version, approval_status="Approved")
        return None

    assert [value for value in at_once(work, 64) if value is not None] == []
    assert list(verify_log()) == []
    assert ModelPackage.objects.filter(group=one, version__gte=1000).count() == 16
    assert ChainHead.objects.get(chain=0).position == Event.objects.filter(chain=0).count()


def test_a_chain_begins_once_however_many_begin_it():
    """The first events of an installation: nobody has written to chain 0 yet."""
    assert not ChainHead.objects.exists()

    def work(number: int) -> object:
        with transaction.atomic():
            record(ADMIN, "registry.imported", target=str(number))
        return None

    assert [value for value in at_once(work, 32) if value is not None] == []
    assert sorted(Event.objects.values_list("position", flat=True)) == list(range(1, 33))
    assert list(verify_log()) == []


def test_an_event_that_the_database_refuses_takes_its_change_back():
    group = make_group("one")
    with connection.cursor() as cursor, pytest.raises(Exception, match="append-only"), transaction.atomic():
        services.set_tags(actor=ADMIN, owner=group, tags=[("a", "b")])
        cursor.execute("DELETE FROM events_event")
    assert not ModelPackageGroup.objects.get().tags.exists()
    assert Event.objects.count() == 1
