"""Tags of groups and unversioned packages in the browser, and what a version's page says instead."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client

from registry.catalog import services
from registry.catalog.models import ModelPackageGroup
from registry.catalog.services import digest_of_tags
from registry.events.models import Event
from tests.factories import an_actor, make_group, make_package, make_version

HTMX = {"HX-Request": "true"}
TAGS = [("team", "fraud"), ("tier", "1")]
OWNERS = ["/groups/us-east-1/owner/", "/packages/us-east-1/owner/"]


@pytest.fixture(params=OWNERS)
def owner(request: pytest.FixtureRequest, db: None) -> Any:
    """A group or an unversioned package with two tags; `path` is its address."""
    make = make_group if request.param == OWNERS[0] else make_package
    owner = make("owner", tags=TAGS)
    owner.path = request.param
    return owner


def tags_of(owner: Any) -> list[tuple[str, str]]:
    return [(tag.key, tag.value) for tag in type(owner).objects.get(pk=owner.pk).tags.all()]


def posted(
    kept: list[tuple[str, str]], new: str = "", seen: list[tuple[str, str]] = TAGS, **more: Any
) -> dict[str, Any]:
    keys, values = [key for key, _ in kept], [value for _, value in kept]
    return {"tag_key": keys, "tag_value": values, "tag": new, "seen": digest_of_tags(seen), **more}


def test_an_admin_edits_tags_in_place(as_role: Any, owner: Any) -> None:
    client: Client = as_role("admin")
    shown = client.get(f"{owner.path}tags/", headers=HTMX).content.decode()
    assert '<div id="group-tags"' in shown
    assert f'hx-get="{owner.path}tags/edit/"' in shown
    assert f'href="/{owner.path.split("/")[1]}/?q=tag:team=fraud"' in shown
    form = client.get(f"{owner.path}tags/edit/", headers=HTMX).content.decode()
    assert re.findall(r'name="tag_key" value="([^"]+)"', form) == ["team", "tier"]
    assert '<option value="team=fraud">' in form
    assert "<noscript>" not in form
    response = client.post(f"{owner.path}tags/", posted(TAGS[:1], "pii=yes"), headers=HTMX)
    html = response.content.decode()
    assert response.status_code == 200
    assert '<div id="group-tags"' in html
    assert "Tags saved" in response["HX-Trigger"]
    assert tags_of(owner) == [("team", "fraud"), ("pii", "yes")]
    assert Event.objects.filter(kind__endswith=".tagged").get().actor_name == "admin"


def test_tags_are_edited_without_script(as_role: Any, owner: Any) -> None:
    client = as_role("admin")
    page = client.get(f"{owner.path}tags/edit/").content.decode()
    assert "<html" in page
    assert 'type="checkbox" name="remove" value="team"' in page
    assert "hx-post" not in page[page.index('<form id="group-tags"') :]
    response = client.post(f"{owner.path}tags/", posted(TAGS, "a=b, c=d", remove="team"))
    assert (response.status_code, response["Location"]) == (302, owner.path)
    assert tags_of(owner) == [("tier", "1"), ("a", "b"), ("c", "d")]
    assert client.get(f"{owner.path}tags/")["Location"] == owner.path


def test_a_typed_key_that_is_there_gets_the_new_value(as_role: Any, owner: Any) -> None:
    as_role("admin").post(f"{owner.path}tags/", posted(TAGS, "team=risk team"))
    assert tags_of(owner) == [("team", "risk team"), ("tier", "1")]


@pytest.mark.parametrize(
    ("new", "message"),
    [
        ("nonsense", "Write key=value. For a tag without a value: nonsense="),
        ("=x", "Enter a key."),
        ("a=b, a=c", "The key a is there twice."),
        ("aws:x=y", "Keys that begin with aws: are reserved."),
        ("bad;key=1", "The character ; is not allowed here."),
        ("k=" + "v" * 257, "A value has at most 256 characters; this has 257."),
        (",".join(f"n{n}=1" for n in range(49)), "At most 50 tags; these are 51."),
    ],
)
def test_a_refused_tag_says_so_at_the_field_and_stays(as_role: Any, owner: Any, new: str, message: str) -> None:
    client = as_role("admin")
    for headers in (HTMX, {}):
        response = client.post(
            f"{owner.path}tags/", posted(TAGS[:1] if "=" in new and "n48" not in new else TAGS, new), headers=headers
        )
        html = response.content.decode()
        assert response.status_code == 422
        assert message in html
        assert f'value="{new}" aria-invalid="true" aria-describedby="new-tag-d"' in html
        assert 'id="new-tag-d"' in html
        assert 'name="tag_value" value="fraud"' in html
    assert tags_of(owner) == TAGS


def test_stale_tags_are_a_conflict_that_shows_both(as_role: Any, owner: Any) -> None:
    services.set_tags(actor=an_actor(), owner=owner, tags=[("team", "theirs")])
    client = as_role("admin")
    response = client.post(f"{owner.path}tags/", posted(TAGS[1:], "pii=yes"), headers=HTMX)
    html = response.content.decode()
    assert response.status_code == 409
    assert "<b>any-admin</b> changed the tags" in html
    assert re.findall(r'name="tag_value" value="([^"]*)"', html) == ["theirs"]
    assert 'value="pii=yes"' in html
    assert "tier" in html[html.index("Yours were") : html.index('name="tag_key"')]
    assert tags_of(owner) == [("team", "theirs")]
    assert f'name="seen" value="{digest_of_tags([("team", "theirs")])}"' in html
    again = client.post(f"{owner.path}tags/", posted([("team", "theirs")], "pii=yes", seen=[("team", "theirs")]))
    assert again.status_code == 302
    assert tags_of(owner) == [("team", "theirs"), ("pii", "yes")]


@pytest.mark.parametrize("role", ["viewer", "contributor", "reviewer"])
def test_only_an_admin_edits_tags(as_role: Any, owner: Any, role: str) -> None:
    client = as_role(role)
    assert "tags/edit/" not in client.get(f"{owner.path}tags/", headers=HTMX).content.decode()
    assert client.get(f"{owner.path}tags/edit/").status_code == 403
    assert client.post(f"{owner.path}tags/", posted([])).status_code == 403
    assert tags_of(owner) == TAGS


def test_tags_of_nothing_are_not_found(as_role: Any) -> None:
    client = as_role("admin")
    for path in OWNERS:
        assert client.get(f"{path}tags/edit/").status_code == 404
        assert client.post(f"{path}tags/", posted([])).status_code == 404


def test_a_version_has_no_tags_and_offers_metadata(as_role: Any) -> None:
    make_version(make_group("owner", tags=TAGS))
    path = "/groups/us-east-1/owner/versions/1/"
    client = as_role("admin")
    for page in ("tags/", "tags/edit/"):
        html = client.get(f"{path}{page}").content.decode()
        assert "Versions have no tags. Use metadata, or tag the group." in html
        assert f'action="{path}metadata/"' in html
        assert 'href="/groups/us-east-1/owner/tags/edit/"' in html
    response = client.post(f"{path}tags/", {"tag": "team=risk"})
    html = response.content.decode()
    assert response.status_code == 422
    assert "Versions have no tags. Use metadata, or tag the group." in html
    assert 'value="team"' in html
    assert 'value="risk"' in html
    assert [(tag.key, tag.value) for tag in ModelPackageGroup.objects.get().tags.all()] == TAGS
    assert 'name="key"' not in as_role("viewer").get(f"{path}tags/").content.decode()
    assert client.get("/groups/us-east-1/owner/versions/2/tags/").status_code == 404
