"""The words of the filter language: reading text into a tree and writing the tree back; no database.

    query  =  term …                              all of them must match
    term   =  ["-"] word  |  ["-"] key ":" value  "-" negates
    word   =  text in the name or description; or an ARN
    value  =  text, name=text for tag: and meta:  "quotes" keep blanks and signs, \\" and \\\\ stand for themselves

A mistake never raises: the term carries a `fault` and filters nothing. Parentheses and the words AND, OR and NOT are
written in quotes already, so that they can become signs of the language without changing what old addresses mean.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time, timedelta
from difflib import get_close_matches

# Every key, with what a suggestion says about it.
KEYS = {
    "tag": "tag of the group, key=value",
    "status": "status of a version",
    "stage": "stage of a version",
    "meta": "metadata of a version, key=value",
    "image": "container image, its repository:tag or tag",
    "by": "who registered a version",
    "updated": "last change, for example updated:<7d",
    "approved": "approved:none, groups without an approved version",
    "region": "region of the group",
}
PAIR_KEYS = ("tag", "meta")
VERSION_KEYS = ("status", "stage", "meta", "image", "by")
# What people and the wire call a status, to the wire's spelling; None is a version without one.
STATUSES = {
    "approved": "Approved",
    "waiting": "PendingManualApproval",
    "pending": "PendingManualApproval",
    "pendingmanualapproval": "PendingManualApproval",
    "rejected": "Rejected",
    "none": None,
}
MAX_LENGTH = 2000
MAX_TERMS = 40

_KEY = re.compile(r"[A-Za-z]+")
_AGE = re.compile(r"(<=|>=|<|>)?([0-9]{1,5})(h|d|w)")
_DAY = re.compile(r"(<=|>=|<|>)?([0-9]{4}-[0-9]{2}-[0-9]{2})")
_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}


@dataclass(frozen=True)
class Term:
    """One condition. `key` is "" for a word; `name` is the key of a tag or pair.

    `value` is None where only the presence of `name` is asked for. `fault` says what is wrong with the term, and
    `suggestion` is a term to write instead, "" where none comes to mind; neither counts for equality.
    """

    key: str
    value: str | None
    name: str = ""
    fault: str = field(default="", compare=False)
    suggestion: str = field(default="", compare=False)

    @property
    def head(self) -> str:
        """The quiet part of the token: "tag:team=", "status:", "" for a word."""
        if not self.key:
            return ""
        return f"{self.key}:{self.name}=" if self.name and self.value is not None else f"{self.key}:"

    @property
    def tail(self) -> str:
        """The bold part of the token, as it is stored, without quotes."""
        return self.name if self.name and self.value is None else self.value or ""

    def __str__(self) -> str:
        if not self.key:
            return quote(self.value or "", word=True)
        if self.key not in PAIR_KEYS:
            return f"{self.key}:{quote(self.value or '')}"
        name = quote(self.name, also="=")
        return f"{self.key}:{name}" if self.value is None else f"{self.key}:{name}={quote(self.value, empty=True)}"


@dataclass(frozen=True)
class Not:
    """What `node` does not match."""

    node: Node

    def __str__(self) -> str:
        return f"-{self.node}"


@dataclass(frozen=True)
class And:
    """What all nodes match."""

    nodes: tuple[Node, ...]

    def __str__(self) -> str:
        return " ".join(map(str, self.nodes))


Node = Term | Not | And


def leaf(node: Node) -> Term:
    """The term of a term or of a negated term."""
    while isinstance(node, Not):
        node = node.node
    assert isinstance(node, Term)
    return node


@dataclass(frozen=True)
class Query:
    """A parsed filter: `parts` are its terms in order, each a Term or Not(Term)."""

    parts: tuple[Node, ...] = ()

    @property
    def node(self) -> And:
        """The tree of the parts without a fault."""
        return And(tuple(part for part in self.parts if not leaf(part).fault))

    @property
    def text(self) -> str:
        """The query as it is written in an address; parse(query.text) == query."""
        return " ".join(map(str, self.parts))

    @property
    def is_empty(self) -> bool:
        return not self.parts

    @property
    def faults(self) -> list[Term]:
        """The terms that do not filter because something is wrong with them."""
        return [term for term in map(leaf, self.parts) if term.fault]

    def while_typing(self) -> Query:
        """The query for a list that follows the keys, where the last term has no end yet: a value of a tag or pair
        matches by its beginning, and a term that says nothing so far filters nothing."""
        if not self.parts or not leaf(self.parts[-1]).key:
            return self
        part, term = self.parts[-1], leaf(self.parts[-1])
        if term.fault or (term.key in PAIR_KEYS and term.value is None):
            return self.without(len(self.parts) - 1)
        if term.key not in PAIR_KEYS or (term.value or "").endswith("*"):
            return self
        open_ended: Node = replace(term, value=f"{term.value}*")
        return Query((*self.parts[:-1], Not(open_ended) if isinstance(part, Not) else open_ended))

    def without(self, place: int) -> Query:
        """The query with the part at `place` left out."""
        return Query(self.parts[:place] + self.parts[place + 1 :])

    def replaced(self, place: int, text: str) -> Query:
        """The query with another term, given as text, at `place`; negated if that one is."""
        new = parse(text).parts
        if isinstance(self.parts[place], Not):
            new = tuple(Not(part) for part in new)
        return Query(self.parts[:place] + new + self.parts[place + 1 :])

    def split(self) -> tuple[list[tuple[int, Node]], Query]:
        """The parts that are drawn as tokens, each with its place, and the words, which stay in the input."""
        tokens = [(place, part) for place, part in enumerate(self.parts) if leaf(part).key]
        return tokens, Query(tuple(part for part in self.parts if not leaf(part).key))


# ---------- writing ----------


def quote(text: str, *, also: str = "", word: bool = False, empty: bool = False) -> str:
    """`text` as the language writes it: bare where it can stand so, else in quotes.

    `also` are further signs that need quotes, `word` tells that it stands alone, `empty` that "" must be seen.
    """
    special = any(c.isspace() or c in '"\\()' or c in also for c in text) or text in ("AND", "OR", "NOT")
    if word:
        key, colon, _ = text.partition(":")
        special = special or text.startswith("-") or (bool(colon) and bool(_KEY.fullmatch(key)) and not _is_plain(text))
    if special or (empty and not text):
        escaped = text.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    return text


def tag_text(key: str, value: str) -> str:
    """The filter that finds groups with that tag, for links: tag:team=fraud."""
    return str(Term("tag", value, key))


# ---------- reading ----------


def _is_plain(text: str) -> bool:
    """True for text with a colon that is a word all the same: an ARN, an address with ://."""
    key, _, rest = text.partition(":")
    return key.lower() == "arn" or rest.startswith("//")


