"""The file of an evidence document: JSON with a signature over all of it; read strictly, written once."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from registry.events.chains import canonical
from registry.events.proofs import key_name, public_bytes, sign

FORMAT = "model-registry evidence 1"
_LARGEST = 64 * 1024 * 1024

JSON = dict[str, Any]


class Damaged(Exception):
    """The file is none, or does not hold what it says; the message names the first thing that is wrong."""


class _Literal(str):
    """A number as it is written: two ways to write one must not have the same signature."""


def write(document: JSON, private: Ed25519PrivateKey) -> str:
    """The text of the file: the document, signed. `document` has the member "key" with the name of the public key."""
    if document["key"] != key_name(public_bytes(private)):
        raise ValueError("the document names another key")
    members = {name: value for name, value in document.items() if name != "signature"}
    literal = _parse(json.dumps(members, allow_nan=False), literal=True)
    signature = sign(private, _signed(literal)).hex()
    return json.dumps(members | {"signature": signature}, indent=1, allow_nan=False) + "\n"


def read(text: str) -> tuple[JSON, str]:
    """The document of a file, and the words that its signature is for; raises Damaged for what is no such file."""
    if len(text) > _LARGEST:
        raise Damaged("The file is larger than any evidence is.")
    document, literal = _parse(text), _parse(text, literal=True)
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise Damaged(f"The file is no evidence of this registry: its format is not {FORMAT!r}.")
    if not isinstance(literal.pop("signature", None), str):
        raise Damaged("The file has no signature.")
    return document, _signed(literal)


def _signed(literal: JSON) -> str:
    """The words that are signed: the SHA-256 of all members but the signature, in canonical JSON."""
    return canonical({"kind": FORMAT, "sha256": sha256(_canonical(literal).encode()).hexdigest()})


def _canonical(value: Any) -> str:
    """As chains.canonical, with each number as it is written in the file."""
    if isinstance(value, _Literal):
        return str(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{canonical(name)}:{_canonical(value[name])}" for name in sorted(value)) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_canonical, value)) + "]"
    return canonical(value)


def _parse(text: str, *, literal: bool = False) -> Any:
    """The JSON of a text, where no name stands twice; NaN is no number."""
    more: JSON = {"parse_int": _Literal, "parse_float": _Literal} if literal else {}
    try:
        return json.loads(text, object_pairs_hook=_members, parse_constant=_no_number, **more)
    except (ValueError, RecursionError) as error:
        raise Damaged(f"The file is no JSON that can be read: {error}.") from None


def _members(pairs: list[tuple[str, Any]]) -> JSON:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice in an object")
    return found


def _no_number(word: str) -> Any:
    raise ValueError(f"{word} is no number")
