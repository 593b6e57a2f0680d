"""POST /api/checks/: who may, what is stored, and every body that no pipeline should send."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from django.test import Client

from registry.accounts.models import AccessKey, Role
from registry.accounts.permissions import MINIMUM_ROLE
from registry.catalog.models import Check
from registry.events.models import Event
from tests.api.conftest import HOST, send
from tests.factories import make_group, make_package, make_user, make_version

pytestmark = pytest.mark.django_db

BODY = {"ModelPackageName": "fraud/1", "Name": "unit tests", "State": "success"}


@pytest.fixture
def version():
    return make_version(make_group("fraud"))


def post(
    key: tuple[str, str],
    body: Any,
    *,
    region: str = "us-east-1",
    path: str = "/api/checks/",
    service: str = "sagemaker",
    method: str = "POST",
) -> tuple[int, dict[str, Any]]:
    """Sign and send a body; status and answer, which is JSON whatever happens."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    request = AWSRequest(method, f"http://{HOST}{path}", data=data, headers={"Content-Type": "application/json"})
    SigV4Auth(Credentials(*key), service, region).add_auth(request)
    answer = send(request.prepare())
    assert answer.headers["Content-Type"] == "application/json" and answer.headers["x-amzn-RequestId"]
    members = json.loads(answer.content)
    assert answer.headers.get("x-amzn-ErrorType", "") == members.get("__type", "")
    return answer.status_code, members


@pytest.fixture
def key(key_for):
    return key_for("contributor")


def test_a_check_is_stored_answered_and_told(key, version):
    body = BODY | {"State": "failure", "Url": "https://ci.test/7", "Summary": "2 of 40 failed"}
    status, answer = post(key, body)
    check = Check.objects.get()
    assert (check.package, check.name, check.state) == (version, "unit tests", "failure")
    assert status == 200
    assert answer == {
        "ModelPackageArn": version.arn, "Name": "unit tests", "State": "failure", "Url": "https://ci.test/7",
        "Summary": "2 of 40 failed", "ReportedTime": check.reported_at.timestamp(),
        "ReportedBy": check.reported_by_name,
    }  # fmt: skip
    event = Event.objects.latest("id")
    assert (event.kind, event.door, event.access_key) == ("model_package.check_reported", "checks", "pipeline")


@pytest.mark.parametrize("path", ["/api/checks/", "/api/checks"])
def test_the_version_is_named_by_arn_or_name_in_either_member(key, version, path):
    for member in ("ModelPackageName", "ModelPackageArn"):
        for name in (version.arn, "fraud/1"):
            body = {member: name, "Name": f"{member} {name}", "State": "pending"}
            assert post(key, body, path=path)[0] == 200
    make_package("alone")
    assert post(key, BODY | {"ModelPackageName": "alone"})[0] == 200
    assert Check.objects.count() == 5


@pytest.mark.parametrize("role", list(Role))
def test_it_takes_a_contributor(key_for, version, role):
    status, answer = post(key_for(role), BODY)
    if role.rank >= MINIMUM_ROLE["model_package.report_check"].rank:
        assert status == 200
    else:
        assert (status, answer["__type"]) == (400, "AccessDeniedException")
        assert "contributor" in answer["message"] and "fraud" not in answer["message"]
        assert not Check.objects.exists()


