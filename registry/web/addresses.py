"""Addresses of packages, versions and unversioned ones alike."""

from __future__ import annotations

from registry.addresses import url


def package_path(region: str, group: str | None, version: int | None, name: str | None) -> str:
    """Return the page of a version, or of an unversioned package where `version` is None; NoReverseMatch as `url`.

    Looked up is the group's page, which its versions have in common.
    """
    if version is None:
        return url("unversioned-detail", region, name)
    return f"{url('group-detail', region, group)}versions/{version}/"
