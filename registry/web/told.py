"""The parts that sentences of events are made of: what a teller gets and gives, and how values are drawn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from markupsafe import Markup

VALUE_SHOWN = 60  # characters of a value; the page of the object has all of them
PAIRS_SHOWN = 3


@dataclass(frozen=True)
class Told:
    """What the teller of one kind says; the rest of the sentence is the same for all kinds."""

    icon: str
    words: Markup
    tone: str = ""
    quote: str = ""


@dataclass(frozen=True)
class Read:
    """An event with its subject already in words, so that a teller need not know how subjects are drawn."""

    row: Any
    subject: Markup
    before: Mapping[str, Any] = field(default_factory=dict)
    after: Mapping[str, Any] = field(default_factory=dict)


def mapping(value: object) -> Mapping[str, Any]:
    """The value, or nothing where an odd row has something else there."""
    return value if isinstance(value, Mapping) else {}


def code(value: object) -> Markup:
    """A value as it was written, cut to a line."""
    text = " ".join(str(value).split())
    return Markup("<code>{}</code>").format(text if len(text) <= VALUE_SHOWN else f"{text[: VALUE_SHOWN - 1]}…")


def listed(parts: list[Markup]) -> Markup:
    """At most three parts, joined, and how many more there are."""
    shown = Markup(", ").join(parts[:PAIRS_SHOWN])
    more = len(parts) - PAIRS_SHOWN
    return shown + (Markup(" and {} more").format(more) if more > 0 else Markup(""))
