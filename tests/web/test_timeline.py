"""The group page: what it shows, what its parts answer with, and that pages of the timeline join without a seam."""

from __future__ import annotations

import gzip
import random
import re
from datetime import timedelta
from html import unescape
from typing import Any
from urllib.parse import quote

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from registry.accounts.models import User
from registry.catalog import services
from registry.catalog.models import ModelPackage, ModelPackageGroup
from registry.web.icons import MARKS
from registry.web.wording import signed
from tests.factories import an_actor, make_group, make_user, make_version, specification

BODY = {"HX-Request": "true", "HX-Target": "group-body"}
ALL = {"HX-Request": "true", "HX-Target": "timeline"}
ROWS = {"HX-Request": "true"}


@pytest.fixture
def viewer(client: Client, db: None) -> Client:
    client.force_login(make_user("viewer"))
    return client


def sign_in(role: str) -> Client:
    client = Client()
    client.force_login(make_user(role))
    return client


def a_group(values: list[float | None], *, days: float = 3, **more: Any) -> ModelPackageGroup:
    """A group with one version per value of auc, registered `days` apart, the last one now."""
    group = make_group(**more)
    for value in values:
        make_version(group, metrics=[("auc", value)] if value is not None else [])
    for package in ModelPackage.objects.filter(group=group):
        at = timezone.now() - timedelta(days=days * (len(values) - (package.version or 0)))
        ModelPackage.objects.filter(pk=package.pk).update(created_at=at)
    group.refresh_from_db()
    return group


def text_of(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html)).strip()


def rows_of(html: str) -> dict[int, str]:
    """The rows of a page or fragment by version number, in their order."""
    found = re.findall(r'<tr class="v[^"]*" data-row id="v(\d+)".*?</tr>', html, re.S)
    parts = re.findall(r'<tr class="v[^"]*" data-row.*?</tr>', html, re.S)
    return dict(zip(map(int, found), parts, strict=True))


def metric_cell(row: str) -> str:
    cell = re.search(r'<td class="t-metric".*?</td>', row, re.S)
    assert cell
    return text_of(cell[0])


def periods_of(html: str) -> list[str]:
    return re.findall(r'<th class="t-label"[^>]*>([^<]*)</th>', html)


def test_rows_show_value_and_change_against_the_version_before(viewer: Client) -> None:
    values = [round(random.Random(7).random() + n / 10, 4) for n in range(12)]
    group = a_group(values)
    rows = rows_of(viewer.get(group.get_absolute_url()).text)
    assert list(rows) == list(range(12, 0, -1))
    for number, row in rows.items():
        value = values[number - 1]
        if number == 1:
            assert metric_cell(row) == f"{value:.4f} first version"
            continue
        change = value - values[number - 2]
        verdict = "same" if not change else f"{signed(change, 4)} {'better' if change > 0 else 'worse'}"
        assert metric_cell(row) == f"{value:.4f} {verdict}"


def test_lower_is_better_turns_the_colours_and_an_unknown_metric_has_none(viewer: Client) -> None:
    group = make_group()
    for value in (0.5, 0.4):
        make_version(group, metrics=[("rmse", value), ("rows", value)])
    page = viewer.get(group.get_absolute_url()).text
    assert "lower is better" in page
    assert 'class="delta delta--better"' in rows_of(page)[2]
    other = rows_of(viewer.get(group.get_absolute_url(), {"metric": "rows"}).text)[2]
    assert "delta--" not in other and "−0.1" in other


def test_a_missing_value_is_a_dash_and_the_next_row_says_so(viewer: Client) -> None:
    rows = rows_of(viewer.get(a_group([0.5, None, 0.7]).get_absolute_url()).text)
    assert metric_cell(rows[2]) == "– not measured"
    assert metric_cell(rows[3]) == "0.7 not in v2"


def test_a_deleted_version_is_no_reference(viewer: Client) -> None:
    group = a_group([0.5, 0.6, 0.7])
    ModelPackage.objects.filter(group=group, version=2).update(deleted_at=timezone.now())
    rows = rows_of(viewer.get(group.get_absolute_url()).text)
    assert list(rows) == [3, 1]
    assert metric_cell(rows[3]) == "0.7 +0.2 better"


def test_without_script_the_link_shows_the_older_page_and_a_way_back(viewer: Client) -> None:
    group = a_group([0.5] * 60)
    page = viewer.get(f"{group.get_absolute_url()}?before=11").text
    assert list(rows_of(page)) == list(range(10, 0, -1))
    assert "Back to the newest versions" in page and "Approved now" in page
    answer = viewer.get(f"{group.get_absolute_url()}timeline/?before=11&status=waiting")
    assert answer.status_code == 302
    assert answer["Location"] == f"{group.get_absolute_url()}?status=waiting&before=11"


