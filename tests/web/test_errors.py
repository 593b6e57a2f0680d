"""The pages that say no, as a page and as a toast."""

import json
import logging
import re

import pytest
from django.core.exceptions import BadRequest, PermissionDenied
from django.http import HttpResponse
from django.test import Client
from django.urls import path
from django.utils import timezone

from registry.accounts.models import Role
from registry.accounts.permissions import NotAllowed
from registry.catalog.errors import AlreadyExists, Conflict, NotFound
from registry.urls import handler400, handler403, handler404, handler500
from registry.urls import urlpatterns as real
from tests.factories import make_group, make_user, make_version

pytestmark = pytest.mark.django_db

HX = {"HX-Request": "true"}
NOW = timezone.now()


def _raise(error):
    def view(request, **address):
        raise error

    return view


class Secret(Exception):
    """An error whose text must reach no visitor."""


urlpatterns = [
    path("t/refused/<str:region>/<str:name>/", _raise(NotAllowed("model_package_group.edit_tags", Role.ADMIN))),
    path("t/nobody/", _raise(NotAllowed("unknown.action", None))),
    path("t/denied/", _raise(PermissionDenied("Not this one."))),
    path("t/gone/", _raise(NotFound("This version was deleted."))),
    path(
        "t/conflict/",
        _raise(Conflict("The tags were changed meanwhile.", changed_by="rosa", changed_at=timezone.now())),
    ),
    path("t/taken/", _raise(AlreadyExists("The name fraud is taken."))),
    path("t/broken/", _raise(BadRequest("The form holds a NUL character."))),
    path("t/error/", _raise(Secret("password=hunter2"))),
    path("t/form/", lambda request: HttpResponse("saved")),
    *real,
]
__all__ = ["handler400", "handler403", "handler404", "handler500", "urlpatterns"]


@pytest.fixture
def rosa(client, settings):
    settings.ROOT_URLCONF = __name__
    user = make_user("reviewer", username="rosa")
    make_user("admin", username="ada")
    client.force_login(user)
    client.raise_request_exception = False
    return client


def ask(client, address, status, method="get", **headers):
    response = getattr(client, method)(address, headers=headers)
    assert response.status_code == status, response.content
    return response.content.decode()


def test_403_says_who_you_are_what_you_need_and_whom_to_ask(rosa):
    html = ask(rosa, "/t/refused/us-east-1/fraud/", 403, method="post")
    for words in (
        "Only admins change the tags of a group (fraud)",
        "Nothing was saved",
        "rosa",
        "role reviewer",
        "role admin",
        "ada",
        'href="/groups/us-east-1/fraud/"',
    ):
        assert words in html, words
    assert "<title>Not allowed · Model Registry</title>" in html
    assert "Nothing was saved" not in ask(rosa, "/t/refused/us-east-1/fraud/", 403)


@pytest.mark.parametrize(
    ("address", "status", "words"),
    [
        ("/t/nobody/", 403, "Nobody may unknown.action"),
        ("/t/denied/", 403, "Not this one"),
        ("/t/gone/", 404, "This version was deleted"),
        ("/t/conflict/", 409, "The tags were changed meanwhile. Nothing was saved."),
        ("/t/taken/", 409, "The name fraud is taken."),
        ("/t/broken/", 400, "The form holds a NUL character."),
        ("/t/error/", 500, "Something went wrong here"),
        ("/nowhere/", 404, "There is no such page"),
        ("/activity/?group=%00", 400, "NUL character"),
        ("/activity/?group=%ff", 400, "not UTF-8"),
    ],
)
def test_every_refusal_is_a_page_and_a_toast(rosa, address, status, words):
    html = ask(rosa, address, status)
    assert words in html and "<h1>" in html and html.count("<h1") == 1
    response = rosa.get(address, headers=HX)
    assert response.status_code == status
    toast = json.loads(response["HX-Trigger"])["toast"]
    assert toast["kind"] == "bad" and len(toast["text"]) > 10
    assert response["HX-Reswap"] == "none" and b"<html" not in response.content


