"""Bounds on metrics that an approval must keep: read from a person's words, said in words, asked; no database."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from django.core.exceptions import ValidationError

from .validators import METRIC_NAME_MAX

GATES_MAX = 20
_GATE_TEXT_MAX = 300

Comparison = Literal["<", "<=", ">", ">=", "below", "above"]
COMPARISONS: tuple[Comparison, ...] = ("<", "<=", ">", ">=", "below", "above")
_NUMBER = r"(?P<bound>[+\-\N{MINUS SIGN}]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)"
_PLAIN = re.compile(rf"(?P<metric>[^<>≤≥=]+?)\s*(?P<comparison><=|>=|=<|=>|<|>|≤|≥)\s*{_NUMBER}")
_RELATIVE = re.compile(
    rf"(?P<metric>.+?)\s+(?:is\s+|may\s+be\s+)?not\s+more\s+than\s+{_NUMBER}\s+(?P<comparison>below|above)"
    r"(?:\s+(?:the\s+)?approved(?:\s+version|\s+one)?)?\.?",
    re.IGNORECASE,
)
_SPELLINGS: dict[str, Comparison] = {"≤": "<=", "=<": "<=", "≥": ">=", "=>": ">="}


def plain_number(value: float) -> str:
    """A number as people type it: 50, 0.002, 1e-05; exact, so that it reads back the same."""
    return repr(value).removesuffix(".0")


def exact(value: float) -> Decimal:
    """The number as it is written."""
    # 0.94 is 0.002 above 0.938, which binary fractions deny.
    return Decimal(repr(value))


@dataclass(frozen=True)
class MetricGate:
    """A bound on one metric: fixed ("<", "<=", ">", ">="), or how far it may be "below" or "above" the approved one."""

    metric: str
    comparison: Comparison
    bound: float

    @property
    def is_relative(self) -> bool:
        return self.comparison in ("below", "above")

    def in_words(self) -> str:
        """The gate as parse_gate reads it."""
        if self.is_relative:
            return f"{self.metric} not more than {plain_number(self.bound)} {self.comparison} the approved version"
        return f"{self.metric} {self.comparison} {plain_number(self.bound)}"

    def allows(self, value: float, approved: float | None) -> bool:
        """Whether a value passes; `approved` is the approved version's, with None every relative gate holds."""
        mine, bound = exact(value), exact(self.bound)
        match self.comparison:
            case "<":
                return mine < bound
            case "<=":
                return mine <= bound
            case ">":
                return mine > bound
            case ">=":
                return mine >= bound
        if approved is None:
            return True
        worse = exact(approved) - mine if self.comparison == "below" else mine - exact(approved)
        return worse <= bound


def parse_gate(text: str) -> MetricGate:
    """A gate from a person's words: `latency_p95_ms < 50`, `auc not more than 0.002 below the approved version`.

    Raises ValidationError with a sentence that says what is understood.
    """
    words = text.strip()
    if len(words) > _GATE_TEXT_MAX:
        raise ValidationError(f"A metric rule has at most {_GATE_TEXT_MAX} characters.")
    found = _RELATIVE.fullmatch(words) or _PLAIN.fullmatch(words)
    if found is None:
        shown = words if len(words) <= 60 else f"{words[:59]}…"
        raise ValidationError(
            f"“{shown}” is not understood. Write “latency_p95_ms < 50” or "
            "“auc not more than 0.002 below the approved version”."
        )
    said = found["comparison"].lower()
    gate = MetricGate(
        found["metric"].strip(),
        _SPELLINGS.get(said, said),  # type: ignore[arg-type]  # the patterns let nothing else through
        float(found["bound"].replace("\N{MINUS SIGN}", "-")) + 0.0,
    )
    validate_gate(gate)
    return gate


def parse_gates(text: str) -> tuple[MetricGate, ...]:
    """Gates from the lines of a text, empty lines left out; ValidationError names every line that is not understood."""
    gates, faults = [], []
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            try:
                gates.append(parse_gate(line))
            except ValidationError as error:
                faults += [f"Line {number}: {message}" for message in error.messages]
    if faults:
        raise ValidationError(faults[:GATES_MAX])
    return tuple(dict.fromkeys(gates))


def validate_gate(gate: MetricGate) -> None:
    """Raise ValidationError for a gate that could not be told or asked."""
    if not 0 < len(gate.metric) <= METRIC_NAME_MAX or not gate.metric.isprintable():
        raise ValidationError(f"A metric name has 1 to {METRIC_NAME_MAX} printable characters.")
    if not math.isfinite(gate.bound):
        raise ValidationError(f"{gate.metric}: the bound is too large.")
    if gate.is_relative and gate.bound < 0:
        raise ValidationError(f"{gate.metric}: how far it may be {gate.comparison} is 0 or more.")
