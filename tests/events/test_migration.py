"""What was in the log before it had chains gets the places that it would have had."""

from importlib import import_module
from types import SimpleNamespace

import pytest
from django.apps import apps
from django.db import connection
from django.db.models import F

from registry.catalog import services
from registry.events.models import ChainHead, Event
from registry.events.verifying import verify_log
from tests.factories import an_actor, make_group, make_package, make_version
from tests.log import behind_the_triggers

pytestmark = pytest.mark.django_db


def test_events_that_are_there_are_chained_in_the_order_of_their_ids(monkeypatch):
    migration = import_module("registry.events.migrations.0003_chain")
    monkeypatch.setattr(migration, "BATCH", 3)
    group = make_group("fraud")
    for number in range(5):
        services.set_tags(actor=an_actor(), owner=group, tags=[("n", str(number)), ("weight", "0.10")])
        make_package(f"sold-{number}")
    make_version(make_group("churn"), customer_metadata_properties={"metric.auc": "1e-7"})
    events = list(Event.objects.order_by("id").values())
    heads = list(ChainHead.objects.exclude(position=0).order_by("chain").values())
    with behind_the_triggers():
        Event.objects.update(chain=F("id") + 10**6, position=0, previous=b"", digest=b"")
        ChainHead.objects.all().delete()
        migration.chain_what_is_there(apps, SimpleNamespace(connection=connection))
    assert list(Event.objects.order_by("id").values()) == events
    assert list(ChainHead.objects.exclude(position=0).order_by("chain").values()) == heads
    assert list(verify_log()) == []
