"""The addresses of the where-used page: /used/?image=…, ?artifact=… or ?digest=…, in both directions."""

from __future__ import annotations

from urllib.parse import urlencode

from django.http import HttpRequest

from registry.addresses import url
from registry.catalog.references import TEXT_MAX, Used, read_reference

KINDS = ("image", "artifact", "digest")
# Signs of URIs that a query may hold as they are, so that an address can be read.
_READABLE = ":/@"


def used_path(used: Used, after: int | None = None) -> str:
    """The address that says where this is used."""
    given = {used.by: used.value, **({"after": after} if after else {})}
    return f"{url('where-used')}?{urlencode(given, safe=_READABLE)}"


def image_used_path(image: str) -> str:
    """Where an image is used; "" without one."""
    return used_path(Used("image", image)) if image else ""


def artifact_used_path(uri: str) -> str:
    """Where an artifact is used; "" without one."""
    return used_path(Used("artifact", uri)) if uri else ""


def read_used(request: HttpRequest) -> Used | None:
    """What the address asks for, the first of the three that is there; None for none of them."""
    for kind in KINDS:
        text = request.GET.get(kind, "").strip()
        if text and len(text) <= TEXT_MAX:
            return Used(kind, text)  # type: ignore[arg-type]
    return None


def too_long(request: HttpRequest) -> str:
    """What is said of a text that is longer than any URI; "" where there is none."""
    longest = max(len(request.GET.get(name, "").strip()) for name in ("q", *KINDS))
    return f"At most {TEXT_MAX:,} characters; this has {longest:,}." if longest > TEXT_MAX else ""


def guess_used(text: str) -> Used | None:
    """What a text typed into the page's one field means: by its form, else the name of an image."""
    text = text.strip()
    if not text or len(text) > TEXT_MAX:
        return None
    reference = read_reference(text)
    return reference if isinstance(reference, Used) else Used("image", text)
