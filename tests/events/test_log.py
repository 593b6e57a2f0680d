"""The log: one row per change, in the change's own transaction, of a kind that pages can tell."""

import pytest
from django.db import transaction

from registry.accounts.permissions import Actor
from registry.catalog import services
from registry.events.models import Event
from registry.events.services import CATEGORIES, record
from tests.factories import an_actor, make_group, make_package, make_user, make_version
from tests.log import behind_the_triggers

pytestmark = pytest.mark.django_db


def test_event_says_who_when_by_which_door_and_about_what():
    user = make_user("admin", username="ada")
    actor = Actor.of(user, "browser", user_agent="x" * 600, access_key="k" * 200)
    version = make_version(make_group("fraud"), actor=actor)
    event = Event.objects.latest("id")
    assert (event.kind, event.category, event.actor, event.actor_name, event.door) == (
        "model_package.created",
        "registration",
        user,
        "ada",
        "browser",
    )
    assert (event.region, event.group_name, event.group_id, event.package_id, event.version) == (
        "us-east-1",
        "fraud",
        version.group_id,
        version.pk,
        1,
    )
    assert (len(event.user_agent), len(event.access_key)) == (512, 128)
    assert event.at == version.created_at


def test_unversioned_package_is_named_by_itself():
    package = make_package("sold-model")
    event = Event.objects.latest("id")
    assert (event.package_name, event.package_id, event.group_id, event.version) == (
        "sold-model",
        package.pk,
        None,
        None,
    )


def test_unknown_kind_is_refused():
    with pytest.raises(KeyError):
        record(an_actor(), "model_package.exploded")


@pytest.mark.django_db(transaction=True)
def test_event_outside_a_transaction_is_refused():
    with pytest.raises(RuntimeError, match="belongs into the transaction"):
        record(an_actor(), next(iter(CATEGORIES)))


@pytest.mark.django_db(transaction=True)
def test_event_goes_away_with_a_change_that_fails():
    group = make_group("fraud")
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        services.set_tags(actor=an_actor(), owner=group, tags=[("a", "b")])
        raise ZeroDivisionError
    assert list(Event.objects.values_list("kind", flat=True)) == ["model_package_group.created"]


def test_questions_of_the_pages():
    fraud, churn = make_group("fraud"), make_group("churn")
    version = make_version(fraud)
    ids = list(Event.objects.order_by("id").values_list("pk", flat=True))
    with behind_the_triggers():
        Event.objects.filter(pk=ids[1]).update(in_feed=False)
    assert [e.pk for e in Event.objects.in_feed()] == [ids[2], ids[0]]
    assert [e.pk for e in Event.objects.for_group(fraud.pk)] == [ids[2], ids[0]]
    assert [e.pk for e in Event.objects.for_group(churn.pk)] == [ids[1]]
    assert [e.pk for e in Event.objects.for_package(version.pk)] == [ids[2]]
    assert [e.pk for e in Event.objects.before(ids[1])] == [ids[0]]
    assert Event.objects.before(None).count() == 3
