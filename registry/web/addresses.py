"""Addresses of named views, each looked up once."""

from functools import lru_cache
from typing import Any

from django.urls import reverse


@lru_cache(maxsize=8192)
def url(name: str, /, *args: Any, **kwargs: Any) -> str:
    """Return the path of a named view; remembered, since a page asks for a hundred and most are those of the last."""
    return reverse(name, args=args or None, kwargs=kwargs or None)


def package_path(region: str, group: str | None, version: int | None, name: str | None) -> str:
    """Return the page of a version, or of an unversioned package where `version` is None; NoReverseMatch as `url`.

    Looked up is the group's page, which its versions have in common.
    """
    if version is None:
        return url("unversioned-detail", region, name)
    return f"{url('group-detail', region, group)}versions/{version}/"
