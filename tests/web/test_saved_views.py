"""Saved views in the browser: the menu of a list, the address with a name, and forms that work without script."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

import pytest

from registry.accounts.models import User
from registry.accounts.permissions import Actor
from registry.catalog import services
from registry.catalog.models import SavedView
from tests.factories import make_group, make_package, make_user, make_version

pytestmark = pytest.mark.django_db

HTMX = {"HX-Request": "true"}


def save(user: User, name: str, query: str, page: str = "groups", **more: Any) -> SavedView:
    return services.save_view(actor=Actor.of(user, "browser"), page=page, name=name, query=query, **more)


def rows(html: str) -> list[str]:
    return re.findall(r'groups__name"><a href="[^"]+">([^<]+)<', html)


def test_an_address_with_a_name_shows_the_view(as_role: Any, cast: dict[str, User]) -> None:
    make_group("fraud", tags=[("team", "risk")])
    make_group("churn", tags=[("team", "risk")])
    make_group("other")
    save(cast["contributor"], "Team risk", "q=tag:team%3Drisk&sort=name", is_shared=True)
    html = as_role("viewer").get("/groups/?view=Team%20risk").text
    assert rows(html) == ["churn", "fraud"]
    assert 'aria-label="Remove filter tag:team=risk"' in html
    assert rows(as_role("viewer").get("/groups/?view=Team+risk&sort=-name").text) == ["fraud", "churn"]
    html = as_role("viewer").get("/groups/?view=no+such").text
    assert len(rows(html)) == 3 and "There is no view no such here" in html
    assert as_role("viewer").get("/groups/", {"view": "a\0" * 9}).status_code in (200, 400)


def test_every_list_opens_its_views(as_role: Any, cast: dict[str, User]) -> None:
    group, user = make_group("fraud"), cast["viewer"]
    make_version(group, approval_status="Approved", metrics=[("auc", 0.9)])
    make_version(group, approval_status="Rejected", metrics=[("auc", 0.8)])
    make_package("sold"), make_package("kept")
    client = as_role("viewer")
    save(user, "good", "q=metric:auc>0.85&metric=auc", "timeline")
    html = client.get(f"{group.get_absolute_url()}?view=good").text
    assert re.findall(r'data-row id="v(\d)"', html) == ["1"]
    save(user, "sold", "q=sold", "packages")
    assert rows(client.get("/packages/?view=sold").text) == ["sold"]
    save(user, "versions", "q=fraud&type=registration", "activity")
    html = client.get("/activity/?view=versions").text
    assert html.count("feed__item") == 3 and '<input type="radio" name="type" value="registration" checked>' in html
    for page in ("timeline", "packages", "activity"):
        assert client.get(f"/views/{page}/?at=us-east-1/fraud").status_code == 200


def test_saving_leads_to_the_view_and_refuses_a_taken_name(as_role: Any, cast: dict[str, User]) -> None:
    client = as_role("contributor")
    form = {"name": "Late", "query": "q=updated%3A%3E4w&sort=name&after=xyz&evil=1", "shared": "on"}
    response = client.post("/views/groups/", form)
    assert (response.status_code, response["Location"]) == (302, "/groups/?view=Late")
    view = SavedView.objects.get()
    assert (view.query, view.is_shared, view.owner) == ("q=updated:%3E4w&sort=name", True, cast["contributor"])
    response = client.post("/views/groups/", form, headers=HTMX)
    assert response.status_code == 422
    assert "You have a view Late here already." in response.text and 'value="Late"' in response.text
    assert response.text.strip().startswith('<div class="views" id="views-panel">')
    response = as_role("admin").post("/views/groups/", form)
    assert response.status_code == 422 and "contributor shares a view Late here already" in response.text
    response = client.post("/views/groups/", {**form, "name": "Later"}, headers=HTMX)
    assert response["HX-Redirect"] == "/groups/?view=Later"
    assert client.post("/views/groups/", {"name": ""}).status_code == 422
    assert as_role("viewer").post("/views/groups/", {**form, "name": "x"}).status_code == 403
    assert client.post("/views/timeline/", {"name": "x", "query": ""}).status_code == 404
    response = client.post("/views/timeline/", {"name": "x", "at": "us-east-1/nowhere"})
    assert response.status_code == 404


def test_the_menu_knows_what_is_shown(as_role: Any, cast: dict[str, User]) -> None:
    make_group("fraud")
    client = as_role("contributor")
    mine = save(cast["contributor"], "Mine", "q=fraud&sort=name")
    save(cast["admin"], "Theirs", "q=fraud", is_shared=True)
    html = client.get("/groups/?q=fraud&sort=name").text
    address = re.search(r'hx-get="(/views/groups/[^"]*)"', html)
    assert address and address[1] == "/views/groups/?q=fraud&amp;sort=name"
    assert 'href="/groups/csv/?q=fraud&amp;sort=name"' in html
    panel = client.get(address[1].replace("&amp;", "&"), headers=HTMX).text
    assert 'href="/groups/?view=Mine" aria-current="true"' in panel
    assert "by admin" in panel and 'name="query" value="q=fraud&amp;sort=name"' in panel
    assert 'aria-label="Delete Mine"' in panel and "Delete Theirs" not in panel
    assert 'aria-label="Put what is shown now into Mine"' not in panel, "it is that already"
    assert 'aria-label="Delete Theirs"' in as_role("admin").get("/views/groups/").text
    page = client.get("/views/groups/?q=x").text
    assert "<h1>Views</h1>" in page and "Put what is shown now into Mine" in page
    assert "Share with everybody" not in as_role("viewer").get("/views/groups/").text
    fragment = client.get("/groups/?q=other", headers=HTMX).text
    assert 'hx-get="/views/groups/?q=other"' in fragment, "the menu follows the filter"
    assert mine.pk


def test_a_view_is_changed_shared_and_deleted(as_role: Any, cast: dict[str, User]) -> None:
    client, view = as_role("contributor"), save(cast["contributor"], "Mine", "q=a")
    path = f"/views/groups/{view.pk}/"

    def do(what: str, **more: Any) -> Any:
        response = client.post(path, {"do": what, "query": "q=b"}, **more)
        if response.status_code in (200, 302):
            SavedView.objects.filter(pk=view.pk).exists() and view.refresh_from_db()
        return response

    assert do("update")["Location"] == "/views/groups/?q=b"
    assert view.query == "q=b"
    response = do("share", headers=HTMX)
    assert view.is_shared and "View Mine shared" in response["HX-Trigger"]
    assert "Stop sharing Mine" in response.text
    assert as_role("viewer").post(path, {"do": "delete"}).status_code == 403
    save(cast["admin"], "Mine", "q=c")
    other = SavedView.objects.get(owner=cast["admin"])
    response = as_role("admin").post(f"/views/groups/{other.pk}/", {"do": "share"}, headers=HTMX)
    assert response.status_code == 409 and "contributor shares a view Mine" in response.text
    do("unshare")
    assert as_role("viewer").post(path, {"do": "delete"}).status_code == 404, "nobody else's business"
    assert do("explode").status_code == 400
    assert client.post(f"/views/packages/{view.pk}/", {"do": "delete"}).status_code == 404
    do("delete")
    assert not SavedView.objects.filter(pk=view.pk).exists()


def test_shared_views_are_told_in_the_activity_and_own_ones_are_not(as_role: Any, cast: dict[str, User]) -> None:
    save(cast["contributor"], "Secret plan", "q=a")
    view = save(cast["contributor"], "Late", "q=b", is_shared=True)
    services.delete_view(actor=Actor.of(cast["contributor"], "browser"), view=view)
    html = as_role("viewer").get("/activity/?type=views").text
    assert "saved the shared view <b>Late</b> of groups" in html
    assert "deleted the shared view <b>Late</b> of groups" in html
    assert "Secret plan" not in html


def test_odd_input_is_refused_or_left_out(as_role: Any) -> None:
    client = as_role("contributor")
    make_user("viewer", username="x")
    for query in ("q=%00", "q=" + quote("(" * 3000), "&&&=", "q=%ff%fe", "sort[]=x", "q=" + "é" * 900):
        response = client.post("/views/groups/", {"name": f"n{len(query)}", "query": query})
        assert response.status_code in (302, 400, 422), query
        if response.status_code == 302:
            assert client.get(response["Location"]).status_code == 200
    assert client.get("/views/nothing/").status_code == 404
    assert client.get(f"/views/groups/{'9' * 30}/").status_code == 404
