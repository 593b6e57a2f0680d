"""The register form: what it starts from, what it keeps, what it refuses and where it says so."""

import re

import pytest
from django.conf import settings
from django.test import Client

from registry.catalog.models import Container, Metric, ModelPackage, ModelPackageGroup, Tag
from tests.factories import IMAGE, make_group, make_package, make_user, make_version, specification

pytestmark = pytest.mark.django_db

ARTIFACT = "s3://models/fraud/2/model.tar.gz"
HTMX = {"HX-Request": "true"}


@pytest.fixture
def contributor(client: Client) -> Client:
    client.force_login(make_user("contributor", username="someone"))
    return client


@pytest.fixture
def reviewer(client: Client) -> Client:
    client.force_login(make_user("reviewer"))
    return client


@pytest.fixture
def group() -> ModelPackageGroup:
    return make_group("fraud-detection")


def address(group: ModelPackageGroup) -> str:
    return f"{group.get_absolute_url()}register/"


def form(**typed) -> dict:
    """What the browser sends for a small version; lists are rows."""
    return {
        "description": "Weekly retrain",
        "stage": "Development",
        "container_image": [IMAGE],
        "container_artifact": [ARTIFACT],
        "approval_status": "PendingManualApproval",
    } | typed


def control(page: str, id: str) -> str:
    """The tag of one control of the page."""
    found = re.search(rf'<(?:input|textarea|select)[^>]* id="{id}"[^>]*>', page)
    assert found, f"no control {id}"
    return found[0]


def test_a_version_is_registered_with_all_that_was_typed(contributor, group):
    response = contributor.post(
        address(group),
        form(
            source_uri="https://git.example.com/commit/1",
            container_image=[IMAGE, "registry.example.com/explain:2"],
            container_artifact=[ARTIFACT, ""],
            metric_name=["auc", "log_loss", ""],
            metric_value=["0.94", "5.9e-2", ""],
            property_key=["git_commit", "feature_set"],
            property_value=["1a77c0d", "v14"],
        ),
    )
    package = ModelPackage.objects.get(group=group)
    assert (response.status_code, response["Location"]) == (302, package.get_absolute_url())
    assert (package.version, package.approval_status, package.stage) == (1, "PendingManualApproval", "Development")
    assert (package.description, package.created_by_name) == ("Weekly retrain", "someone")
    assert package.source_uri == "https://git.example.com/commit/1"
    assert list(Container.objects.filter(package=package).values_list("image", "model_data_url")) == [
        (IMAGE, ARTIFACT),
        ("registry.example.com/explain:2", ""),
    ]
    assert list(package.metrics.values_list("name", "value", "source")) == [
        ("auc", 0.94, Metric.Source.TYPED),
        ("log_loss", 0.059, Metric.Source.TYPED),
    ]
    assert list(package.customer_metadata_properties.values_list("key", "value")) == [
        ("git_commit", "1a77c0d"),
        ("feature_set", "v14"),
    ]


def test_the_form_starts_from_the_newest_version(contributor, group):
    make_version(group, customer_metadata_properties={"a": "1", "b": "1", "metric.f1": "0.1"})
    two = [{"Image": IMAGE, "ModelDataUrl": ARTIFACT}, {"Image": "explain:2"}]
    pairs = {"a": "1", "b": "2", "metric.f1": "0.2", "metric.seconds": "9", "metric.auc": "0.9", "metric.mae": "1"}
    make_version(group, inference_specification={"Containers": two}, customer_metadata_properties=pairs)
    page = contributor.get(address(group)).text
    assert "Register v3" in page
    assert "Filled in from v2." in page
    assert f'value="{IMAGE}"' in control(page, "container-1-image")
    assert 'value=""' in control(page, "container-1-artifact")
    assert 'value="explain:2"' in control(page, "container-2-image")
    names = [re.search('value="([^"]*)"', control(page, f"metric-{n}-name"))[1] for n in (1, 2, 3)]
    assert names == ["auc", "f1", "mae"]
    assert 'value="b"' in control(page, "property-1-key")
    assert "property_suggested" in page


def test_typed_metric_names_come_first_again(contributor, group):
    make_version(group, metrics=[("lift", 3.1), ("zeta", 1.0)], customer_metadata_properties={"metric.auc": "0.9"})
    page = contributor.get(address(group)).text
    assert 'value="lift"' in control(page, "metric-1-name")
    assert 'value="zeta"' in control(page, "metric-2-name")


def test_suggested_names_without_a_value_are_left_out(contributor, group):
    typed = form(
        metric_name=["auc", "log_loss"],
        metric_value=["", "0.1"],
        metric_suggested=["auc", "log_loss"],
        property_key=["git.commit"],
        property_value=[""],
        property_suggested=["git.commit"],
    )
    contributor.post(address(group), typed)
    package = ModelPackage.objects.get(group=group)
    assert list(package.metrics.values_list("name", flat=True)) == ["log_loss"]
    assert not package.customer_metadata_properties.exists()


