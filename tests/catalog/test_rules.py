"""Rules without a database: gates read from words, rules kept as JSON, and whether they hold for given facts."""

import pytest
from django.core.exceptions import ValidationError
from hypothesis import given
from hypothesis import strategies as st

from registry.catalog.metric_gates import COMPARISONS, MetricGate, parse_gate, parse_gates
from registry.catalog.rules import NO_RULES, Facts, ReviewRules, digest_of_rules, failed, findings

pytestmark = pytest.mark.sqlite_only

NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
NAMES = st.text(st.characters(categories=["L", "N"], include_characters="_.-"), min_size=1, max_size=40)


def gates():
    def make(name, comparison, bound):
        return MetricGate(name, comparison, abs(bound) if comparison in ("below", "above") else bound + 0.0)

    return st.builds(make, NAMES, st.sampled_from(COMPARISONS), NUMBERS)


# ---------- gates in words ----------


@pytest.mark.parametrize(
    ("text", "gate"),
    [
        ("latency_p95_ms < 50", MetricGate("latency_p95_ms", "<", 50)),
        ("latency_p95_ms<=50.5", MetricGate("latency_p95_ms", "<=", 50.5)),
        ("  auc > .9 ", MetricGate("auc", ">", 0.9)),
        ("auc >= 1e-3", MetricGate("auc", ">=", 0.001)),
        ("bias ≥ −2", MetricGate("bias", ">=", -2)),
        ("weighted f1 ≤ 3", MetricGate("weighted f1", "<=", 3)),
        ("auc not more than 0.002 below the approved version", MetricGate("auc", "below", 0.002)),
        ("auc may be not more than 0.002 below approved", MetricGate("auc", "below", 0.002)),
        ("rmse is Not More Than 3 ABOVE", MetricGate("rmse", "above", 3)),
    ],
)
def test_a_gate_is_read_from_words(text, gate):
    assert parse_gate(text) == gate


@pytest.mark.parametrize(
    "text",
    ["", "auc", "auc <", "< 50", "auc = 5", "auc < five", "auc < 1e999", "auc < nan", "auc not more than -1 below",
     "auc not more than 0.1", "a" * 200 + " < 1", "x" * 400, "auc < 5 < 6", "a\0b < 1"],
)  # fmt: skip
def test_words_that_are_no_gate_are_refused_with_words(text):
    with pytest.raises(ValidationError) as refusal:
        parse_gate(text)
    assert all(message.endswith((".", "”.")) for message in refusal.value.messages)


def test_lines_are_named_where_they_are_not_understood():
    assert parse_gates("auc > 1\n\n auc > 1 \nrmse < 2") == (MetricGate("auc", ">", 1), MetricGate("rmse", "<", 2))
    with pytest.raises(ValidationError) as refusal:
        parse_gates("auc > 1\nwhat\nrmse < 2\nthat")
    assert [message.split(":")[0] for message in refusal.value.messages] == ["Line 2", "Line 4"]


@given(gates())
def test_a_gate_says_what_it_reads(gate):
    assert parse_gate(gate.in_words()) == gate


@given(gates(), NUMBERS, st.none() | NUMBERS)
def test_a_gate_answers_for_any_numbers(gate, value, approved):
    assert gate.allows(value, approved) in (True, False)


def test_a_bound_counts_as_it_is_written():
    gate = parse_gate("auc not more than 0.002 below the approved version")
    assert gate.allows(0.938, 0.94)  # 0.94 - 0.938 is more than 0.002 in binary
    assert not gate.allows(0.9379, 0.94)
    assert gate.allows(0.5, None)
    assert parse_gate("rmse not more than 0.1 above").allows(0.3, 0.2)


# ---------- kept as JSON ----------

ALL = ReviewRules(
    approvals_needed=3,
    author_may_not_approve=True,
    comment_required=True,
    metric_gates=(parse_gate("auc > 0.9"), parse_gate("auc not more than 0.1 below")),
    required_metadata_keys=("owner",),
    required_checks=("unit tests",),
    content_withdraws_approval=True,
)


def test_no_rules_are_no_json():
    assert NO_RULES.to_json() == {}
    assert ReviewRules.from_json({}) is NO_RULES
    assert NO_RULES.in_words() == []


def test_rules_come_back_as_they_were():
    assert ReviewRules.from_json(ALL.to_json()) == ALL
    assert digest_of_rules(ReviewRules.from_json(ALL.to_json())) == digest_of_rules(ALL) != digest_of_rules(NO_RULES)
    assert ALL.in_words() == [
        "3 approvals by different people",
        "The author or last editor may not approve",
        "Every decision needs a comment",
        "auc > 0.9",
        "auc not more than 0.1 below the approved version",
        "Metadata owner is set",
        "Check unit tests has passed",
        "Changed content withdraws the approval",
    ]


