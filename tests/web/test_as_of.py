"""Pages of the past: what stood is shown, what did not is not, nothing can be edited there, and days are read well."""

from __future__ import annotations

import csv
import io
import re
from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from registry.accounts.permissions import Actor
from registry.catalog import services
from registry.catalog.models import ModelPackage
from registry.catalog.reports import as_of as reports
from registry.catalog.rules import ReviewRules
from registry.catalog.services import GroupRecord, PackageRecord, Registration
from registry.events.models import Event
from registry.web.forms.as_of import read_moment
from tests.factories import REGION, an_actor, make_group, make_version

pytestmark = pytest.mark.django_db

GROUP = "/groups/us-east-1/fraud/"
V1, V2 = f"{GROUP}versions/1/", f"{GROUP}versions/2/"
LATER = "2026-06-15"


def on(day: str) -> Any:
    return time_machine.travel(datetime.fromisoformat(f"{day}T10:00:00+00:00"), tick=False)


@pytest.fixture
def history() -> ModelPackage:
    """A group made on 1 March: v1 approved on the 10th, rejected on 10 April; v2 made and deleted in April."""
    admin = an_actor("admin")
    with on("2026-03-01"):
        group = make_group("fraud", description="Cards", tags=[("team", "risk")])
        first = make_version(group, customer_metadata_properties={"owner": "ana"}, description="Weekly")
    with on("2026-03-10"):
        services.update_approval_status(actor=admin, package=first, approval_status="Approved", comment="Good.")
        services.update_model_life_cycle(actor=admin, package=first, stage="Production", stage_status="Approved")
    with on("2026-04-05"):
        services.update_customer_metadata(actor=admin, package=first, put={"owner": "ben"})
        services.set_tags(actor=admin, owner=group, tags=[("team", "card")])
        services.update_model_package_group_description(actor=admin, group=group, description="Payments")
        second = make_version(group)
    with on("2026-04-10"):
        services.update_approval_status(actor=admin, package=first, approval_status="Rejected", comment="Drift.")
    with on("2026-04-20"):
        services.delete_model_package(actor=admin, package=second)
        services.update_review_rules(actor=admin, group=group, rules=ReviewRules(comment_required=True))
    return first


@pytest.fixture
def viewer(as_role: Any) -> Client:
    return as_role("viewer")


@pytest.fixture
def admin(as_role: Any) -> Client:
    return as_role("admin")


def page(client: Client, path: str, status: int = 200) -> str:
    response = client.get(path)
    assert response.status_code == status, path
    return response.content.decode()


def words(html: str) -> str:
    """The text of the main part."""
    main = html.partition("<main")[2].partition("</main>")[0]
    return " ".join(re.sub(r"<[^>]+>", " ", main).split())


class TestVersion:
    def test_shows_what_stood_at_the_end_of_that_day(self, viewer, history):
        text = words(page(viewer, f"{V1}?as_of=2026-03-10"))
        assert "As it stood on 10 March 2026, 23:59 UTC." in text and "Back to today" in text
        assert "Approved" in text and "Good." in text and "Production" in text and "ana" in text
        assert "Drift." not in text and "ben" not in text and "Rejected" not in text
        text = words(page(viewer, f"{V1}?as_of=2026-04-10"))
        assert "Rejected" in text and "Drift." in text and "ben" in text and "Good." in text.partition("Activity")[2]

    def test_a_time_is_a_time_of_day_in_utc_or_its_own_zone(self, viewer, history):
        for moment in (
            "2026-03-10T09:59",
            "2026-03-10T09:59Z",
            "2026-03-10T11:59:00+02:00",
            "2026-03-10T11:59%2B02:00",
        ):
            assert "Waiting" in words(page(viewer, f"{V1}?as_of={moment}")), moment
        for moment in ("2026-03-10T10:00:00Z", "2026-03-10 12:01:00 02:00"):
            assert "Good." in words(page(viewer, f"{V1}?as_of={moment}")), moment

    def test_before_it_was_registered_there_is_none(self, viewer, history):
        text = words(page(viewer, f"{V2}?as_of=2026-04-01", 404))
        assert "There was no fraud v2 then" in text and "It was registered on 5 April 2026." in text

    def test_deleted_since_it_is_shown_and_after_that_it_is_not(self, viewer, history):
        assert "Waiting" in words(page(viewer, f"{V2}?as_of=2026-04-10"))
        text = words(page(viewer, f"{V2}?as_of=2026-05-01", 404))
        assert "It was deleted by any-admin on 20 April 2026." in text

    def test_a_version_that_never_was_is_no_page(self, viewer, history):
        page(viewer, f"{GROUP}versions/9/?as_of=2026-04-01", 404)


