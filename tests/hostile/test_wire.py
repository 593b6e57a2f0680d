"""Hostile values through every text of every operation, of the checks' door and of an import: taken or refused."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from registry.api.sagemaker.operations import OPERATIONS
from tests.api.signing import SignedCall
from tests.hostile_values import FEW, VALUES

from . import shapes
from .forms import undone
from .places import World

pytestmark = pytest.mark.django_db

CHECK = {
    "ModelPackageName": "fraud/3",
    "Name": "unit",
    "State": "success",
    "Url": "https://ci.example/1",
    "Summary": "x",
}
# Of other types than text.
ODD: list[Any] = [None, True, 0, -1, 1e308, 10**30, [], {}, ["a"], {"a": 1}, [[]], [None]]
TEXTS_AT_LEAST = 250


@pytest.fixture(autouse=True)
def signed_host(settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["registry.test", "testserver"]


def encoded(body: Any) -> bytes:
    """JSON as a client sends it; halves of pairs of code units as escapes, which is how they arrive."""
    try:
        return json.dumps(body, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return json.dumps(body).encode()


def ask(world: World, operation: str, body: Any, path: str = "/") -> tuple[int, dict[str, Any]]:
    """Send a signed call; status and answer, which is JSON whatever happens."""
    key = (world.own_key.key_id, world.own_secret)
    raw = body if isinstance(body, bytes) else encoded(body)
    sent = SignedCall(key=key, operation=operation, body=raw)
    headers = sent.all_headers()
    headers["authorization"] = sent.authorization(headers)
    kind = headers.pop("content-type")
    response = Client(raise_request_exception=False).generic("POST", path, raw, content_type=kind, headers=headers)
    return response.status_code, json.loads(response.content)


def fault_of(world: World, operation: str, body: Any, what: object) -> list[str]:
    with undone():
        status, answer = ask(world, operation, body)
    if status == 200 or (400 <= status < 500 and answer.get("message", answer.get("Message"))):
        return []
    return [f"{operation} {what}: {status} {str(answer)[:200]}"]


def tries(operation: str, values: list[Any], *, each: int = 1) -> Iterator[tuple[str, Any]]:
    """One value at a time in every text of a call, keys of maps included; with `each` one in so many values, and other
    ones in the next text."""
    base = shapes.call(operation)
    for place, (path, is_key) in enumerate(shapes.texts(base)):
        for number in range(place % each, len(values), each):
            if not is_key or isinstance(values[number], str):
                yield f"{path} value {number}", shapes.changed(base, path, values[number], is_key=is_key)
    for place, (name, good) in enumerate(shapes.left_out(operation).items()):
        for number in range(place % each, len(values), each):
            yield f"{name} value {number}", base | {name: values[number]}
            for path, is_key in shapes.texts(good):
                if path and isinstance(values[number], str):
                    sent = shapes.changed(good, path, values[number], is_key=is_key)
                    yield f"{name}{path} value {number}", base | {name: sent}


def test_a_call_with_every_member_is_taken(world: World):
    """Else the values would be refused for another reason than themselves."""
    refused = {}
    for operation in sorted(OPERATIONS):
        with undone():
            status, answer = ask(world, operation, shapes.call(operation))
        if status != 200:
            refused[operation] = answer
    # The group is not empty.
    assert set(refused) == {"DeleteModelPackageGroup"}, refused
    assert sum(len(list(shapes.texts(shapes.call(one)))) for one in OPERATIONS) >= TEXTS_AT_LEAST


@pytest.mark.sqlite_only
def test_a_few_values_through_every_operation(world: World):
    found = []
    for operation in sorted(OPERATIONS):
        # Each text of a call meets another one of the few.
        for what, body in tries(operation, FEW, each=len(FEW)):
            found += fault_of(world, operation, body, what)
    assert not found


@pytest.mark.postgresql_only
def test_what_databases_dislike_through_the_texts_that_are_stored(world: World):
    found = []
    for operation in ("CreateModelPackage", "UpdateModelPackage", "CreateModelPackageGroup", "Search", "AddTags"):
        for what, body in tries(operation, ["\x00", "\ud800", "\uffff\U0010ffff", "9" * 30], each=4):
            found += fault_of(world, operation, body, what)
    assert not found


@pytest.mark.hostile
@pytest.mark.parametrize("operation", sorted(OPERATIONS))
def test_every_value_through_every_text_of_an_operation(world: World, operation: str):
    found, tried = [], 0
    each = 4 if operation in ("CreateModelPackage", "UpdateModelPackage") else 1
    for what, body in tries(operation, [*VALUES, *ODD], each=each):
        tried += 1
        found += fault_of(world, operation, body, what)
    print(f"{operation}: {tried} calls")
    assert not found


@pytest.mark.hostile
def test_every_value_as_a_body_and_through_the_checks_door(world: World):
    found = []
    for number, value in enumerate(VALUES):
        found += fault_of(world, "CreateModelPackage", value.encode(errors="surrogatepass"), f"body {number}")
        for name in [*CHECK, "ModelPackageArn", value]:
            with undone():
                status, answer = ask(world, "", CHECK | {name: value}, path="/api/checks/")
            if status not in (200, 400, 403, 404, 409, 413):
                found.append(f"check {name} {number}: {status} {answer}")
    assert not found


# ---------- a dump ----------


def dump(path: Path, values: list[str]) -> Path:
    """Records as a registry answers them, one for each text of the two shapes and each value."""
    group = {"ModelPackageGroupName": "other", "ModelPackageGroupArn": f"{shapes.ARN}:model-package-group/other"}
    group |= {"CreationTime": 1, "ModelPackageGroupDescription": "x", "ModelPackageGroupStatus": "Completed"}
    members = {**shapes.call("CreateModelPackage"), "CreationTime": 1, "LastModifiedTime": 2}
    members |= {"CreatedBy": {"UserProfileName": "x", "IamIdentity": {"Arn": "x", "PrincipalId": "x"}}}
    members |= {"ModelPackageGroupName": "other", "ApprovalDescription": "x", "ModelPackageStatus": "Completed"}
    members.pop("ClientToken", None)
    lines = [{"DescribeModelPackageGroup": group, "ListTags": {"Tags": [{"Key": "a", "Value": "b"}]}}]
    number = 0
    for value in values:
        for place, is_key in shapes.texts({"DescribeModelPackageGroup": group, "ListTags": lines[0]["ListTags"]}):
            record = shapes.changed(lines[0], place, value, is_key=is_key)
            lines.append(record)
        for place, is_key in shapes.texts(members):
            number += 1
            arn = f"{shapes.ARN}:model-package/other/{number}"
            version = {**members, "ModelPackageVersion": number, "ModelPackageArn": arn}
            lines.append({"DescribeModelPackage": shapes.changed(version, place, value, is_key=is_key)})
    path.write_bytes(b"".join(encoded(line) + b"\n" for line in lines))
    return path


def imported(path: Path) -> str:
    """Import a dump; what was said. Refusing some of the records is fine, failing is not."""
    out, err = io.StringIO(), io.StringIO()
    try:
        call_command("importdump", str(path), stdout=out, stderr=err)
    except CommandError as error:
        assert error.returncode == 1, error
    said = out.getvalue() + err.getvalue()
    assert "Imported" in said and "Traceback" not in said
    return said


@pytest.mark.sqlite_only
def test_a_few_values_in_a_dump_are_taken_or_named(world: World, tmp_path: Path):
    said = imported(dump(tmp_path / "registry.jsonl", [FEW[9]]))
    assert "\x1b" not in said and "\x00" not in said


@pytest.mark.hostile
@pytest.mark.parametrize("part", range(8))
def test_every_value_in_a_dump_is_taken_or_named(world: World, tmp_path: Path, part: int):
    short = [value for value in VALUES if len(value) < 10_000]
    said = imported(dump(tmp_path / "registry.jsonl", short[part::8]))
    # What a terminal would act on.
    assert "\x1b" not in said and "\x00" not in said and "\x9b" not in said
