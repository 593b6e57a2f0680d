"""The rules of a group as people type them: switches, and lists with one entry a line."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from registry.catalog.metric_gates import MetricGate, parse_gates
from registry.catalog.rules import APPROVALS_MAX, ReviewRules

TEXT_MAX = 20_000  # more than the longest lists need; a longer one is no list


class LinesField(forms.CharField):
    """A list with one entry a line; empty lines are left out."""

    widget = forms.Textarea

    def __init__(self, **more: Any) -> None:
        super().__init__(required=False, max_length=TEXT_MAX, strip=False, **more)

    def clean(self, value: Any) -> tuple[str, ...]:  # type: ignore[override]  # a list where CharField has a text
        text = super().clean(value)
        return tuple(line.strip() for line in text.splitlines() if line.strip())


class RulesForm(forms.Form):
    """ReviewRules in a form; `rules` after is_valid() are those that were typed."""

    approvals_needed = forms.TypedChoiceField(
        label="Approvals needed",
        coerce=int,
        choices=[
            (n, "1 approval" if n == 1 else f"{n} approvals, by different people") for n in range(1, APPROVALS_MAX + 1)
        ],
    )
    author_may_not_approve = forms.BooleanField(required=False)
    comment_required = forms.BooleanField(required=False)
    content_withdraws_approval = forms.BooleanField(required=False)
    metric_gates = LinesField(label="Metrics")
    required_metadata_keys = LinesField(label="Metadata keys")
    required_checks = LinesField(label="Checks")

    @classmethod
    def of(cls, rules: ReviewRules) -> RulesForm:
        """The form with rules in it."""
        lists = {
            "metric_gates": [gate.in_words() for gate in rules.metric_gates],
            "required_metadata_keys": rules.required_metadata_keys,
            "required_checks": rules.required_checks,
        }
        switches = ("approvals_needed", "author_may_not_approve", "comment_required", "content_withdraws_approval")
        initial = {name: getattr(rules, name) for name in switches}
        return cls(initial=initial | {name: "\n".join(lines) for name, lines in lists.items()})

    def clean_metric_gates(self) -> tuple[MetricGate, ...]:
        return parse_gates("\n".join(self.cleaned_data["metric_gates"]))

    def clean(self) -> dict[str, Any]:
        """Hold the rules' own limits, each fault at its field."""
        if not self.errors:
            try:
                self.rules = ReviewRules(**self.cleaned_data).clean()
            except ValidationError as error:
                for name, texts in error.message_dict.items():
                    self.add_error(name, texts)
        return self.cleaned_data
