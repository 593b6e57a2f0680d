"""Saved views: who may keep, share, change and delete one, which names are free, and what the log says."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.exceptions import ValidationError

from registry.accounts.models import User
from registry.accounts.permissions import Actor, NotAllowed
from registry.catalog import services
from registry.catalog.errors import AlreadyExists, NotFound
from registry.catalog.models import SavedView
from registry.catalog.models.saved_views import QUERY_MAX
from registry.catalog.reports.saved_views import find_view, read_views
from registry.events.models import Event
from tests.factories import make_user

pytestmark = pytest.mark.django_db

PAGE = "groups"


def actor(user: User) -> Actor:
    return Actor.of(user, "browser")


def save(user: User, name: str = "mine", query: str = "q=a", page: str = PAGE, **more: Any) -> SavedView:
    return services.save_view(actor=actor(user), page=page, name=name, query=query, **more)


def test_a_view_is_kept_for_its_owner(cast: dict[str, User]) -> None:
    view = save(cast["viewer"], "  waiting long  ", "q=status:waiting+updated:>4w")
    assert (view.name, view.query, view.is_shared) == ("waiting long", "q=status:waiting+updated:>4w", False)
    assert read_views(cast["viewer"], PAGE) == ([view], [])
    assert read_views(cast["admin"], PAGE) == ([], [])
    assert read_views(cast["viewer"], "packages") == ([], [])
    assert find_view(cast["viewer"], PAGE, "waiting long") == view
    assert find_view(cast["admin"], PAGE, "waiting long") is None
    event = Event.objects.get(kind="saved_view.saved")
    assert (event.target, event.category, event.in_feed, event.before) == ("waiting long", "views", False, None)
    assert event.after == {
        "Name": "waiting long",
        "List": PAGE,
        "Query": view.query,
        "Shared": False,
        "Owner": view.owner_id,
    }


def test_sharing_takes_a_contributor(cast: dict[str, User]) -> None:
    for role in ("contributor", "reviewer", "admin"):
        save(cast[role], role, is_shared=True)
    with pytest.raises(NotAllowed):
        save(cast["viewer"], "viewer", is_shared=True)
    own = save(cast["viewer"], "own")
    with pytest.raises(NotAllowed):
        services.share_view(actor=actor(cast["viewer"]), view=own, is_shared=True)
    assert {view.name for view in read_views(cast["viewer"], PAGE)[1]} == {"contributor", "reviewer", "admin"}
    shared = Event.objects.get(kind="saved_view.saved", target="admin")
    assert shared.in_feed


def test_names_are_free_once_per_owner_and_once_among_the_shared(cast: dict[str, User]) -> None:
    first = save(cast["contributor"], "late", is_shared=True)
    with pytest.raises(AlreadyExists, match="You have a view late here already"):
        save(cast["contributor"], "late")
    with pytest.raises(AlreadyExists, match="contributor shares a view late here already"):
        save(cast["admin"], "late", is_shared=True)
    own = save(cast["admin"], "late")
    with pytest.raises(AlreadyExists):
        services.share_view(actor=actor(cast["admin"]), view=own, is_shared=True)
    own.refresh_from_db()
    assert not own.is_shared
    save(cast["contributor"], "late", page="packages", is_shared=True)
    assert find_view(cast["admin"], PAGE, "late") == own, "one's own goes first"
    assert find_view(cast["viewer"], PAGE, "late") == first
    assert Event.objects.filter(kind__startswith="saved_view").count() == 3


@pytest.mark.parametrize("name", ["", "   ", "x" * 64, "a\nb", "a\0b", "a\u202eb"])
def test_a_name_is_a_short_line(cast: dict[str, User], name: str) -> None:
    with pytest.raises(ValidationError) as refused:
        save(cast["viewer"], name)
    assert "name" in refused.value.message_dict
    assert not SavedView.objects.exists()


def test_a_filter_that_is_too_long_or_a_list_that_is_none_is_refused(cast: dict[str, User]) -> None:
    with pytest.raises(ValidationError, match="too long"):
        save(cast["viewer"], query="q=" + "x" * QUERY_MAX)
    with pytest.raises(ValidationError):
        save(cast["viewer"], page="users")


def test_changing_takes_the_owner_or_an_admin(cast: dict[str, User]) -> None:
    view = save(cast["contributor"], "late", "q=a", is_shared=True)
    for role in ("viewer", "reviewer"):
        with pytest.raises(NotAllowed):
            services.update_view(actor=actor(cast[role]), view=view, query="q=b")
        with pytest.raises(NotAllowed):
            services.share_view(actor=actor(cast[role]), view=view, is_shared=False)
        with pytest.raises(NotAllowed):
            services.delete_view(actor=actor(cast[role]), view=view)
    services.update_view(actor=actor(cast["contributor"]), view=view, query="q=b")
    services.update_view(actor=actor(cast["contributor"]), view=view, query="q=b")
    changed = Event.objects.get(kind="saved_view.changed")
    assert changed.before is not None and changed.after is not None
    assert (changed.before["Query"], changed.after["Query"]) == ("q=a", "q=b")
    services.share_view(actor=actor(cast["admin"]), view=view, is_shared=False)
    assert Event.objects.get(kind="saved_view.unshared").in_feed
    services.share_view(actor=actor(cast["contributor"]), view=view, is_shared=True)
    services.delete_view(actor=actor(cast["admin"]), view=view)
    gone = Event.objects.get(kind="saved_view.deleted")
    assert gone.after is None and gone.before is not None and gone.before["Name"] == "late"
    assert not SavedView.objects.exists()
    with pytest.raises(NotFound):
        services.update_view(actor=actor(cast["contributor"]), view=view, query="q=c")


def test_nobody_keeps_views_without_a_role_or_without_being_a_user(cast: dict[str, User]) -> None:
    nobody = make_user("viewer", username="nobody")
    nobody.groups.clear()
    nobody = User.objects.get(pk=nobody.pk)
    with pytest.raises(NotAllowed):
        save(nobody)
    save(cast["admin"], "all", is_shared=True)
    assert read_views(nobody, PAGE) == ([], [])
    with pytest.raises(NotAllowed):
        services.save_view(actor=Actor.system(), page=PAGE, name="x", query="")