def test_filters_stay_in_the_links_to_older_versions(viewer: Client) -> None:
    group = make_group()
    for n in range(130):
        make_version(group, customer_metadata_properties={"window": "30d" if n % 2 else "90d"})
    html = viewer.get(group.get_absolute_url(), {"status": "waiting", "meta": "window=30d"}).text
    link = re.search(r'<tbody class="t-more"[^>]*hx-get="([^"]*)"', html)
    assert link
    older = viewer.get(link[1].replace("&amp;", "&"), headers=ROWS).text
    assert [*rows_of(html), *rows_of(older)] == list(range(130, 0, -2))
    assert "25+ versions match" in html


def test_the_fragment_of_a_filter_is_the_part_of_the_page_that_it_replaces(viewer: Client) -> None:
    group = a_group([0.5, 0.6, 0.7])
    path = f"{group.get_absolute_url()}?status=waiting"
    page, fragment = viewer.get(path), viewer.get(path, headers=BODY)
    body = fragment.text[: fragment.text.index('<span id="metric-keeps" hx-swap-oob')].strip()
    assert '<input type="hidden" name="status" value="waiting">' in fragment.text, "kept by the choice of a metric"
    assert body.startswith('<div id="group-body">') and body in page.text
    assert "HX-Request" in fragment["Vary"]
    assert "3 versions match" in fragment.text


def test_the_fragment_of_a_metric_brings_band_and_rows(viewer: Client) -> None:
    group = make_group()
    make_version(group, metrics=[("auc", 0.9), ("log_loss", 0.25)])
    fragment = viewer.get(group.get_absolute_url(), {"metric": "log_loss", "meta": ""}, headers=ALL)
    assert fragment.text.lstrip().startswith('<div id="timeline">')
    assert "<h1>" not in fragment.text and metric_cell(rows_of(fragment.text)[1]) == "0.25 first version"
    assert fragment["HX-Push-Url"] == f"{group.get_absolute_url()}?metric=log_loss"
    restored = viewer.get(group.get_absolute_url(), headers={**ALL, "HX-History-Restore-Request": "true"})
    assert "<h1>" in restored.text


def test_segments_count_and_filter_by_status(viewer: Client) -> None:
    group = make_group()
    for status in ["Approved"] * 3 + ["Rejected"] * 2 + ["PendingManualApproval", None]:
        make_version(group, approval_status=status)
    html = viewer.get(group.get_absolute_url()).text
    bar = re.search(r'<nav class="seg".*?</nav>', html, re.S)
    assert bar and text_of(bar[0]) == "All 7 Waiting 1 Approved 3 Rejected 2 No status 1"
    for word, count in {"waiting": 1, "approved": 3, "rejected": 2, "none": 1, "pending": 1, "": 7, "odd": 7}.items():
        assert len(rows_of(viewer.get(group.get_absolute_url(), {"status": word}).text)) == count, word
    assert "status--none" in rows_of(html)[7] and MARKS["none"] in rows_of(html)[7]


def test_menus_offer_what_versions_hold_and_keep_what_is_chosen(viewer: Client) -> None:
    group = make_group()
    for n, author in enumerate(["reviewer", "admin", "admin"]):
        make_version(
            group,
            actor=an_actor(author),
            model_life_cycle={"Stage": "Staging", "StageStatus": "x"} if n else None,
            inference_specification=specification(image=f"x.example.com/sklearn:{n % 2}"),
            customer_metadata_properties={"window": "30d" if n else "90d", "seed": "7"},
        )
    html = viewer.get(group.get_absolute_url(), {"by": ["any-admin", "gone"], "image": "sklearn:0"}).text
    assert list(rows_of(html)) == [3]
    menus = dict(re.findall(r'<details class="facet[^"]*" id="f-(\w+)"(.*?)</details>', html, re.S))
    # Menus in which nothing is chosen are fetched when they are opened; without script as a page with the menu open.
    for name in ("stage", "meta"):
        address = re.search(rf'href="([^"]*menu={name})"', menus[name])
        assert address and 'class="check"' not in menus[name]
        part, whole = (viewer.get(unescape(address[1]), headers=h).text for h in ({"HX-Request": "true"}, {}))
        opened = re.search(rf'id="f-{name}" name="facets" open>(.*?)</details>', whole, re.S)
        assert opened and part.strip() in opened[1] and "<main" not in part
        menus[name] = part
    choices = {
        name: re.findall(
            r'class="check"[^>]* value="([^"]*)"( checked)?>.*?</span>(?:<span class="faint num">(\d+))?', menu, re.S
        )
        for name, menu in menus.items()
    }
    assert choices["stage"] == [("Staging", "", "2")]
    assert choices["image"] == [("sklearn:0", " checked", "2"), ("sklearn:1", "", "1")]
    assert choices["meta"] == [("window=30d", "", "2")], "what all versions share narrows nothing"
    assert [(name, checked) for name, checked, _ in choices["by"]] == [
        ("any-admin", " checked"),
        ("any-reviewer", ""),
        ("gone", " checked"),
    ]


