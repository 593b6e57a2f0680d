"""The admin site: every list and form, every save through the services, no way around their rules."""

import re
from html.parser import HTMLParser

import pytest
from django.apps import apps
from django.contrib import admin as django_admin
from django.urls import reverse

from registry.accounts.access_keys import create_access_key
from registry.accounts.models import User
from registry.accounts.permissions import Actor
from registry.catalog import services
from registry.catalog.models import CustomerMetadataProperty, ModelPackage, ModelPackageGroup, Tag
from registry.events.models import Event
from tests.factories import PASSWORD, an_actor, make_group, make_package, make_user, make_version

pytestmark = pytest.mark.django_db

# Notes of the wire's door: counts of a minute, and answers kept for a week as they were sent.
NOT_SHOWN = {"BadSignatures", "AnsweredCall"}
OURS = [
    model
    for label in ("accounts", "catalog", "events")
    for model in apps.get_app_config(label).get_models()
    if model.__name__ not in NOT_SHOWN
]


class Inputs(HTMLParser):
    """The values that a browser would send with the main form of an admin page."""

    def __init__(self, html):
        super().__init__()
        self.values, self.select, self.area, self.inside = {}, None, None, False
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if tag == "form":
            self.inside = given.get("id", "").endswith("_form")
        if not self.inside:
            return
        name, kind = given.get("name"), given.get("type")
        if tag == "input" and name and kind not in ("submit", "checkbox"):
            self.values[name] = given.get("value", "")
        elif tag == "input" and name and kind == "checkbox" and "checked" in given:
            self.values[name] = given.get("value", "on")
        elif tag == "select":
            self.select = name
            self.values.setdefault(name, "")
        elif tag == "option" and self.select and "selected" in given:
            self.values[self.select] = given.get("value", "")
        elif tag == "textarea":
            self.area = name
            self.values[name] = ""

    def handle_endtag(self, tag):
        if tag == "textarea":
            # The first line break of a textarea is not part of its value.
            self.values[self.area] = self.values[self.area].removeprefix("\r\n").removeprefix("\n")
        self.select = None if tag == "select" else self.select
        self.area = None if tag == "textarea" else self.area

    def handle_data(self, data):
        if self.area:
            self.values[self.area] += data


@pytest.fixture
def admin(as_role):
    return as_role("admin")


def address(obj_or_model, view="change"):
    meta = obj_or_model._meta
    args = [obj_or_model.pk] if view == "change" else []
    return reverse(f"admin:{meta.app_label}_{meta.model_name}_{view}", args=args)


def form_of(client, url):
    response = client.get(url)
    assert response.status_code == 200
    return Inputs(response.content.decode()).values


def save(client, url, status=302, **changes):
    """Post the page's own form with some values changed; dots in names are written as two underscores."""
    values = form_of(client, url)
    values |= {name.replace("__", "-"): value for name, value in changes.items()}
    response = client.post(url, values)
    html = response.content.decode()
    assert response.status_code == status, re.findall(r"errorlist[^<]*(?:<li>[^<]*)+", html) or html[:400]
    return html


def kinds():
    return list(Event.objects.order_by("id").values_list("kind", "door"))


def fill(rows):
    group = make_group("fraud", tags=[("team", "risk")])
    for n in range(rows):
        make_version(group, customer_metadata_properties={"key": str(n)}, metrics=[("auc", 0.9)])
        create_access_key(actor=Actor.system("test"), user=make_user("viewer"), name="pipeline")
    make_package("sold-model", tags=[("a", "b")])
    return group


# ---------- every model ----------


def test_every_model_is_there_and_only_roles_beside():
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


@pytest.mark.parametrize("model", [*OURS, apps.get_model("auth.Group")], ids=lambda m: m.__name__)
def test_nothing_is_deleted_and_only_three_are_saved(admin, client, model):
    fill(1)
    client.post("/login/", {"login": "nobody", "password": "x"})
    row = model.objects.first()
    delete = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_delete", args=[row.pk])
    assert admin.post(delete, {"post": "yes"}).status_code == 403
    may = model in (User, ModelPackage, ModelPackageGroup)
    if not may:
        assert admin.post(address(row), {}).status_code == 403
    add = admin.get(address(model, "add")).status_code
    assert add == (200 if model in (User, ModelPackageGroup) else 403)
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


# ---------- groups ----------


