"""What differs between a version and its baseline."""

from __future__ import annotations

from typing import Any

import pytest

from registry.catalog import services
from registry.catalog.models import ModelPackage
from registry.catalog.reports import changes
from registry.catalog.reports.containers import compare_containers
from registry.catalog.reports.particulars import facts_of, lineage_of, model_card_of, pointers_of
from tests.factories import an_actor, make_group, make_version, specification

WAITING, APPROVED, REJECTED = "PendingManualApproval", "Approved", "Rejected"


def group_of(*statuses: str | None) -> list[ModelPackage]:
    group = make_group()
    return [make_version(group, approval_status=status) for status in statuses]


def chosen(package: ModelPackage, asked: int | None = None) -> changes.Baseline:
    return changes.choose_baseline(package, changes.neighbours(package)[1], asked)


@pytest.mark.django_db
class TestBaseline:
    def test_is_the_approved_version_below(self):
        versions = group_of(APPROVED, APPROVED, REJECTED, WAITING, APPROVED)
        found = chosen(versions[3])
        assert (found.version, found.reason) == (2, "approved")
        assert [(choice.version, choice.is_previous) for choice in found.choices] == [
            (2, False),
            (1, False),
            (3, True),
        ]

    def test_is_the_previous_version_where_none_is_approved(self):
        versions = group_of(WAITING, REJECTED, WAITING, APPROVED)
        found = chosen(versions[2])
        assert (found.version, found.reason) == (2, "previous")

    def test_first_version_has_none(self):
        found = chosen(group_of(WAITING, APPROVED)[0])
        assert (found.version, found.reason, list(found.choices)) == (None, "first", [])

    def test_is_the_one_asked_for_and_offered(self):
        versions = group_of(APPROVED, WAITING, WAITING, REJECTED)
        found = chosen(versions[2], asked=4)
        assert (found.version, found.reason) == (4, "asked")
        assert 4 in [choice.version for choice in found.choices]

    @pytest.mark.parametrize("asked", [3, 99, 0])
    def test_ignores_itself_and_numbers_that_are_not_there(self, asked):
        assert chosen(group_of(APPROVED, WAITING, WAITING)[2], asked=asked).version == 1

    def test_never_a_deleted_version(self):
        versions = group_of(APPROVED, WAITING, WAITING)
        ModelPackage.objects.filter(pk=versions[0].pk).update(deleted_at=versions[0].created_at)
        assert chosen(versions[2], asked=1).version == 2

    def test_neighbours_skip_deleted_versions(self):
        versions = group_of(*[WAITING] * 4)
        ModelPackage.objects.filter(pk=versions[2].pk).update(deleted_at=versions[0].created_at)
        assert changes.neighbours(versions[1]) == (4, 1)
        assert changes.neighbours(versions[3]) == (None, 2)


@pytest.mark.django_db
class TestMetrics:
    def versions(self, *values: dict[str, float]) -> list[ModelPackage]:
        group = make_group()
        return [make_version(group, metrics=list(metrics.items())) for metrics in values]

    def test_read_by_the_direction_of_each(self):
        old, new = self.versions(
            {"auc": 0.9, "log_loss": 0.2, "f1": 0.5, "oddity": 1, "gone": 3},
            {"auc": 0.95, "log_loss": 0.3, "f1": 0.5, "oddity": 2, "fresh": 1},
        )
        found = {change.name: change for change in changes.compare_metrics(new, old)}
        assert {name: change.verdict for name, change in found.items()} == {
            "auc": "better",
            "log_loss": "worse",
            "f1": "same",
            "oddity": "changed",
            "fresh": "",
            "gone": "",
        }
        assert found["auc"].change == pytest.approx(0.05)
        assert (found["gone"].value, found["gone"].before) == (None, 3)
        assert [next(iter(found)), list(found)[-1]] == ["auc", "gone"]

    def test_noise_of_floating_point_is_no_change(self):
        old, new = self.versions({"f1": 0.7709}, {"f1": 0.7709 + 1.2e-16})
        assert changes.compare_metrics(new, old)[0].verdict == "same"

    def test_ratio_is_the_change_over_the_mean_absolute_change(self):
        versions = self.versions({"auc": 0.5}, {"auc": 0.6}, {"auc": 0.5}, {"auc": 0.8})
        # Changes of 0.1, 0.1 and 0.3: usual is 0.5 / 3.
        (change,) = changes.compare_metrics(versions[3], versions[2])
        assert change.ratio == pytest.approx(0.3 / (0.5 / 3))

    def test_usual_change_leaves_out_deleted_versions_and_other_groups(self):
        versions = self.versions({"auc": 0.5}, {"auc": 9.0}, {"auc": 0.6})
        ModelPackage.objects.filter(pk=versions[1].pk).update(deleted_at=versions[0].created_at)
        self.versions({"auc": 100.0}, {"auc": 0.0})
        assert changes.usual_changes(versions[2], ["auc"]) == {"auc": pytest.approx(0.1)}

    def test_huge_numbers_break_nothing(self):
        old, new = self.versions({"auc": 1e308}, {"auc": -1e308})
        (change,) = changes.compare_metrics(new, old)
        assert change.ratio is None and change.verdict == "worse"

    def test_no_baseline(self):
        (only,) = self.versions({"auc": 0.5})
        (change,) = changes.compare_metrics(only, None)
        assert (change.value, change.before, change.verdict) == (0.5, None, "")


