"""Quotas: how many groups a region and how many versions a group may hold; off unless the settings say so."""

from __future__ import annotations

from django.conf import settings
from django.db import connection

from ..errors import LimitReached
from ..models import ModelPackageGroup

# Any number that no other lock of the database uses.
_LOCK = 0x6D6F64656C


def check_room_for_group(region: str) -> None:
    """Raise LimitReached where the region holds REGISTRY_MAX_GROUPS live groups (contract 4.2, ResourceLimitExceeded).

    Makers of groups wait for each other, since two at once would both see the last free place.
    """
    limit = settings.REGISTRY_MAX_GROUPS
    if not limit:
        return
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
    if ModelPackageGroup.objects.live().filter(region=region)[:limit].count() >= limit:
        raise LimitReached(f"The region {region} has {limit} model package groups, as many as this registry allows.")


def check_room_for_version(group: ModelPackageGroup) -> None:
    """Raise LimitReached where the locked group holds REGISTRY_MAX_VERSIONS live versions."""
    limit = settings.REGISTRY_MAX_VERSIONS
    if limit and group.version_count >= limit:
        raise LimitReached(f"{group.name} has {limit} versions, as many as this registry allows a group.")
