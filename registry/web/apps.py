"""The browser door as a Django app: it owns no table of its own, but sees to the one of the shared cache."""

from typing import Any

from django.apps import AppConfig
from django.core.management import call_command
from django.db.models.signals import post_migrate


def make_cache_table(using: str, **_more: Any) -> None:
    """Make the cache's table where it is missing; no migration does, since it has no model."""
    call_command("createcachetable", database=using, verbosity=0)


class WebConfig(AppConfig):
    name = "registry.web"
    label = "web"

    def ready(self) -> None:
        post_migrate.connect(make_cache_table, sender=self)
