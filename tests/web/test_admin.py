"""The admin site as a whole: every list and page opens, for admins only, and deletes nothing."""

import pytest
from django.apps import apps
from django.contrib import admin as django_admin
from django.contrib.auth.models import Group
from django.urls import reverse
from django.utils import timezone

from registry.accounts.access_keys import create_access_key
from registry.accounts.models import User
from registry.accounts.permissions import Actor
from registry.accounts.teams import create_team
from registry.catalog.models import Check, ModelPackage, ModelPackageGroup, SavedView, Vote
from registry.catalog.services import set_group_teams
from registry.events.models import Event
from tests.factories import make_group, make_package, make_user, make_version

from .admin_forms import address

pytestmark = pytest.mark.django_db

# Notes of the wire's door: counts of a minute, and answers kept for a week as they were sent; ends of the log's chains.
# What a command checks, not a person who reads.
NOT_SHOWN = {"BadSignatures", "AnsweredCall", "ChainHead", "Checkpoint", "CheckpointKey", "CheckpointLeaf"}
OURS = [
    model
    for label in ("accounts", "catalog", "events")
    for model in apps.get_app_config(label).get_models()
    if model.__name__ not in NOT_SHOWN
]


@pytest.fixture
def admin(as_role):
    return as_role("admin")


def fill(rows):
    group = make_group("fraud", tags=[("team", "risk")])
    for n in range(rows):
        make_version(group, customer_metadata_properties={"key": str(n)}, metrics=[("auc", 0.9)])
        person = make_user("viewer")
        create_access_key(actor=Actor.system("test"), user=person, name="pipeline")
        now, version = timezone.now(), ModelPackage.objects.latest("pk")
        Vote.objects.create(package=version, user=person, user_name=person.username, voted_at=now)
        Check.objects.create(package=version, name="bias", state="success", reported_at=now, slot=0)
        SavedView.objects.create(owner=person, page="groups", name=f"mine-{n}", saved_at=now)
    make_package("sold-model", tags=[("a", "b")])
    create_team(actor=Actor.system("test"), name="Risk")
    set_group_teams(actor=Actor.system("test"), group=group, teams=["Risk"])
    return group


def test_every_model_is_there_and_only_roles_and_teams_beside():
    registered = set(django_admin.site._registry)
    assert set(OURS) <= registered
    assert {m._meta.label for m in registered - set(OURS)} == {"auth.Group"}


@pytest.mark.parametrize("model", OURS, ids=lambda m: m.__name__)
def test_list_search_and_page_of_every_model(admin, client, model):
    fill(2)
    client.post("/login/", {"login": "nobody", "password": "x"})
    html = admin.get(address(model, "changelist")).content.decode()
    assert "result_list" in html, html
    assert "<style" not in html and " style=" not in html and "<script>" not in html
    assert admin.get(address(model, "changelist"), {"q": "fraud"}).status_code == 200
    assert admin.get(address(model, "changelist"), {"q": "x" * 500 + " %_\\ '"}).status_code == 200
    page = admin.get(address(model.objects.first()))
    assert page.status_code == 200
    assert " style=" not in page.content.decode() and "<style" not in page.content.decode()
    assert admin.get(address(model.objects.first()) + "../history/").status_code in (302, 404)


@pytest.mark.parametrize("model", [*OURS, Group], ids=lambda m: m.__name__)
def test_nothing_is_deleted_and_only_three_are_saved(admin, client, model):
    fill(1)
    client.post("/login/", {"login": "nobody", "password": "x"})
    row = model.objects.first()
    delete = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_delete", args=[row.pk])
    assert admin.post(delete, {"post": "yes"}).status_code == 403
    may = model in (User, ModelPackage, ModelPackageGroup)  # the first Django group is a role
    if not may:
        assert admin.post(address(row), {}).status_code == 403
    add = admin.get(address(model, "add")).status_code
    assert add == (200 if model in (User, ModelPackageGroup, Group) else 403)
    assert 'value="delete_selected"' not in admin.get(address(model, "changelist")).content.decode()


@pytest.mark.parametrize("model", OURS, ids=lambda m: m.__name__)
def test_lists_ask_the_same_queries_for_few_and_many_rows(admin, client, model, django_assert_max_num_queries):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    def queries():
        with CaptureQueriesContext(
            connection,
        ) as asked:
            assert admin.get(address(model, "changelist")).status_code == 200
        return len(asked)

    fill(1)
    client.post("/login/", {"login": "nobody", "password": "x"})
    few = queries()
    group = ModelPackageGroup.objects.get()
    for n in range(40):
        make_version(group, customer_metadata_properties={"key": str(n)}, metrics=[("auc", 0.9)])
        make_group(f"group-of-many-{n}", tags=[("team", "risk")])
    for n in range(5):
        make_user("viewer")
        client.post("/login/", {"login": f"nobody-{n}", "password": "x"})
    many = queries()
    assert many <= few and many <= 12


def test_no_list_counts_a_big_table_to_its_end(admin, monkeypatch):
    from registry.events import admin as pages

    monkeypatch.setattr(pages, "COUNTED", 3)
    fill(5)
    html = admin.get(address(ModelPackage, "changelist")).content.decode()
    assert "3 model packages" in html


@pytest.mark.parametrize("role", ["viewer", "contributor", "reviewer"])
def test_only_the_role_admin_gets_in(as_role, cast, role):
    client = as_role(role)
    User.objects.filter(pk=cast[role].pk).update(is_staff=True)  # an old row: the role decides
    for path in ("/admin/", "/admin/catalog/", address(ModelPackageGroup, "changelist"), address(User, "add")):
        assert client.get(path, follow=True).status_code == 403, path
        assert client.post(path, {"username": "x"}, follow=True).status_code in (403, 422), path
    assert not Event.objects.filter(door="admin").exists()


def test_index_password_and_sign_out_are_the_registrys_own(admin):
    html = admin.get("/admin/").content.decode()
    assert "Recent actions" not in html and 'action="/logout/"' in html
    assert admin.get("/admin/password_change/")["Location"] == "/settings/password/"
    assert admin.post("/admin/logout/")["Location"] == "/login/"
