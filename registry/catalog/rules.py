"""What an approval needs in a group: the rules, their words, and whether they hold for given facts; no database."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

from django.core.exceptions import ValidationError

from .metric_gates import COMPARISONS, GATES_MAX, MetricGate, exact, plain_number, validate_gate
from .validators import CHECKS_MAX, PAIRS_MAX, validate_check_name, validate_metadata_key

APPROVALS_MAX = 5


@dataclass(frozen=True)
class ReviewRules:
    """The rules of one group; as they are by default they ask for one approval and nothing else.

    `unreadable` names what stands in the stored rules but is not understood, as a newer release may have written it:
    then nothing is approved but by an override.
    """

    approvals_needed: int = 1
    author_may_not_approve: bool = False
    comment_required: bool = False
    metric_gates: tuple[MetricGate, ...] = ()
    required_metadata_keys: tuple[str, ...] = ()
    required_checks: tuple[str, ...] = ()
    content_withdraws_approval: bool = False
    unreadable: tuple[str, ...] = field(default=(), compare=False)

    @classmethod
    def from_json(cls, stored: Any) -> ReviewRules:
        """The rules of ModelPackageGroup.review_rules; never raises, see `unreadable`."""
        if stored == {}:
            return NO_RULES
        if not isinstance(stored, Mapping):
            return cls(unreadable=("the rules",))
        read: dict[str, Any] = {}
        unreadable = []
        for name, value in stored.items():
            try:
                read[name] = _READERS[name](value)
            except (KeyError, TypeError, ValueError, ArithmeticError, ValidationError):
                unreadable.append(str(name))
        return cls(**read, unreadable=tuple(unreadable))

    def to_json(self) -> dict[str, Any]:
        """What is stored: the members that differ from the default; {} for no rules."""
        stored: dict[str, Any] = {}
        for member in fields(self):
            value = getattr(self, member.name)
            if member.name == "unreadable" or value == member.default:
                continue
            if member.name == "metric_gates":
                value = [{"metric": g.metric, "comparison": g.comparison, "bound": g.bound} for g in value]
            stored[member.name] = list(value) if isinstance(value, tuple) else value
        return stored

    def clean(self) -> ReviewRules:
        """The same rules without anything twice; raises ValidationError by the name of the member."""
        faults: dict[str, list[str]] = {}
        if not isinstance(self.approvals_needed, int) or not 1 <= self.approvals_needed <= APPROVALS_MAX:
            faults["approvals_needed"] = [f"1 to {APPROVALS_MAX} approvals."]
        for name, most, test in (
            ("metric_gates", GATES_MAX, validate_gate),
            ("required_metadata_keys", PAIRS_MAX, validate_metadata_key),
            ("required_checks", CHECKS_MAX, validate_check_name),
        ):
            values = getattr(self, name)
            if len(values) > most:
                faults[name] = [f"At most {most}; these are {len(values)}."]
            for value in values[:most]:
                try:
                    test(value)
                except ValidationError as error:
                    faults.setdefault(name, []).extend(error.messages)
        if faults:
            raise ValidationError(faults)
        return replace(
            self,
            metric_gates=tuple(dict.fromkeys(self.metric_gates)),
            required_metadata_keys=tuple(dict.fromkeys(self.required_metadata_keys)),
            required_checks=tuple(dict.fromkeys(self.required_checks)),
            unreadable=(),
        )

    def in_words(self) -> list[str]:
        """Every rule as a sentence without its end, in the order in which pages show them; [] for no rules."""
        return [words for member in fields(self) for words in self._words(member.name)]

    def _words(self, name: str) -> list[str]:
        match name:
            case "approvals_needed" if self.approvals_needed > 1:
                return [f"{self.approvals_needed} approvals by different people"]
            case "author_may_not_approve" if self.author_may_not_approve:
                return ["The author or last editor may not approve"]
            case "comment_required" if self.comment_required:
                return ["Every decision needs a comment"]
            case "metric_gates":
                return [gate.in_words() for gate in self.metric_gates]
            case "required_metadata_keys":
                return [f"Metadata {key} is set" for key in self.required_metadata_keys]
            case "required_checks":
                return [f"Check {check} has passed" for check in self.required_checks]
            case "content_withdraws_approval" if self.content_withdraws_approval:
                return ["Changed content withdraws the approval"]
            case "unreadable":
                return [f"{name}: a rule that this release does not know" for name in self.unreadable]
        return []


NO_RULES = ReviewRules()


def digest_of_rules(rules: ReviewRules) -> str:
    """What a form carries to say which rules it was made from."""
    return json.dumps(rules.to_json() | {"unreadable": sorted(rules.unreadable)}, sort_keys=True)


# ---------- from stored JSON ----------


def _read_approvals(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= APPROVALS_MAX:
        raise ValueError
    return value


def _read_switch(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


def _read_names(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise TypeError
    return tuple(value)


def _read_gates(value: Any) -> tuple[MetricGate, ...]:
    if not isinstance(value, list):
        raise TypeError
    gates = []
    for stored in value:
        if set(stored) != {"metric", "comparison", "bound"} or stored["comparison"] not in COMPARISONS:
            raise ValueError
        if not isinstance(stored["metric"], str) or isinstance(stored["bound"], bool):
            raise TypeError
        gate = MetricGate(stored["metric"], stored["comparison"], float(stored["bound"]))
        validate_gate(gate)
        gates.append(gate)
    return tuple(gates)


_READERS: dict[str, Any] = {
    "approvals_needed": _read_approvals,
    "author_may_not_approve": _read_switch,
    "comment_required": _read_switch,
    "metric_gates": _read_gates,
    "required_metadata_keys": _read_names,
    "required_checks": _read_names,
    "content_withdraws_approval": _read_switch,
}


# ---------- do they hold? ----------


@dataclass(frozen=True)
class Facts:
    """What the rules ask of one version. `approver` is who would approve now, "" for a look without an approval.

    `approved_metrics` are those of the approved version below it, called `approved_label`; `votes` are the names of
    those who approved before, in the round that is open. `comment` None: not asked yet.
    """

    metrics: Mapping[str, float] = field(default_factory=dict)
    approved_label: str = ""
    approved_metrics: Mapping[str, float] = field(default_factory=dict)
    metadata_keys: Collection[str] = ()
    checks: Mapping[str, str] = field(default_factory=dict)
    votes: Sequence[str] = ()
    author: str = ""
    last_editor: str = ""
    approver: str = ""
    comment: str | None = None


@dataclass(frozen=True)
class Finding:
    """One rule beside the facts: `rule` in words, and `words` that say how it stands or, where it fails, what to do.

    `kind` is "approvals", "author", "comment", "metric", "metadata", "check" or "unreadable", `subject` the name of
    the metric, key or check. `is_met` is None for what only the decision itself can tell.
    """

    kind: str
    rule: str
    is_met: bool | None
    words: str
    subject: str = ""


def findings(rules: ReviewRules, facts: Facts) -> list[Finding]:
    """Every rule that an approval must keep, and whether it holds."""
    found = [
        Finding("unreadable", f"{name}: a rule that this release does not know", False,
                f"The rule {name} is not understood by this release. Save the rules of the group again, or override.")
        for name in rules.unreadable
    ]  # fmt: skip
    if rules.author_may_not_approve:
        found.append(_author(facts))
    found += [_metric(gate, facts) for gate in rules.metric_gates]
    found += [_metadata(key, facts) for key in rules.required_metadata_keys]
    found += [_check(name, facts) for name in rules.required_checks]
    if rules.comment_required:
        given = None if facts.comment is None else bool(facts.comment.strip())
        found.append(Finding("comment", "Every decision needs a comment", given, "Say why, in a comment."))
    if rules.approvals_needed > 1:
        found.append(_approvals(rules, facts))
    return found


def failed(found: Iterable[Finding]) -> list[Finding]:
    """Those that stand against an approval."""
    return [finding for finding in found if finding.is_met is False]


def counted_approvals(rules: ReviewRules, facts: Facts) -> list[str]:
    """The different people whose approval counts, the approver last; never the author or last editor where ruled so."""
    barred = {facts.author, facts.last_editor} if rules.author_may_not_approve else set()
    names = dict.fromkeys([*(name for name in facts.votes if name != facts.approver), facts.approver])
    return [name for name in names if name and name not in barred]


def _approvals(rules: ReviewRules, facts: Facts) -> Finding:
    names, needed = counted_approvals(rules, facts), rules.approvals_needed
    rule = f"{needed} approvals by different people"
    given = f" ({', '.join(names)})" if names else ""
    if len(names) >= needed:
        return Finding("approvals", rule, True, f"{len(names)} of {needed} given{given}.")
    missing = needed - len(names)
    people = "one more person has" if missing == 1 else f"{missing} more people have"
    with_this = " with this one" if facts.approver in names else ""
    words = f"{needed} approvals by different people are needed, {len(names)} of them given{with_this}{given}"
    return Finding("approvals", rule, False, f"{words}: {people} to approve.")


def _author(facts: Facts) -> Finding:
    rule = "The author or last editor may not approve"
    if facts.approver and facts.approver == facts.author:
        return Finding("author", rule, False, f"{facts.author} registered it: somebody else has to approve it.")
    if facts.approver and facts.approver == facts.last_editor:
        return Finding("author", rule, False, f"{facts.last_editor} edited it last: somebody else has to approve it.")
    people = [name for name in dict.fromkeys([facts.author, facts.last_editor]) if name]
    return Finding("author", rule, True, f"Anybody but {' and '.join(people)}." if people else "The author is unknown.")


def _metric(gate: MetricGate, facts: Facts) -> Finding:
    def finding(is_met: bool, words: str) -> Finding:
        return Finding("metric", gate.in_words(), is_met, words, gate.metric)

    value, approved = facts.metrics.get(gate.metric), facts.approved_metrics.get(gate.metric)
    if value is None:
        return finding(False, f"The metric {gate.metric} is missing: report it, or add metric.{gate.metric}.")
    said, bound = f"{gate.metric} is {plain_number(value)}", plain_number(gate.bound)
    if not gate.is_relative:
        if gate.allows(value, None):
            return finding(True, f"{said}.")
        return finding(False, f"{said} and has to be {gate.comparison} {bound}.")
    if approved is None:
        why = f"{facts.approved_label} has no {gate.metric}" if facts.approved_label else "no approved version is below"
        return finding(True, f"{said}; {why}, so there is nothing to compare with.")
    said = f"{said}, in {facts.approved_label or 'the approved version'} {plain_number(approved)}"
    if gate.allows(value, approved):
        return finding(True, f"{said}.")
    off = abs(exact(approved) - exact(value)).normalize()
    return finding(False, f"{said}: that is {off:g} {gate.comparison}, and not more than {bound} is allowed.")


def _metadata(key: str, facts: Facts) -> Finding:
    is_met = key in facts.metadata_keys
    words = f"{key} is set." if is_met else f"The metadata {key} is missing: set it."
    return Finding("metadata", f"Metadata {key} is set", is_met, words, key)


def _check(name: str, facts: Facts) -> Finding:
    rule, state = f"Check {name} has passed", facts.checks.get(name)
    words = {
        "success": f"The check {name} has passed.",
        "pending": f"The check {name} has no result yet: wait for it, or report it again.",
        "failure": f"The check {name} has failed: fix what it names and report it again.",
    }.get(state or "", f"The check {name} was not reported yet: post its result.")
    return Finding("check", rule, state == "success", words, name)
