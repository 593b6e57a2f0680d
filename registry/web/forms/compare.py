"""The browser's words for Compare: which packages an address names, which is the baseline, and what it cannot mean."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from django.http import HttpRequest

from registry.addresses import url
from registry.catalog.reports.comparisons import COMPARED_MAX, Ref

LOOKED_AT = 50  # names of one address; further ones are not read
SHOWN = 60

_NAME = r"[a-zA-Z0-9-]{1,63}"
_NUMBER = r"[1-9][0-9]{0,8}"
_REF = re.compile(rf"([a-z0-9-]{{9,16}})/({_NAME})(?:/({_NUMBER}))?")
_ARN = re.compile(rf"arn:[a-z-]+:sagemaker:([a-z0-9-]{{9,16}}):[0-9]{{12}}:model-package/({_NAME})(?:/({_NUMBER}))?")
_VERSION = re.compile(rf"v?({_NUMBER})")


def _shown(text: str) -> str:
    plain = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
    return plain if len(plain) <= SHOWN else f"{plain[: SHOWN - 1]}…"


def read_ref(text: str, near: Ref | None = None) -> Ref | None:
    """The package that a text names: region/group/number, region/name, an ARN, or a number alone beside `near`."""
    if found := _REF.fullmatch(text) or _ARN.fullmatch(text):
        return Ref(found[1], found[2], int(found[3]) if found[3] else None)
    alone = _VERSION.fullmatch(text)
    if alone and near is not None and near.version is not None:
        return near._replace(version=int(alone[1]))
    return None


@dataclass(frozen=True)
class Compared:
    """What an address of Compare asks for; `notes` says what of it is left out, `rewritten` that it can be plainer."""

    refs: tuple[Ref, ...] = ()
    base: Ref | None = None
    only_differences: bool = False
    notes: tuple[str, ...] = ()
    rewritten: bool = False

    @classmethod
    def of(cls, request: HttpRequest) -> Compared:
        """Read the address."""
        given = [text.strip() for text in request.GET.getlist("v")]
        given = [text for text in given if text]
        asked = request.GET.get("base", "").strip()
        refs: list[Ref] = []
        notes: list[str] = []
        rewritten = False
        near = next((ref for ref in map(read_ref, [*given[:LOOKED_AT], asked]) if ref and ref.version), None)
        base = read_ref(asked, near) if asked else None
        if asked and base is None:
            notes.append(f"{_shown(asked)} is no version, so it is not the baseline.")
        for text in given[:LOOKED_AT]:
            ref = read_ref(text, near)
            if ref is None:
                notes.append(f"{_shown(text)} is no version. Write region/group/number.")
            elif ref in refs:
                notes.append(f"{ref} was named twice.")
            else:
                refs.append(ref)
                rewritten |= text != str(ref)
        rewritten |= base is not None and asked != str(base)
        if base is not None and base not in refs:
            refs.insert(0, base)
        over = len(refs) - COMPARED_MAX + max(0, len(given) - LOOKED_AT)
        if over > 0 and len(refs) > COMPARED_MAX:
            kept = refs[:COMPARED_MAX]
            if base is not None and base not in kept:
                kept = [*kept[:-1], base]
            notes.append(f"At most {COMPARED_MAX} versions are compared; {over} of those named are left out.")
            refs = kept
        only = request.GET.get("diff", "") not in ("", "0")
        return cls(tuple(refs), base, only, tuple(dict.fromkeys(notes)), rewritten and not notes)

    def href(self, **more: str) -> str:
        """The address of this state."""
        pairs = [("v", str(ref)) for ref in self.refs]
        if self.base is not None:
            pairs.append(("base", str(self.base)))
        if self.only_differences:
            pairs.append(("diff", "1"))
        pairs += more.items()
        # Names and numbers hold no sign that an address writes otherwise.
        written = "&".join([f"{name}={value}" for name, value in pairs])
        return f"{url('compare')}?{written}" if pairs else url("compare")

    def without(self, ref: Ref) -> str:
        """The address without one of the packages."""
        base = None if self.base == ref else self.base
        return replace(self, refs=tuple(other for other in self.refs if other != ref), base=base).href()

    def against(self, ref: Ref) -> str:
        """The address with another baseline."""
        return replace(self, base=ref).href()

    def plus(self, ref: Ref) -> str:
        """The address with one more package."""
        return replace(self, refs=(*self.refs, ref)).href()


def compare_href(refs: Sequence[Ref], base: Ref | None = None) -> str:
    """The address that compares those packages."""
    return Compared(tuple(refs), base).href()
