"""Which chains of the log belong to a group, for the commands that read it."""

from __future__ import annotations

from django.core.management.base import CommandError

from ..models import ModelPackageGroup


def chains_of(named: str | None) -> list[int] | None:
    """The chains of REGION/NAME, also those of deleted groups of that name; None for the whole log.

    CommandError where there never was such a group.
    """
    if not named:
        return None
    region, _, name = named.partition("/")
    if "\x00" in named or not name:
        raise CommandError(f"{named!r} is no REGION/NAME.", returncode=2)
    found = list(ModelPackageGroup.objects.filter(region=region, name=name).order_by("pk").values_list("pk", flat=True))
    if not found:
        raise CommandError(f"There is no group {named}.", returncode=2)
    return found
