"""What a team keeps to itself is for everybody else what is not there, at every door."""

import json

import pytest
import time_machine
from django.urls import reverse

from registry.catalog.models import ModelPackage, ModelPackageGroup
from registry.events.models import Event
from tests.api.signing import SignedCall
from tests.api.test_checks import post
from tests.api.test_roles_of_operations import CALLS
from tests.factories import REGION, make_group, make_version
from tests.test_roles import ADDRESSES, addresses

from .asking import call, key_of, signed_in, told
from .hidden import ABSENT, GONE, HIDDEN, OTHER_TEAM, TEAM, WORD, fill_hidden, fill_open, limit, member, plain

pytestmark = pytest.mark.django_db

NOW = "2026-11-20T12:00:00Z"
SHORT_OR_WHOLE = [False, pytest.param(True, marks=pytest.mark.authority)]


@pytest.fixture(autouse=True)
def host(settings):
    settings.ALLOWED_HOSTS = ["registry.test", "testserver"]


@pytest.mark.parametrize("whole", SHORT_OR_WHOLE)
def test_what_others_see_is_the_same_before_and_after(whole):
    outsider, insider = member("reviewer", "ola", OTHER_TEAM), member("viewer", "ina", TEAM)
    with time_machine.travel(NOW, tick=False):
        fill_open()
        key = key_of(outsider)
        before = told(signed_in(outsider), key, whole=whole)
        fill_hidden()
        after = told(signed_in(outsider), key, whole=whole)
        assert [asked for asked in before if before[asked] != after[asked]] == []
        # The words are there to be found: whoever may know of them does.
        shown = " ".join(map(str, told(signed_in(insider), key_of(insider), whole=whole).values()))
    for word in (HIDDEN, f"{WORD}-tag=", f"{WORD}-key", f"{WORD}_loss", f"{WORD}-check", f"{WORD}-image", f"eu-{WORD}"):
        assert word in shown, word


def paths_of(name, *, whole):
    """Every address that names a group or a version, of that name, with the methods of its row.

    Not `whole`: no form as a fragment, and of what was deleted, the pages alone.
    """
    for address, parts in addresses():
        if "name" not in parts or address.startswith("unversioned"):
            continue
        words = {"region": REGION, "name": name, "version": 1, "pk": 999_999}
        path = reverse(address, kwargs={part: words[part] for part in parts})
        for method in dict.fromkeys(row.split()[0] for row in ADDRESSES[address]):
            if name == GONE and not whole and method != "GET":
                continue
            for headers in ({}, {"HX-Request": "true"}) if whole or (method == "GET" and name == HIDDEN) else ({},):
                yield method, f"{path}?after=0" if address.endswith("-live") else path, headers


@pytest.mark.parametrize(
    ("role", "name", "whole"),
    [("reviewer", HIDDEN, False), ("reviewer", GONE, False)]
    + [
        pytest.param(role, name, True, marks=pytest.mark.authority)
        for role in ("viewer", "contributor", "reviewer")
        for name in (HIDDEN, GONE)
    ],
)
def test_an_address_of_it_answers_like_one_of_nothing(role, name, whole):
    fill_open()
    fill_hidden()
    client, faults = signed_in(member(role, "ola", OTHER_TEAM)), []
    events = Event.objects.count()
    for method, path, headers in paths_of(name, whole=whole):
        ours = plain(client.generic(method, path, headers=headers), name)
        if ours != plain(client.generic(method, path.replace(name, ABSENT), headers=headers), ABSENT):
            faults.append(f"{method} {path} {headers} differs")
        if ours[:3] not in ("404", "403", "204"):
            faults.append(f"{method} {path} {headers}: {ours[:3]}")
    assert not faults
    assert Event.objects.count() == events


@pytest.mark.parametrize("narrowed", [False, True], ids=["outsider", "narrowed key of an admin"])
@pytest.mark.parametrize("operation", CALLS)
def test_a_call_about_it_answers_like_one_about_nothing(operation, narrowed):
    group = limit(make_group(HIDDEN))
    make_version(group, customer_metadata_properties={"a": "1"})
    key = key_of(member("admin", "ada"), "reviewer") if narrowed else key_of(member("reviewer", "ola", OTHER_TEAM))
    events = Event.objects.count()
    for _, members in CALLS[operation]:
        sent = json.dumps(members)
        if "fraud" not in sent:
            continue
        answers = []
        for name in (HIDDEN, ABSENT):
            body = sent.replace("fraud", name).encode()
            answers.append(str(SignedCall(key=key, operation=operation, body=body).send()).replace(name, "NAME"))
        assert answers[0] == answers[1]
    assert Event.objects.count() == events


def test_the_check_endpoint_knows_nothing_of_it():
    make_version(limit(make_group(HIDDEN)))
    key = key_of(member("contributor", "ola", OTHER_TEAM))
    answers = []
    for name in (HIDDEN, ABSENT):
        body = {"ModelPackageName": f"{name}/1", "Name": "ci", "State": "success"}
        answers.append(str(post(key, body)).replace(name, "NAME"))
    assert answers[0] == answers[1] and "does not exist" in answers[0]


def test_a_token_does_not_open_an_answer_about_it():
    group = make_group(HIDDEN)
    key, members = key_of(member("contributor", "ola")), {"ModelPackageGroupName": HIDDEN}
    assert call(key, "CreateModelPackage", **members, ClientToken="once")[1] == ""
    limit(group)
    again, fresh = (call(key, "CreateModelPackage", **members, ClientToken=token) for token in ("once", "other"))
    assert again == fresh and again[1] == "ValidationException"


def test_a_name_that_is_taken_is_all_that_can_be_learned():
    limit(make_group(HIDDEN))
    user = member("contributor", "ola", OTHER_TEAM)
    status, code, answer = call(key_of(user), "CreateModelPackageGroup", ModelPackageGroupName=HIDDEN)
    assert (status, code) == (400, "ValidationException") and "already exists" in answer["message"]
    client = signed_in(user)
    for response in (
        client.get("/groups/new/check-name/", {"name": HIDDEN, "region": REGION}),
        client.post("/groups/new/", {"name": HIDDEN, "region": REGION}),
    ):
        html = response.content.decode()
        assert "is taken" in html and f"/groups/{REGION}/{HIDDEN}/" not in html


def test_an_admin_sees_all_in_the_admin_site_too_and_nobody_else_gets_there():
    group = limit(make_group(HIDDEN))
    make_version(group)
    for role, status in (("admin", 200), ("reviewer", 403)):
        client = signed_in(member(role, role, OTHER_TEAM))
        for row in (group, ModelPackage.objects.get(), group.team_accesses.get()):
            meta = row._meta
            page = reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[row.pk])
            assert client.get(page, follow=True).status_code == status
    assert ModelPackageGroup.objects.count() == 1
