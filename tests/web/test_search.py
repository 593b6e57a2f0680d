"""The palette's list, the same as a page, the where-used page, and what they say to odd texts."""

import re

import pytest
from django.test import Client

from registry.catalog import services
from registry.catalog.models import ModelPackage
from tests.factories import IMAGE, an_actor, make_group, make_package, make_user, make_version

from .test_versions import text_of

pytestmark = pytest.mark.django_db

HTMX = {"HX-Request": "true"}
ODD = [
    "\x00",
    "%",
    "'",
    '"',
    "<b>",
    "9" * 30,
    "a" * 3000,
    "\N{GRINNING FACE}",
    "v" + "9" * 9,
    "/",
    ":",
    "@",
    "s3://",
    ">",
]


def signed_in(role: str) -> Client:
    client = Client()
    client.force_login(make_user(role, username=f"the-{role}"))
    return client


@pytest.fixture
def viewer() -> Client:
    return signed_in("viewer")


@pytest.fixture
def version() -> ModelPackage:
    return make_version(make_group("fraud", description="Card payments"), approval_status="Approved")


def links(client: Client, text: str, here: str = "") -> list[str]:
    """Where the lines of the palette lead."""
    headers = {**HTMX, **({"HX-Current-URL": f"http://testserver{here}"} if here else {})}
    page = client.get("/search/", {"q": text}, headers=headers).content.decode()
    return re.findall(r'role="option"[^>]*href="([^"]+)"', page)


class TestList:
    def test_words_find_groups_packages_and_pages(self, viewer, version):
        make_package("fraud-sold")
        found = links(viewer, "fraud")
        assert found[:2] == ["/groups/us-east-1/fraud/", "/packages/us-east-1/fraud-sold/"]
        assert found[-1] == "/groups/?q=fraud"
        assert links(viewer, "payments")[0] == "/groups/us-east-1/fraud/"
        assert links(viewer, "acc key") == ["/settings/access-keys/", "/groups/?q=acc+key"]

    def test_a_pasted_name_of_any_kind_leads_to_it(self, viewer, version):
        address = version.get_absolute_url()
        package = make_package("sold")
        for text in (version.arn, "fraud/1", "fraud v1", f"http://testserver{address}", version.arn.upper().lower()):
            assert links(viewer, text) == [address], text
        assert links(viewer, version.group.arn) == ["/groups/us-east-1/fraud/"]
        assert links(viewer, package.arn) == ["/packages/us-east-1/sold/"]

    def test_an_image_or_artifact_leads_to_its_uses_and_their_versions(self, viewer, version):
        for text in (IMAGE, "sagemaker-xgboost:1.7-1", "s3://models/fraud/", "s3://models/fraud/model.tar.gz"):
            found = links(viewer, text)
            assert found[0].startswith("/used/?"), text
            assert found[1] == version.get_absolute_url()
            assert version.get_absolute_url() in viewer.get(found[0].replace("&amp;", "&")).content.decode()

    def test_a_number_alone_means_the_group_of_the_page(self, viewer, version):
        address = version.get_absolute_url()
        for text in ("v1", "1", "V1"):
            assert links(viewer, text, "/groups/us-east-1/fraud/")[0] == address
            assert address not in links(viewer, text)

    def test_an_empty_text_offers_the_page_first(self, version):
        reviewer = signed_in("reviewer")
        make_version(version.group)
        here = "/groups/us-east-1/fraud/"
        found = links(reviewer, "", here)
        assert found[0] == f"{here}versions/2/"
        assert f"{here}register/" in found[:3]
        assert "/activity/" in found and "/logout/" in found
        assert f"{here}versions/2/" not in links(reviewer, "", f"{here}versions/2/")
        assert links(reviewer, "")[0] == here

    def test_commands_alone_behind_a_sign(self, version):
        found = links(signed_in("contributor"), "> new")
        assert found == ["/groups/new/", "/packages/new/"]
        assert "/groups/new/" not in links(signed_in("viewer"), ">")

    def test_what_somebody_may_not_open_is_not_offered(self, viewer):
        admin = links(signed_in("admin"), ">")
        assert {"/settings/users/", "/deleted/"} <= set(admin)
        assert not {"/settings/users/", "/deleted/", "/groups/new/"} & set(links(viewer, ">"))

    def test_somebody_without_a_role_learns_nothing(self, version):
        nobody = make_user("viewer", username="nobody")
        nobody.groups.clear()
        client = Client()
        client.force_login(nobody)
        for text in ("fraud", "fraud/1", version.arn, IMAGE, "payments", ""):
            page = client.get("/search/", {"q": text}, headers=HTMX).content.decode()
            assert "/groups/" not in page, text
        assert client.get(f"/used/?image={IMAGE}").status_code == 403

    def test_a_deleted_version_leads_to_its_tombstone(self, viewer, version):
        services.delete_model_package(actor=an_actor(), package=version)
        page = viewer.get("/search/", {"q": "fraud/1"}, headers=HTMX)
        assert links(viewer, "fraud/1") == [version.get_absolute_url()]
        assert "deleted" in text_of(page)

    def test_the_count_is_told_to_a_screen_reader(self, viewer, version):
        page = viewer.get("/search/", {"q": "fraud/1"}, headers=HTMX).content.decode()
        assert '<span id="palette-told" hx-swap-oob="innerHTML">1 result</span>' in page
        page = viewer.get("/search/", {"q": ">nothing"}, headers=HTMX).content.decode()
        assert 'hx-swap-oob="innerHTML">Nothing found</span>' in page
        assert 'aria-disabled="true"' in page

    def test_options_have_ids_of_their_own(self, viewer, version):
        page = viewer.get("/search/", headers=HTMX).content.decode()
        ids = re.findall(r'id="([^"]+)"', page)
        assert len(ids) == len(set(ids)) > 8

    @pytest.mark.parametrize("text", ["", "fraud", "fraud/1", "v1", IMAGE, "s3://models/", "sha256:" + "a" * 64])
    def test_queries_stay_few(self, viewer, version, text, django_assert_max_num_queries):
        for number in range(20):
            make_package(f"fraud-{number}")
        headers = {**HTMX, "HX-Current-URL": "http://testserver/groups/us-east-1/fraud/"}
        with django_assert_max_num_queries(12):
            viewer.get("/search/", {"q": text}, headers=headers)

    @pytest.mark.parametrize("text", ODD)
    def test_odd_texts_are_no_500(self, viewer, version, text):
        for headers in (HTMX, {}):
            assert viewer.get("/search/", {"q": text}, headers=headers).status_code in (200, 400)
        assert viewer.get("/search/", {"q": text, "go": "1"}).status_code in (200, 302, 400)
        for name in ("q", "image", "artifact", "digest", "after"):
            assert viewer.get("/used/", {name: text}).status_code in (200, 302, 400, 422)

    @pytest.mark.parametrize("name", ["q", "image", "artifact", "digest"])
    def test_a_text_longer_than_any_uri_is_told_so(self, viewer, version, name):
        response = viewer.get("/used/", {name: "x" * 1201})
        assert response.status_code == 422
        assert "At most 1,200 characters; this has 1,201." in response.content.decode()
        assert viewer.get("/used/", {name: "x" * 1200}).status_code in (200, 302)

    @pytest.mark.parametrize(
        "here", ["/nowhere/", "//[", "x" * 3000, "/groups/us-east-1/none/", "/groups/us-east-1/fraud"]
    )
    def test_an_odd_page_is_no_page(self, viewer, version, here):
        headers = {**HTMX, "HX-Current-URL": here}
        assert viewer.get("/search/", {"q": "v1"}, headers=headers).status_code == 200
        assert viewer.get(version.get_absolute_url(), headers=headers).status_code == 200
        assert Client().get("/search/", headers=headers).status_code == 401


