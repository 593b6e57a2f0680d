"""Bodies that no client of AWS sends: each is refused in JSON, quickly, and nothing is stored."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from registry.catalog.models import ModelPackageGroup
from tests.api.conftest import HOST, send

pytestmark = pytest.mark.django_db

TYPE = "application/x-amz-json-1.1"


@pytest.fixture
def post(key_for):
    """A function that signs and sends a raw body, and gives status and answer."""
    key_id, secret = key_for("admin")

    def call(body: bytes, operation: str = "CreateModelPackageGroup", content_type: str = TYPE) -> tuple[int, Any]:
        headers = {"X-Amz-Target": f"SageMaker.{operation}", "Content-Type": content_type}
        request = AWSRequest(method="POST", url=f"http://{HOST}/", data=body, headers=headers)
        SigV4Auth(Credentials(key_id, secret), "sagemaker", "us-east-1").add_auth(request)
        answer = send(request.prepare())
        assert answer.headers["Content-Type"] == TYPE and answer.headers["x-amzn-RequestId"]
        return answer.status_code, json.loads(answer.content)

    return call


def named(value: str) -> bytes:
    return b'{"ModelPackageGroupName": %s}' % value.encode()


@pytest.mark.parametrize(
    "body",
    [
        b"{", b"nonsense", b"[]", b'"text"', b"1", b"null", b"\xff\xfe", b'{"ModelPackageGroupName": "\xff"}',
        b'{"ModelPackageGroupName": "a", "ModelPackageGroupName": "b"}', named("NaN"), named("-Infinity"),
        named("1"), named("true"), named('["a"]'), named('{"a": 1}'), named(r'"\ud800"'),
        b'{"a":' * 1000 + b"1" + b"}" * 1000, b"[" * 1000 + b"]" * 1000,
        b'{"Tags": {"Key": "a"}, "ModelPackageGroupName": "a"}',
        b'{"ModelPackageGroupName": "a", "Tags": [null]}', b'{"x": ' + b"9" * 5000 + b"}", b"\xef\xbb\xbf[]",
    ],
    ids=range(22),
)  # fmt: skip
def test_a_body_that_cannot_be_read_is_a_serialization_error(post, body):
    status, answer = post(body)
    assert (status, answer["__type"]) == (400, "SerializationException")
    assert not ModelPackageGroup.objects.exists()


def test_nul_in_a_text_is_a_validation_error(post):
    for body in (
        named(r'"a\u0000b"'),
        rb'{"ModelPackageGroupName": "a", "ModelPackageGroupDescription": "x\u0000"}',
    ):
        status, answer = post(body)
        assert (status, answer["__type"]) == (400, "ValidationException")
    assert not ModelPackageGroup.objects.exists()


def test_a_body_over_5_mb_is_too_large_and_refused_within_a_second(post):
    started = time.process_time()
    status, answer = post(named('"' + "a" * 10_000_000 + '"'))
    assert (status, answer["__type"]) == (413, "RequestEntityTooLarge")
    assert time.process_time() - started < 1


def test_a_large_body_of_small_parts_is_answered_within_a_second(post):
    pairs = ",".join(f'"k{n}": "v"' for n in range(200_000))
    started = time.process_time()
    status, answer = post(
        b'{"ModelPackageGroupName": "a", "CustomerMetadataProperties": {%s}}' % pairs.encode(), "CreateModelPackage"
    )
    assert (status, answer["__type"]) == (400, "ValidationException")
    assert "customerMetadataProperties" in answer["message"] and len(answer["message"]) < 10_000
    assert time.process_time() - started < 1


@pytest.mark.parametrize("pairs", [0, 51])
def test_no_and_51_pairs_are_refused(post, pairs):
    post(named('"fraud"'))
    body = {"ModelPackageGroupName": "fraud", "CustomerMetadataProperties": {f"k{n}": "v" for n in range(pairs)}}
    status, answer = post(json.dumps(body).encode(), "CreateModelPackage")
    assert (status, answer["__type"]) == (400, "ValidationException")


def test_null_counts_as_absent_and_unknown_members_are_ignored(post):
    body = {"ModelPackageGroupName": "a", "ModelPackageGroupDescription": None, "Tags": None, "Colour": {"x": [1, {}]}}
    assert post(json.dumps(body).encode())[0] == 200


def test_an_empty_body_and_a_charset_are_taken(post):
    assert post(b"", "ListModelPackageGroups", TYPE + "; charset=utf-8") == (200, {"ModelPackageGroupSummaryList": []})


def test_times_may_be_numbers_or_iso_texts(post):
    for text in ("1700000000", "1700000000.5", '"2023-11-14T22:13:20Z"', '"2023-11-14T22:13:20"'):
        assert post(b'{"CreationTimeAfter": %s}' % text.encode(), "ListModelPackageGroups")[0] == 200
    for text in ('"yesterday"', "1e40", "true", "[]"):
        status, answer = post(b'{"CreationTimeAfter": %s}' % text.encode(), "ListModelPackageGroups")
        assert (status, answer["__type"]) == (400, "SerializationException")


@pytest.mark.parametrize("target", ["Nope", "CreateModelCard", "createmodelpackage", ""])
def test_other_operations_are_unknown(post, target):
    assert post(b"{}", target)[1]["__type"] == "UnknownOperationException"


def test_conflicts_carry_their_text_in_both_spellings(post):
    post(named('"fraud"'))
    post(b'{"ModelPackageGroupName": "fraud"}', "CreateModelPackage")
    status, answer = post(named('"fraud"'), "DeleteModelPackageGroup")
    assert (status, answer["__type"]) == (400, "ConflictException")
    assert answer["Message"] == answer["message"] and "fraud" in answer["message"]
