"""Where an image, artifact or digest is used: in every spelling, newest first, from an index."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from registry.accounts.models import User
from registry.catalog import services
from registry.catalog.references import Used
from registry.catalog.reports import uses
from registry.catalog.reports.uses import uses_page
from tests.factories import an_actor, make_group, make_package, make_user, make_version, specification

pytestmark = pytest.mark.django_db

HOST = "683313688378.dkr.ecr.us-east-1.amazonaws.com"
DIGEST = "sha256:" + "ab" * 32
IMAGES = {
    1: f"{HOST}/xgb:1.7-1",
    2: f"{HOST}/xgb:1.7-2",
    3: f"{HOST}/xgb@{DIGEST}",
    4: f"{HOST}/xgb:1.7-1@{DIGEST}",
    5: f"{HOST}/team/xgb:1.7-1",
    6: "111122223333.dkr.ecr.eu-west-1.amazonaws.com/xgb:1.7-1",
    7: f"{HOST}/xgboost:1.7-1",
    8: "xgb:1.7-1",
    9: "xgb",
}
ARTIFACTS = {1: "s3://models/fraud/1/model.tar.gz", 2: "s3://models/fraud/12/model.tar.gz", 3: "s3://models/fraud"}


@pytest.fixture
def viewer() -> User:
    group = make_group("fraud")
    for number, image in IMAGES.items():
        make_version(group, inference_specification=specification(image, ARTIFACTS.get(number, f"s3://other/{number}")))
    return make_user("viewer")


def found(user: User, by: str, value: str) -> list[int | None]:
    return sorted(row.package.version for row in uses_page(user, Used(by, value)).rows)


@pytest.mark.parametrize(
    "text, numbers",
    [
        (f"{HOST}/xgb:1.7-1", [1, 4]),
        (f"{HOST}/xgb", [1, 2, 3, 4]),
        ("xgb:1.7-1", [1, 4, 5, 6, 8]),
        ("xgb", [1, 2, 3, 4, 5, 6, 8, 9]),
        ("team/xgb", [5]),
        ("team/xgb:1.7-1", [5]),
        (f"{HOST}/team/xgb:1.7-1", [5]),
        (f"{HOST}/xgb@{DIGEST}", [3, 4]),
        (f"xgb@{DIGEST}", [3, 4]),
        (f"xgb:1.7-1@{DIGEST}", [4]),
        (HOST, []),
        ("xg", []),
        ("xgb:1.7", []),
        ("%", []),
    ],
)
def test_an_image_in_every_spelling(viewer, text, numbers):
    assert found(viewer, "image", text) == numbers


@pytest.mark.parametrize(
    "text, numbers",
    [
        ("s3://models/fraud/1/model.tar.gz", [1]),
        ("s3://models/fraud/1/", [1]),
        ("s3://models/fraud/1", [1]),
        ("s3://models/fraud/", [1, 2]),
        ("s3://models/fraud", [1, 2, 3]),
        ("s3://models/", [1, 2, 3]),
        ("s3://model", []),
        ("s3://MODELS/fraud", []),
    ],
)
def test_an_artifact_or_a_folder(viewer, text, numbers):
    assert found(viewer, "artifact", text) == numbers


def test_a_digest_of_the_container_or_in_its_image(viewer):
    spec = specification("xgb:9")
    spec["Containers"][0]["ImageDigest"] = DIGEST
    make_package("sold", inference_specification=spec)
    rows = uses_page(viewer, Used("digest", DIGEST)).rows
    assert [str(row.package) for row in rows] == ["sold", "fraud v4", "fraud v3"]
    assert len(uses_page(viewer, Used("digest", DIGEST.upper().replace("SHA256", "sha256"))).rows) == 3


def test_a_long_uri_is_told_apart_behind_what_the_index_holds(viewer):
    long = "s3://models/" + "x" * 600
    for end in ("a", "b"):
        make_package(f"package-{end}", inference_specification=specification("y:1", f"{long}/{end}"))
    rows = uses_page(viewer, Used("artifact", f"{long}/a")).rows
    assert [str(row.package) for row in rows] == ["package-a"]
    assert len(uses_page(viewer, Used("artifact", f"{long}/")).rows) == 2


def test_deleted_ones_are_left_out_and_containers_of_one_version_count_once(viewer):
    spec = specification("twice:1")
    spec["Containers"] *= 2
    package = make_version(inference_specification=spec)
    page = uses_page(viewer, Used("image", "twice:1"))
    assert ([row.found for row in page.rows], page.total) == ([("twice:1",)], 1)
    services.delete_model_package(actor=an_actor(), package=package)
    assert uses_page(viewer, Used("image", "twice:1")).total == 0


@pytest.mark.parametrize("used", [Used("image", "paged:1"), Used("image", "paged"), Used("artifact", "s3://paged/")])
@pytest.mark.parametrize("wide", [20_000, 0])
def test_pages_hold_each_use_once_last_added_first(viewer, monkeypatch, used, wide):
    monkeypatch.setattr(uses, "WIDE", wide)
    group = make_group("paged")
    for number in range(1, 8):
        make_version(group, inference_specification=specification("paged:1", f"s3://paged/{number}"))
    seen, after = [], None
    while True:
        page = uses_page(viewer, used, after=after, limit=3)
        seen += [row.package.version for row in page.rows]
        after = page.older
        if after is None:
            break
    assert seen == [7, 6, 5, 4, 3, 2, 1]


def test_somebody_without_a_role_learns_nothing(viewer):
    viewer.groups.clear()
    page = uses_page(User.objects.get(pk=viewer.pk), Used("image", "xgb"))
    assert (page.rows, page.total) == ([], 0)


@pytest.mark.parametrize(
    "used, index",
    [
        (Used("image", "xgb:1.7-1"), "container_of_image_name"),
        (Used("image", f"{HOST}/xgb:1.7-1"), "container_of_image_name"),
        (Used("image", "xgb"), "container_of_image_name"),
        (Used("image", f"{HOST}/xgb"), "container_of_image"),
        (Used("artifact", "s3://models/fraud/"), "container_model_data_url"),
        (Used("artifact", "s3://models/fraud/1/model.tar.gz"), "container_model_data_url"),
        (Used("digest", DIGEST), "container_of_image_digest"),
    ],
)
def test_it_is_read_from_an_index(viewer, used, index):
    # PostgreSQL would read so small a table whole.
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL enable_seqscan = off")
    with CaptureQueriesContext(connection) as queries:
        uses_page(viewer, used)
    asked = next(q["sql"] for q in queries if "catalog_container" in q["sql"])
    with connection.cursor() as cursor:
        cursor.execute(("EXPLAIN " if connection.vendor == "postgresql" else "EXPLAIN QUERY PLAN ") + asked)
        plan = " ".join(str(row) for row in cursor.fetchall())
    assert index in plan
    assert len(queries) <= 5, "the role, one or two over the index, the packages, what matched"
