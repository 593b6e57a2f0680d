"""Deleting in the browser: the typed name, the tombstone, undo, and the list of what was deleted."""

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse

from registry.accounts.models import Role
from registry.catalog import services
from registry.catalog.models import ModelPackage, ModelPackageGroup
from registry.catalog.restoring import RESTORABLE
from registry.events.models import Event
from tests.factories import an_actor, make_group, make_package, make_user, make_version

from .test_versions import text_of

pytestmark = pytest.mark.django_db

HTMX = {"HX-Request": "true"}
ADMIN = an_actor(Role.ADMIN)


def signed_in(role: str) -> Client:
    client = Client()
    client.force_login(make_user(role, username=f"the-{role}"))
    return client


@pytest.fixture
def admin() -> Client:
    return signed_in("admin")


@pytest.fixture
def version() -> ModelPackage:
    return make_version(make_group("fraud"), approval_status="Approved")


def delete_path(package: ModelPackage) -> str:
    return f"{package.get_absolute_url()}delete/"


def is_live(row: ModelPackage | ModelPackageGroup) -> bool:
    return type(row).objects.get(pk=row.pk).deleted_at is None


class TestTypedName:
    @pytest.mark.parametrize("typed", ["fraud v1", "fraud/1", "  fraud   v1 "])
    def test_a_version_is_deleted_by_its_name(self, admin, version, typed):
        answer = admin.post(delete_path(version), {"name": typed})
        assert (answer.status_code, answer["Location"]) == (302, version.group.get_absolute_url())
        assert not is_live(version)

    @pytest.mark.parametrize("typed", ["", "fraud", "v1", "Fraud v1", "fraud v2", "fraud v1 x", "9" * 300])
    def test_another_name_is_refused_at_the_field(self, admin, version, typed):
        for headers in ({}, HTMX):
            answer = admin.post(delete_path(version), {"name": typed}, headers=headers)
            page = answer.content.decode()
            assert answer.status_code == 422
            assert 'aria-invalid="true" aria-describedby="delete-name-d"' in page
            assert f'value="{typed}"' in page
            assert ("<!doctype html>" in page) is (headers == {})
        assert is_live(version)

    def test_the_dialog_leaves_the_page_by_htmx(self, admin, version):
        answer = admin.post(delete_path(version), {"name": "fraud v1"}, headers=HTMX)
        assert answer["HX-Redirect"] == version.group.get_absolute_url()

    def test_the_approved_version_is_pointed_out(self, admin, version):
        assert "v1 is approved now." in text_of(admin.get(delete_path(version)))
        other = make_version(version.group)
        assert "is approved now" not in text_of(admin.get(delete_path(other)))

    def test_a_package_and_an_empty_group(self, admin):
        package, group = make_package("sold"), make_group("empty")
        answer = admin.post(delete_path(package), {"name": "sold"})
        assert answer["Location"] == "/packages/"
        answer = admin.post(f"{group.get_absolute_url()}delete/", {"name": "empty"})
        assert answer["Location"] == "/groups/"
        assert not is_live(package) and not is_live(group)

    def test_a_group_with_versions_says_how_many(self, admin, version):
        path = f"{version.group.get_absolute_url()}delete/"
        page = admin.get(path)
        assert "fraud has 1 version. Delete it first." in text_of(page)
        assert 'name="name"' not in page.content.decode()
        make_version(version.group)
        answer = admin.post(path, {"name": "fraud"})
        assert answer.status_code == 409
        assert "fraud has 2 versions. Delete them first." in text_of(answer)
        assert is_live(version.group)

    def test_only_admins_are_offered_it(self, admin, version):
        assert "Delete version" in admin.get(version.get_absolute_url()).content.decode()
        reviewer = signed_in("reviewer")
        page = reviewer.get(version.get_absolute_url()).content.decode()
        assert "Delete version" not in page and "delete/" not in page
        group = make_group("empty")
        assert "Delete group" not in reviewer.get(group.get_absolute_url()).content.decode()
        path = f"{group.get_absolute_url()}delete/"
        assert f'hx-get="{path}"' in admin.get(group.get_absolute_url()).content.decode()
        assert admin.get(path, headers=HTMX).content.decode().startswith('<dialog class="dialog" id="deletedlg"')


class TestUndo:
    def test_the_next_page_offers_undo(self, admin, version):
        page = admin.post(delete_path(version), {"name": "fraud v1"}, follow=True).content.decode()
        undo = reverse("package-restore", args=[version.pk])
        assert f'fraud v1 deleted<form method="post" action="{undo}">' in page
        answer = admin.post(undo, follow=True)
        assert answer.redirect_chain == [(version.get_absolute_url(), 302)]
        assert "fraud v1 restored" in text_of(answer)
        assert is_live(version)
        assert Event.objects.latest("id").kind == "model_package.restored"

    def test_twice_is_as_once(self, admin, version):
        services.delete_model_package(actor=ADMIN, package=version)
        for _ in range(2):
            assert admin.post(reverse("package-restore", args=[version.pk])).status_code == 302
        assert Event.objects.filter(kind="model_package.restored").count() == 1

    def test_refusals_have_their_reason(self, admin, version):
        package = make_package("sold")
        services.delete_model_package(actor=ADMIN, package=package)
        make_package("sold")
        answer = admin.post(reverse("package-restore", args=[package.pk]))
        assert answer.status_code == 409
        assert "The name sold is taken again" in text_of(answer)
        services.delete_model_package(actor=ADMIN, package=version)
        services.delete_model_package_group(actor=ADMIN, group=version.group)
        answer = admin.post(reverse("package-restore", args=[version.pk]), headers=HTMX)
        assert answer.status_code == 409
        assert "Restore the group first." in answer["HX-Trigger"]

    @pytest.mark.parametrize("name", ["package-restore", "group-restore"])
    def test_what_never_was_is_404(self, admin, name):
        assert admin.post(reverse(name, args=[10**17])).status_code == 404
        assert admin.get(reverse(name, args=[1])).status_code == 405