class TestGroup:
    def test_shows_versions_tags_description_and_rules_of_that_day(self, viewer, history):
        text = words(page(viewer, f"{GROUP}?as_of=2026-03-31"))
        assert "Cards" in text and "risk" in text and "Approved then: v1" in text and "one approval" in text
        assert "Payments" not in text and "card" not in text.replace("Cards", "") and "v2" not in text
        text = words(page(viewer, f"{GROUP}?as_of=2026-04-15"))
        assert "Payments" in text and "v2" in text and "No version was approved" in text
        text = words(page(viewer, f"{GROUP}?as_of=2026-05-15"))
        assert "v2 deleted by any-admin on 2026-04-20" in text and "Every decision needs a comment" in text

    def test_before_it_was_made_there_is_none(self, viewer, history):
        text = words(page(viewer, f"{GROUP}?as_of=2026-02-01", 404))
        assert "There was no group fraud then" in text and "It was made on 1 March 2026." in text

    def test_a_group_of_the_same_name_later_is_another_one(self, viewer, history):
        admin = an_actor("admin")
        with on("2026-05-01"):
            services.delete_model_package(actor=admin, package=history)
            services.delete_model_package_group(actor=admin, group=history.group)
        with on("2026-05-20"):
            make_version(make_group("fraud", description="New"))
        assert "Payments" in words(page(viewer, f"{GROUP}?as_of=2026-04-30"))
        assert "It was made on 20 May 2026." in words(page(viewer, f"{GROUP}?as_of=2026-05-10", 404))
        assert "New" in words(page(viewer, f"{GROUP}?as_of=2026-05-20"))
        assert "Waiting" in words(page(viewer, f"{V1}?as_of=2026-05-21"))
        assert "Rejected" in words(page(viewer, f"{V1}?as_of=2026-04-30"))

    def test_is_paged_by_registration(self, viewer, monkeypatch):
        monkeypatch.setattr(reports, "ROWS", 2)
        with on("2026-03-01"):
            group = make_group("fraud")
            for _ in range(5):
                make_version(group)
        with on("2026-03-02"):
            make_version(group)
        seen, path = [], f"{GROUP}?as_of=2026-03-01"
        while path:
            html = page(viewer, path)
            seen += re.findall(r'class="ver" href="[^"]*versions/(\d+)/\?as_of=2026-03-01"', html)
            older = re.search(r'href="([^"]*before=\d+)"', html)
            path = older[1].replace("&amp;", "&") if older else ""
        assert seen == ["5", "4", "3", "2", "1"]

    def test_the_file_holds_what_stood(self, viewer, history):
        response = viewer.get(f"{GROUP}csv/?as_of=2026-04-15")
        assert 'filename="fraud-2026-04-15.csv"' in response["Content-Disposition"]
        text = b"".join(response.streaming_content).decode("utf-8-sig")
        rows = {row["version"]: row for row in csv.DictReader(io.StringIO(text))}
        assert rows.keys() == {"1", "2"}
        assert (rows["1"]["status"], rows["1"]["metadata"]) == ("Rejected", "owner=ben")
        assert viewer.get(f"{GROUP}csv/?as_of=soon").status_code == 422


class TestIndex:
    def test_shows_the_groups_that_stood(self, viewer, history):
        with on("2026-05-02"):
            make_group("later")
            gone = make_group("short-lived")
        with on("2026-05-20"):
            services.delete_model_package_group(actor=an_actor("admin"), group=gone)
        text = words(page(viewer, "/groups/?as_of=2026-04-15"))
        assert "fraud" in text and "v2 Waiting" in text and "none approved" in text and "later" not in text
        text = words(page(viewer, "/groups/?as_of=2026-03-20"))
        assert "v1 Approved" in text and "approved v1" in text
        assert "short-lived" in words(page(viewer, "/groups/?as_of=2026-05-10"))
        assert "short-lived" not in words(page(viewer, "/groups/?as_of=2026-05-21"))
        assert "There was no group yet" in words(page(viewer, "/groups/?as_of=2026-01-01"))


class TestImports:
    @pytest.fixture
    def imported(self) -> None:
        made = datetime(2025, 1, 5, tzinfo=UTC)
        records = [
            GroupRecord(place="a", region=REGION, name="fraud", created_at=made, description="Bought"),
            PackageRecord(
                place="b",
                region=REGION,
                group_name="fraud",
                version=1,
                created_at=made,
                registration=Registration(approval_status="Approved", approval_description="There."),
            ),
        ]
        with on("2026-05-04"):
            services.import_records(actor=Actor.system("command"), records=records, source="dump")

    def test_before_an_import_nothing_is_claimed(self, viewer, imported):
        said = "was imported on 4 May 2026; before that this registry kept no log of it."
        for path in (GROUP, V1):
            html = page(viewer, f"{path}?as_of=2026-05-03")
            assert said in words(html) and "There." not in html and "Bought" not in html
            assert f'href="{path}?as_of=2026-05-04">Show 4 May 2026</a>' in html
        assert said in words(page(viewer, "/groups/?as_of=2026-05-03"))
        text = words(page(viewer, f"{V1}?as_of=2026-05-04"))
        assert "There." in text and said not in text

    def test_a_version_imported_into_a_group_that_stood(self, viewer, history):
        record = PackageRecord(
            place="b",
            region=REGION,
            group_name="fraud",
            version=7,
            created_at=datetime(2026, 3, 5, tzinfo=UTC),
            registration=Registration(approval_status="Approved"),
        )
        with on("2026-05-04"):
            services.import_records(actor=Actor.system("command"), records=[record], source="dump")
        text = words(page(viewer, f"{GROUP}?as_of=2026-03-20"))
        assert "v7 was imported on 4 May 2026; before that this registry kept no log of it." in text
        assert "Approved then: v1" in text