@pytest.mark.django_db
class TestPairs:
    def test_notes_and_what_is_gone(self):
        group = make_group()
        old = make_version(group, customer_metadata_properties={"a": "1", "b": "2", "c": "3"})
        new = make_version(group, customer_metadata_properties={"b": "2", "c": "4", "d": "5"})
        pairs, gone = changes.compare_pairs(new, old)
        assert [(pair.key, pair.note) for pair in pairs] == [("b", ""), ("c", "was 3"), ("d", "new")]
        assert gone == [("a", "1")]
        assert all(not pair.note for pair in changes.compare_pairs(new, None)[0])

    def test_tally_of_a_comparison(self):
        group = make_group()
        make_version(
            group,
            approval_status=APPROVED,
            metrics=[("auc", 0.5)],
            customer_metadata_properties={"a": "1", "b": "2"},
        )
        new = make_version(
            group,
            metrics=[("auc", 0.6)],
            customer_metadata_properties={"b": "3", "c": "1"},
            inference_specification=specification(artifact="s3://models/fraud/2.tar.gz"),
        )
        assert changes.compare(new, chosen(new)).tally == {
            "metrics": {"better": 1},
            "containers": {},
            "artifacts": {"changed": 1},
            "metadata": {"changed": 1, "added": 1, "removed": 1},
            "members": {},
        }

    def test_last_change_of_a_pair_is_found_behind_others(self):
        package = make_version()
        one, two = an_actor("contributor"), an_actor("reviewer")
        services.update_customer_metadata(actor=one, package=package, put={"a": "1"})
        services.update_customer_metadata(actor=two, package=package, put={"b": "1"})
        event = changes.last_change_of_pair(package, "a")
        assert event is not None and event.actor_name == one.name
        assert changes.last_change_of_pair(package, "c") is None

    def test_changes_since_a_revision(self):
        package = make_version()
        seen = package.revision
        for value in "12":
            package = services.update_customer_metadata(actor=an_actor(), package=package, put={"a": value})
        assert [event.after["CustomerMetadataProperties"] for event in changes.changes_since(package, seen)] == [
            {"a": "1"},
            {"a": "2"},
        ]
        assert changes.changes_since(package, package.revision) == []


def container(**members: Any) -> dict[str, Any]:
    return {"Image": "host.example.com/xgboost:1.7-1", "ModelDataUrl": "s3://b/1/model.tar.gz"} | members


def compared(ours: list[dict[str, Any]], theirs: list[dict[str, Any]]) -> list[Any]:
    return compare_containers({"Containers": ours}, {"Containers": theirs})