class TestPage:
    def test_it_works_without_script(self, viewer, version):
        answer = viewer.get("/search/?q=fraud")
        page = answer.content.decode()
        assert "<!doctype html>" in page and 'value="fraud"' in page
        assert '<a class="palette__item" href="/groups/us-east-1/fraud/"' in page
        assert "HX-Request" in answer["Vary"]

    def test_a_form_goes_where_one_thing_is_meant(self, viewer, version):
        for text, place in (
            (version.arn, version.get_absolute_url()),
            ("fraud", version.group.get_absolute_url()),
            ("FRAUD/1", version.get_absolute_url()),
        ):
            answer = viewer.get("/search/", {"q": text, "go": "1"})
            assert (answer.status_code, answer["Location"]) == (302, place)
        answer = viewer.get("/search/", {"q": IMAGE, "go": "1"})
        assert answer["Location"].startswith("/used/?image=")
        assert viewer.get("/search/", {"q": "card", "go": "1"}).status_code == 200

    def test_every_page_has_a_way_to_it_without_script(self, viewer):
        page = viewer.get("/activity/").content.decode()
        assert '<a class="jump" href="/search/" data-dialog="palette"' in page


class TestWhereUsed:
    def test_rows_show_group_number_status_and_what_matched(self, viewer, version):
        make_package("sold")
        text = text_of(viewer.get("/used/", {"image": "sagemaker-xgboost"}))
        assert "2 uses of the image sagemaker-xgboost" in text
        assert text.index("sold") < text.index("fraud v1") < text.index("Approved")
        assert "unversioned" in text

    def test_pages_go_on_with_the_address(self, viewer, version):
        for _ in range(55):
            make_version(version.group)
        page = viewer.get("/used/", {"image": IMAGE}).content.decode()
        more = re.search(r'href="(/used/[^"]+after=\d+)"', page)
        assert more and page.count("data-row") == 50
        rest = viewer.get(more[1].replace("&amp;", "&")).content.decode()
        assert rest.count("data-row") == 6

    def test_the_field_guesses_what_is_typed(self, viewer):
        for text, address in (
            ("s3://models/x/", "/used/?artifact=s3://models/x/"),
            ("xgb", "/used/?image=xgb"),
            ("sha256:" + "a" * 64, "/used/?digest=sha256:" + "a" * 64),
        ):
            assert viewer.get("/used/", {"q": text})["Location"] == address

    def test_nothing_asked_and_nothing_found(self, viewer):
        assert "Which versions use it?" in text_of(viewer.get("/used/"))
        assert "No version uses it" in text_of(viewer.get("/used/?image=none:1"))

    def test_the_version_page_leads_there(self, viewer, version):
        page = viewer.get(version.get_absolute_url()).content.decode()
        assert f'href="/used/?image={IMAGE}"' in page
        assert 'href="/used/?artifact=s3://models/fraud/model.tar.gz"' in page

    def test_queries_do_not_grow(self, viewer, version, django_assert_max_num_queries):
        for _ in range(30):
            make_version(version.group)
        with django_assert_max_num_queries(12):
            viewer.get("/used/", {"image": IMAGE})
