"""Hostile values through every form of the pages and of the admin site: taken or refused, never a 500, never markup."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from tests.hostile_values import FEW, VALUES

from .forms import Form, crawl, fault_of, send, undone, ways
from .places import World

pytestmark = pytest.mark.django_db

# Never fewer: a crawl that finds nothing would prove nothing.
FORMS_AT_LEAST, ADMIN_FORMS_AT_LEAST = 45, 15
QUICK = 2  # values of each form in the quick round


@pytest.fixture(autouse=True)
def large_forms(settings: Any) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 1024 * 1024


def found_forms(client: Client, world: World) -> list[Form]:
    """The forms of the pages, with those of a stranger, and of the admin site; fails where there are too few."""
    pages = crawl(client, world.addresses())
    assert len(pages) >= FORMS_AT_LEAST, [form.key for form in pages]
    site = crawl(client, world.admin_addresses())
    assert len(site) >= ADMIN_FORMS_AT_LEAST, [form.key for form in site]
    stranger = crawl(Client(), {"login": "/login/"})
    return [*pages, *site, *stranger]


def faults(client: Client, form: Form, tries: Any) -> list[str]:
    found = []
    for what, pairs in tries:
        who = Client(raise_request_exception=False) if form.action.startswith("/login/") else client
        with undone():
            fault = fault_of(send(who, form, pairs))
        if fault:
            found.append(f"{form.method} {form.action}: {what} {fault}")
    return found


def test_a_few_values_through_every_form(world: World, ada: Client):
    found = []
    for number, form in enumerate(found_forms(ada, world)):
        values = [FEW[(number * QUICK + turn) % len(FEW)] for turn in range(QUICK)]
        found += faults(ada, form, ways(form, values))
        # What the page sends by itself can be forged as well.
        for name in form.names(typed=False)[:3]:
            found += faults(ada, form, [(name, form.filled([name], ["9" * 30, "\x00", "[]"][number % 3]))])
    assert not found


@pytest.mark.hostile
@pytest.mark.parametrize("part", range(4))
def test_every_value_through_every_form_and_field(world: World, ada: Client, part: int):
    found, tried = [], 0
    for form in found_forms(ada, world)[part::4]:
        tries = list(ways(form, VALUES, each=4))
        tried += len(tries)
        found += faults(ada, form, tries)
    print(f"{tried} forms sent")
    assert not found
