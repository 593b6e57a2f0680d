"""The evidence page and its file as a browser gets them: what they show, to whom, and when there is none."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from registry.catalog import services
from registry.catalog.evidence_checks import verify
from registry.catalog.reports import evidence
from registry.events.checkpoint_keys import public_key
from registry.events.checkpoints import make_checkpoint
from registry.events.models import Checkpoint, Event
from tests.catalog.evidence_worlds import eventful_version
from tests.factories import an_actor, make_package, make_version
from tests.log import behind_the_triggers

pytestmark = pytest.mark.django_db

PAGE, FILE = "/groups/us-east-1/fraud/versions/2/evidence/", "/groups/us-east-1/fraud/versions/2/evidence.json"


def text_of(response: Any) -> str:
    """What a reader sees, in one line."""
    page = re.sub(r"<(script|template|svg)\b.*?</\1>", " ", response.content.decode(), flags=re.S)
    return " ".join(re.sub(r"<[^>]+>", " ", page.replace("<wbr>", "")).split())


@pytest.fixture
def version() -> Any:
    return eventful_version()


@pytest.fixture
def reader(as_role: Any) -> Client:
    return as_role("viewer")


def test_the_page_shows_everything_at_once(version: Any, reader: Client) -> None:
    response = reader.get(PAGE)
    text = text_of(response)
    assert response.status_code == 200
    for words in (
        "Evidence of fraud v2",
        version.arn,
        "by any-contributor , through the browser",
        "made for viewer on",
        "rolf: fine",
        "Approvals counted: rita, rolf",
        "Approved against the rules of the group",
        "At the last decision 2 approvals by different people",
        "Check ci: pending",
        "Now Every decision needs a comment",
        "0.94",
        "2.5e+20",
        "In use since Monday.",
        "Difference to v1",
        "Content hash",
        "This is the content that was approved.",
        public_key().hex(),
        "verifyevidence fraud-v2-evidence.json",
    ):
        assert words in text, words
    for event in Event.objects.filter(package_id=version.pk):
        assert bytes(event.digest).hex() in text
    assert Checkpoint.objects.latest("number").statement.root.hex() in text


def test_the_file_is_the_document_that_can_be_checked(version: Any, reader: Client) -> None:
    response = reader.get(FILE)
    assert response["Content-Type"] == "application/json"
    assert response["Content-Disposition"] == 'attachment; filename="fraud-v2-evidence.json"'
    assert response["Cache-Control"] == "no-store"
    found = verify(response.content.decode(), [public_key()])
    assert any("All of the file is as the registry signed it for viewer" in line for line in found.holds)


def test_the_page_and_the_menu_lead_there(version: Any, reader: Client) -> None:
    assert f'href="{PAGE}"' in reader.get(version.get_absolute_url()).content.decode()
    assert f'href="{FILE}"' in reader.get(PAGE).content.decode()


def test_an_unversioned_package_has_both(reader: Client) -> None:
    package = make_package("sold-model", tags=[("a", "1")], metrics=[("auc", 0.5)])
    page = reader.get(f"{package.get_absolute_url()}evidence/")
    assert page.status_code == 200 and "None: it is in no group" in text_of(page)
    response = reader.get(f"{package.get_absolute_url()}evidence.json")
    assert response["Content-Disposition"] == 'attachment; filename="sold-model-evidence.json"'
    document = json.loads(response.content)
    verify(response.content.decode(), [public_key()])
    assert document["version"]["name"] == "sold-model" and document["chain"] == 0


@pytest.mark.parametrize("status", [None, "PendingManualApproval", "Rejected"])
def test_a_version_without_anything(status: str | None, reader: Client) -> None:
    version = make_version(approval_status=status, inference_specification=None)
    text = text_of(reader.get(f"{version.get_absolute_url()}evidence/"))
    assert "No metadata." in text and "No metrics." in text and "no inference specification" in text
    assert ("Nothing was decided yet" in text) is (status != "Rejected")


def test_what_is_not_there_is_404_and_what_was_deleted_410(version: Any, reader: Client) -> None:
    for address in (PAGE, FILE):
        assert reader.get(address.replace("/2/", "/99/")).status_code == 404
    services.delete_model_package(actor=an_actor("admin"), package=version)
    for address in (PAGE, FILE):
        assert reader.get(address).status_code == 410


def test_a_post_is_not_taken(version: Any, reader: Client) -> None:
    assert reader.post(PAGE).status_code == 405


def test_a_log_that_was_changed_gives_no_evidence(version: Any, reader: Client) -> None:
    make_checkpoint()
    with behind_the_triggers():
        Event.objects.filter(package_id=version.pk, comment="rolf: fine").update(comment="rolf: never")
    for address in (PAGE, FILE):
        response = reader.get(address)
        assert response.status_code == 409 and "The log contradicts what was signed" in text_of(response)
        assert "rolf" not in text_of(response)


def test_one_that_changes_all_the_time_is_asked_for_again(version: Any, reader: Client, monkeypatch: Any) -> None:
    monkeypatch.setattr(evidence._Reading, "is_settled", lambda self: False)
    response = reader.get(FILE)
    assert response.status_code == 503 and response["Retry-After"] == "2"


def test_the_queries_of_the_page(
    version: Any, reader: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    make_checkpoint()
    reader.get(PAGE)
    with django_assert_max_num_queries(38):
        reader.get(PAGE)
