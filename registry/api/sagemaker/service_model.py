"""The stripped service model (service_model.json): which operations there are, and what their requests may hold."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

PATH = Path(__file__).with_name("service_model.json")

# Enumerations that grow with almost every release of the SDKs; a fixed list would refuse tomorrow's instance types.
# Ours accepts any text of this form instead (contract section 8, Notes).
OPEN_ENUMS = {"TransformInstanceType": r"ml\.[\S]+", "ProductionVariantInstanceType": r"ml\.[\S]+"}

OPERATIONS = (
    "AddTags",
    "BatchDescribeModelPackage",
    "CreateModelPackage",
    "CreateModelPackageGroup",
    "DeleteModelPackage",
    "DeleteModelPackageGroup",
    "DeleteModelPackageGroupPolicy",
    "DeleteTags",
    "DescribeModelPackage",
    "DescribeModelPackageGroup",
    "GetModelPackageGroupPolicy",
    "GetSearchSuggestions",
    "ListModelPackageGroups",
    "ListModelPackages",
    "ListTags",
    "PutModelPackageGroupPolicy",
    "Search",
    "UpdateModelPackage",
)
# Of the many kinds of record that Search knows, those that this registry answers with.
_KEPT_MEMBERS = {"SearchRecord": ("ModelPackage", "ModelPackageGroup")}
_KEPT_TRAITS = ("type", "required", "min", "max", "pattern", "enum", "union", "sensitive")

Shape = dict[str, Any]


def strip(model: dict[str, Any]) -> dict[str, Any]:
    """The part of botocore's SageMaker service model that OPERATIONS reach, without its documentation.

    Returns {"operations": {name: {"input", "output", "errors"}}, "shapes": {name: shape}} with sorted names, so that
    two runs write the same text.
    """
    shapes: dict[str, Shape] = {}

    def keep(name: str) -> str:
        if name not in shapes:
            source = model["shapes"][name]
            shape: Shape = {trait: source[trait] for trait in _KEPT_TRAITS if trait in source}
            if name in OPEN_ENUMS:
                del shape["enum"]
                shape["pattern"] = OPEN_ENUMS[name]
            shapes[name] = shape
            for part in ("member", "key", "value"):
                if part in source:
                    shape[part] = keep(source[part]["shape"])
            if "members" in source:
                wanted = _KEPT_MEMBERS.get(name, tuple(source["members"]))
                shape["members"] = {member: keep(source["members"][member]["shape"]) for member in wanted}
        return name

    operations = {}
    for name in OPERATIONS:
        source = model["operations"][name]
        operations[name] = {
            "input": keep(source["input"]["shape"]),
            "output": keep(source["output"]["shape"]) if "output" in source else None,
            "errors": [error["shape"] for error in source.get("errors", [])],
        }
    return {"operations": operations, "shapes": dict(sorted(shapes.items()))}


@lru_cache(maxsize=1)
def load() -> dict[str, Any]:
    """The stripped model as it lies beside this file."""
    return json.loads(PATH.read_text())