def test_all_faults_are_shown_at_their_fields_and_nothing_typed_is_lost(contributor, group):
    typed = form(
        description="x" * 1025,
        container_image=["explain:2", "with space:1"],
        container_artifact=["ftp://models/a", "s3://"],
        metric_name=["auc", "f1", "auc"],
        metric_value=["0,94", "0.5", "1"],
        property_key=["feature_set", "git_commit", "git_commit", "bad[key]"],
        property_value=["v14", "1a77c0d", "9f3c2e1", "x"],
    )
    response = contributor.post(address(group), typed)
    page = response.text
    assert response.status_code == 422
    assert not ModelPackage.objects.filter(group=group).exists()
    assert "7 fields need a change" in page
    for text in (
        "At most 1024 characters; this has 1025.",
        "Use the form s3://bucket/path/model.tar.gz.",
        "An image URI has no spaces.",
        "The bucket is missing: s3://bucket/path/model.tar.gz.",
        "Write decimals with a point: 0.94",
        "the key git_commit is used twice, rows 2 and 3",
        "The character [ is not allowed here.",
    ):
        assert text in page
    for id in (
        "id_description",
        "container-1-artifact",
        "container-2-image",
        "container-2-artifact",
        "metric-1-value",
        "property-3-key",
        "property-4-key",
    ):
        assert f'href="#{id}"' in page
        tag = control(page, id)
        assert 'aria-invalid="true"' in tag
        assert f'id="{id}-d"' in page
    assert "This key is already used in row 2." in page
    for id, value in {
        "container-1-image": "explain:2",
        "metric-1-value": "0,94",
        "metric-2-name": "f1",
        "property-3-value": "9f3c2e1",
        "property-4-key": "bad[key]",
    }.items():
        assert f'value="{value}"' in control(page, id)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("0,94", "Write decimals with a point: 0.94"),
        ("94 %", "Write it as a plain number without the percent sign, for example 0.94"),
        ("nan", "Enter a number, for example 0.9478"),
        ("1_000", "Enter a number, for example 0.9478"),
        ("1e999", "This number is too large to store."),
        ("", "Enter a number, for example 0.9478"),
    ],
)
def test_a_metric_that_is_no_number_is_refused_with_help(contributor, group, text, words):
    response = contributor.post(address(group), form(metric_name=["auc"], metric_value=[text]))
    assert response.status_code == 422
    assert words in response.text


def test_a_minus_sign_from_a_text_counts(contributor, group):
    contributor.post(address(group), form(metric_name=["r2"], metric_value=["\N{MINUS SIGN}0.5"]))
    assert Metric.objects.get(package__group=group).value == -0.5


@pytest.mark.parametrize(
    ("typed", "id", "words"),
    [
        ({"container_image": [""]}, "container-1-image", "Enter the image URI of this container."),
        ({"metric_name": [""], "metric_value": ["1"]}, "metric-1-name", "Enter a name."),
        ({"property_key": [""], "property_value": ["1"]}, "property-1-key", "Enter a key."),
        ({"property_key": ["k"], "property_value": [""]}, "property-1-value", "Enter a value."),
        ({"source_uri": "x" * 1025}, "id_source_uri", "At most 1024 characters."),
        ({"approval_status": "Perhaps"}, "id_approval_status", "The status is one of"),
        ({"container_image": ["a:1"] * 16, "container_artifact": [""] * 16}, "container-1-image", "At most 15"),
        (
            {"property_key": [f"k{n}" for n in range(51)], "property_value": ["v"] * 51},
            "property-1-key",
            "At most 50 pairs; these are 51.",
        ),
    ],
)
def test_each_refusal_has_a_link_to_its_field(contributor, group, typed, id, words):
    response = contributor.post(address(group), form(**typed))
    assert response.status_code == 422
    assert f'href="#{id}"' in response.text
    assert words in response.text
    assert control(response.text, id)


def test_a_version_may_have_no_container(contributor, group):
    contributor.post(address(group), form(container_image=[""], container_artifact=[""]))
    assert ModelPackage.objects.get(group=group).inference_specification is None


def test_htmx_gets_the_part_that_the_page_holds_and_a_redirect_when_done(contributor, group):
    refused = contributor.post(address(group), form(container_artifact=["x"]), headers=HTMX)
    assert refused.status_code == 422
    assert refused.text.lstrip().startswith('<div id="register-form">')
    assert "HX-Request" in refused["Vary"]
    done = contributor.post(address(group), form(), headers=HTMX)
    assert done["HX-Redirect"] == ModelPackage.objects.get(group=group).get_absolute_url()


def test_what_is_unwise_warns_and_does_not_stop(contributor, group):
    typed = form(container_image=["registry.example.com:5000/xgboost"], container_artifact=["https://models/a.tar.gz"])
    response = contributor.post(address(group), typed, follow=True)
    assert ModelPackage.objects.filter(group=group).count() == 1
    assert "Container 1: the image has no tag or digest" in response.text
    assert "Container 1: the artifact is an https address" in response.text
    assert "Registered v1" in response.text


