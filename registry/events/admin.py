"""The log in the admin site, read-only, and the read-only base of all the registry's admin pages."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.functional import cached_property

from .models import Event

COUNTED = 1000


class CappedPaginator(Paginator):
    """Counts no further than 1,000: a full count of a big table costs more than the page. Search finds the rest."""

    @cached_property
    def count(self) -> int:
        return self.object_list.order_by().values("pk")[:COUNTED].count()


SEARCHED = 1200  # characters of what is looked for; the longest URI has 1,024


class ViewOnlyAdmin(admin.ModelAdmin):
    """Lists and shows rows; changes nothing, since what is not a service has no business writing."""

    paginator = CappedPaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER  # counts beside filters are full counts too
    list_per_page = list_max_show_all = 50
    actions = None

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.admin_site.has_permission(request)

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> Any:
        """Django's search for what can be found: SQLite refuses to look for more than 50,000 characters."""
        return super().get_search_results(request, queryset, search_term[:SEARCHED])

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.admin_site.has_permission(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    # The log of the registry is its events; a second one here would say less, and only of this door.
    def log_addition(self, *args: Any) -> None:
        pass

    def log_change(self, *args: Any) -> None:
        pass

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """The activity page, where the history of everything is."""
        return redirect("activity")


@admin.register(Event)
class EventAdmin(ViewOnlyAdmin):
    """Every event, also the single records of an import, which the feed leaves out."""

    list_display = ["at", "actor_name", "kind", "subject", "door"]
    list_filter = ["category", "in_feed"]
    search_fields = ["actor_name__exact", "group_name__exact", "package_name__exact", "target__exact"]
    search_help_text = "The whole name of a person, group, package or user"
    list_display_links = ["at", "kind"]

    def get_list_filter(self, request: HttpRequest) -> list[Any]:
        return [CategoryFilter, "in_feed"]

    @admin.display(description="about")
    def subject(self, event: Event) -> str:
        """What the event speaks of, by the names it keeps."""
        if event.version is not None:
            return f"{event.group_name} v{event.version}"
        return event.package_name or event.group_name or event.target


class CategoryFilter(admin.SimpleListFilter):
    """The words of the activity page; asking the table for its values would read all of it."""

    title = parameter_name = "category"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(name, name) for name in ("registration", "review", "metadata", "tags", "access")]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset.filter(category=self.value()) if self.value() else queryset