def test_group_is_made_with_tags_through_the_service(admin):
    save(
        admin,
        address(ModelPackageGroup, "add"),
        name="fraud",
        description="Finds it.",
        tags__0__key="team",
        tags__0__value="risk",
    )
    group = ModelPackageGroup.objects.get()
    assert (group.region, group.created_by_name) == ("us-east-1", "admin")
    assert [str(tag) for tag in group.tags.all()] == ["team=risk"]
    assert kinds()[-1] == ("model_package_group.created", "admin")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"name": "a b"}, "Spaces are not allowed. Use hyphens between words."),
        ({"name": "x" * 64}, "at most 63"),
        ({"name": "taken"}, "The name taken is taken in us-east-1."),
        ({"region": "X"}, "A region has 9 to 16 characters"),
        ({"description": "x" * 1025}, "at most 1024"),
        ({"tags__0__key": "aws:x", "tags__0__value": "1"}, "Keys that begin with aws: are reserved."),
        ({"tags__0__key": "", "tags__0__value": "1"}, "This field is required."),
        ({"tags__0__key": "a;b"}, "is not allowed here"),
    ],
)
def test_group_is_refused_at_the_field_and_what_was_typed_stays(admin, changes, words):
    make_group("taken")
    values = {"name": "fraud", "tags__0__key": "team", **changes}
    url = address(ModelPackageGroup, "add")
    form = form_of(admin, url) | {name.replace("__", "-"): value for name, value in values.items()}
    response = admin.post(url, form)
    html = response.content.decode()
    assert response.status_code in (200, 422) and words in html
    assert f'value="{values["name"]}"' in html
    assert ModelPackageGroup.objects.count() == 1


def test_group_description_and_tags_change_with_one_event_each(admin):
    group = make_group("fraud", description="One.\nTwo.", tags=[("team", "risk"), ("tier", "low")])
    save(
        admin,
        address(group),
        description="Three.",
        tags__0__value="fraud",
        tags__1__DELETE="on",
        tags__2__key="pii",
        tags__2__value="yes",
    )
    group.refresh_from_db()
    assert group.description == "Three." and group.updated_by_name == "admin"
    assert [str(tag) for tag in group.tags.all()] == ["team=fraud", "pii=yes"]
    assert kinds()[-2:] == [
        ("model_package_group.description_changed", "admin"),
        ("model_package_group.tagged", "admin"),
    ]
    before = kinds()
    save(admin, address(group))
    assert kinds() == before


def test_fifty_tags_and_no_more(admin):
    group = make_group("fraud", tags=[(f"key-{n}", "") for n in range(50)])
    url = address(group)
    form = form_of(admin, url)
    form |= {"tags-TOTAL_FORMS": "51", "tags-50-key": "one-more", "tags-50-value": "", "tags-50-group": str(group.pk)}
    response = admin.post(url, form)
    assert "At most 50 tags; these are 51." in response.content.decode()
    assert group.tags.count() == 50


def test_two_admins_on_the_same_tags_the_second_is_told(admin):
    group = make_group("fraud", tags=[("team", "risk")])
    url = address(group)
    form = form_of(admin, url)
    other = make_user("admin", username="rosa")
    services.add_tags(actor=Actor.of(other, "browser"), owner=group, tags=[("pii", "yes")])
    response = admin.post(url, form | {"tags-0-value": "fraud"})
    html = response.content.decode()
    assert response.status_code == 409
    assert "The tags were changed meanwhile. The last change was made by rosa." in html
    assert 'value="fraud"' in html
    assert sorted(map(str, group.tags.all())) == ["pii=yes", "team=risk"]
    services.delete_tags(actor=an_actor(), owner=group, keys=["team"])
    assert admin.post(url, form | {"tags-0-value": "fraud"}).status_code == 200  # the row is gone: an error, no 500


def test_two_admins_on_the_same_description(admin):
    group = make_group("fraud", description="One.")
    form = form_of(admin, address(group))
    services.update_model_package_group_description(actor=an_actor(), group=group, description="Two.")
    response = admin.post(address(group), form | {"description": "Three."})
    assert response.status_code == 409 and "The description was changed meanwhile." in response.content.decode()
    group.refresh_from_db()
    assert group.description == "Two."


def test_one_refusal_undoes_the_whole_form(admin):
    group = make_group("fraud", description="One.", tags=[("team", "risk")])
    form = form_of(admin, address(group))
    services.add_tags(actor=an_actor(), owner=group, tags=[("pii", "yes")])
    before = kinds()
    assert admin.post(address(group), form | {"description": "Two.", "tags-0-value": "x"}).status_code == 409
    group.refresh_from_db()
    assert (group.description, kinds()) == ("One.", before)


# ---------- packages ----------