@pytest.mark.parametrize(
    "stored",
    [
        None, [], "x", 3, {"approvals_needed": 0}, {"approvals_needed": 6}, {"approvals_needed": True},
        {"approvals_needed": "2"}, {"comment_required": 1}, {"four_eyes": True}, {"required_checks": "ci"},
        {"required_checks": [1]}, {"metric_gates": [{}]}, {"metric_gates": ["auc > 1"]}, {"metric_gates": {}},
        {"metric_gates": [{"metric": "auc", "comparison": "~", "bound": 1}]},
        {"metric_gates": [{"metric": "auc", "comparison": [], "bound": 1}]},
        {"metric_gates": [{"metric": "auc", "comparison": ">", "bound": 10**400}]},
        {"metric_gates": [{"metric": "auc", "comparison": ">", "bound": "x"}]},
        {"metric_gates": [{"metric": "auc", "comparison": ">", "bound": 1, "unless": "monday"}]},
    ],
)  # fmt: skip
def test_stored_rules_that_are_not_understood_let_nothing_pass(stored):
    rules = ReviewRules.from_json(stored)
    [against] = failed(findings(rules, Facts(approver="a")))
    assert against.kind == "unreadable" and "not understood" in against.words


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
                    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))  # fmt: skip
def test_any_stored_json_is_no_rules_or_stops_everything(stored):
    rules = ReviewRules.from_json(stored)
    assert (rules is NO_RULES) == (stored == {})
    assert rules is NO_RULES or failed(findings(rules, Facts(approver="a")))


@pytest.mark.parametrize(
    ("rules", "field"),
    [
        (ReviewRules(approvals_needed=0), "approvals_needed"),
        (ReviewRules(approvals_needed=6), "approvals_needed"),
        (ReviewRules(metric_gates=(MetricGate("", ">", 1),)), "metric_gates"),
        (ReviewRules(metric_gates=(MetricGate("auc", ">", float("nan")),)), "metric_gates"),
        (ReviewRules(metric_gates=tuple(MetricGate("auc", ">", n) for n in range(21))), "metric_gates"),
        (ReviewRules(required_metadata_keys=("a#b",)), "required_metadata_keys"),
        (ReviewRules(required_checks=(" ci",)), "required_checks"),
        (ReviewRules(required_checks=tuple(map(str, range(51)))), "required_checks"),
    ],
)
def test_rules_out_of_bounds_are_refused_by_their_name(rules, field):
    with pytest.raises(ValidationError) as refusal:
        rules.clean()
    assert list(refusal.value.message_dict) == [field]


def test_what_is_there_twice_is_kept_once():
    cleaned = ReviewRules(required_checks=("a", "b", "a"), metric_gates=(parse_gate("x > 1"),) * 2).clean()
    assert (cleaned.required_checks, len(cleaned.metric_gates)) == (("a", "b"), 1)


# ---------- do they hold? ----------


def against(rules, **facts):
    return [finding.words for finding in failed(findings(rules, Facts(**facts)))]


def test_each_rule_says_what_to_do():
    assert against(
        ALL, metrics={"auc": 0.8}, approved_label="v3", approved_metrics={"auc": 0.95},
        checks={"unit tests": "failure"}, author="ada", approver="ada", votes=["ben"], comment=" ",
    ) == [
        "ada registered it: somebody else has to approve it.",
        "auc is 0.8 and has to be > 0.9.",
        "auc is 0.8, in v3 0.95: that is 0.15 below, and not more than 0.1 is allowed.",
        "The metadata owner is missing: set it.",
        "The check unit tests has failed: fix what it names and report it again.",
        "Say why, in a comment.",
        "3 approvals by different people are needed, 1 of them given (ben): 2 more people have to approve.",
    ]  # fmt: skip


def test_all_rules_hold_for_facts_that_keep_them():
    assert not against(
        ALL, metrics={"auc": 0.95}, metadata_keys={"owner"}, checks={"unit tests": "success"}, author="ada",
        last_editor="eve", approver="ben", votes=["cal", "dan"], comment="Better on all slices.",
    )  # fmt: skip


def test_a_missing_metric_fails_and_a_missing_baseline_does_not():
    rules = ReviewRules(metric_gates=(parse_gate("auc not more than 0.1 below"),))
    assert against(rules) == ["The metric auc is missing: report it, or add metric.auc."]
    [finding] = findings(rules, Facts(metrics={"auc": 0.1}))
    assert finding.is_met and "no approved version is below" in finding.words
    [finding] = findings(rules, Facts(metrics={"auc": 0.1}, approved_label="v3", approved_metrics={"psi": 1}))
    assert finding.is_met and "v3 has no auc" in finding.words


def test_the_same_person_counts_once_and_the_author_never():
    rules = ReviewRules(approvals_needed=2, author_may_not_approve=True)
    assert against(rules, votes=["ben"], approver="ben")
    assert against(rules, votes=["ada"], author="ada", approver="ben")
    assert against(rules, votes=["eve"], last_editor="eve", approver="ben")
    assert not against(rules, votes=["cal"], author="ada", last_editor="eve", approver="ben")
    assert not against(ReviewRules(approvals_needed=2), votes=["ada"], author="ada", approver="ben")


def test_the_last_editor_may_not_approve():
    rules = ReviewRules(author_may_not_approve=True)
    assert against(rules, last_editor="eve", approver="eve") == ["eve edited it last: somebody else has to approve it."]
    assert not against(rules, author="ada", last_editor="eve", approver="ben")


@pytest.mark.parametrize("state", ["pending", "failure", ""])
def test_a_check_that_has_not_passed_stands_against_it(state):
    rules = ReviewRules(required_checks=("ci",))
    assert against(rules, checks={"ci": state} if state else {}) and not against(rules, checks={"ci": "success"})