def test_approved_now_and_waiting_have_references(viewer: Client) -> None:
    group = a_group([0.9, 0.94, 0.93, 0.95])
    package = ModelPackage.objects.get(group=group, version=2)
    services.update_approval_status(actor=an_actor("reviewer"), package=package, approval_status="Approved")
    page = viewer.get(group.get_absolute_url()).text
    approved, waiting = (
        text_of(page[page.index(f'id="band-{name}"') : page.index(f'id="band-{after}"')])
        for name, after in (("approved", "waiting"), ("waiting", "trend"))
    )
    for words in ("v2 0.94", "just now by any-reviewer", "sagemaker-xgboost :1.7-1", "Use v2"):
        assert words in approved
    assert "v4 0.95 +0.01 better" in waiting and "v3 0.93 −0.01 worse" in waiting and "v1 0.90 −0.04 worse" in waiting
    assert "Change in auc against v2" in waiting
    assert "· current" in rows_of(page)[2] and page.count("· current") == 1
    assert "auc over 4 versions, from 0.90 in v1 to 0.95 in v4; the dashed line is v2, approved now" in page
    assert f'data-copy="{package.arn}"' in page


def test_each_role_sees_the_controls_it_may_use(db: None) -> None:
    group = a_group([0.5])
    path = group.get_absolute_url()
    wanted = {
        "viewer": ([], ["Register version", "Review v1", "Edit description", "Edit tags", "Add tags"]),
        "contributor": (["Register version"], ["Review v1", "Edit description"]),
        "reviewer": (["Register version", "Review v1"], ["Edit description", "Add tags"]),
        "admin": (["Register version", "Review v1", "Edit description", "Add tags"], []),
    }
    for role, (there, not_there) in wanted.items():
        page = sign_in(role).get(path).text
        assert [words for words in there if words not in page] == [], role
        assert [words for words in not_there if words in page] == [], role
    assert "Open v1" in sign_in("viewer").get(path).text
    nobody = User.objects.create(username="nobody")
    client = Client()
    client.force_login(nobody)
    assert client.get(path).status_code == 404


def test_empty_states_say_what_to_do_next(viewer: Client) -> None:
    empty = make_group()
    assert "No version yet" in viewer.get(empty.get_absolute_url()).text
    assert "Register the first version" not in viewer.get(empty.get_absolute_url()).text
    assert "Register the first version" in sign_in("contributor").get(empty.get_absolute_url()).text
    plain = a_group([None, None])
    page = viewer.get(plain.get_absolute_url()).text
    for words in ("No version is approved.", "No metric yet.", "no metric", "Nothing is approved yet to compare with"):
        assert words in page
    assert metric_cell(rows_of(page)[2]) == "– no metric"
    assert 'd="M50 50q0 30 0 50"' in rows_of(page)[2], "a straight line shows the order"
    nothing = viewer.get(plain.get_absolute_url(), {"meta": "no=such"}).text
    assert "No version matches" in nothing and "Clear filters" in nothing
    decided = make_group()
    make_version(decided, approval_status="Approved", inference_specification=None)
    page = viewer.get(decided.get_absolute_url()).text
    assert "Nothing is waiting." in page and "Image none Artifact none" in text_of(page)
    absent = viewer.get(a_group([0.5]).get_absolute_url(), {"metric": "lift"}).text
    assert "No version has the metric lift." in absent
    assert "There is none below v1." in viewer.get(plain.get_absolute_url(), {"before": "1"}).text


@pytest.mark.parametrize(
    "query",
    [
        "before=0",
        "before=-1",
        "before=" + "9" * 30,
        "before=²",
        "before=x&status=x&metric=" + "m" * 5000,
        "meta==&meta=%3D%3D%3D&meta=" + "=" * 4000,
        "stage=%3Cscript%3E&image=%22&by=" + quote("‮admin"),
        "&".join(f"by=u{n}" for n in range(500)),
    ],
)
def test_odd_addresses_show_the_page(viewer: Client, query: str) -> None:
    group = a_group([0.5, 0.6])
    for path in (group.get_absolute_url(), f"{group.get_absolute_url()}timeline/"):
        for headers in ({}, BODY, ROWS):
            answer = viewer.get(f"{path}?{query}", headers=headers, follow=True)
            assert answer.status_code == 200
            assert "<script>" not in answer.text


def test_what_people_typed_is_text(viewer: Client) -> None:
    evil = '"><script>alert(1)</script>'
    group = make_group(description="x")
    make_version(group, description=evil, customer_metadata_properties={"k": "v"}, metrics=[(evil, 0.5)])
    make_version(group, metrics=[(evil, 0.6)])
    page = viewer.get(group.get_absolute_url(), {"metric": evil}).text
    assert "<script>alert" not in page and "&lt;script&gt;alert" in page