def test_a_digest_is_as_good_as_a_tag(contributor, group):
    image = "registry.example.com/xgboost@sha256:" + "a" * 64
    response = contributor.post(address(group), form(container_image=[image]), follow=True)
    assert "no tag or digest" not in response.text


def test_one_more_container_row_knows_its_number(contributor, group):
    page = contributor.get(f"{address(group)}container/?index=2", headers=HTMX).text
    assert 'id="container-2-image"' in page
    assert "container/?index=3" in page
    for index in ("0", "16", "9" * 40):
        assert contributor.get(f"{address(group)}container/?index={index}").status_code in (200, 204)
    assert contributor.get(f"{address(group)}container/?index=16").status_code == 204
    assert contributor.get("/packages/new/container/?index=x").status_code == 200


def test_a_browser_without_script_gets_empty_rows(contributor, group):
    page = contributor.get(address(group)).text
    spare = "".join(re.findall("<noscript>.*?</noscript>", page, re.DOTALL))
    assert len(re.findall('name="container_image"', spare)) == 3
    assert len(re.findall('name="property_key"', spare)) == 3
    ids = re.findall(r' id="([^"]+)"', page)
    assert len(ids) == len(set(ids))


def test_only_reviewers_see_and_may_use_the_decisions(contributor, group, django_user_model):
    page = contributor.get(address(group)).text
    assert "Approve now" not in page
    assert "Production" not in page
    for typed in ({"approval_status": "Approved"}, {"stage": "Production"}):
        assert contributor.post(address(group), form(**typed)).status_code == 403
    assert not ModelPackage.objects.filter(group=group).exists()


def test_a_reviewer_registers_as_approved_in_another_stage(reviewer, group):
    page = reviewer.get(address(group)).text
    for words in ("Approve now", "Record as rejected", *settings.REGISTRY_STAGES):
        assert words in page
    reviewer.post(address(group), form(approval_status="Approved", stage="Production"))
    package = ModelPackage.objects.get(group=group)
    assert (package.approval_status, package.stage, package.stage_status) == ("Approved", "Production", "Approved")
    group.refresh_from_db()
    assert group.approved_version == 1


def test_a_viewer_may_not_register(client, group):
    client.force_login(make_user("viewer"))
    for path in (address(group), "/packages/new/"):
        assert client.get(path).status_code == 403
        assert client.post(path, form()).status_code == 403


def test_an_unknown_group_is_not_found(contributor):
    assert contributor.get("/groups/us-east-1/nothing/register/").status_code == 404
    assert contributor.get("/groups/us-east-1/nothing/register/container/").status_code == 404


def test_the_page_asks_the_same_number_of_queries_however_many_versions(
    contributor, group, django_assert_max_num_queries
):
    for number in range(20):
        make_version(group, customer_metadata_properties={f"k{n}": str(number) for n in range(20)})
    contributor.get(address(group))
    with django_assert_max_num_queries(12):
        contributor.get(address(group))


def test_an_unversioned_package_is_registered_with_name_region_and_tags(contributor):
    page = contributor.get("/packages/new/").text
    assert f'value="{settings.REGISTRY_REGION}"' in control(page, "id_region")
    assert "approval_status" not in page
    typed = form(name="iris-baseline", region="eu-west-1", tag_key=["team", "empty"], tag_value=["vision", ""])
    response = contributor.post("/packages/new/", typed)
    package = ModelPackage.objects.unversioned().get()
    assert response["Location"] == "/packages/eu-west-1/iris-baseline/"
    assert (package.name, package.region, package.approval_status, package.stage) == (
        "iris-baseline",
        "eu-west-1",
        None,
        "",
    )
    assert list(Tag.objects.filter(package=package).values_list("key", "value")) == [("team", "vision"), ("empty", "")]


@pytest.mark.parametrize(
    ("typed", "id", "words"),
    [
        ({"name": ""}, "id_name", "Only the letters"),
        ({"name": "iris baseline"}, "id_name", "Spaces are not allowed"),
        ({"name": "taken"}, "id_name", "There is a package of this name already."),
        ({"region": "Europe"}, "id_region", "A region has 9 to 16 characters"),
        ({"region": "x" * 17}, "id_region", "A region has 9 to 16 characters"),
        ({"tag_key": ["aws:x"], "tag_value": ["1"]}, "tag-1-key", "Keys that begin with aws: are reserved."),
        ({"tag_key": ["a", "a"], "tag_value": ["1", "2"]}, "tag-2-key", "This key is already used in row 1."),
    ],
)
def test_an_unversioned_package_is_refused_at_the_field(contributor, typed, id, words):
    make_package("taken", inference_specification=specification())
    response = contributor.post("/packages/new/", form(**({"name": "iris", "region": "us-east-1"} | typed)))
    assert response.status_code == 422
    assert words in response.text
    assert f'href="#{id}"' in response.text
    assert ModelPackage.objects.unversioned().count() == 1