def test_a_conflict_names_who_made_it(rosa):
    assert "Changed by" in ask(rosa, "/t/conflict/", 409)


def test_500_shows_an_id_that_the_log_has_and_nothing_else(rosa, caplog):
    with caplog.at_level(logging.ERROR):
        html = ask(rosa, "/t/error/", 500)
    error_id = re.search(r"<code>([0-9a-f-]{36})</code>", html)[1]
    assert "hunter2" not in html and "Secret" not in html and "Traceback" not in html
    (line,) = [r for r in caplog.records if r.levelno >= logging.ERROR]
    assert error_id in line.getMessage() and "hunter2" in line.exc_text


def test_500_needs_no_database(rosa, monkeypatch, django_db_blocker):
    from django.test import RequestFactory

    from registry.web.views.errors import server_error

    with django_db_blocker.block():
        response = server_error(RequestFactory().get("/groups/"))
    assert response.status_code == 500 and b"<h1>" in response.content


def test_404_offers_names_that_are_close(rosa):
    make_group("fraud-detection-xgb")
    make_group("fraud-review")
    make_group("churn")
    html = ask(rosa, "/groups/us-east-1/fraud-detecton-xgb/", 404)
    assert "There is no group fraud-" in html
    assert 'Close to it: <a class="link" href="/groups/us-east-1/fraud-detection-xgb/"' in html
    assert 'value="fraud-detection-xgb"' in html
    assert "churn" not in html
    # Without a region, in a wrong one, in other letters, and for what no address can be.
    wrong = ("/groups/fraud-detection-xgb/", "/groups/eu-west-1/fraud-detection-xgb/")
    for address in (*wrong, "/groups/us-east-1/fraud_detection.xgb/"):
        assert "/groups/us-east-1/fraud-detection-xgb/" in ask(rosa, address, 404)
    assert "Close to it" not in ask(rosa, "/groups/us-east-1/%3Cscript%3E/", 404)
    ask(rosa, "/groups/us-east-1/" + "x" * 3000 + "/", 404)


def test_404_of_a_version_leads_to_the_versions(rosa):
    make_version(make_group("fraud"))
    html = ask(rosa, "/groups/us-east-1/fraud/versions/99/", 404)
    assert "There is no version 99 of fraud" in html and "numbers from 1 to 1" in html
    ask(rosa, f"/groups/us-east-1/fraud/versions/{'9' * 30}/", 404)


def test_404_tells_a_stranger_no_names(client):
    make_group("fraud-detection-xgb")
    html = ask(client, "/groups/us-east-1/fraud-detecton-xgb/x/", 404)
    assert "fraud-detection-xgb" not in html and "Sign in" in html


def test_404_costs_the_same_with_many_groups(rosa, django_assert_max_num_queries):
    for n in range(40):
        make_group(f"fraud-{n}")
    with django_assert_max_num_queries(12):
        ask(rosa, "/groups/us-east-1/fraud-x/", 404)


def test_a_form_without_its_token_is_explained(settings):
    settings.ROOT_URLCONF = __name__
    client = Client(enforce_csrf_checks=True)
    client.force_login(make_user("viewer", username="vera"))
    html = ask(client, "/t/form/", 403, method="post")
    assert "Allow cookies for this site" in html and 'href="/t/form/"' in html
    response = client.post("/t/form/", headers=HX)
    assert "Reload the page" in json.loads(response["HX-Trigger"])["toast"]["text"]


def test_signed_out_fragment_is_sent_to_the_sign_in(client):
    response = client.get("/activity/", headers=HX | {"HX-Current-URL": "http://testserver/activity/?type=tags"})
    assert (response.status_code, response["HX-Redirect"]) == (401, "/login/?next=%2Factivity%2F%3Ftype%3Dtags")