def _pieces(text: str) -> Iterator[list[tuple[str, bool]]]:
    """The terms of a text as lists of (character, was it quoted); blanks outside quotes part them."""
    piece: list[tuple[str, bool]] = []
    quoted = seen_quote = False
    characters = iter(text.replace("\x00", " "))
    for character in characters:
        if quoted and character == "\\":
            piece.append((next(characters, "\\"), True))
        elif character == '"':
            quoted, seen_quote = not quoted, True
            # An empty pair of quotes is a value of its own; a mark without text keeps its place.
            piece.append(("", True))
        elif character.isspace() and not quoted:
            if piece:
                yield piece
            piece, seen_quote = [], False
        else:
            piece.append((character, quoted))
    if piece or seen_quote:
        yield piece


def _join(piece: Sequence[tuple[str, bool]]) -> str:
    return "".join(character for character, _ in piece)


def _find(piece: Sequence[tuple[str, bool]], sign: str) -> int:
    return next((i for i, (character, quoted) in enumerate(piece) if character == sign and not quoted), -1)


def parse(text: str) -> Query:
    """Read a filter; never raises. Terms with a mistake carry a fault and filter nothing."""
    parts: list[Node] = []
    for piece in _pieces(text[:MAX_LENGTH]):
        negated = piece[0] == ("-", False) and len(piece) > 1
        term = _term(piece[1:] if negated else piece)
        if term is None:
            continue
        if len(parts) >= MAX_TERMS:
            term = replace(term, fault=f"At most {MAX_TERMS} filters.", suggestion="")
        parts.append(Not(term) if negated else term)
    if len(text) > MAX_LENGTH and parts:
        parts[-1] = replace(leaf(parts[-1]), fault=f"A filter has at most {MAX_LENGTH:,} characters.")
    return Query(tuple(parts))


