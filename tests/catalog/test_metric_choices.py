"""What a group chose for its metrics: who may choose, what the log keeps, and that the choice holds everywhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.core.exceptions import ValidationError

from registry.accounts.permissions import NotAllowed
from registry.catalog import services
from registry.catalog.directions import (
    ChosenMetrics,
    direction_by_name,
    in_reading_order,
    leading_metric,
    metric_direction,
)
from registry.catalog.errors import Conflict, NotFound
from registry.catalog.models import ModelPackageGroup
from registry.catalog.reports import changes
from registry.catalog.reports.comparisons import compare_packages
from registry.configuration import PROJECT_ROOT
from registry.events.models import Event
from registry.web.sentences import tell
from tests.factories import an_actor, make_group, make_version

pytestmark = pytest.mark.django_db

KIND = "model_package_group.metrics_changed"


def choose(group: ModelPackageGroup, **more):
    return services.update_metric_choices(**{"actor": an_actor("reviewer"), "group": group} | more)


@pytest.mark.parametrize(
    ("names", "direction"),
    [
        ("accuracy auc f1 precision recall r2", "higher"),
        ("loss rmse mae error latency psi down_loss", "lower"),
        ("rows temperature", ""),
    ],
)
def test_names_tell_the_direction_where_nobody_chose(names, direction):
    assert {direction_by_name(name) for name in names.split()} == {direction}


def test_a_choice_goes_over_the_name_and_is_kept_with_before_and_after():
    group = make_group()
    saved = choose(group, leading_metric="psi", metric_directions={"auc": "lower", "rows": "higher", "f1": "none"})
    assert [metric_direction(name, saved) for name in ("auc", "rows", "f1", "rmse")] == ["lower", "higher", "", "lower"]
    assert leading_metric(["accuracy", "psi"], saved) == "psi"
    # A list of many groups reads the two columns and asks the same.
    slim = ChosenMetrics(saved.leading_metric, saved.metric_directions)
    assert (metric_direction("auc", slim), leading_metric(["accuracy", "psi"], slim)) == ("lower", "psi")
    assert leading_metric(["accuracy", "rmse"], saved) == "accuracy"
    assert in_reading_order(["accuracy", "auc", "psi"], saved)[0] == "psi"
    event = Event.objects.get(kind=KIND)
    assert event.before == {"LeadingMetric": "", "MetricDirections": {}}
    assert event.after == {
        "LeadingMetric": "psi",
        "MetricDirections": {"auc": "lower", "f1": "none", "rows": "higher"},
    }
    group.refresh_from_db()
    assert (group.leading_metric, group.updated_by_name) == ("psi", "any-reviewer")


def test_what_is_not_named_stays_and_an_empty_word_gives_the_name_back():
    group = choose(make_group(), leading_metric="psi", metric_directions={"auc": "lower", "rows": "higher"})
    group = choose(group, metric_directions={"auc": ""})
    assert (group.leading_metric, group.metric_directions) == ("psi", {"rows": "higher"})
    assert metric_direction("auc", group) == "higher"
    assert choose(group, leading_metric="").leading_metric == ""


def test_the_same_choices_leave_no_event():
    group = choose(make_group(), metric_directions={"auc": "lower"})
    choose(group, leading_metric="", metric_directions={"auc": "lower", "new": ""})
    assert Event.objects.filter(kind=KIND).count() == 1


@pytest.mark.parametrize("role", ["viewer", "contributor"])
def test_choosing_takes_a_reviewer(role):
    with pytest.raises(NotAllowed):
        choose(make_group(), actor=an_actor(role), leading_metric="auc")


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"leading_metric": "x" * 257}, "leading_metric"),
        ({"leading_metric": "a\0b"}, "leading_metric"),
        ({"metric_directions": {"auc": "sideways"}}, "metric_directions"),
        ({"metric_directions": {"": "higher"}}, "metric_directions"),
        ({"metric_directions": {"x" * 257: "higher"}}, "metric_directions"),
        ({"metric_directions": {f"metric {n}": "higher" for n in range(201)}}, "metric_directions"),
    ],
)
def test_choices_that_cannot_be_are_refused_by_field(wrong, field):
    group = make_group()
    with pytest.raises(ValidationError) as refusal:
        choose(group, **wrong)
    assert set(refusal.value.message_dict) == {field}
    assert not Event.objects.filter(kind=KIND).exists()


def test_choices_that_somebody_changed_meanwhile_are_a_conflict():
    group = make_group()
    seen = services.digest_of_metric_choices(group)
    choose(group, actor=an_actor("admin"), leading_metric="f1")
    with pytest.raises(Conflict) as conflict:
        choose(group, leading_metric="auc", seen=seen)
    assert (conflict.value.current.leading_metric, conflict.value.changed_by) == ("f1", "any-admin")
    assert choose(group, leading_metric="auc", seen=services.digest_of_metric_choices(conflict.value.current))


def test_the_choices_of_a_deleted_group_are_gone():
    group = make_group()
    services.delete_model_package_group(actor=an_actor(), group=group)
    with pytest.raises(NotFound):
        choose(group, leading_metric="auc")


def test_the_event_reads_as_a_sentence():
    group = choose(make_group("fraud"), leading_metric="f1")
    choose(group, leading_metric="auc", metric_directions={"rows": "higher"})
    texts = [tell(event).text for event in Event.objects.filter(kind=KIND).order_by("id")]
    assert texts == [
        "changed how the metrics of fraud are read: added leading=f1",
        "changed how the metrics of fraud are read: added rows=higher; changed leading from f1 to auc",
    ]


def test_changes_and_comparisons_follow_the_choice():
    group = make_group()
    first = make_version(group, approval_status="Approved", metrics=[("auc", 0.9), ("rows", 10)])
    second = make_version(group, metrics=[("auc", 0.8), ("rows", 20)])

    def verdicts() -> dict[str, str]:
        second.group = group = ModelPackageGroup.objects.get(pk=second.group_id)
        first.group = group
        return {change.name: change.verdict for change in changes.compare_metrics(second, first)}

    def best() -> dict[str, list[bool]]:
        table = next(s for s in compare_packages([first, second], 0) if s.title == "Metrics")
        return {row.label: [cell.best for cell in row.cells] for row in table.rows}

    assert verdicts() == {"auc": "worse", "rows": "changed"}
    assert best() == {"auc": [True, False], "rows": [False, False]}
    choose(group, leading_metric="rows", metric_directions={"auc": "lower", "rows": "higher"})
    assert list(verdicts().items()) == [("rows", "better"), ("auc", "better")]
    assert list(best().items()) == [("rows", [False, True]), ("auc", [False, True])]


@pytest.mark.sqlite_only
def test_nobody_reads_a_direction_without_its_group():
    """`direction_by_name` is for the form that says what the name tells; all else asks with the group."""
    found = [
        path.relative_to(PROJECT_ROOT).as_posix()
        for path in sorted(Path(PROJECT_ROOT, "registry").rglob("*.py"))
        if re.search(r"\bdirection_by_name\b", path.read_text(encoding="utf-8"))
    ]
    assert found == ["registry/catalog/directions.py", "registry/web/views/metrics.py"]
