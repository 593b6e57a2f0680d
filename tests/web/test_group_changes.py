"""What changed in a group between two days."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client

from registry.accounts.permissions import Actor
from registry.catalog import services
from registry.catalog.models import ModelPackage
from registry.catalog.reports import group_changes, group_difference
from registry.catalog.reports.group_changes import events_between, page_of
from registry.catalog.services import GroupRecord, PackageChanges, PackageRecord, Registration
from registry.events.models import Event
from registry.web.forms.as_of import read_moment
from tests.factories import REGION, an_actor, make_group, make_version
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
    happened = text.partition("What happened")[2]
    assert "any-admin rejected v1 (Approved → Rejected)" in happened and "Drift." in happened
    for said in (
        "registered v2",
        "deleted v2",
        "changed tags of",
        "changed the description of",
        "review rule",
        "owner",
    ):
        assert said in happened, said
    assert "approved v1 (" not in happened and "Good." not in happened
    assert f'href="{GROUP}versions/1/"' in html
    assert "1 April 2026, 23:59 UTC : approved v1" in text and "1 May 2026, 23:59 UTC : none approved" in text


def test_the_first_day_is_left_out_and_the_last_is_in(viewer, history):
    assert "rejected" not in words(page(viewer, f"{CHANGES}?from=2026-04-10&to=2026-04-19"))
    assert "rejected" in words(page(viewer, f"{CHANGES}?from=2026-04-09&to=2026-04-10"))


def test_nothing_changed_is_said(viewer, history):
    text = words(page(viewer, f"{CHANGES}?from=2026-03-12&to=2026-03-20"))
    assert "No difference" in text and "No version came or went" in text


def turns(html: str) -> list[str]:
    """The lines of the difference, each with what it belongs to."""
    found = []
    for part in html.partition('<ul class="turns">')[2].partition("</section>")[0].split('<li class="turns__of">')[1:]:
        subject, *lines = part.split('<li class="turns__row">')
        found += [" ".join(re.sub(r"<[^>]+>", " ", subject + line).split()) for line in lines]
    return found


def test_the_difference_is_that_of_both_ends_whatever_lay_between(viewer, history: ModelPackage):
    assert turns(page(viewer, f"{CHANGES}?from=2026-04-01&to=2026-05-01")) == [
        "fraud Description Cards then Payments",
        "fraud Rules one approval then Every decision needs a comment",
        "fraud Tag team risk then card",
        "v1 Status Approved then Rejected",
        "v1 Comment Good. then Drift.",
        "v1 Metadata owner ana then ben",
    ]
    # v2 was registered and deleted again; on the 12th it stood.
    assert turns(page(viewer, f"{CHANGES}?from=2026-04-01&to=2026-04-12"))[2] == "v2 Registered Waiting"
    assert turns(page(viewer, f"{CHANGES}?from=2026-04-12&to=2026-05-01"))[1:] == ["v2 Deleted Waiting"]
    assert "v1 Stage – then Production" in turns(page(viewer, f"{CHANGES}?from=2026-03-05&to=2026-03-20"))


def test_what_was_changed_and_changed_back_is_no_difference(viewer, history: ModelPackage):
    for day, value in (("2026-06-02", "eve"), ("2026-06-03", "ben")):
        with on(day):
            services.update_customer_metadata(actor=an_actor("admin"), package=history, put={"owner": value})
    text = words(page(viewer, f"{CHANGES}?from=2026-06-01&to=2026-06-10"))
    assert "No difference" in text and text.partition("What happened")[2].count("owner") == 2


def test_content_that_differs_is_named_by_its_member(viewer, history: ModelPackage):
    with on("2026-06-02"):
        changes = PackageChanges(source_uri="https://git.example.com/fraud")
        services.update_model_package(actor=an_actor("admin"), package=history, changes=changes)
    assert turns(page(viewer, f"{CHANGES}?from=2026-06-01&to=2026-06-10")) == ["v1 Content SourceUri differs"]


def test_before_an_import_nothing_is_compared_or_claimed(viewer):
    made = datetime(2025, 1, 5, tzinfo=UTC)
    version = PackageRecord(
        place="b",
        region=REGION,
        group_name="fraud",
        version=1,
        created_at=made,
        registration=Registration(approval_status="Approved"),
    )
    group = GroupRecord(place="a", region=REGION, name="fraud", created_at=made)
    with on("2026-05-04"):
        services.import_records(actor=Actor.system("command"), records=[group, version], source="dump")
    text = words(page(viewer, f"{CHANGES}?from=2026-03-01&to=2026-04-01"))
    assert "fraud was imported on 2026-05-04; before that this registry kept no log of it" in text
    assert text.count("not known") == 2 and "The log begins with the import" in text
    assert "No difference" not in text and "none approved" not in text and "No version" not in text
    text = words(page(viewer, f"{CHANGES}?from=2026-03-01&to=2026-05-10"))
    assert text.count("not known") == 1 and "approved v1" in text and "nothing to compare" in text
    assert "No difference" in page(viewer, f"{CHANGES}?from=2026-05-04&to=2026-05-10")


def test_more_versions_than_a_page_compares_are_said(viewer, history: ModelPackage, monkeypatch):
    monkeypatch.setattr(group_difference, "VERSIONS_MAX", 1)
    html = page(viewer, f"{CHANGES}?from=2026-04-01&to=2026-04-12")
    assert len(turns(html)) == 2 and "More versions changed than one page compares" in html
    monkeypatch.undo()
    monkeypatch.setattr(group_changes, "EVENTS_COMPARED", 2)
    assert "More versions changed than one page compares" in page(viewer, f"{CHANGES}?from=2026-04-01&to=2026-04-12")


def test_days_the_wrong_way_round_are_put_in_order(viewer, history):
    text = words(page(viewer, f"{CHANGES}?from=2026-04-10&to=2026-04-09"))
    assert "The later day was given first" in text and "rejected" in text


@pytest.mark.parametrize("query", ["from=x&to=2026-04-09", "to=2026-02-30", f"from={'9' * 30}"])
def test_what_is_no_day_is_said_at_its_field(viewer, history, query):
    html = page(viewer, f"{CHANGES}?{query}", 422)
    assert html.count('aria-invalid="true"') == 1 and "Write a date as" in html


@pytest.mark.parametrize("stretch", [1, 4, 200])
def test_is_paged_and_every_event_stands_once(viewer, monkeypatch, stretch):
    monkeypatch.setattr(group_changes, "ROWS", 3)
    monkeypatch.setattr(group_changes, "_STRETCH", stretch)
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
    assert len(page_of(events_between(history.group_id, *moments)).events) == found
    assert Event.objects.for_group(history.group_id).count() == 11


def test_another_group_is_not_in_it(viewer, history):
    with on("2026-04-12"):
        other = make_version(make_group("other"))
        services.update_approval_status(
            actor=an_actor("admin"), package=other, approval_status="Approved", comment="Other."
        )
    assert "Other." not in page(viewer, f"{CHANGES}?from=2026-04-01&to=2026-05-01")
