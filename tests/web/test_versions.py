"""The page of a version and of an unversioned package: what it shows, to whom, and at which cost."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from registry.catalog import services
from registry.catalog.models import ModelPackage
from tests.factories import an_actor, make_group, make_package, make_version, specification

WAITING, APPROVED, REJECTED = "PendingManualApproval", "Approved", "Rejected"
HTMX = {"HX-Request": "true"}

pytestmark = pytest.mark.django_db


def text_of(response: Any) -> str:
    """What a reader sees, in one line."""
    page = re.sub(r"<(script|template|svg)\b.*?</\1>", " ", response.content.decode(), flags=re.S)
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


@pytest.fixture
def reader(as_role: Any) -> Client:
    return as_role("viewer")


@pytest.fixture
def group() -> Any:
    """Three versions: v1 approved, v2 rejected, v3 waiting."""
    group = make_group("fraud", description="Finds fraud")
    make_version(
        group,
        approval_status=APPROVED,
        metrics=[("auc", 0.5), ("log_loss", 0.2)],
        customer_metadata_properties={"split": "1", "old": "x"},
    )
    make_version(group, approval_status=REJECTED, metrics=[("auc", 0.7)])
    make_version(
        group,
        description="Retrained",
        metrics=[("auc", 0.6), ("log_loss", 0.3)],
        customer_metadata_properties={"split": "2", "fresh": "y"},
        inference_specification=specification(artifact="s3://models/fraud/3/model.tar.gz"),
        source_uri="https://git.example.com/ml/fraud",
    )
    return group


def url(version: int, more: str = "") -> str:
    return f"/groups/us-east-1/fraud/versions/{version}/{more}"


class TestPage:
    def test_says_what_changed_since_the_approved_version_below(self, reader, group):
        text = text_of(reader.get(url(3)))
        assert "Changes since" in text and "v1, approved just now" in text
        assert "1 better 1 worse" in text
        assert "1 changed, 1 added, 1 removed" in text
        assert "was 1" in text and "new" in text and "Only in v1 old= x" in text
        assert "Retrained" in text and "Waiting" in text

    def test_title_and_neighbours(self, reader, group):
        page = reader.get(url(2)).content.decode()
        assert "<title>fraud v2 · Model Registry</title>" in page
        assert f'href="{url(3)}" data-key="["' in page
        assert f'href="{url(1)}" data-key="]"' in page
        assert 'data-key="["' not in reader.get(url(3)).content.decode()

    def test_first_version_says_so(self, reader, group):
        text = text_of(reader.get(url(1)))
        assert "First version" in text and "There is no version before v1 to compare with." in text

    def test_without_an_approved_version_below_it_says_so(self, reader):
        group = make_group("fraud")
        make_version(group)
        make_version(group)
        assert "No version below v2 is approved, so this compares with the previous one." in text_of(reader.get(url(2)))

    def test_asked_baseline(self, reader, group):
        page = reader.get(url(3, "?base=2")).content.decode()
        assert '<option value="2" selected>' in page
        assert "Metrics of v3 against v2" in page

    @pytest.mark.parametrize("base", ["0", "3", "99", "-1", "abc", "9" * 30, "%D9%A3", ""])
    def test_odd_baselines_give_the_usual_one(self, reader, group, base):
        response = reader.get(url(3, f"?base={base}"))
        assert response.status_code == 200
        assert '<option value="1" selected>' in response.content.decode()

    def test_fragment_is_the_part_of_the_page(self, reader, group):
        page = reader.get(url(3, "?base=2")).content.decode()
        answer = reader.get(url(3, "?base=2"), headers=HTMX)
        fragment = answer.content.decode()
        assert "HX-Request" in answer["Vary"] and "<html" not in fragment
        part, _, notes = fragment.partition("\n<span")
        assert part.strip() in page
        # Two notes, and the pairs that only the baseline has.
        assert (notes.count('hx-swap-oob="innerHTML:#md-'), notes.count('hx-swap-oob="true"')) == (2, 1)

    def test_history_restore_gets_the_page(self, reader, group):
        headers = {**HTMX, "HX-History-Restore-Request": "true"}
        assert "<html" in reader.get(url(3), headers=headers).content.decode()

    def test_deviation_source_and_missing_report_are_told(self, reader):
        package = make_version(
            make_group("fraud"),
            customer_metadata_properties={"metric.auc": "0.5"},
            model_metrics={"ModelQuality": {"Statistics": {"S3Uri": "s3://b/report.json"}}},
        )
        services.store_metrics(actor=an_actor(), package=package, metrics=[], note="There is no such file.")
        text = text_of(reader.get(url(1)))
        assert "from metadata" in text
        assert "Metric report not read: There is no such file." in text
        assert "s3://b/" in text and "report." in text

    def test_artifact_in_a_data_source_and_additional_specifications(self, reader):
        source = {"S3DataSource": {"S3Uri": "s3://b/dir/", "S3DataType": "S3Prefix", "CompressionType": "None"}}
        container = {"Image": "host.example.com/app:1", "ModelDataSource": source, "Environment": {"MODE": "fast"}}
        make_version(
            make_group("fraud"),
            inference_specification={"Containers": [container]},
            additional_inference_specifications=[
                {"Name": "gpu", "Description": "For large batches", "Containers": [{"Image": "host.example.com/gpu:2"}]}
            ],
        )
        page = reader.get(url(1)).content.decode()
        assert 'data-copy="s3://b/dir/"' in page
        text = text_of(reader.get(url(1)))
        assert "MODE=fast" in text and "gpu additional specification For large batches" in text

    def test_only_https_is_a_link(self, reader):
        make_version(
            make_group("fraud"),
            source_uri="javascript:alert(1)",
            metadata_properties={"Repository": "http://git.example.com/a"},
        )
        page = reader.get(url(1)).content.decode()
        assert 'href="javascript' not in page and 'href="http://git' not in page
        assert "javascript:alert(1)" in page

    def test_markup_in_data_is_text(self, reader):
        make_version(
            make_group("fraud"),
            description="<b>bold</b>",
            model_card={"ModelCardStatus": "Draft", "ModelCardContent": "<script>alert(1)</script>"},
            metadata_properties={"Repository": "<i>x</i>", "GeneratedBy": '"><img src=x>'},
        )
        page = reader.get(url(1)).content.decode()
        assert not re.search(r"<b>bold|<script>alert|<i>x|<img", page)

    def test_version_without_a_status(self, reader):
        make_version(make_group("fraud"), approval_status=None)
        assert "No status" in text_of(reader.get(url(1)))

    def test_activity_of_this_version_with_a_link_to_older(self, reader):
        package = make_version(make_group("fraud"))
        for value in range(21):
            services.update_customer_metadata(actor=an_actor(), package=package, put={"a": str(value)})
        page = reader.get(url(1)).content.decode()
        assert page.count("feed__item") == 20
        (older,) = re.findall(r'href="([^"]+before=[^"]+)#activity"', page)
        card = reader.get(older, headers=HTMX).content.decode()
        assert card.startswith('<section class="card" id="feed-card"') and card.count("feed__item") == 2
        assert card in reader.get(older).content.decode()
        assert reader.get(url(1, "?before=x")).content.decode().count("feed__item") == 20

    def test_imported_version_tells_what_was_before_the_import(self, reader, group):
        ModelPackage.objects.filter(group=group, version=1).update(
            imported_at=timezone.now(), created_by_name="mlops-ci", decided_by_name="ml-lead"
        )
        text = text_of(reader.get(url(1)))
        assert "imported v1" in text and "ml-lead approved v1" in text and "mlops-ci registered v1" in text

    @pytest.mark.parametrize(
        "address", [url(9), "/groups/us-east-1/none/versions/1/", "/groups/eu-west-1/fraud/versions/1/"]
    )
    def test_what_is_not_there_is_404(self, reader, group, address):
        assert reader.get(address).status_code == 404

    def test_deleted_version_is_410(self, reader, group):
        ModelPackage.objects.filter(group=group, version=2).update(deleted_at=group.created_at)
        assert reader.get(url(2)).status_code == 410

    def test_stranger_is_sent_to_sign_in(self, client, group):
        assert client.get(url(1)).status_code == 302
        assert client.get(url(1), headers=HTMX).status_code == 401

    def test_other_methods_are_refused(self, reader, group):
        assert reader.post(url(1)).status_code == 405


class TestControls:
    def drawn(self, client: Client) -> set[str]:
        page = client.get(url(3)).content.decode()
        marks = {
            "add": 'id="md-add"',
            "review": 'name="decision"',
            "stage": 'id="stage-form"',
            "bar": 'id="review-bar"',
        }
        return {name for name, mark in marks.items() if mark in page}

    def test_by_role(self, as_role, group):
        assert self.drawn(as_role("viewer")) == set()
        # A contributor may comment on the review card, and nothing else there.
        assert self.drawn(as_role("contributor")) == {"add", "review"}
        page = as_role("contributor").get(url(3)).content.decode()
        assert set(re.findall(r'name="decision" value="([^"]+)"', page)) == {"comment"}
        assert self.drawn(as_role("reviewer")) == {"add", "review", "stage", "bar"}
        assert self.drawn(as_role("admin")) == {"add", "review", "stage", "bar"}

    def test_readers_know_whom_to_ask(self, reader, group):
        assert "Only reviewers decide." in text_of(reader.get(url(3)))

    def test_what_an_approval_would_mean(self, as_role, group):
        client = as_role("reviewer")
        assert "v3 replaces v1 as the latest approved version" in text_of(client.get(url(3)))
        services.update_approval_status(
            actor=an_actor(), package=ModelPackage.objects.get(group=group, version=3), approval_status=APPROVED
        )
        assert "v3 stays the latest approved version" in text_of(client.get(url(2)))


class TestUnversioned:
    URL = "/packages/us-east-1/iris/"

    def test_has_tags_and_metadata_but_no_review(self, as_role):
        make_package("iris", tags=[("team", "x")], customer_metadata_properties={"split": "1"}, metrics=[("auc", 0.5)])
        response = as_role("admin").get(self.URL)
        page, text = response.content.decode(), text_of(response)
        assert "<title>iris · Model Registry</title>" in page
        assert "team x" in text and "split" in text and "auc" in text
        assert 'id="review"' not in page and 'name="decision"' not in page and "Changes since" not in text
        assert f'hx-post="{self.URL}metadata/"' in page

    def test_404(self, reader):
        assert reader.get(self.URL).status_code == 404


class TestCost:
    @pytest.mark.parametrize("many", [1, 100])
    def test_version_page_takes_the_same_few_queries(
        self, reader, many, django_assert_max_num_queries: DjangoAssertNumQueries
    ):
        group = make_group("fraud")
        for number in range(many):
            make_version(
                group,
                approval_status=APPROVED if number % 3 == 0 else WAITING,
                metrics=[(f"m{n}", number + n) for n in range(2)],
            )
        pairs = {f"k{n}": "v" for n in range(50 if many > 1 else 1)}
        last = make_version(group, metrics=[(f"m{n}", n) for n in range(20)], customer_metadata_properties=pairs)
        for value in range(3 if many == 1 else 25):
            services.update_customer_metadata(actor=an_actor(), package=last, put={"k0": str(value)})
        with django_assert_max_num_queries(12):
            assert reader.get(url(last.version)).status_code == 200

    def test_unversioned_page(self, reader, django_assert_max_num_queries: DjangoAssertNumQueries):
        make_package("iris", tags=[(f"t{n}", "v") for n in range(20)])
        with django_assert_max_num_queries(12):
            assert reader.get(TestUnversioned.URL).status_code == 200
