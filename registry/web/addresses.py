"""Addresses of named views, each looked up once."""

from functools import lru_cache
from typing import Any

from django.urls import reverse


@lru_cache(maxsize=8192)
def url(name: str, /, *args: Any, **kwargs: Any) -> str:
    """Return the path of a named view; remembered, since a page asks for a hundred and most are those of the last."""
    return reverse(name, args=args or None, kwargs=kwargs or None)
