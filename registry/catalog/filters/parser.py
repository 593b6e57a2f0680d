"""Reads a filter: text to signs and terms with their places, those to a tree; never raises, and takes linear time.

A mistake is noted with its place and reading goes on behind it: the term or sign that it is about filters nothing,
everything else does.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache

from .keys import GROUPS, make_term
from .terms import (
    NAMED_KEYS,
    PAIR_KEYS,
    SIGN_WORDS,
    And,
    Node,
    Or,
    Term,
    all_of,
    is_leaf,
    is_plain,
    leaf,
    negated,
    one_of,
    terms_of,
    without_faults,
)

MAX_LENGTH = 2000
MAX_TERMS = 50
MAX_DEPTH = 20

_KEY = re.compile(r"[A-Za-z]+")
# What the wire's encodings cannot carry: a NUL, halves of a pair of code units.
_NOT_TEXT = re.compile("[\x00\ud800-\udfff]")

Characters = Sequence[tuple[str, bool]]  # each with: was it quoted


@dataclass(frozen=True)
class Fault:
    """A mistake in the text of a filter from `start` to `end`: what is wrong, and what to write there instead or ""."""

    start: int
    end: int
    message: str
    suggestion: str = ""


@dataclass(frozen=True)
class Piece:
    """One sign or term of the text: `kind` is "(", ")", "-", AND, OR, NOT or "term"."""

    kind: str
    start: int
    end: int
    characters: Characters = ()


@dataclass(frozen=True)
class Query:
    """A filter that was read. `parts` are what must all match, in order, with the terms that filter nothing.

    `source` is the text as it was written and `faults` are the mistakes in it, in order of place; neither counts for
    equality, the meaning does.
    """

    parts: tuple[Node, ...] = ()
    source: str = field(default="", compare=False)
    faults: tuple[Fault, ...] = field(default=(), compare=False)
    of: str = GROUPS

    @cached_property
    def node(self) -> And:
        """The tree of what filters."""
        tree = without_faults(And(self.parts))
        return tree if isinstance(tree, And) else And((tree,) if tree is not None else ())

    @cached_property
    def is_plain(self) -> bool:
        """True where the filter is a row of terms, some of them negated: those can be drawn as tokens."""
        named = sum(1 for term in terms_of(And(self.parts)) if term.fault)
        if not all(map(is_leaf, self.parts)) or len(self.faults) != named:
            return False
        written = " ".join(map(str, self.parts))
        return len(written) <= MAX_LENGTH and not (named and re.search("[()]", self.source))

    @cached_property
    def text(self) -> str:
        """The query as it is written in an address; parse(query.text) == query."""
        return " ".join(map(str, self.parts)) if self.is_plain else self._trimmed

    @property
    def _trimmed(self) -> str:
        """The source without the blanks around it; those behind a quote that is never closed belong to its word."""
        found = list(pieces(self.source))
        return self.source[found[0].start : found[-1].end] if found else ""

    @property
    def is_empty(self) -> bool:
        return not self.parts and not self.faults

    def __bool__(self) -> bool:
        return bool(self.node.nodes)

    def mended(self, fault: Fault) -> str:
        """The text with the suggestion of a fault in its place."""
        return f"{self.source[: fault.start]}{fault.suggestion}{self.source[fault.end :]}".strip()

    def without(self, place: int) -> Query:
        """A row of terms with the one at `place` left out."""
        return parse(" ".join(map(str, self.parts[:place] + self.parts[place + 1 :])), of=self.of)

    def while_typing(self) -> Query:
        """The query for a list that follows the keys, where the last term has no end yet: a value of a tag or pair
        matches by its beginning, a term that says nothing so far filters nothing, and mistakes are not told."""
        last = last_term(self.source, of=self.of)
        if last is None:
            return replace(self, faults=())
        start, term = last
        text = self.source[:start]
        if term.key and not (term.fault or (term.key in NAMED_KEYS and term.value is None)):
            open_ended = term.key in ("tag", "meta") and not (term.value or "").endswith("*")
            text += str(replace(term, value=f"{term.value}*")) if open_ended else self.source[start:]
        elif not term.key:
            text = self.source
        elif text.endswith("-"):
            text = text[:-1]
        return replace(parse(text, of=self.of), faults=())

    def quiet(self, heard: Query) -> Query:
        """This query with the mistakes of `heard` only: what is told while somebody types."""
        return replace(self, faults=heard.faults)

    def split(self) -> tuple[list[tuple[int, Node]], str]:
        """The parts that are drawn as tokens, each with its place, and the text that stays in the input: the words, or
        all of a filter that is no row of terms."""
        if not self.is_plain:
            return [], self._trimmed
        tokens = [(place, part) for place, part in enumerate(self.parts) if leaf(part).key]
        return tokens, " ".join(str(part) for part in self.parts if not leaf(part).key)

    @cached_property
    def marked(self) -> list[tuple[str, str]]:
        """The source in pieces: (text, kind) with the kind "sign", "term", "fault", or "" for what is between."""
        cuts: list[tuple[int, int, str]] = [
            (piece.start, piece.end, "term" if piece.kind == "term" else "sign") for piece in pieces(self.source)
        ]
        wrong = [(fault.start, fault.end) for fault in self.faults]
        marked: list[tuple[str, str]] = []
        at = 0
        for start, end, kind in cuts:
            marked.append((self.source[at:start], ""))
            hit = any(first < end and start < last for first, last in wrong)
            marked.append((self.source[start:end], "fault" if hit else kind))
            at = end
        return [(text, kind) for text, kind in [*marked, (self.source[at:], "")] if text]

    def around(self, fault: Fault) -> tuple[str, str, str]:
        """The text before a fault, at it and behind it, the outer two cut short."""
        before, behind = self.source[: fault.start], self.source[fault.end :]
        return (
            f"…{before[-60:]}" if len(before) > 60 else before,
            self.source[fault.start : fault.end],
            f"{behind[:60]}…" if len(behind) > 60 else behind,
        )


def join(texts: Sequence[str], *, of: str = GROUPS) -> str:
    """Several filters as one that all of them must match: one with OR is put into parentheses."""
    given = [text for text in texts if text.strip()]
    if len(given) < 2:
        return "".join(given)

    def closed(text: str) -> str:
        query = parse(text, of=of)
        is_or = len(query.parts) == 1 and isinstance(query.parts[0], Or) and not query.faults
        return f"({text.strip()})" if is_or else text

    return " ".join(map(closed, given))


# ---------- signs and terms ----------


def pieces(text: str) -> Iterator[Piece]:
    """The signs and terms of a text. Blanks and parentheses outside of quotes part them."""
    at, size = 0, len(text)
    while at < size:
        sign = text[at]
        if sign.isspace():
            at += 1
        elif sign in "()":
            yield Piece(sign, at, at + 1)
            at += 1
        elif sign == "-" and at + 1 < size and not text[at + 1].isspace() and text[at + 1] != ")":
            yield Piece("-", at, at + 1)
            at = yield from _word(text, at + 1)
        else:
            at = yield from _word(text, at)


def _word(text: str, start: int) -> Generator[Piece, None, int]:
    """The word that begins at `start`, if there is one; returns where it ends."""
    at, size, quoted = start, len(text), False
    characters: list[tuple[str, bool]] = []
    while at < size:
        sign = text[at]
        if quoted and sign == "\\":
            characters.append((text[at + 1 : at + 2] or "\\", True))
            at += 2
            continue
        if sign == '"':
            quoted = not quoted
            # An empty pair of quotes is a value of its own; a mark without text keeps its place.
            characters.append(("", True))
        elif not quoted and (sign.isspace() or sign in "()"):
            break
        else:
            characters.append((sign, quoted))
        at += 1
    at = min(at, size)
    if characters:
        bare = "" if any(quoted for _, quoted in characters) else _join(characters)
        yield Piece(bare if bare in SIGN_WORDS else "term", start, at, characters)
    return at


def _join(characters: Characters) -> str:
    return "".join(character for character, _ in characters)


def _find(characters: Characters, signs: str) -> int:
    return next((i for i, (sign, quoted) in enumerate(characters) if sign and sign in signs and not quoted), -1)


def _term(characters: Characters, of: str) -> Term | None:
    """The term that a word means; None for one of empty quotes."""
    whole = _join(characters)
    colon = _find(characters, ":")
    key = _join(characters[:colon]) if colon > 0 else ""
    bare = key and not any(quoted for _, quoted in characters[:colon])
    if not bare or not _KEY.fullmatch(key) or is_plain(whole):
        return Term("", whole) if whole else None
    rest = characters[colon + 1 :]
    if key.lower() not in NAMED_KEYS:
        return make_term(key, _join(rest), of=of)
    at = _find(rest, "=" if key.lower() in PAIR_KEYS else "<>=")
    if at < 0:
        return make_term(key, None, _join(rest), of=of)
    value = rest[at + 1 :] if key.lower() in PAIR_KEYS else rest[at:]
    # While somebody types, "tag:team=" asks for any value; tag:team="" asks for the empty one.
    return make_term(key, _join(value) if value else None, _join(rest[:at]), of=of)


# ---------- the tree ----------


class _Reader:
    """Reads pieces by recursive descent; `faults` collects what was wrong."""

    def __init__(self, text: str, of: str) -> None:
        self.text, self.of = text, of
        self.pieces = list(pieces(text[:MAX_LENGTH]))
        self.at, self.terms, self.stopped = 0, 0, False
        self.faults: list[Fault] = []

    @property
    def kind(self) -> str:
        return self.pieces[self.at].kind if self.at < len(self.pieces) else ""

    def fault(self, piece: Piece, message: str, suggestion: str = "") -> None:
        self.faults.append(Fault(piece.start, piece.end, message, suggestion))

    def stop(self, piece: Piece, message: str) -> None:
        """Note a limit that is passed at `piece`; nothing from there on is read."""
        self.fault(replace(piece, end=min(len(self.text), MAX_LENGTH)), f"{message} The rest is not read.")
        self.at, self.stopped = len(self.pieces), True

    def read(self) -> list[Node]:
        """The nodes that must all match."""
        found: list[Node] = []
        while self.kind:
            node = self.either(0)
            found += [] if node is None else [node]
            if self.kind == ")":
                self.fault(self.pieces[self.at], "There is no parenthesis open that this one could close.")
                self.at += 1
        tree = all_of(found) if found else And(())
        return list(tree.nodes) if isinstance(tree, And) else [tree]

    def either(self, depth: int) -> Node | None:
        """Operands of OR."""
        return self._operands("OR", lambda: self.every(depth), one_of)

    def every(self, depth: int) -> Node | None:
        """Operands of AND, with the sign or side by side."""
        found: list[Node] = []
        while self.kind not in ("", ")", "OR"):
            node = self._operands("AND", lambda: self.single(depth), all_of)
            found += [] if node is None else [node]
        return all_of(found) if found else None

    def _operands(
        self, sign: str, read: Callable[[], Node | None], combine: Callable[[list[Node]], Node]
    ) -> Node | None:
        ends = ("", ")", "OR") if sign == "OR" else ("", ")", "OR", "AND")
        node = None if self.kind == sign else read()
        found = [] if node is None else [node]
        while self.kind == sign:
            piece = self.pieces[self.at]
            self.at += 1
            has_left = bool(found)
            node = None if self.kind in ends else read()
            found += [] if node is None else [node]
            if not has_left or node is None:
                self.fault(piece, f'{sign} stands between two filters. As a word, write it in quotes: "{sign}".')
        return combine(found) if found else None

    def single(self, depth: int) -> Node | None:
        """A negation, a parenthesis or a term."""
        piece = self.pieces[self.at]
        self.at += 1
        if piece.kind in ("NOT", "-"):
            return self._negation(piece, depth)
        if piece.kind == "(":
            return self._parenthesis(piece, depth)
        return self._term(piece)

    def _negation(self, piece: Piece, depth: int) -> Node | None:
        odd = True
        while self.kind in ("NOT", "-"):  # a row of them takes no stack
            piece, odd, self.at = self.pieces[self.at], not odd, self.at + 1
        if self.kind in ("", ")", "OR", "AND"):
            self.fault(piece, f'{piece.kind} stands before a filter. As a word, write it in quotes: "{piece.kind}".')
            return None
        node = self.single(depth)
        return negated(node) if odd and node is not None else node

    def _parenthesis(self, piece: Piece, depth: int) -> Node | None:
        if depth >= MAX_DEPTH:
            self.stop(piece, f"At most {MAX_DEPTH} parentheses within each other.")
            return None
        count = len(self.faults)
        node = self.either(depth + 1)
        if self.kind == ")":
            if node is None and len(self.faults) == count:
                self.fault(replace(piece, end=self.pieces[self.at].end), "There is nothing in these parentheses.")
            self.at += 1
        elif not self.stopped:
            self.fault(piece, "This parenthesis is never closed.")
        return node

    def _term(self, piece: Piece) -> Node | None:
        self.terms += 1
        if self.terms > MAX_TERMS:
            self.stop(piece, f"At most {MAX_TERMS} filters.")
            return None
        term = _term(piece.characters, self.of)
        if term is None:
            return None
        if term.key and piece.characters[-1][0] in tuple(":=<>") and self.text[piece.end : piece.end + 1] == "(":
            message = "Parentheses stand around whole filters: (tag:team=a OR tag:team=b)."
            term = replace(term, fault=message, suggestion="")
        if term.fault:
            self.fault(piece, term.fault, term.suggestion)
        return term


@lru_cache(maxsize=256)
def parse(text: str, *, of: str = GROUPS) -> Query:
    """Read a filter of the list `of`; never raises. What is wrong with it is in `faults`.

    Remembered, since one page reads its own filter and those of its views, some of them several times.
    """
    source = _NOT_TEXT.sub(" ", text[: MAX_LENGTH + 1])
    reader = _Reader(source, of)
    parts = tuple(reader.read())
    if len(source) > MAX_LENGTH:
        end = Piece("", MAX_LENGTH, MAX_LENGTH + 1)
        reader.fault(end, f"A filter has at most {MAX_LENGTH:,} characters. The rest is not read.")
    return Query(parts, source, tuple(sorted(reader.faults, key=lambda fault: (fault.start, fault.end))), of)


def last_term(text: str, *, of: str = GROUPS) -> tuple[int, Term] | None:
    """Where the term begins that `text` ends in, and the term; None where it ends in a blank or sign."""
    found = list(pieces(_NOT_TEXT.sub(" ", text[:MAX_LENGTH])))
    if not found or found[-1].kind != "term" or found[-1].end != len(text):
        return None
    term = _term(found[-1].characters, of)
    return None if term is None else (found[-1].start, term)
