"""Compare: the address is the state, every state has a page, and what an address cannot mean is said in words."""

from __future__ import annotations

import csv
import io
import re
from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.utils.http import urlencode

from registry.accounts.models import User
from registry.catalog import services
from registry.catalog.models import ModelPackage
from registry.catalog.reports.comparisons import Ref
from registry.web.forms.compare import COMPARED_MAX, compare_href, read_ref
from tests.factories import REGION, an_actor, make_group, make_package, make_user, make_version, specification

pytestmark = pytest.mark.django_db


@pytest.fixture
def viewer(client: Client) -> Client:
    client.force_login(make_user("viewer"))
    return client


def a_group(name: str = "fraud", versions: int = 3) -> Any:
    group = make_group(name)
    for n in range(1, versions + 1):
        make_version(
            group,
            approval_status="Approved" if n == 2 else "PendingManualApproval",
            metrics=[("auc", 0.9 + n / 100), ("log_loss", 0.3)],
            inference_specification=specification(artifact=f"s3://models/{name}/run-{n}/model.tar.gz"),
            customer_metadata_properties={"commit": f"c{n}", "same": "x"},
        )
    group.refresh_from_db()
    return group


def href(*refs: str, **more: str) -> str:
    return f"/compare/?{urlencode([('v', ref) for ref in refs] + list(more.items()))}"


def page(client: Client, path: str, status: int = 200) -> str:
    response = client.get(path)
    assert response.status_code == status, response.content
    return response.content.decode()


def text_of(html: str) -> str:
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", html.replace("<wbr>", "")))).strip()


def notes_of(html: str) -> list[str]:
    found = re.search(r'id="notes".*?</div></div>', html, re.S)
    return [text_of(part) for part in re.findall(r"<p>(.*?)</p>", found[0], re.S)] if found else []


def columns_of(html: str) -> list[str]:
    return re.findall(r'<a class="ver clip" href="[^"]*">(.*?)</a>', html)


def row_of(html: str, label: str) -> str:
    for row in re.findall(r'<tr class="is-(?:diff|same)">.*?</tr>', html, re.S):
        if text_of(re.findall(r"<th.*?</th>", row, re.S)[0]) == label:
            return row
    raise AssertionError(label)


# ---------- the table ----------


def test_versions_stand_side_by_side_against_the_baseline(viewer):
    a_group()
    html = page(viewer, href(*(f"{REGION}/fraud/{n}" for n in (1, 2, 3)), base=f"{REGION}/fraud/2"))
    assert "<h1>Compare 3 versions</h1>" in html
    assert columns_of(html) == ["v1", "v2", "v3"]
    cells = [text_of(cell) for cell in re.findall(r"<td.*?</td>", row_of(html, "auc"), re.S)]
    assert cells == ["0.91 −0.01 worse", "0.92", "0.93 +0.01 better Best"]
    assert 'class="is-same"' in row_of(html, "log_loss")
    assert row_of(html, "commit").count("is-changed") == 2
    artifact = row_of(html, "sagemaker-xgboost")
    assert text_of(artifact).count("sagemaker-xgboost:1.7-1") == 3
    assert "<ins>run-1</ins>" in html
    assert text_of(html).count("Baseline") == 1


def test_the_first_one_is_the_baseline_where_none_is_named_and_links_keep_the_rest(viewer):
    a_group()
    html = unescape(page(viewer, href(f"{REGION}/fraud/3", f"{REGION}/fraud/1", diff="1")))
    first, other = f"v={REGION}/fraud/3", f"v={REGION}/fraud/1"
    assert f'href="/compare/?{first}&{other}&base={REGION}/fraud/1&diff=1"' in html  # make v1 the baseline
    assert f'href="/compare/?{first}&base={REGION}/fraud/3&diff=1"' in html  # without v1
    assert f'href="/compare/?{other}&diff=1"' in html  # without the baseline another one takes its place
    assert f'href="/compare/?{first}&{other}&v={REGION}/fraud/2&base={REGION}/fraud/3&diff=1"' in html  # with v2
    assert re.search(r'id="only-diff"[^>]* checked', html)


def test_only_differences_is_off_unless_the_address_says_so(viewer):
    a_group()
    assert not re.search(r'id="only-diff"[^>]* checked', page(viewer, href(f"{REGION}/fraud/1", f"{REGION}/fraud/2")))


def test_versions_of_different_groups_and_a_package_without_one(viewer):
    a_group("fraud")
    a_group("churn")
    make_package("sold", metrics=[("auc", 0.99)])
    html = page(viewer, href(f"{REGION}/fraud/1", f"{REGION}/churn/2", f"{REGION}/sold"))
    assert columns_of(html) == ["v1", "v2", "sold"]
    assert "fraud churn not set" in text_of(row_of(html, "Group"))
    assert "Best" in row_of(html, "auc")
    assert "of fraud" in text_of(html)