def test_package_status_stage_and_metadata_change_through_the_services(admin):
    version = make_version(make_group("fraud"), customer_metadata_properties={"a": "1", "b": "2"})
    save(
        admin,
        address(version),
        approval_status="Approved",
        approval_description="Looks good.",
        stage="Staging",
        stage_status="Ready",
        customer_metadata_properties__0__value="10",
        customer_metadata_properties__1__DELETE="on",
        customer_metadata_properties__2__key="c",
        customer_metadata_properties__2__value="3",
    )
    version.refresh_from_db()
    assert (version.approval_status, version.approval_description, version.decided_by_name) == (
        "Approved",
        "Looks good.",
        "admin",
    )
    assert (version.stage, version.stage_status) == ("Staging", "Ready")
    pairs = dict(CustomerMetadataProperty.objects.filter(package=version).values_list("key", "value"))
    assert pairs == {"a": "10", "c": "3"}
    assert kinds()[-3:] == [
        ("model_package.approval_status_changed", "admin"),
        ("model_package.stage_changed", "admin"),
        ("model_package.metadata_changed", "admin"),
    ]
    version.group.refresh_from_db()
    assert version.group.approved_version == 1
    before = kinds()
    save(admin, address(version))
    assert kinds() == before


def test_a_comment_belongs_to_its_decision(admin):
    version = make_version(make_group("fraud"))
    save(admin, address(version), approval_status="Rejected", approval_description="Wrong sign.")
    assert "Wrong sign." in admin.get(address(version)).content.decode()
    save(admin, address(version), approval_status="Approved")
    version.refresh_from_db()
    assert version.approval_description == ""


def test_what_was_registered_never_changes(admin):
    version = make_version(make_group("fraud"), description="As sent.", source_uri="s3://b/x")
    save(
        admin,
        address(version),
        description="Other.",
        source_uri="s3://b/y",
        version="7",
        region="eu-west-1",
        containers__0__image="x",
    )
    version.refresh_from_db()
    assert (version.description, version.source_uri, version.version, version.region) == (
        "As sent.",
        "s3://b/x",
        1,
        "us-east-1",
    )
    assert version.containers.get().image != "x"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"stage": "a b", "stage_status": "Ready"}, "Spaces are not allowed"),
        ({"stage": "Staging", "stage_status": ""}, "Only the letters"),
        ({"approval_status": "Approved", "approval_description": "x" * 1025}, "at most 1024"),
        ({"approval_status": "Maybe"}, "Select a valid choice"),
        (
            {"customer_metadata_properties__0__key": "a;b", "customer_metadata_properties__0__value": "1"},
            "is not allowed here",
        ),
        (
            {"customer_metadata_properties__0__key": "a", "customer_metadata_properties__0__value": ""},
            "This field is required.",
        ),
    ],
)
def test_package_is_refused_at_the_field(admin, changes, words):
    version = make_version(make_group("fraud"))
    before = kinds()
    form = form_of(admin, address(version)) | {name.replace("__", "-"): value for name, value in changes.items()}
    response = admin.post(address(version), form)
    assert response.status_code in (200, 422) and words in response.content.decode()
    assert kinds() == before


def test_two_reviewers_at_once_the_second_is_told(admin):
    version = make_version(make_group("fraud"))
    form = form_of(admin, address(version))
    services.update_approval_status(actor=an_actor(), package=version, approval_status="Rejected", comment="No.")
    response = admin.post(address(version), form | {"approval_status": "Approved"})
    assert response.status_code == 409
    assert "This version was changed since you opened it." in response.content.decode()
    version.refresh_from_db()
    assert version.approval_status == "Rejected"


def test_two_editors_of_the_same_pair(admin):
    version = make_version(make_group("fraud"), customer_metadata_properties={"a": "1", "b": "1"})
    form = form_of(admin, address(version))
    services.update_customer_metadata(actor=an_actor(), package=version, put={"a": "2"})
    response = admin.post(address(version), form | {"customer_metadata_properties-0-value": "3"})
    assert response.status_code == 409 and "a was changed meanwhile." in response.content.decode()
    # Another pair is nobody's conflict.
    assert admin.post(address(version), form | {"customer_metadata_properties-1-value": "3"}).status_code == 302
    pairs = dict(CustomerMetadataProperty.objects.values_list("key", "value"))
    assert pairs == {"a": "2", "b": "3"}


def test_versions_have_no_tag_form_and_unversioned_packages_do(admin):
    version, package = make_version(make_group("fraud")), make_package("sold-model")
    assert "tags-TOTAL_FORMS" not in form_of(admin, address(version))
    save(admin, address(package), tags__0__key="team", tags__0__value="risk")
    assert [str(tag) for tag in package.tags.all()] == ["team=risk"]
    forged = form_of(admin, address(version)) | {
        "tags-TOTAL_FORMS": "1", "tags-INITIAL_FORMS": "0", "tags-0-key": "team", "tags-0-value": "risk",
    }  # fmt: skip
    admin.post(address(version), forged)
    assert Tag.objects.filter(package=version).count() == 0


