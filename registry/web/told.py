"""The parts that sentences of events are made of: what a teller gets and gives, and how values are drawn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from markupsafe import Markup, escape

VALUE_SHOWN = 60  # characters of a value; the page of the object has all of them
PAIRS_SHOWN = 3


class Told(NamedTuple):
    """What the teller of one kind says; the rest of the sentence is the same for all kinds."""

    icon: str
    words: Markup
    tone: str = ""
    quote: str = ""


class Read(NamedTuple):
    """An event with its subject already in words, so that a teller need not know how subjects are drawn."""

    row: Any
    subject: Markup
    before: Mapping[str, Any]
    after: Mapping[str, Any]


def say(text: str, *values: object) -> Markup:
    """The text with each value escaped in its place; as Markup.format, whose fields are parsed in Python each time."""
    return Markup(text.format(*map(escape, values)))


def mapping(value: object) -> Mapping[str, Any]:
    """The value, or nothing where an odd row has something else there."""
    return value if isinstance(value, Mapping) else {}


def code(value: object) -> Markup:
    """A value as it was written, cut to a line."""
    text = " ".join(str(value).split())
    return say("<code>{}</code>", text if len(text) <= VALUE_SHOWN else f"{text[: VALUE_SHOWN - 1]}…")


def listed(parts: list[Markup]) -> Markup:
    """At most three parts, joined, and how many more there are."""
    shown = Markup(", ").join(parts[:PAIRS_SHOWN])
    more = len(parts) - PAIRS_SHOWN
    return shown + (say(" and {} more", more) if more > 0 else Markup(""))
