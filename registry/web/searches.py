"""Addresses of the groups index: from filters to links."""

from __future__ import annotations

from urllib.parse import urlencode

from django.urls import reverse

from registry.catalog.filters import tag_text

# Signs that the filter language uses stay readable in the address; all are allowed in a query by RFC 3986.
_READABLE = ":=*/,"


def group_list_path(query: str = "", **more: str) -> str:
    """The address of the index for a filter and further parameters; empty ones are left out."""
    given = {name: value for name, value in {"q": query, **more}.items() if value}
    path = reverse("group-list")
    return f"{path}?{urlencode(given, safe=_READABLE)}" if given else path


def tag_href(key: str, value: str) -> str:
    """The index, filtered by a tag."""
    return group_list_path(tag_text(key, value))
