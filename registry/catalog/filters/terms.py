"""The tree of a filter, and how it is written as text again; nothing of lists and no database.

    query  =  and ("OR" and)*                     one of them matches
    and    =  not (["AND"] not)*                  all of them match; filters side by side are joined by AND
    not    =  ("NOT" | "-") not | "(" query ")" | term
    term   =  word | key ":" value
    value  =  text; name=text for tag:, meta: and check:; name>number for metric:
              "quotes" keep blanks and signs, \\" and \\\\ stand for themselves

AND, OR and NOT are signs in capitals only; in lower case, or in quotes, they are words.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

PAIR_KEYS = ("tag", "meta", "check")
# Keys whose value has a name in front: pairs, and metric:name>number.
NAMED_KEYS = (*PAIR_KEYS, "metric")
# Keys of which each speaks of one version.
VERSION_KEYS = ("status", "stage", "meta", "metric", "image", "by", "check")
SIGN_WORDS = ("AND", "OR", "NOT")

_KEY = re.compile(r"[A-Za-z]+")


@dataclass(frozen=True)
class Term:
    """One condition. `key` is "" for a word; `name` is the key of a pair or the name of a metric or check.

    `value` is None where only the presence of `name` is asked for; that of a metric begins with its comparison, as in
    ">0.94". `fault` says what is wrong with the term, and `suggestion` is a term to write instead, "" where none
    comes to mind; neither counts for equality. A term with a fault filters nothing.
    """

    key: str
    value: str | None
    name: str = ""
    fault: str = field(default="", compare=False)
    suggestion: str = field(default="", compare=False)

    @property
    def head(self) -> str:
        """The quiet part of the token: "tag:team=", "metric:auc", "status:", "" for a word."""
        if not self.key:
            return ""
        if not self.name or self.value is None:
            return f"{self.key}:"
        return f"{self.key}:{self.name}{'' if self.key == 'metric' else '='}"

    @property
    def tail(self) -> str:
        """The bold part of the token, as it is stored, without quotes."""
        return self.name if self.name and self.value is None else self.value or ""

    def __str__(self) -> str:
        if not self.key:
            return quote(self.value or "", word=True)
        if self.key not in NAMED_KEYS:
            return f"{self.key}:{quote(self.value or '')}"
        name = quote(self.name, also="=<>" if self.key == "metric" else "=")
        if self.value is None:
            return f"{self.key}:{name}"
        if self.key == "metric":
            return f"{self.key}:{name}{_comparison(self.value)}"
        return f"{self.key}:{name}={quote(self.value, empty=True)}"


@dataclass(frozen=True)
class Not:
    """What `node` does not match."""

    node: Node

    def __str__(self) -> str:
        return f"-{self.node}" if isinstance(self.node, Term) else f"NOT ({self.node})"


@dataclass(frozen=True)
class And:
    """What all nodes match; none of them is an And."""

    nodes: tuple[Node, ...]

    def __str__(self) -> str:
        return " ".join(f"({node})" if isinstance(node, Or) else str(node) for node in self.nodes)


@dataclass(frozen=True)
class Or:
    """What at least one of the nodes matches; none of them is an Or."""

    nodes: tuple[Node, ...]

    def __str__(self) -> str:
        return " OR ".join(map(str, self.nodes))


Node = Term | Not | And | Or


# ---------- making ----------


def all_of(nodes: list[Node]) -> Node:
    """The And of some nodes; a single node stands for itself, an And among them is taken apart."""
    flat = [part for node in nodes for part in (node.nodes if isinstance(node, And) else (node,))]
    return flat[0] if len(flat) == 1 else And(tuple(flat))


def one_of(nodes: list[Node]) -> Node:
    """The Or of some nodes, as all_of."""
    flat = [part for node in nodes for part in (node.nodes if isinstance(node, Or) else (node,))]
    return flat[0] if len(flat) == 1 else Or(tuple(flat))


def negated(node: Node) -> Node:
    """The opposite; two negations are none."""
    return node.node if isinstance(node, Not) else Not(node)


# ---------- reading ----------


def terms_of(node: Node) -> Iterator[Term]:
    """The terms of a tree, in order."""
    if isinstance(node, Term):
        yield node
    elif isinstance(node, Not):
        yield from terms_of(node.node)
    else:
        for child in node.nodes:
            yield from terms_of(child)


def is_leaf(node: Node) -> bool:
    """True for a term and for a negated term."""
    return isinstance(node, Term) or (isinstance(node, Not) and isinstance(node.node, Term))


def leaf(node: Node) -> Term:
    """The term of a term or of a negated term."""
    return next(terms_of(node))


def without_faults(node: Node) -> Node | None:
    """The tree without the terms that filter nothing; None where nothing is left."""
    if isinstance(node, Term):
        return None if node.fault else node
    if isinstance(node, Not):
        inner = without_faults(node.node)
        return None if inner is None else Not(inner)
    kept = [child for child in map(without_faults, node.nodes) if child is not None]
    if not kept:
        return None
    return all_of(kept) if isinstance(node, And) else one_of(kept)


# ---------- writing ----------


def is_plain(text: str) -> bool:
    """True for text with a colon that is a word all the same: an ARN, an address with ://."""
    key, _, rest = text.partition(":")
    return key.lower() == "arn" or rest.startswith("//")


def quote(text: str, *, also: str = "", word: bool = False, empty: bool = False) -> str:
    """`text` as the language writes it: bare where it can stand so, else in quotes.

    `also` are further signs that need quotes, `word` tells that it stands alone, `empty` that "" must be seen.
    """
    special = any(c.isspace() or c in '"\\()' or c in also for c in text) or text in SIGN_WORDS
    if word:
        key, colon, _ = text.partition(":")
        special = special or text.startswith("-") or (bool(colon) and bool(_KEY.fullmatch(key)) and not is_plain(text))
    if special or (empty and not text):
        escaped = text.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    return text


def _comparison(value: str) -> str:
    """The comparison of a metric with its sign bare, and what follows in quotes where it has to be."""
    sign = re.match(r"[<>]=?|=|", value)
    assert sign is not None
    return sign[0] + quote(value[sign.end() :], also="=<>")


def tag_text(key: str, value: str) -> str:
    """The filter that finds groups with that tag, for links: tag:team=fraud."""
    return str(Term("tag", value, key))
