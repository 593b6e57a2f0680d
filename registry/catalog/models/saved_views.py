"""Saved views: a filter and order of a list under a name, for oneself or for everybody."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from ..validators import NAME_MAX
from .lookups import at_most

QUERY_MAX = 2000


class SavedView(models.Model):
    """The query of one list page under a name that stands in its address; a shared name is unique for that page."""

    class Page(models.TextChoices):
        GROUPS = "groups", "Groups"
        TIMELINE = "timeline", "Versions of a group"
        PACKAGES = "packages", "Unversioned packages"
        REVIEW = "review", "Review"
        ACTIVITY = "activity", "Activity"

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", db_index=False)
    page = models.CharField(max_length=16, choices=Page.choices)
    name = models.CharField(max_length=NAME_MAX)
    query = models.CharField(max_length=QUERY_MAX, blank=True, default="")
    is_shared = models.BooleanField(default=False)
    saved_at = models.DateTimeField()

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["owner", "page", "name"], name="view_name_unique_of_owner"),
            models.UniqueConstraint(
                fields=["page", "name"], condition=Q(is_shared=True), name="view_name_unique_shared"
            ),
            models.CheckConstraint(condition=~Q(name=""), name="view_name_not_empty"),
            at_most("name", NAME_MAX, "view"),
            at_most("query", QUERY_MAX, "view"),
        ]

    def __str__(self) -> str:
        return self.name