def test_the_baseline_may_be_one_that_only_base_names(viewer):
    a_group()
    html = page(viewer, href(f"{REGION}/fraud/3", base=f"{REGION}/fraud/1"))
    assert columns_of(html) == ["v1", "v3"]


def test_directions_are_those_of_the_baselines_group(viewer):
    group = a_group()
    services.update_metric_choices(actor=an_actor(), group=group, metric_directions={"auc": "lower"})
    html = page(viewer, href(f"{REGION}/fraud/1", f"{REGION}/fraud/2"))
    assert "+0.01 worse" in text_of(row_of(html, "auc"))
    assert "lower is better" in html


def test_small_charts_cover_the_group_with_a_dot_for_each_version(viewer):
    a_group(versions=5)
    html = page(viewer, href(f"{REGION}/fraud/2", f"{REGION}/fraud/4", f"{REGION}/fraud/5"))
    assert "Metrics over 5 versions" in html
    chart = re.findall(r'<div class="multiple">.*?</div>\n?<', html, re.S)
    assert len(re.findall(r'<div class="multiple">', html)) == 2, chart
    # Two charts with three dots each, and the two of the legend.
    assert html.count('class="dot-base"') == 2 + 1
    assert html.count('class="dot-sel"') == 4 + 1


def test_text_of_people_is_never_markup(viewer):
    group = make_group("fraud")
    for n in range(2):
        make_version(
            group,
            description=f"<b>{n}</b>",
            metrics=[("<u>", float(n))],
            inference_specification=specification(artifact=f"s3://a/<em>{n}"),
        )
    html = page(viewer, href(f"{REGION}/fraud/1", f"{REGION}/fraud/2"))
    for wrong in ("<b>0", "<u>", "<em>"):
        assert wrong not in html


# ---------- what an address cannot mean ----------


def test_nothing_named_says_how_to_begin(viewer):
    html = page(viewer, "/compare/")
    assert "Nothing to compare yet" in html
    assert notes_of(html) == []


def test_one_version_asks_for_another(viewer):
    a_group()
    html = page(viewer, href(f"{REGION}/fraud/1"))
    assert "One version is nothing to compare" in html
    assert "Add a second one to v1." in html


def test_unknown_and_deleted_versions_are_named(viewer):
    group = a_group()
    make_version(make_group("gone"))
    services.delete_model_package(actor=an_actor(), package=ModelPackage.objects.get(group=group, version=3))
    html = page(
        viewer,
        href(f"{REGION}/fraud/1", f"{REGION}/fraud/2", f"{REGION}/fraud/3", f"{REGION}/fraud/99", f"{REGION}/nothing"),
    )
    notes = notes_of(html)
    assert re.fullmatch(r"v3 of fraud was deleted by any-admin on \d{4}-\d\d-\d\d \d\d:\d\d UTC\.", notes[0])
    assert notes[1:] == ["There is no version 99 of fraud.", "There is no package nothing."]
    assert columns_of(html) == ["v1", "v2"]


def test_duplicates_and_mangled_values_are_named(viewer):
    a_group()
    html = page(viewer, href(f"{REGION}/fraud/1", f"{REGION}/fraud/1", "../../etc", f"{REGION}/fraud/2", base="<x>"))
    assert notes_of(html) == [
        "<x> is no version, so it is not the baseline.",
        f"{REGION}/fraud/1 was named twice.",
        "../../etc is no version. Write region/group/number.",
    ]
    assert columns_of(html) == ["v1", "v2"]


def test_more_than_eight_are_left_out_but_never_the_baseline(viewer):
    a_group(versions=11)
    refs = [f"{REGION}/fraud/{n}" for n in range(1, 12)]
    html = page(viewer, href(*refs, base=refs[10]))
    assert notes_of(html) == ["At most 8 versions are compared; 3 of those named are left out."]
    assert columns_of(html) == ["v1", "v2", "v3", "v4", "v5", "v6", "v7", "v11"]
    assert "Add version" not in html


@pytest.mark.parametrize(
    "value",
    [
        "9" * 30,
        f"{REGION}/fraud/{'9' * 30}",
        f"{REGION}/fraud/0",
        f"{REGION}/fraud/-1",
        f"{REGION}/fraud/1/2",
        f"{REGION}//1",
        f"{REGION}/{'x' * 64}/1",
        "\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16"),
        "％",
        "١",
        "x" * 5000,
        "arn:aws:sagemaker:us-east-1:000000000000:model-package-group/fraud",
    ],
)
@pytest.mark.parametrize("where", ["v", "base"])
def test_odd_values_are_a_sentence_and_no_error(viewer, value, where):
    a_group()
    html = page(viewer, f"{href(f'{REGION}/fraud/1', f'{REGION}/fraud/2')}&{urlencode({where: value})}")
    assert len(notes_of(html)) == 1
    assert len(notes_of(html)[0]) < 200
    assert columns_of(html) == ["v1", "v2"]


