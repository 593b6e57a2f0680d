"""Checks on a version: one state a name, at most fifty, every change told."""

import pytest
from django.core.exceptions import ValidationError

from registry.catalog import services
from registry.catalog.models import Check, ModelPackage
from registry.events.models import Event
from tests.factories import an_actor, make_package, make_version

pytestmark = pytest.mark.django_db

CI = an_actor("contributor", "checks")


def report(package, name="unit tests", state="success", **more):
    return services.report_check(actor=CI, package=package, name=name, state=state, **more)


def test_the_same_name_replaces_and_the_event_keeps_both():
    version = make_version()
    report(version, state="pending")
    report(version, state="failure", url="https://ci.test/7", summary="2 of 40 failed")
    check = Check.objects.get()
    assert (check.state, check.url, check.summary, check.reported_by_name) == (
        "failure", "https://ci.test/7", "2 of 40 failed", CI.name,
    )  # fmt: skip
    event = Event.objects.latest("id")
    assert (event.kind, event.category, event.door) == ("model_package.check_reported", "review", "checks")
    assert event.before == {"Check": {"Name": "unit tests", "State": "pending", "Url": "", "Summary": ""}}
    assert event.after["Check"] == {
        "Name": "unit tests", "State": "failure", "Url": "https://ci.test/7", "Summary": "2 of 40 failed",
    }  # fmt: skip


def test_the_same_report_again_leaves_no_event():
    version = make_version()
    report(version)
    before = Event.objects.count()
    report(version)
    assert Event.objects.count() == before


def test_a_check_is_no_modification_of_the_version():
    version = make_version()
    before = ModelPackage.objects.values().get()
    report(version)
    assert ModelPackage.objects.values().get() == before


def test_a_package_of_its_own_name_has_checks_too():
    assert report(make_package("alone")).pk


def test_at_most_fifty_names():
    version = make_version()
    for number in range(50):
        report(version, f"check {number}")
    with pytest.raises(ValidationError, match="At most 50"):
        report(version, "one more")
    report(version, "check 7", "failure")
    assert Check.objects.count() == 50


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"name": ""}, "name"), ({"name": " "}, "name"), ({"name": " ci"}, "name"), ({"name": "a\nb"}, "name"),
        ({"name": "a\0b"}, "name"), ({"name": "x" * 129}, "name"), ({"state": "passed"}, "state"),
        ({"state": ""}, "state"), ({"state": "SUCCESS"}, "state"), ({"summary": "x" * 1025}, "summary"),
        ({"summary": "a\0"}, "summary"), ({"url": "ftp://ci.test/"}, "url"), ({"url": "javascript:alert(1)"}, "url"),
        ({"url": "https://"}, "url"), ({"url": "https:///path"}, "url"), ({"url": "ci.test/1"}, "url"),
        ({"url": "https://ci.test/a b"}, "url"), ({"url": "https://ci.test/\n"}, "url"),
        ({"url": "https://ci.test/" + "x" * 1024}, "url"),
    ],
)  # fmt: skip
def test_bad_values_are_refused_by_field(values, field):
    with pytest.raises(ValidationError) as refusal:
        report(make_version(), **values)
    assert list(refusal.value.message_dict) == [field]
    assert not Check.objects.exists()


@pytest.mark.parametrize("url", ["http://ci.test", "HTTPS://ci.test/x?y#z", "https://ci.test:8443/ü"])
def test_http_and_https_addresses_are_taken(url):
    assert report(make_version(), url=url).url == url
