"""The menu in the head of a list: saved views and CSV; and what an address with ?view= asks for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlencode

from django.http import HttpRequest, QueryDict

from registry.addresses import url
from registry.catalog.filters import ACTIVITY, GROUPS, PACKAGES, REVIEW, TIMELINE
from registry.catalog.models import SavedView
from registry.catalog.reports.saved_views import find_view

from .filter_boxes import READABLE

# Parameters of each list's address that a view keeps; the place of a page is none of them.
STATE = {
    GROUPS: ("q", "sort"),
    TIMELINE: ("q", "status", "stage", "image", "meta", "by", "metric"),
    PACKAGES: ("q",),
    REVIEW: ("q", "who"),
    ACTIVITY: ("q", "type", "group", "actor"),
}
# Address of each list and of its CSV file; those of a timeline take the region and name of its group.
_LISTS = {
    GROUPS: ("group-list", "group-list-csv"),
    TIMELINE: ("group-detail", "group-detail-csv"),
    PACKAGES: ("package-list", "package-list-csv"),
    REVIEW: ("review-queue", "review-csv"),
    ACTIVITY: ("activity", "activity-csv"),
}


@dataclass(frozen=True)
class ListMenu:
    """The menu of one list as it stands: `state` is what a view would keep, `group` the region and name of a timeline's
    group."""

    page: str
    state: str
    group: tuple[str, ...] = ()

    @classmethod
    def of(cls, page: str, pairs: Iterable[tuple[str, str]], group: tuple[str, ...] = ()) -> ListMenu:
        """The menu of a list with these parameters in its address; those that are no state, and empty ones, go."""
        kept = [(name, value) for name, value in pairs if name in STATE[page] and value]
        return cls(page, urlencode(kept, safe=READABLE), group)

    @property
    def views(self) -> str:
        """The address of the saved views, which knows what is shown now."""
        more = urlencode({"at": "/".join(self.group)}, safe="/") if self.group else ""
        query = "&".join(filter(None, [more, self.state]))
        path = url("saved-views", self.page)
        return f"{path}?{query}" if query else path

    @property
    def csv(self) -> str:
        """The address of what is listed, as a file."""
        path = url(_LISTS[self.page][1], *self.group)
        return f"{path}?{self.state}" if self.state else path

    @property
    def path(self) -> str:
        """The address of the list itself."""
        return url(_LISTS[self.page][0], *self.group)

    def opened(self, view: SavedView) -> str:
        """The address of the list under the name of a view."""
        return f"{self.path}?{urlencode({'view': view.name})}"


def params_of(request: HttpRequest, page: str) -> tuple[QueryDict, str]:
    """The parameters that an address means, those of its view included, and what there is to say about them.

    A parameter that stands in the address itself goes before the one of the view.
    """
    name = request.GET.get("view", "")
    if not name:
        return request.GET, ""
    view = find_view(request.user, page, name)  # type: ignore[arg-type]
    if view is None:
        return request.GET, f"There is no view {name[:80]} here, or it is not shared with you."
    params = QueryDict(view.query, mutable=True)
    for key, values in request.GET.lists():
        params.setlist(key, values)
    return params, ""