class TestDays:
    @pytest.mark.parametrize(
        "text",
        ["morgen", "2026-02-30", "2026-3-1", "20260301", "9" * 30, "2026-03-01T25:00", "0000-00-00", "2026-13-01",
         "2026-03-01T10:00+99:00", "0001-01-01T00:00+14:00", "x" * 5000, "２０２６-03-01"],
    )  # fmt: skip
    def test_what_is_no_day_is_said_at_the_field(self, viewer, history, text):
        for path in ("/groups/", GROUP, V1):
            response = viewer.get(path, {"as_of": text})
            html = response.content.decode()
            assert response.status_code == 422, (path, text)
            assert "Write a date as 2026-03-01" in html and 'aria-invalid="true"' in html
            assert "Good." not in html

    @pytest.mark.parametrize("text", ["9999-12-31", "2126-03-01", "2126-03-01T10:00Z"])
    def test_what_lies_ahead_is_today_with_a_hint(self, viewer, history, text):
        with on(LATER):
            html = page(viewer, f"{V1}?as_of={text}")
        assert "As it stands now, 15 June 2026, 10:00 UTC." in words(html)
        assert "That is not over yet: this is how it stands now." in html and "Drift." in html

    def test_today_is_now_and_nothing_asks_for_a_day(self, viewer, history):
        with on(LATER):
            for text in ("", LATER):
                html = words(page(viewer, f"{V1}?as_of={text}"))
                assert "As it stands now" in html and "not over yet" not in html

    def test_the_first_day_of_all_is_a_day(self, viewer, history):
        assert read_moment("0001-01-01").at == datetime(1, 1, 1, 23, 59, 59, 999999, tzinfo=UTC)
        assert "There was no group yet" in page(viewer, "/groups/?as_of=0001-01-01")


class TestPages:
    PATHS = ("/groups/?as_of=2026-04-15", f"{GROUP}?as_of=2026-04-15", f"{V1}?as_of=2026-04-15")

    def test_nothing_can_be_edited_in_the_past(self, admin, history):
        for path in self.PATHS:
            main = page(admin, path).partition("<main")[2].partition("</main>")[0]
            assert 'method="post"' not in main and "hx-post" not in main and "hx-delete" not in main, path
            assert re.findall(r'action="([^"]*)"', main) == [path.partition("?")[0]]
            for word in ("Edit", "Approve v", "Register version", "Delete", "Add"):
                assert f">{word}" not in main, (path, word)

    def test_links_keep_the_day(self, viewer, history):
        for path in self.PATHS:
            main = page(viewer, path).partition("<main")[2].partition("</main>")[0]
            inside = re.findall(r'href="(/groups/[^"]*)"', main)
            days = [link for link in inside if "as_of=2026-04-15" in link]
            others = set(inside) - set(days) - {path.partition("?")[0]}
            assert days and all("/changes/?from=2026-04-15" in link for link in others), (path, others)

    def test_leads_there_from_today(self, viewer, history):
        for path in (GROUP, V1.replace("/2/", "/1/")):
            assert 'href="?as_of="' in page(viewer, path)
        assert "/groups/?as_of=" in page(viewer, "/views/groups/")

    def test_no_role_sees_nothing(self, client, history):
        from tests.roles import person

        stranger = person(None)
        for path in self.PATHS[1:]:
            assert stranger.get(path).status_code == 404
        assert "fraud" not in stranger.get(self.PATHS[0]).content.decode()

    def test_the_number_of_queries_does_not_grow(self, viewer, history, django_assert_max_num_queries):
        with on("2026-04-02"):
            for number in range(12):
                group = make_group(f"more-{number}")
                make_version(group)
            for _ in range(20):
                make_version(history.group)
        for path, most in zip(self.PATHS, (16, 18, 16), strict=True):
            with django_assert_max_num_queries(most):
                page(viewer, path)

    def test_too_long_a_log_is_said(self, viewer, history, monkeypatch):
        monkeypatch.setattr(reports, "EVENTS_MAX", 1)
        assert "Too much happened here for one page" in page(viewer, f"{V1}?as_of={LATER}")
        assert Event.objects.filter(package_id=history.pk).count() > 1
        assert timezone.now()