def test_bulk_approve_and_reject_tell_what_happened(admin):
    group = make_group("fraud")
    versions = [make_version(group) for _ in range(3)]
    url = address(ModelPackage, "changelist")
    chosen = {"_selected_action": [v.pk for v in versions[:2]]}
    html = admin.post(url, {"action": "approve", **chosen}, follow=True).content.decode()
    assert "2 approved." in html
    html = admin.post(url, {"action": "approve", "_selected_action": [v.pk for v in versions]}, follow=True)
    assert "1 approved." in html.content.decode() and "2 left alone: approved already." in html.content.decode()
    admin.post(url, {"action": "reject", **chosen})
    group.refresh_from_db()
    assert (group.approved_count, group.rejected_count, group.approved_version) == (1, 2, 3)
    assert kinds().count(("model_package.approval_status_changed", "admin")) == 5


def test_bulk_decisions_have_a_limit(admin, monkeypatch):
    from registry.catalog.admin import packages

    monkeypatch.setattr(packages, "ACTION_MAX", 2)
    group = make_group("fraud")
    for _ in range(3):
        make_version(group)
    form = {"action": "reject", "select_across": "1", "_selected_action": [ModelPackage.objects.first().pk]}
    html = admin.post(address(ModelPackage, "changelist"), form, follow=True).content.decode()
    assert "Nothing was rejected: at most 2 packages at once." in html
    assert not ModelPackage.objects.filter(approval_status="Rejected").exists()


def test_deleted_rows_are_not_there(admin):
    from django.utils import timezone

    version = make_version(make_group("fraud"))
    ModelPackage.objects.filter(pk=version.pk).update(deleted_at=timezone.now())
    assert "fraud v1" not in admin.get(address(ModelPackage, "changelist")).content.decode()
    assert admin.post(address(version), {}).status_code == 302  # to the index, "doesn't exist"


# ---------- users ----------


def test_user_is_made_and_changed_through_the_services(admin):
    save(admin, address(User, "add"), username="rosa", role="reviewer", password=PASSWORD)
    rosa = User.objects.get(username="rosa")
    assert rosa.role == "reviewer" and rosa.check_password(PASSWORD)
    save(admin, address(rosa), role="admin", is_active="")
    form = form_of(admin, address(rosa))
    form.pop("is_active", None)
    admin.post(address(rosa), form | {"role": "contributor", "password": "a-new-and-long-one"})
    rosa = User.objects.get(username="rosa")
    assert (rosa.held_role, rosa.is_active, rosa.check_password("a-new-and-long-one")) == ("contributor", False, True)
    made = [kind for kind, door in kinds() if door == "admin"]
    assert made == [
        "user.created",
        "user.role_changed",
        "user.deactivated",
        "user.role_changed",
        "user.password_changed",
    ]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"username": "VIEWER"}, "A user with that name exists"),
        ({"username": "a b"}, "Enter a valid username"),
        ({"password": "12345678"}, "too common"),
        ({"email": "no"}, "Enter a valid email"),
        ({"role": "owner"}, "Select a valid choice"),
    ],
)
def test_user_is_refused_at_the_field(admin, changes, words):
    url = address(User, "add")
    form = form_of(admin, url) | {"username": "rosa", "role": "viewer", "password": PASSWORD} | changes
    response = admin.post(url, form)
    assert response.status_code in (200, 422) and words in response.content.decode()
    assert User.objects.count() == 4


def test_last_admin_stays_here_too(admin, cast):
    form = form_of(admin, address(cast["admin"]))
    response = admin.post(address(cast["admin"]), form | {"role": "viewer"})
    assert response.status_code == 422 and "last active admin" in response.content.decode()
    form.pop("is_active")
    assert "last active admin" in admin.post(address(cast["admin"]), form).content.decode()
    assert User.objects.get(username="admin").role == "admin"


def test_names_and_hashes_are_not_editable(admin, cast):
    viewer = cast["viewer"]
    save(admin, address(viewer), username="other", is_superuser="on", is_staff="on", last_login_0="2020-01-01")
    fresh = User.objects.get(pk=viewer.pk)
    assert (fresh.username, fresh.is_superuser, fresh.is_staff) == ("viewer", False, False)
    assert fresh.check_password(PASSWORD)
    assert "md5$" not in admin.get(address(viewer)).content.decode()