class TestTombstone:
    def test_it_says_who_when_and_until_when(self, admin, version):
        services.delete_model_package(actor=ADMIN, package=version)
        answer = admin.get(version.get_absolute_url())
        page, text = answer.content.decode(), text_of(answer)
        assert answer.status_code == 410
        assert "v1 of fraud was deleted by any-admin on 20" in text
        assert "You can restore it until 20" in text
        assert f'action="{reverse("package-restore", args=[version.pk])}"' in page
        assert "/activity/?group=us-east-1%2Ffraud" in page

    def test_others_are_told_whom_to_ask(self, version):
        services.delete_model_package(actor=ADMIN, package=version)
        answer = signed_in("reviewer").get(version.get_absolute_url())
        assert answer.status_code == 410
        assert "An admin can restore it until" in text_of(answer)
        assert "restore/" not in answer.content.decode()

    def test_after_thirty_days_it_stays_without_a_button(self, admin, version):
        deleted = services.delete_model_package(actor=ADMIN, package=version)
        ModelPackage.objects.filter(pk=version.pk).update(deleted_at=deleted.deleted_at - RESTORABLE)
        answer = admin.get(version.get_absolute_url())
        assert answer.status_code == 410
        assert "more than 30 days ago and stays deleted" in text_of(answer)
        assert "restore/" not in answer.content.decode()

    def test_forms_of_what_is_deleted_answer_410_in_place(self, admin, version):
        services.delete_model_package(actor=ADMIN, package=version)
        answer = admin.post(delete_path(version), {"name": "fraud v1"}, headers=HTMX)
        assert (answer.status_code, answer["HX-Reswap"]) == (410, "none")

    def test_the_gap_and_the_activity_tell_of_it(self, admin, version):
        make_version(version.group)
        services.delete_model_package(actor=ADMIN, package=version)
        assert "v1 deleted by any-admin on" in text_of(admin.get(version.group.get_absolute_url()))
        services.restore_model_package(actor=ADMIN, package=version)
        page = text_of(admin.get(version.group.get_absolute_url()))
        assert "v1 deleted" not in page
        assert "restored fraud v1" in text_of(admin.get("/activity/"))
        assert "restored v1" in text_of(admin.get(version.get_absolute_url()))
        live = admin.get(f"{version.group.get_absolute_url()}live/?after=1", headers=HTMX)
        assert "v1 restored" in live.content.decode()


class TestList:
    def test_rows_say_what_can_come_back_and_why_not(self, admin, version):
        sold = make_package("sold")
        for package in (version, sold, make_version(version.group)):
            services.delete_model_package(actor=ADMIN, package=package)
        make_package("sold")
        old = ModelPackage.objects.get(pk=version.pk)
        ModelPackage.objects.filter(pk=old.pk).update(deleted_at=old.deleted_at - RESTORABLE - timedelta(1))
        text = text_of(admin.get("/deleted/"))
        assert text.index("fraud v2") < text.index("sold") < text.index("fraud v1")
        assert "The name sold is taken again." in text
        assert "fraud v1 was deleted more than 30 days ago" in text
        assert text.count("Restore ") == 1

    def test_groups_have_a_list_of_their_own(self, admin):
        services.delete_model_package_group(actor=ADMIN, group=make_group("fraud"))
        assert "fraud" not in text_of(admin.get("/deleted/"))
        assert "fraud" in text_of(admin.get("/deleted/?of=groups"))
        assert admin.get("/deleted/?of=users").status_code == 404

    def test_a_page_at_a_time_each_row_once(self, admin, monkeypatch, django_assert_max_num_queries):
        monkeypatch.setattr("registry.catalog.reports.deletions.ROWS", 3)
        group = make_group("fraud")
        for _ in range(8):
            services.delete_model_package(actor=ADMIN, package=make_version(group))
        moment = ModelPackage.objects.first().deleted_at
        ModelPackage.objects.filter(version__lte=5).update(deleted_at=moment)
        seen, path = [], "/deleted/"
        while path:
            with django_assert_max_num_queries(12):
                page = admin.get(path)
            seen += re.findall(r"fraud (v\d)", text_of(page))
            html = page.content.decode()
            more = html.partition("?after=")[2].partition('"')[0] if "Show what was deleted" in html else ""
            path = f"/deleted/?after={more}" if more else ""
        assert sorted(seen) == [f"v{n}" for n in range(1, 9)]

    @pytest.mark.parametrize("after", ["x", "-1", "9" * 40, "", "1e3"])
    def test_an_odd_place_is_the_first_page(self, admin, after):
        assert admin.get(f"/deleted/?after={after}").status_code == 200

    def test_admins_find_it_from_the_activity(self, admin):
        assert 'href="/deleted/"' in admin.get("/activity/").content.decode()
        assert 'href="/deleted/"' not in signed_in("viewer").get("/activity/").content.decode()