def _term(piece: Sequence[tuple[str, bool]]) -> Term | None:
    whole = _join(piece)
    colon = _find(piece, ":")
    key = _join(piece[:colon]) if colon > 0 else ""
    unquoted_key = key and not any(quoted for _, quoted in piece[:colon])
    if not unquoted_key or not _KEY.fullmatch(key) or _is_plain(whole):
        return Term("", whole) if whole else None
    rest = piece[colon + 1 :]
    if key.lower() not in PAIR_KEYS:
        return make_term(key, _join(rest))
    equals = _find(rest, "=")
    if equals < 0:
        return make_term(key, None, _join(rest))
    value = rest[equals + 1 :]
    # While somebody types, "tag:team=" asks for any value; tag:team="" asks for the empty one.
    return make_term(key, _join(value) if value else None, _join(rest[:equals]))


def make_term(key: str, value: str | None, name: str = "") -> Term:
    """A checked term; where something is wrong it carries the fault, in words, and a suggestion."""
    known = key.lower()
    term = Term(known if known in KEYS else key, value, name)
    if known not in KEYS:
        return _unknown(term)
    if known in PAIR_KEYS:
        example = "tag:team=fraud" if known == "tag" else "meta:feature_set=v14"
        return term if name else replace(term, fault=f"{known}: needs a key, for example {example}.")
    fault, suggestion = _check(known, value or "")
    return replace(term, value=value or "", fault=fault, suggestion=suggestion)


def _unknown(term: Term) -> Term:
    value = term.value or ""
    near = get_close_matches(term.key.lower(), KEYS, n=1, cutoff=0.7)
    if near:
        better = make_term(near[0], None if near[0] in PAIR_KEYS else value, value if near[0] in PAIR_KEYS else "")
        if near[0] in PAIR_KEYS and "=" in value:
            name, _, rest = value.partition("=")
            better = make_term(near[0], rest, name)
    elif re.match(r"v?[0-9]", value):
        better = Term("image", f"{term.key}:{value}")
    else:
        better = Term("tag", value or None, term.key)
    suggestion = "" if better.fault else str(better)
    return replace(term, fault=f"There is no filter {term.key}:.", suggestion=suggestion)


def _check(key: str, value: str) -> tuple[str, str]:
    """The fault and the suggestion for a known key that is no pair."""
    if key == "status" and value.lower() not in STATUSES:
        near = get_close_matches(value.lower(), [s for s in STATUSES if len(s) < 10], n=1, cutoff=0.5)
        return "status: is approved, waiting, rejected or none.", f"status:{near[0]}" if near else ""
    if key == "approved" and value.lower() != "none":
        suggestion = "" if value else "approved:none"
        return "approved: knows only none. For a status use status:approved.", suggestion or "status:approved"
    if key == "updated" and moments(value, datetime.now(UTC)) is None:
        bare = re.sub(r"[^0-9hdw]", "", value.lower())
        suggestion = f"updated:<{bare}" if _AGE.fullmatch(bare) else "updated:<7d"
        return "updated: takes an age such as <7d, >12h, <2w, or a day such as >2026-11-01.", suggestion
    if not value:
        return f"{key}: needs a value.", ""
    return "", ""


def moments(value: str, now: datetime) -> tuple[datetime | None, datetime | None] | None:
    """The times from (included) and to (not included) that an `updated:` value means; None where it means nothing.

    <7d is newer than seven days, >7d older; a bare age is read as <. A bare day is that day in UTC, < before it,
    > after it.
    """
    try:
        if age := _AGE.fullmatch(value.lower()):
            at = now - int(age[2]) * _UNITS[age[3]]
            return (None, at) if (age[1] or "<")[0] == ">" else (at, None)
        if day := _DAY.fullmatch(value):
            start = datetime.combine(datetime.fromisoformat(day[2]).date(), time.min, UTC)
            end = start + timedelta(days=1)
            bounds = {"": (start, end), "<": (None, start), "<=": (None, end), ">": (end, None), ">=": (start, None)}
            return bounds[day[1] or ""]
    except (ValueError, OverflowError):
        return None
    return None
