"""Takes image and artifact URIs apart for display: the quiet host or bucket, and the segments that differ."""

import re
from difflib import SequenceMatcher
from typing import NamedTuple

_PLACE = re.compile(r"[A-Za-z][\w+.-]*://[^/]+/|[^/\s]*[.:][^/\s]*/")
_PIECES = re.compile(r"[^/:@]+|[/:@]+")


class UriPiece(NamedTuple):
    """A stretch of a URI; `changed` when the other URI does not have it."""

    text: str
    changed: bool


def uri_parts(uri: str | None) -> tuple[str, str]:
    """Return (host or bucket, rest): the first part is the least telling one and is shown quieter."""
    text = uri or ""
    place = _PLACE.match(text)
    return (place.group(0), text[place.end() :]) if place else ("", text)


def uri_pieces(uri: str | None, other: str | None = None) -> tuple[str, list[UriPiece]]:
    """Return (host or bucket, pieces of the rest), the pieces that `other` lacks being marked as changed."""
    host, rest = uri_parts(uri)
    if other is None or not rest:
        return host, [UriPiece(rest, False)] if rest else []
    theirs, ours = _PIECES.findall(uri_parts(other)[1]), _PIECES.findall(rest)
    pieces = []
    for kind, _, _, start, end in SequenceMatcher(None, theirs, ours, autojunk=False).get_opcodes():
        if start < end:
            pieces.append(UriPiece("".join(ours[start:end]), kind != "equal"))
    return host, pieces
