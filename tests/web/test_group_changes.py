"""What changed in a group between two days."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client

from registry.catalog import services
from registry.catalog.models import ModelPackage
from registry.catalog.reports import group_changes
from registry.catalog.reports.group_changes import changes_between
from registry.events.models import Event
from registry.web.forms.as_of import read_moment
from tests.factories import an_actor, make_group, make_version
from tests.web.test_as_of import GROUP, history, on, page, words

pytestmark = pytest.mark.django_db
CHANGES = f"{GROUP}changes/"

__all__ = ["history"]


@pytest.fixture
def viewer(as_role: Any) -> Client:
    return as_role("viewer")


def test_names_what_changed_who_did_it_and_links(viewer, history: ModelPackage):
    html = page(viewer, f"{CHANGES}?from=2026-04-01&to=2026-05-01")
    text = words(html)
    assert "any-admin rejected v1 (Approved → Rejected)" in text and "Drift." in text
    for said in (
        "registered v2",
        "deleted v2",
        "changed tags of",
        "changed the description of",
        "review rule",
        "owner",
    ):
        assert said in text, said
    assert "approved v1 (" not in text and "Good." not in text
    assert f'href="{GROUP}versions/1/"' in html
    assert "1 April 2026, 23:59 UTC : approved v1" in text and "1 May 2026, 23:59 UTC : none approved" in text


def test_the_first_day_is_left_out_and_the_last_is_in(viewer, history):
    assert "rejected" not in words(page(viewer, f"{CHANGES}?from=2026-04-10&to=2026-04-19"))
    assert "rejected" in words(page(viewer, f"{CHANGES}?from=2026-04-09&to=2026-04-10"))


def test_nothing_changed_is_said(viewer, history):
    assert "Nothing changed" in page(viewer, f"{CHANGES}?from=2026-03-12&to=2026-03-20")


def test_days_the_wrong_way_round_are_put_in_order(viewer, history):
    text = words(page(viewer, f"{CHANGES}?from=2026-04-10&to=2026-04-09"))
    assert "The later day was given first" in text and "rejected" in text


@pytest.mark.parametrize("query", ["from=x&to=2026-04-09", "to=2026-02-30", f"from={'9' * 30}"])
def test_what_is_no_day_is_said_at_its_field(viewer, history, query):
    html = page(viewer, f"{CHANGES}?{query}", 422)
    assert html.count('aria-invalid="true"') == 1 and "Write a date as" in html


def test_is_paged_and_every_event_stands_once(viewer, monkeypatch):
    monkeypatch.setattr(group_changes, "ROWS", 3)
    with on("2026-03-01"):
        group = make_group("fraud")
        for _ in range(7):
            make_version(group)
    seen, path = [], f"{CHANGES}?from=2026-02-01&to=2026-03-02"
    while path:
        html = page(viewer, path)
        seen += re.findall(r'registered <a [^>]*versions/(\d+)/"', html)
        older = re.search(r'href="([^"]*before=\d+)"', html)
        path = CHANGES + older[1].replace("&amp;", "&") if older else ""
    assert seen == ["7", "6", "5", "4", "3", "2", "1"]


@pytest.mark.parametrize(
    ("since", "until", "found"),
    [
        ("2026-02-27", "2026-02-28", 0),
        ("2026-02-28", "2026-03-01", 2),
        ("2026-03-01", "2026-03-09", 0),
        ("0001-01-01", "2030-01-01", 11),
    ],
)
def test_the_ends_are_found_by_halving(history, since, until, found):
    moments = [read_moment(day).at for day in (since, until)]
    assert len(changes_between(history.group_id, *moments).events) == found
    assert Event.objects.for_group(history.group_id).count() == 11


def test_another_group_is_not_in_it(viewer, history):
    with on("2026-04-12"):
        other = make_version(make_group("other"))
        services.update_approval_status(
            actor=an_actor("admin"), package=other, approval_status="Approved", comment="Other."
        )
    assert "Other." not in page(viewer, f"{CHANGES}?from=2026-04-01&to=2026-05-01")
