"""Making a group and editing its description, on both databases."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

import pytest
from django.test import Client

from registry.accounts.models import User
from registry.catalog.models import ModelPackageGroup
from registry.catalog.reports.groups import check_name
from registry.events.models import Event
from tests.factories import an_actor, make_group, make_user

HTMX = {"HX-Request": "true"}


def get(client: Client, path: str, **headers: str) -> str:
    response = client.get(path, headers=headers)
    assert response.status_code == 200, response.content[:500]
    return response.content.decode()


# ---------- new groups ----------

TYPED = {
    "name": "payment-risk",
    "description": "Score\r\nof cards",
    "tag_key": ["team", ""],
    "tag_value": ["fraud", ""],
}


def test_a_contributor_makes_a_group_with_its_tags(as_role: Any) -> None:
    client = as_role("contributor")
    response = client.post("/groups/new/", TYPED)
    assert (response.status_code, response["Location"]) == (302, "/groups/us-east-1/payment-risk/")
    group = ModelPackageGroup.objects.get()
    assert (group.description, group.created_by_name) == ("Score\nof cards", "contributor")
    assert [(tag.key, tag.value) for tag in group.tags.all()] == [("team", "fraud")]
    assert Event.objects.get(kind="model_package_group.created").actor_name == "contributor"
    assert "Group payment-risk created" in get(client, "/groups/")


def test_the_dialog_leaves_for_the_new_group(as_role: Any) -> None:
    response = as_role("contributor").post("/groups/new/", TYPED, headers=HTMX)
    assert response["HX-Redirect"] == "/groups/us-east-1/payment-risk/"


@pytest.mark.parametrize(
    ("changes", "message", "field"),
    [
        ({"name": ""}, "Enter a name.", "name"),
        (
            {"name": "fraud detection"},
            "Spaces are not allowed. Use hyphens between words. fraud-detection is free.",
            "name",
        ),
        ({"name": "taken"}, "taken-2 is free.", "name"),
        ({"name": "x" * 64}, "At most 63 characters; this has 64.", "name"),
        ({"description": "x" * 1025}, "At most 1024 characters; this has 1025.", "description"),
        ({"description": "a\x07b"}, "Control characters cannot be stored.", "description"),
        ({"region": "mars"}, "mars", "region"),
        ({"tag_key": ["team", "team"], "tag_value": ["a", "b"]}, "The key team is there twice.", "tag-key-2"),
        ({"tag_key": ["", ""], "tag_value": ["a", ""]}, "Enter a key.", "tag-key-1"),
        ({"tag_key": ["aws:x", ""], "tag_value": ["a", ""]}, "Keys that begin with aws: are reserved.", "tag-key-1"),
        (
            {"tag_key": [f"k{n}" for n in range(51)], "tag_value": ["v"] * 51},
            "At most 50 tags; these are 51.",
            "tag-key-0",
        ),
    ],
)
def test_a_refused_group_says_so_at_the_field_and_keeps_what_was_typed(
    as_role: Any, changes: dict[str, Any], message: str, field: str
) -> None:
    make_group("taken")
    make_group("elsewhere", region="eu-west-1")
    client = as_role("contributor")
    for headers, start in (({}, "<!doctype html>"), (HTMX, '<dialog class="dialog" id="newgroup"')):
        response = client.post("/groups/new/", TYPED | changes, headers=headers)
        html = response.content.decode()
        assert response.status_code == 422
        assert start in html
        assert message in html
        assert "1 field needs a change" in html
        assert f'href="#{field}"' in html
        assert f'id="{field}' in html
        name, values = (TYPED | changes)["name"], (TYPED | changes)["tag_value"]
        assert not name or f'value="{name}"' in html
        assert 'name="tag_value" aria-label="Tag 1 value" placeholder="payments"' in html
        assert f'value="{values[0]}"' in html
        assert (TYPED | changes)["description"].replace("\r\n", "") in html.replace("\r\n", "").replace("\n", "")
    assert ModelPackageGroup.objects.count() == 2


def test_a_viewer_makes_no_group(as_role: Any) -> None:
    client = as_role("viewer")
    assert "newgroup" not in get(client, "/groups/")
    assert client.get("/groups/new/").status_code == 403
    assert client.post("/groups/new/", TYPED).status_code == 403
    assert not ModelPackageGroup.objects.exists()


def test_region_is_a_choice_where_there_are_several(as_role: Any) -> None:
    client = as_role("contributor")
    assert 'name="region"' not in get(client, "/groups/new/")
    make_group("a", region="eu-west-1")
    html = get(client, "/groups/new/")
    assert re.findall(r'<option value="([^"]+)"', html) == ["us-east-1", "eu-west-1"]
    client.post("/groups/new/", TYPED | {"region": "eu-west-1"})
    assert ModelPackageGroup.objects.get(name="payment-risk").region == "eu-west-1"


def test_name_check_says_what_is_wrong_and_what_is_free(as_role: Any) -> None:
    make_group("taken")
    client = as_role("contributor")

    def check(name: str) -> str:
        return get(client, f"/groups/new/check-name/?name={quote(name)}", **HTMX)

    assert 'id="name-e"' in check("")
    assert "brand-new is free." in check("brand-new")
    assert 'href="/groups/us-east-1/taken/"' in check("taken")
    assert "taken-2 is free." in check("taken")
    assert "a-b is free." in check("a b")
    assert "is free" not in check("---")
    assert "Only the letters" in check("<b>")
    assert check_name(make_user("viewer"), "eu-west-1", "taken").is_free


# ---------- description ----------


def test_an_admin_edits_the_description_in_place(as_role: Any) -> None:
    make_group("a", description="One\r\ntwo")
    client, path = as_role("admin"), "/groups/us-east-1/a/description/"
    assert 'id="group-desc"' in get(client, path, **HTMX)
    assert "<textarea" not in get(client, path, **HTMX)
    form = get(client, f"{path}?edit=1", **HTMX)
    assert '<form id="group-desc"' in form
    assert "<html" in get(client, path)
    response = client.post(path, {"description": "New\r\nwords", "seen": "One\r\ntwo"}, headers=HTMX)
    assert response.status_code == 200
    assert "Description saved" in response["HX-Trigger"]
    assert ModelPackageGroup.objects.get().description == "New\nwords"
    response = client.post(path, {"description": "Third", "seen": "New\r\nwords"})
    assert (response.status_code, response["Location"]) == (302, "/groups/us-east-1/a/")


def test_a_stale_description_is_a_conflict_that_shows_both(as_role: Any, cast: dict[str, User]) -> None:
    from registry.catalog import services

    group = make_group("a", description="old")
    services.update_model_package_group_description(actor=an_actor(), group=group, description="theirs")
    client, path = as_role("admin"), "/groups/us-east-1/a/description/"
    for headers in (HTMX, {}):
        response = client.post(path, {"description": "mine", "seen": "old"}, headers=headers)
        html = response.content.decode()
        assert response.status_code == 409
        assert "<b>any-admin</b> changed the description" in html
        assert "theirs" in html
        assert "mine</textarea>" in html
    assert ModelPackageGroup.objects.get().description == "theirs"
    assert client.post(path, {"description": "mine", "seen": "theirs"}).status_code == 302


def test_a_long_description_is_refused_and_kept(as_role: Any) -> None:
    make_group("a")
    response = as_role("admin").post(
        "/groups/us-east-1/a/description/", {"description": "x" * 1025, "seen": ""}, headers=HTMX
    )
    assert response.status_code == 422
    assert "At most 1024 characters; this has 1025." in response.content.decode()
    assert "x" * 1025 in response.content.decode()


def test_only_an_admin_edits_the_description(as_role: Any) -> None:
    make_group("a")
    client, path = as_role("reviewer"), "/groups/us-east-1/a/description/"
    assert client.post(path, {"description": "x", "seen": ""}).status_code == 403
    assert client.get(path).status_code == 403
    assert "Add a description" not in get(client, path, **HTMX)
    assert client.get("/groups/us-east-1/b/description/").status_code == 404
