"""The saved views as the log tells them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .entries import Entry

Key = tuple[Any, str, str]


def replay_saved_views(entries: Iterable[Entry]) -> tuple[dict[Key, dict[str, Any]], bool]:
    """The views by owner, list and name, each with its columns but the id; and whether the log tells all of them.

    It does not where a release before this one wrote events of views: they do not say whose a view is.
    """
    views: dict[Key, dict[str, Any]] = {}
    complete = True
    for entry in entries:
        state = entry.after or entry.before
        if "Owner" not in state:
            complete = False
            continue
        key = (state["Owner"], state["List"], state["Name"])
        if entry.kind == "saved_view.deleted":
            views.pop(key, None)
            continue
        views[key] = {
            "owner_id": state["Owner"],
            "page": state["List"],
            "name": state["Name"],
            "query": state["Query"],
            "is_shared": state["Shared"],
            "saved_at": entry.at,
        }
    return views, complete
