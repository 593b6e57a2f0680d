"""Addresses of the project's own pages, each looked up among the routes once."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from django.urls import reverse


@lru_cache(maxsize=8192)
def url(name: str, /, *args: Any, **kwargs: Any) -> str:
    """The path of a named view; remembered, since a page asks for a hundred and most are those of the last.

    Raises NoReverseMatch where there is none.
    """
    return reverse(name, args=args or None, kwargs=kwargs or None)