def test_the_region_is_named_only_when_there_are_several(viewer: Client) -> None:
    group = a_group([0.5])
    assert "chip--region" not in viewer.get(group.get_absolute_url()).text
    make_group(region="eu-west-1")
    assert "chip--region" in viewer.get(group.get_absolute_url()).text


def test_a_stranger_is_asked_to_sign_in_and_an_unknown_group_is_404(client: Client, viewer: Client) -> None:
    group = make_group()
    assert Client().get(group.get_absolute_url()).status_code == 302
    assert Client().get(group.get_absolute_url(), headers=BODY).status_code == 401
    assert viewer.get("/groups/us-east-1/no-such-group/").status_code == 404
    assert viewer.get("/groups/eu-west-1/" + group.name + "/timeline/?before=5", headers=ROWS).status_code == 404
    assert viewer.post(group.get_absolute_url()).status_code == 405


@pytest.mark.django_db
def test_the_number_of_queries_does_not_grow() -> None:
    client = sign_in("admin")
    counts: dict[str, set[int]] = {"": set(), "?status=waiting&meta=window=30d": set(), "timeline/?before=90": set()}
    for size in (2, 100):
        group = make_group(tags=[("team", "a")])
        for _ in range(size):
            make_version(group, metrics=[("auc", 0.5)], customer_metadata_properties={"window": "30d"})
        package = ModelPackage.objects.get(group=group, version=1)
        services.update_approval_status(actor=an_actor("reviewer"), package=package, approval_status="Approved")
        for path, found in counts.items():
            with CaptureQueriesContext(connection) as queries:
                headers = ROWS if path.startswith("timeline") else {}
                assert client.get(group.get_absolute_url() + path, headers=headers).status_code == 200
            found.add(len(queries))
    for path, found in counts.items():
        assert len(found) == 1 and max(found) <= 13, (path, found)


@pytest.mark.django_db
def test_fifty_rows_stay_light() -> None:
    rng = random.Random(1)
    client, group = sign_in("viewer"), make_group()
    for n in range(1, 101):
        make_version(
            group,
            description=f"Weekly retrain. RMSE {rng.random():.4f} on {rng.randrange(50, 99)} held-out weeks.",
            inference_specification=specification(artifact=f"s3://ml/models/{group.name}/{n:04d}/model.tar.gz"),
            customer_metadata_properties={
                "git.commit": f"{rng.randrange(16**7):07x}",
                "rows": str(rng.randrange(10**5)),
            },
            metrics=[("rmse", rng.random())],
        )
    page = client.get(group.get_absolute_url()).content
    rows = client.get(f"{group.get_absolute_url()}timeline/?before=51", headers=ROWS).content
    assert len(gzip.compress(page, 6)) < 12 * 1024
    assert len(gzip.compress(rows, 6)) < 7 * 1024


# ---------- selection ----------


def test_rows_can_be_selected_and_compared(viewer):
    group = a_group([0.1, 0.2, 0.3])
    html = viewer.get(group.get_absolute_url()).content.decode()
    boxes = re.findall(r'<input[^>]* form="picks"[^>]* name="v" aria-label="Select v(\d+)" value="(\d+)">', html)
    assert boxes == [("3", "3"), ("2", "2"), ("1", "1")]
    form = re.search(r'<form [^>]*id="picks"[^>]*>', html)
    assert form
    assert f'action="{group.get_absolute_url()}compare/"' in form[0]
    assert "method" not in form[0]
    # The form is outside of what filters and refreshes replace.
    for headers in (BODY, ALL):
        assert 'id="picks"' not in viewer.get(group.get_absolute_url(), headers=headers).content.decode()


def test_waiting_versions_are_compared_with_the_approved_one(viewer):
    group = a_group([0.1, 0.2, 0.3])
    words = r'<a class="btn btn--s" href="(/compare/[^"]*)">([^<]*)</a>'
    assert re.search(words, viewer.get(group.get_absolute_url()).content.decode())
    version = ModelPackage.objects.get(group=group, version=2)
    services.update_approval_status(actor=an_actor(), package=version, approval_status="Approved")
    found = re.search(words, viewer.get(group.get_absolute_url()).content.decode())
    assert found
    assert found[2] == "Compare all three"
    place = f"{group.region}/{group.name}"
    assert found[1] == f"/compare/?v={place}/1&amp;v={place}/2&amp;v={place}/3&amp;base={place}/2"
    # With more than the band shows it leads to the list of them.
    for _ in range(2):
        make_version(group)
    assert not re.search(words, viewer.get(group.get_absolute_url()).content.decode())
