"""The sentences about saved views: what the activity says of their events."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from .told import say

_VERBS = {
    "saved_view.saved": "saved",
    "saved_view.changed": "changed",
    "saved_view.shared": "shared",
    "saved_view.unshared": "unshared",
    "saved_view.deleted": "deleted",
}
VIEW_KINDS = tuple(_VERBS)
_LISTS = {
    "groups": "groups",
    "timeline": "versions",
    "packages": "packages",
    "review": "the review queue",
    "activity": "the activity",
}


def tell_view(kind: str, name: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[str, Markup]:
    """The icon and the words for an event of VIEW_KINDS about the view `name`."""
    state, verb = after or before, _VERBS[kind]
    what = "shared view" if state.get("Shared") and verb != "shared" else "view"
    where = _LISTS.get(str(state.get("List")), "a list")
    return "trash-2" if verb == "deleted" else "funnel", say("{} the {} <b>{}</b> of {}", verb, what, name, where)