def test_the_region_is_the_one_that_was_signed_for(key, version):
    status, answer = post(key, BODY, region="eu-west-1")
    assert (status, answer["__type"]) == (400, "ValidationException")
    assert "does not exist" in answer["message"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"ModelPackageName": "fraud/2"}, "does not exist"),
        ({"ModelPackageName": "other"}, "does not exist"),
        ({"ModelPackageName": "fraud/1\u0000"}, "NUL"),
        ({"ModelPackageName": "fraud/" + "9" * 30}, "does not exist"),
        ({"ModelPackageName": None}, "Name the version by either"),
        ({"ModelPackageName": ""}, "Name the version by either"),
        ({"ModelPackageArn": "fraud/1"}, "Name the version by either"),
        ({"Name": None}, "Name must not be missing"),
        ({"Name": None, "State": None}, "Name and State must not be missing"),
        ({"Name": ""}, "Name: A check has a name."),
        ({"State": "passed"}, "State: The state is one of pending, success, failure."),
        ({"Url": "javascript:alert(1)"}, "Url: Use the form https://host/path."),
        ({"Summary": "x" * 1025}, "Summary: At most 1024 characters"),
        ({"Stat": "success"}, "There is no member 'Stat' here."),
        ({"state": "success"}, "There is no member 'state' here."),
    ],
)
def test_a_wrong_value_is_told_by_its_member(key, version, change, words):
    status, answer = post(key, BODY | change)
    assert (status, answer["__type"]) == (400, "ValidationException")
    assert words in answer["message"]
    assert not Check.objects.exists()


def raw(member: str, value: str) -> bytes:
    texts = {name: json.dumps(text) for name, text in BODY.items()} | {member: value}
    return ("{" + ",".join(f'"{name}":{text}' for name, text in texts.items()) + "}").encode()


@pytest.mark.parametrize(
    "body",
    [
        b"{", b"nonsense", b"[]", b'"text"', b"1", b"null", b"\xff\xfe", raw("Summary", "1"), raw("Summary", "NaN"),
        raw("Summary", "true"), raw("Summary", '["a"]'), raw("Summary", r'"\ud800"'), raw("Url", "-Infinity"),
        raw("Url", "{}"), b'{"Name": "a", "Name": "b"}', b'{"a":' * 1000 + b"1" + b"}" * 1000, b"[" * 1000,
        raw("Summary", "9" * 5000),
    ],
    ids=range(18),
)  # fmt: skip
def test_a_body_that_cannot_be_read_is_a_serialization_error(key, version, body):
    status, answer = post(key, body)
    assert (status, answer["__type"]) == (400, "SerializationException")
    assert not Check.objects.exists()


def test_an_empty_body_names_no_version(key):
    assert post(key, b"")[1]["__type"] == "ValidationException"


def test_a_body_over_5_mb_is_too_large_and_refused_within_a_second(key, version):
    started = time.process_time()
    status, answer = post(key, raw("Summary", json.dumps("a" * 10_000_000)))
    assert (status, answer["__type"]) == (413, "RequestEntityTooLarge")
    assert time.process_time() - started < 1


def test_other_methods_are_told_to_post(key):
    for method in ("GET", "PUT", "DELETE"):
        status, answer = post(key, b"", method=method)
        assert (status, answer["__type"]) == (405, "MethodNotAllowed")


def test_unsigned_and_badly_signed_calls_are_refused(key, version):
    answer = Client().post("/api/checks/", json.dumps(BODY), content_type="application/json")
    assert (answer.status_code, answer.json()["__type"]) == (403, "MissingAuthenticationTokenException")
    assert post((key[0], "wrong"), BODY)[1]["__type"] == "InvalidSignatureException"
    assert post(("AKIANOBODY", "wrong"), BODY)[1]["__type"] == "UnrecognizedClientException"
    assert post(key, BODY, service="execute-api")[1]["__type"] == "InvalidSignatureException"
    AccessKey.objects.update(is_active=False)
    assert post(key, BODY)[1]["__type"] == "UnrecognizedClientException"
    assert not Check.objects.exists()


def test_a_session_of_the_browser_opens_nothing_here(version):
    client = Client()
    client.force_login(make_user("admin"))
    assert client.post("/api/checks/", json.dumps(BODY), content_type="application/json").status_code == 403


def test_a_signature_for_the_wire_does_not_fit_here(key, version):
    data = json.dumps(BODY).encode()
    request = AWSRequest("POST", f"http://{HOST}/", data=data, headers={"Content-Type": "application/json"})
    SigV4Auth(Credentials(*key), "sagemaker", "us-east-1").add_auth(request)
    request.url = f"http://{HOST}/api/checks/"
    prepared = request.prepare()
    assert json.loads(send(prepared).content)["__type"] == "InvalidSignatureException"