class TestContainers:
    def test_the_same(self):
        (found,) = compared([container()], [container()])
        assert (found.image_state, found.artifact_state) == ("same", "same")
        assert not [line.label for line in found.lines if line.differs]

    def test_image_and_artifact_apart(self):
        (found,) = compared([container(Image="host.example.com/xgboost:3.0")], [container()])
        assert (found.image_state, found.artifact_state) == ("changed", "same")
        (found,) = compared([container(ModelDataUrl="s3://b/2/model.tar.gz")], [container()])
        assert (found.image_state, found.artifact_state) == ("same", "changed")

    def test_another_place_with_the_same_etag_has_moved(self):
        etag = {"ModelDataETag": '"abc"'}
        (found,) = compared([container(ModelDataUrl="s3://b/2/m", **etag)], [container(**etag)])
        assert found.artifact_state == "moved"
        assert [line.value for line in found.lines if line.label == "ETag"] == ["abc"]

    def test_artifact_in_a_model_data_source(self):
        source = {
            "ModelDataSource": {
                "S3DataSource": {"S3Uri": "s3://b/dir/", "S3DataType": "S3Prefix", "CompressionType": "None"}
            }
        }
        (found,) = compare_containers({"Containers": [{"Image": "i", **source}]})
        lines = {line.label: line.value for line in found.lines}
        assert lines["Artifact URI"] == "s3://b/dir/"
        assert lines["Stored as"] == "Prefix, not compressed"

    def test_matched_by_host_name_then_image_then_order(self):
        first, second = container(ContainerHostname="a", ModelDataUrl="s3://b/a"), container(Image="h/sklearn:1")
        found = compared([second, first], [first, second])
        assert [(c.image_state, c.artifact_state) for c in found] == [("same", "same")] * 2

    def test_one_more_and_one_gone(self):
        more = compared([container(), container(Image="h/sklearn:1")], [container()])
        assert [(c.position, c.image_state) for c in more] == [(1, "same"), (2, "added")]
        fewer = compared([container()], [container(), container(Image="h/sklearn:1")])
        assert [(c.position, c.image_state) for c in fewer] == [(1, "same"), (0, "removed")]

    def test_environment_line_by_line(self):
        (found,) = compared(
            [container(Environment={"A": "1", "B": "2"})], [container(Environment={"A": "0", "C": "3"})]
        )
        assert [(line.label, line.note) for line in found.environment] == [("A", "was 0"), ("B", "new"), ("C", "was 3")]

    @pytest.mark.parametrize("odd", [None, [], {}, {"Containers": None}, {"Containers": ["x", None]}, "text"])
    def test_odd_shapes_break_nothing(self, odd):
        compare_containers(odd, odd)
        compare_containers(odd, {"Containers": [container()]})
        compare_containers({"Containers": [container()]}, odd)


@pytest.mark.django_db
class TestParticulars:
    def test_lineage_from_properties_and_source(self):
        package = make_version(
            metadata_properties={
                "Repository": "https://git.example.com/ml/digits.git",
                "CommitId": "1e356e950a86bc3554575fc678954ccd5209f937",
                "GeneratedBy": "arn:aws:sagemaker:us-east-1:111122223333:pipeline/train/execution/7f",
                "ProjectId": "p-1",
            },
            source_uri="https://git.example.com/ml/digits/tree/1e35",
        )
        found = lineage_of(package, {"dataset.name": "digits"})
        assert [(step.title, step.name) for step in found.steps] == [
            ("Data", "digits"),
            ("Source", "ml/digits"),
            ("Project", "p-1"),
            ("Pipeline", "train"),
            ("Version", "v1"),
        ]
        assert (found.source, found.href) == ("ml/digits@1e356e9", "https://git.example.com/ml/digits/tree/1e35")

    @pytest.mark.parametrize("address", ["javascript:alert(1)", "http://git.example.com/x", "s3://b/x", "arn:aws:x"])
    def test_only_https_becomes_a_link(self, address):
        package = make_version(source_uri=address, metadata_properties={"Repository": address})
        found = lineage_of(package, {})
        assert found.href == "" and all(not step.href for step in found.steps)
        assert found.source

    def test_lineage_of_nothing(self):
        assert lineage_of(make_version(), {"a": "b"}).steps == ()

    def test_pointers_pass_over_empty_objects(self):
        block = {
            "ModelQuality": {"Statistics": {"S3Uri": "s3://b/s.json", "ContentDigest": "sha256:1"}, "Constraints": {}},
            "Bias": {},
            "Explainability": {"Report": {"S3Uri": "s3://b/e.json"}},
        }
        assert [(pointer.what, pointer.uri) for pointer in pointers_of(block)] == [
            ("Model quality, statistics", "s3://b/s.json"),
            ("Explainability, report", "s3://b/e.json"),
        ]
        assert pointers_of(None) == []

    def test_facts_leave_out_what_is_empty(self):
        package = make_version(
            domain="COMPUTER_VISION",
            inference_specification=specification() | {"SupportedContentTypes": ["text/csv"]},
        )
        assert facts_of(package) == [("Domain", ["COMPUTER_VISION"]), ("Takes", ["text/csv"])]

    def test_model_card_is_indented_where_it_is_json(self):
        card = make_version(model_card={"ModelCardStatus": "Draft", "ModelCardContent": '{"a": {"b": "ü"}}'})
        found = model_card_of(card)
        assert found is not None
        assert (found.status, found.content) == ("Draft", '{\n  "a": {\n    "b": "ü"\n  }\n}')
        plain = model_card_of(make_version(model_card={"ModelCardContent": "not json"}))
        assert plain is not None and plain.content == "not json"
        assert model_card_of(make_version()) is None
