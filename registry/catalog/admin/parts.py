"""Single rows in the admin site, to find them: they are changed on their group, package or list."""

from __future__ import annotations

from django.contrib import admin

from registry.events.admin import ViewOnlyAdmin

from ..models import Check, Container, CustomerMetadataProperty, Metric, SavedView, Tag, TeamAccess, Vote


class PartAdmin(ViewOnlyAdmin):
    """Rows that hang on a package."""

    list_select_related = ["package__group"]
    ordering = ["-id"]


@admin.register(Tag)
class TagAdmin(PartAdmin):
    list_display = ["key", "value", "group", "package"]
    list_select_related = ["group", "package"]
    search_fields = ["key__exact", "value__exact"]
    search_help_text = "A whole key or value"


@admin.register(CustomerMetadataProperty)
class PropertyAdmin(PartAdmin):
    list_display = ["key", "value", "package"]
    search_fields = ["key__exact"]
    search_help_text = "A whole key"


@admin.register(Container)
class ContainerAdmin(PartAdmin):
    list_display = ["__str__", "package", "position", "model_data_url", "framework"]
    search_fields = ["image__prefix", "image_name__prefix", "image_tag__exact", "image_digest__exact"]
    search_help_text = "The beginning of an image, its tag, or its digest"


@admin.register(Metric)
class MetricAdmin(PartAdmin):
    list_display = ["name", "value", "standard_deviation", "source", "package"]
    list_filter = ["source"]
    search_fields = ["name__exact"]
    search_help_text = "The whole name of a metric"


@admin.register(Vote)
class VoteAdmin(PartAdmin):
    list_display = ["user_name", "package", "voted_at", "comment"]
    list_select_related = ["package__group", "user"]
    search_fields = ["user_name__exact"]
    search_help_text = "The whole name of a person"


@admin.register(Check)
class CheckAdmin(PartAdmin):
    list_display = ["name", "state", "package", "reported_at", "reported_by_name"]
    list_filter = ["state"]
    search_fields = ["name__exact"]
    search_help_text = "The whole name of a check"


@admin.register(TeamAccess)
class TeamAccessAdmin(ViewOnlyAdmin):
    list_display = ["team", "group"]
    list_select_related = ["team", "group"]
    search_fields = ["team__name__exact", "group__name__exact"]
    search_help_text = "The whole name of a team or group"
    ordering = ["-id"]


@admin.register(SavedView)
class SavedViewAdmin(ViewOnlyAdmin):
    list_display = ["name", "page", "owner", "is_shared", "saved_at"]
    list_filter = ["page", "is_shared"]
    list_select_related = ["owner"]
    search_fields = ["name__exact"]
    search_help_text = "The whole name of a view"
    ordering = ["-id"]
