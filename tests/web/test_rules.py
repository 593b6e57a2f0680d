"""The page of a group's rules: read by everybody, changed by admins."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client

from registry.catalog import services
from registry.catalog.metric_gates import MetricGate
from registry.catalog.models import ModelPackageGroup
from registry.catalog.rules import ReviewRules
from registry.events.models import Event
from tests.factories import an_actor, make_group, make_version

PATH = "/groups/us-east-1/fraud/rules/"

pytestmark = pytest.mark.django_db


@pytest.fixture
def group() -> ModelPackageGroup:
    return make_group("fraud")


@pytest.fixture
def admin(as_role: Any) -> Client:
    return as_role("admin")


def rules() -> ReviewRules:
    return ReviewRules.from_json(ModelPackageGroup.objects.get().review_rules)


def seen_in(response: Any) -> str:
    found = re.search(r'<textarea name="seen" hidden>\n?(.*?)</textarea>', response.content.decode(), re.DOTALL)
    assert found
    return found[1].replace("&#34;", '"')


def text_of(response: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


FORM = {
    "approvals_needed": "2",
    "author_may_not_approve": "on",
    "metric_gates": "latency_p95_ms < 50\r\n\r\n auc not more than 0.002 below the approved version ",
    "required_metadata_keys": "git.commit\r\nowner",
    "required_checks": "tests",
}


def test_a_group_starts_without_rules_and_says_so(as_role, group):
    text = text_of(as_role("viewer").get(PATH))
    assert "One approval by a reviewer, and nothing else" in text and "Save rules" not in text


def test_everybody_reads_the_rules_in_words(as_role, group):
    services.update_review_rules(
        actor=an_actor(),
        group=group,
        rules=ReviewRules(approvals_needed=2, metric_gates=(MetricGate("auc", ">", 0.9),), comment_required=True),
    )
    text = text_of(as_role("contributor").get(PATH))
    assert "2 approvals by different people" in text and "auc &gt; 0.9" in text
    assert "Every decision needs a comment" in text and "<form" not in text
    assert 'href="/groups/us-east-1/fraud/rules/">Rules <span class="count">3<' in (
        as_role("viewer").get("/groups/us-east-1/fraud/").content.decode()
    )


def test_admins_save_them(admin, group):
    page = admin.get(PATH)
    response = admin.post(PATH, FORM | {"seen": seen_in(page)})
    assert (response.status_code, response["Location"]) == (302, PATH)
    assert rules() == ReviewRules(
        approvals_needed=2,
        author_may_not_approve=True,
        metric_gates=(MetricGate("latency_p95_ms", "<", 50), MetricGate("auc", "below", 0.002)),
        required_metadata_keys=("git.commit", "owner"),
        required_checks=("tests",),
    )
    text = text_of(admin.get(PATH))
    assert "Rules saved" in text and "auc not more than 0.002 below the approved version" in text
    (event,) = Event.objects.filter(kind="model_package_group.rules_changed")
    assert (event.actor_name, event.after["ReviewRules"]["approvals_needed"]) == ("admin", 2)
    assert "admin set 5 review rules for fraud" in text_of(admin.get("/activity/?type=review"))
    # The same again is no event.
    admin.post(PATH, FORM | {"seen": seen_in(admin.get(PATH))})
    assert Event.objects.filter(kind="model_package_group.rules_changed").count() == 1


@pytest.mark.parametrize(
    ("field", "typed", "words"),
    [
        ("metric_gates", "auc > 0.9\nsomewhat better", "Line 2: “somewhat better” is not understood"),
        ("metric_gates", "auc > 1e999", "the bound is too large"),
        ("metric_gates", "\n".join(f"m{n} > 1" for n in range(21)), "At most 20; these are 21."),
        ("required_metadata_keys", "k" * 129, "at most 128 characters"),
        ("required_metadata_keys", "a\N{NULL}b", ""),
        ("required_checks", "c" * 129, "at most 128 characters"),
        ("required_checks", "\n".join(f"check {n}" for n in range(51)), "At most 50; these are 51."),
        ("approvals_needed", "6", "Select a valid choice"),
        ("approvals_needed", "9" * 30, "Select a valid choice"),
        ("approvals_needed", "", "required"),
        ("metric_gates", "x" * 30_000, "at most"),
    ],
)
def test_faults_stand_at_their_field_and_what_was_typed_stays(admin, group, field, typed, words):
    response = admin.post(PATH, FORM | {field: typed})
    if "\0" in typed:
        assert response.status_code in (400, 422) and not rules().required_metadata_keys
        return
    page = response.content.decode()
    assert response.status_code == 422 and rules() == ReviewRules()
    assert words in page.replace("&lt;", "<").replace("&gt;", ">")
    assert f'id="id_{field}"' in page and 'aria-invalid="true"' in page.partition(f'id="id_{field}"')[2][:200]
    for line in typed.splitlines()[:2] if field != "approvals_needed" else ():
        assert line.replace(">", "&gt;") in page
    assert 'href="#id_' in page


def test_changed_meanwhile_shows_the_present_rules_and_who_set_them(admin, group):
    seen = seen_in(admin.get(PATH))
    services.update_review_rules(actor=an_actor(), group=group, rules=ReviewRules(comment_required=True))
    response = admin.post(PATH, FORM | {"seen": seen})
    text = text_of(response)
    assert response.status_code == 409 and rules() == ReviewRules(comment_required=True)
    assert "any-admin changed the rules just now" in text and "They are now: Every decision needs a comment" in text
    assert "git.commit" in response.content.decode()
    assert admin.post(PATH, FORM | {"seen": seen_in(response)}).status_code == 302
    assert rules().approvals_needed == 2


@pytest.mark.parametrize("seen", ["", "x", "{", "9" * 40])
def test_odd_marks_of_what_was_seen_are_stale(admin, group, seen):
    assert admin.post(PATH, FORM | {"seen": seen}).status_code == 409


@pytest.mark.parametrize("role", ["viewer", "contributor", "reviewer"])
def test_others_change_nothing(as_role, group, role):
    assert as_role(role).post(PATH, FORM).status_code == 403
    assert rules() == ReviewRules()


def test_names_that_the_newest_versions_have_are_offered(admin, group):
    package = make_version(group, metrics=[("auc", 0.9)], customer_metadata_properties={"owner": "x", "metric.f1": "1"})
    services.report_check(actor=an_actor(), package=package, name="tests", state="success")
    page = admin.get(PATH).content.decode()
    assert re.findall(r'data-line="([^"]+)"', page) == ["auc", "f1", "owner", "tests"]


def test_rules_of_a_newer_release_are_named(as_role, group):
    ModelPackageGroup.objects.update(review_rules={"moon_phase": "full"})
    assert "moon_phase: a rule that this release does not know" in text_of(as_role("viewer").get(PATH))


def test_there_is_none_of_a_group_that_is_not_there(admin):
    assert admin.get("/groups/us-east-1/none/rules/").status_code == 404
