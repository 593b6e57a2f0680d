"""Calls with every member of their shapes, made from the service model, and the places of the texts in them."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

from registry.api.sagemaker import service_model
from registry.api.sagemaker.errors import WireError
from registry.api.sagemaker.requests import _compiled
from tests.factories import IMAGE

ARN = "arn:aws:sagemaker:us-east-1:000000000000"
# One of them fits each pattern of the model; a new pattern fails until a text for it stands here.
GOOD = (
    "a", "abc", IMAGE, "s3://models/fraud/model.tar.gz", "sha256:" + "a" * 64, "1.7-1", "1.0.0", "ml.m5.large",
    "text/csv", f"{ARN}:model-package/fraud/3", f"{ARN}:model-package-group/fraud",
    "arn:aws:iam::000000000000:role/anybody",
)  # fmt: skip
# What a member of this name has to be for the call to be about something.
NAMED: dict[str, Any] = {
    "ModelPackageGroupName": "fraud",
    "ModelPackageName": "fraud/3",
    "ModelPackageArn": f"{ARN}:model-package/fraud/3",
    "ModelPackageArnList": [f"{ARN}:model-package/fraud/3"],
    "ResourceArn": f"{ARN}:model-package-group/fraud",
    "Resource": "ModelPackage",
    "ResourcePolicy": '{"Version": "2012-10-17", "Statement": []}',
    "SamplePayloadUrl": "s3://models/sample.csv",
    "ModelCardContent": "{}",
}
# What one call cannot say at once, and what would be refused before anything else is looked at.
LEFT_OUT = {
    "CreateModelPackage": {"ModelPackageName", "Tags", "ManagedStorageType", "CertifyForMarketplace"},
    "Search": {"VisibilityConditions", "NextToken", "CrossAccountFilterOption"},
    "ListModelPackages": {"NextToken", "ModelPackageType"},
    "ListModelPackageGroups": {"NextToken", "CrossAccountFilterOption"},
    "ListTags": {"NextToken"},
}
DEEPEST = 6

Path = tuple[str | int, ...]


def _text(name: str, shape: dict[str, Any]) -> str:
    if name == "ResourcePropertyName":
        return "ModelPackageGroupName"
    if "enum" in shape:
        return shape["enum"][0]
    for text in GOOD:
        faults: list[str] = []
        try:
            _compiled(name)(text, "", faults)
        except WireError:
            continue
        if not faults:
            return text
    raise AssertionError(f"No text here fits the shape {name}: {shape}")


def sample(name: str, depth: int = 0) -> Any:
    """A value of the shape with all its members, one item in each list and map."""
    shape = service_model.load()["shapes"][name]
    match shape["type"]:
        case "string":
            return _text(name, shape)
        case "integer" | "long":
            return max(shape.get("min", 1), 1)
        case "float" | "double":
            return 1.0
        case "boolean":
            return True
        case "timestamp":
            return 1_700_000_000
        case "list":
            return [sample(shape["member"], depth + 1)]
        case "map":
            return {sample(shape["key"], depth + 1): sample(shape["value"], depth + 1)}
    members = shape["members"]
    if shape.get("union"):
        members = dict([next(iter(members.items()))])
    found = {}
    for member, inner in members.items():
        if member == "NestedFilters":
            continue  # about properties of their own: one wrong name and nothing else would be looked at
        deep = depth >= DEEPEST and service_model.load()["shapes"][inner]["type"] in ("list", "structure")
        if not deep or member in shape.get("required", ()):
            found[member] = NAMED[member] if member in NAMED and depth == 0 else sample(inner, depth + 1)
    return found


def call(operation: str) -> dict[str, Any]:
    """A request of that operation with every member that one call may have."""
    members = sample(service_model.load()["operations"][operation]["input"])
    made = {name: value for name, value in members.items() if name not in LEFT_OUT.get(operation, ())}
    if operation == "CreateModelPackageGroup":
        made["ModelPackageGroupName"] = "not-there-yet"
    return made


def left_out(operation: str) -> dict[str, Any]:
    """The other members, each as it would be sent."""
    members = sample(service_model.load()["operations"][operation]["input"])
    return {name: value for name, value in members.items() if name in LEFT_OUT.get(operation, ())}


def texts(value: Any, path: Path = ()) -> Iterator[tuple[Path, bool]]:
    """(where, is it a key) of every text in a value."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from texts(inner, (*path, key))
            # The names of members, which begin with a capital, are ours; the key of a map is somebody's choice.
            if not key[:1].isupper():
                yield (*path, key), True
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from texts(inner, (*path, place))
    elif isinstance(value, str):
        yield path, False


def changed(value: Any, path: Path, text: Any, *, is_key: bool) -> Any:
    """A copy with another text, or under another key, at one place."""
    made = copy.deepcopy(value)
    inner = made
    for part in path[:-1]:
        inner = inner[part]
    if is_key:
        inner[text] = inner.pop(path[-1])
    else:
        inner[path[-1]] = text
    return made
