"""The list of unversioned packages: what it shows, finds, pages through and says when it is empty."""

import re

import pytest
from django.test import Client

from registry.catalog.models import ModelPackage
from registry.catalog.reports import packages as report
from tests.factories import make_package, make_user, make_version

pytestmark = pytest.mark.django_db

HTMX = {"HX-Request": "true"}


@pytest.fixture
def viewer(client: Client) -> Client:
    client.force_login(make_user("viewer"))
    return client


def names(page: str) -> list[str]:
    return re.findall(r'class="groups__name"><a href="[^"]*">([^<]*)</a>', page)


def full_package(name: str = "iris-baseline", **values):
    container = {"Image": "x.example.com/sklearn:1.2", "Framework": "SKLEARN", "FrameworkVersion": "1.2-1"}
    return make_package(name, **{"inference_specification": {"Containers": [container]}} | values)


def test_a_row_shows_what_the_package_is(viewer):
    full_package(description="Smoke test", tags=[("team", "vision")])
    make_version()
    page = viewer.get("/packages/").text
    assert names(page) == ["iris-baseline"]
    for text in ("Smoke test", "team<b>vision</b>", "sklearn:1.2", "SKLEARN 1.2-1", "any-admin", "just now"):
        assert text in page
    assert 'href="/packages/us-east-1/iris-baseline/"' in page


def test_words_and_tags_narrow_the_list(viewer):
    full_package("iris-baseline", tags=[("team", "vision"), ("owner", "a b")])
    full_package("sunspots", description="Monthly sunspots, a ridge baseline", tags=[("team", "sky")])
    for q, found in {
        "baseline": ["sunspots", "iris-baseline"],
        "BASELINE ridge": ["sunspots"],
        "-ridge": ["iris-baseline"],
        "tag:team": ["sunspots", "iris-baseline"],
        "tag:team=vision": ["iris-baseline"],
        "-tag:team=vision": ["sunspots"],
        'tag:owner="a b"': ["iris-baseline"],
        "tag:team=s*": ["sunspots"],
        "image:sklearn:1.2 -baseline": [],
        "region:us-east-1 by:any-admin ridge": ["sunspots"],
        "tag:team=Vision": [],
        '"': ["sunspots", "iris-baseline"],
        "%": [],
    }.items():
        assert names(viewer.get("/packages/", {"q": q}).text) == found, q


def test_paging_goes_through_all_packages_and_back(viewer, monkeypatch):
    monkeypatch.setattr(report, "ROWS_PER_PAGE", 2)
    for number in range(5):
        make_package(f"p{number}")
    moment = ModelPackage.objects.get(name="p2").created_at
    ModelPackage.objects.filter(name__in=["p1", "p3"]).update(created_at=moment)

    def turn(page: str, word: str) -> str:
        href = re.search(rf'href="([^"]*)"[^>]*>(?:<svg[^>]*>.*?</svg>)?{word}', page)
        return viewer.get(href[1].replace("&amp;", "&")).text if href else ""

    first = viewer.get("/packages/").text
    second = turn(first, "Older")
    third = turn(second, "Older")
    assert [names(page) for page in (first, second, third)] == [["p4", "p3"], ["p2", "p1"], ["p0"]]
    assert turn(third, "Older") == ""
    assert names(turn(third, "Newer")) == ["p2", "p1"]
    assert names(turn(turn(third, "Newer"), "Newer")) == ["p4", "p3"]
    assert "2 of 5 packages" in first


@pytest.mark.parametrize("query", ["after=x", "after=99999999", f"before={'9' * 30}", "after=-1", "after=%F0%9F%90%8D"])
def test_a_place_that_is_none_shows_the_first_page(viewer, query):
    make_package("p")
    assert names(viewer.get(f"/packages/?{query}").text) == ["p"]


def test_the_fragment_is_the_part_of_the_page(viewer):
    make_package("p")
    part = viewer.get("/packages/", headers=HTMX)
    assert part.text.strip().splitlines()[0].startswith('<div id="packages-list">')
    assert part.text[: part.text.index('<details class="facet facet--end"')].strip() in viewer.get("/packages/").text
    assert "HX-Request" in part["Vary"]


def test_what_a_filter_finds_is_counted_up_to_a_cap_of_its_own(viewer, monkeypatch):
    monkeypatch.setattr(report, "ROWS_PER_PAGE", 2)
    monkeypatch.setattr("registry.catalog.reports.counts.FOUND_CAP", 3)
    for number in range(5):
        make_package(f"forecast-{number}")
    assert "2 of 3+ packages" in viewer.get("/packages/?q=forecast").content.decode()
    assert "2 of 5 packages" in viewer.get("/packages/").content.decode()


def test_an_empty_list_explains_itself_and_offers_registering_to_who_may(viewer):
    page = viewer.get("/packages/").text
    assert "No unversioned packages yet" in page
    assert "without version numbers" in page
    assert "/packages/new/" not in page
    viewer.force_login(make_user("contributor"))
    assert "/packages/new/" in viewer.get("/packages/").text


def test_nothing_found_names_the_search_and_clears_it(viewer):
    make_package("p")
    page = viewer.get("/packages/", {"q": "<b>"}).text
    assert "No package matches &lt;b&gt;" in page
    assert "Clear filter" in page


def test_the_region_is_shown_only_where_there_are_several(viewer):
    make_package("p")
    assert "chip--region" not in viewer.get("/packages/").text
    make_package("q", region="eu-west-1")
    assert "chip--region" in viewer.get("/packages/").text


def test_someone_without_a_role_sees_none(client, django_user_model):
    make_package("p")
    client.force_login(django_user_model.objects.create_user("nobody"))
    assert names(client.get("/packages/").text) == []


@pytest.mark.parametrize("count", [1, 100])
def test_the_list_takes_the_same_queries_for_1_and_100_rows(viewer, monkeypatch, django_assert_max_num_queries, count):
    monkeypatch.setattr(report, "ROWS_PER_PAGE", 100)
    for _ in range(count):
        full_package(f"p{_}", tags=[("team", "a"), ("tier", "b")])
    with django_assert_max_num_queries(9):
        assert len(names(viewer.get("/packages/").text)) == count


def test_a_filter_that_says_nothing_here_is_named(viewer):
    make_package("p")
    page = viewer.get("/packages/", {"q": "approved:none colour:red"}).text
    assert names(page) == ["p"]
    assert "approved: is about groups." in page
    assert "There is no filter colour:." in page