def test_bytes_that_are_no_text_are_refused_and_a_thousand_values_are_no_error(viewer):
    a_group()
    page(viewer, "/compare/?v=%ff%fe&base=%ff", 400)
    page(viewer, "/compare/?v=%00", 400)
    many = "&".join(f"v={REGION}/fraud/{n}" for n in range(1, 1000))
    html = page(viewer, f"/compare/?{many}")
    assert len(columns_of(html)) == 3
    assert len(notes_of(html)) == 6


# ---------- other spellings ----------


@pytest.mark.parametrize(
    ("text", "ref"),
    [
        (f"{REGION}/fraud/25", Ref(REGION, "fraud", 25)),
        (f"{REGION}/sold", Ref(REGION, "sold")),
        ("arn:aws:sagemaker:us-east-1:123456789012:model-package/fraud/7", Ref("us-east-1", "fraud", 7)),
        ("arn:aws-cn:sagemaker:cn-north-1:123456789012:model-package/sold", Ref("cn-north-1", "sold")),
        ("v3", Ref(REGION, "near", 3)),
        ("12", Ref(REGION, "near", 12)),
        ("fraud", None),
        ("0", None),
        ("", None),
    ],
)
def test_a_version_is_read_in_every_spelling_that_people_paste(text, ref):
    assert read_ref(text, Ref(REGION, "near", 1)) == ref


def test_another_spelling_leads_to_the_plain_address(viewer):
    a_group()
    arn = ModelPackage.objects.get(version=3).arn
    response = viewer.get(href(f"{REGION}/fraud/1", "v2", arn, base="2"))
    assert response.status_code == 302
    assert response["Location"] == compare_href([Ref(REGION, "fraud", n) for n in (1, 2, 3)], Ref(REGION, "fraud", 2))
    assert viewer.get(response["Location"]).status_code == 200


# ---------- from the page of a group ----------


def test_selected_rows_lead_to_their_comparison_oldest_first(viewer):
    a_group()
    response = viewer.get(f"/groups/{REGION}/fraud/compare/?v=3&v=1")
    assert response["Location"] == compare_href([Ref(REGION, "fraud", n) for n in (1, 3)], Ref(REGION, "fraud", 1))
    with_approved = viewer.get(f"/groups/{REGION}/fraud/compare/?v=3&v=2&v=1")["Location"]
    assert with_approved.endswith(f"&base={REGION}/fraud/2")
    asked = viewer.get(f"/groups/{REGION}/fraud/compare/?v=3&v=2&base=3")["Location"]
    assert asked.endswith(f"&base={REGION}/fraud/3")


@pytest.mark.parametrize("query", ["", "?v=", "?v=x", "?v=1", "?v=" + "9" * 30, "?v=1&v=1&base=zz"])
def test_a_selection_that_is_none_is_explained_by_the_page(viewer, query):
    a_group()
    response = viewer.get(f"/groups/{REGION}/fraud/compare/{query}", follow=True)
    assert response.status_code == 200
    assert viewer.get(f"/groups/{REGION}/nothing/compare/{query}").status_code == 404


# ---------- the file ----------


def test_the_table_as_a_file(viewer):
    group = a_group()
    make_version(group, description="=1+1", metrics=[("auc", -0.5)], customer_metadata_properties={"+key": "@x"})
    response = viewer.get(href(f"{REGION}/fraud/1", f"{REGION}/fraud/4", format="csv"))
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    assert 'filename="comparison.csv"' in response["Content-Disposition"]
    text = b"".join(response).decode("utf-8-sig")
    rows = list(csv.reader(io.StringIO(text, newline="")))
    assert rows[0] == ["section", "field", f"{REGION}/fraud/1 (baseline)", f"{REGION}/fraud/4"]
    assert ["Overview", "Description", "", "'=1+1"] in rows
    assert ["Metrics", "auc", "0.91", "-0.5"] in rows
    assert ["Metadata", "'+key", "", "'@x"] in rows
    assert ["Approval", "Status", "PendingManualApproval", "PendingManualApproval"] in rows


# ---------- who, and what it costs ----------


def test_nobody_without_a_role_learns_of_a_version(client):
    a_group()
    client.force_login(User.objects.create(username="nobody"))
    html = client.get(href(f"{REGION}/fraud/1", f"{REGION}/fraud/2")).content.decode()
    assert "run-1" not in html
    assert columns_of(html) == []


def test_queries_do_not_grow_with_the_versions(viewer, django_assert_max_num_queries):
    a_group("fraud", versions=9)
    a_group("churn", versions=2)
    refs = [f"{REGION}/fraud/{n}" for n in range(2, 8)] + [f"{REGION}/churn/1"]
    page(viewer, href(*refs))
    with django_assert_max_num_queries(12):
        page(viewer, href(*refs))
    assert len(refs) < COMPARED_MAX
