"""Dumps to import, what the registry holds after it, and the command that does it."""

from __future__ import annotations

import copy
import io
import json
from pathlib import Path
from typing import Any

from django.core.management import CommandError, call_command

from registry.catalog.models import ModelPackage, ModelPackageGroup
from registry.configuration import PROJECT_ROOT

DEMO = PROJECT_ROOT / "registry" / "api" / "sagemaker" / "demo"
DEMO_ROOT = f"s3://ml-artifacts-demo={DEMO}"
ARN = "arn:aws:sagemaker:us-east-1:111122223333"

Json = dict[str, Any]


def demo_records() -> list[Json]:
    """The 99 records of the demo."""
    return [json.loads(line) for line in (DEMO / "registry.jsonl").read_text("utf-8").splitlines()]


def group_answer(name: str = "fraud", **members: Any) -> Json:
    """A DescribeModelPackageGroup answer; None leaves a member out."""
    answer = {
        "ModelPackageGroupName": name,
        "ModelPackageGroupArn": f"{ARN}:model-package-group/{name}",
        "ModelPackageGroupDescription": "Card payments",
        "CreationTime": "2026-03-01T10:00:00.250000+00:00",
        "CreatedBy": {"UserProfileName": "ml-lead", "IamIdentity": {"Arn": "arn:aws:iam::111122223333:user/ml-lead"}},
        "ModelPackageGroupStatus": "Completed",
        **members,
    }
    return {member: value for member, value in answer.items() if value is not None}


def version_answer(version: int = 1, group: str = "fraud", **members: Any) -> Json:
    """A DescribeModelPackage answer; None leaves a member out."""
    answer = {
        "ModelPackageGroupName": group,
        "ModelPackageVersion": version,
        "ModelPackageArn": f"{ARN}:model-package/{group}/{version}",
        "ModelPackageDescription": "Gradient boosting",
        "CreationTime": f"2026-03-02T10:{version % 60:02}:07.482000+00:00",
        "LastModifiedTime": f"2026-03-02T11:{version % 60:02}:07.482000+00:00",
        "ModelPackageStatus": "Completed",
        "ModelPackageStatusDetails": {"ValidationStatuses": [], "ImageScanStatuses": []},
        "CertifyForMarketplace": False,
        "ModelApprovalStatus": "PendingManualApproval",
        "InferenceSpecification": {
            "Containers": [
                {"Image": "763104351884.dkr.ecr.us-east-1.amazonaws.com/xgboost:1.7-1", "ModelDataUrl": "s3://models/m"}
            ]
        },
        "CustomerMetadataProperties": {"seed": "7", "metric.auc": "0.91"},
        "CreatedBy": {"UserProfileName": "data-scientist-1"},
        **members,
    }
    return {member: value for member, value in answer.items() if value is not None}


def group_line(name: str = "fraud", tags: dict[str, str] | None = None, **members: Any) -> Json:
    pairs = [{"Key": key, "Value": value} for key, value in (tags or {}).items()]
    return {"DescribeModelPackageGroup": group_answer(name, **members), "ListTags": {"Tags": pairs}}


def version_line(version: int = 1, group: str = "fraud", **members: Any) -> Json:
    return {"DescribeModelPackage": version_answer(version, group, **members)}


def write_lines(path: Path, records: list[Any]) -> Path:
    """Write records as registry.jsonl has them; texts go in as they are."""
    lines = [record if isinstance(record, str) else json.dumps(record) for record in records]
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def write_cli_dump(folder: Path, records: list[Json]) -> Path:
    """Write the same records as the AWS CLI's loop of the README leaves them."""

    def write(path: Path, answer: Json) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(answer, indent=4, ensure_ascii=False) + "\n", encoding="utf-8")

    for record in copy.deepcopy(records):
        tags = record.get("ListTags")
        if group := record.get("DescribeModelPackageGroup"):
            name = group["ModelPackageGroupName"]
            write(folder / name / "group.json", group)
            write(folder / name / "tags.json", tags)
            continue
        package = record["DescribeModelPackage"]
        if "ModelPackageVersion" in package:
            write(folder / package["ModelPackageGroupName"] / f"{package['ModelPackageVersion']}.json", package)
        else:
            write(folder / "_unversioned" / f"{package['ModelPackageName']}.json", package)
            write(folder / "_unversioned" / f"{package['ModelPackageName']}.tags.json", tags)
    return folder


def importdump(*paths: Path | str, **options: Any) -> tuple[int, str, str]:
    """Run the command; exit code, what it said, and what it complained of."""
    out, err = io.StringIO(), io.StringIO()
    try:
        call_command("importdump", *map(str, paths), stdout=out, stderr=err, **options)
    except CommandError as error:
        return error.returncode, out.getvalue(), f"{err.getvalue()}{error}"
    return 0, out.getvalue(), err.getvalue()


_OWN = {"id", "imported_at", "group_id"}


def _columns(row: Any) -> Json:
    return {f.attname: getattr(row, f.attname) for f in row._meta.concrete_fields if f.attname not in _OWN}


def tables() -> Json:
    """Everything the catalog holds, by name, without the ids and times of this database."""
    found: Json = {}
    for group in ModelPackageGroup.objects.prefetch_related("tags").order_by("region", "name", "id"):
        tags = [(tag.key, tag.value) for tag in group.tags.all()]
        found[f"{group.region} {group.name}"] = _columns(group) | {"tags": tags}
    parts = ("containers", "customer_metadata_properties", "metrics", "tags")
    for package in ModelPackage.objects.select_related("group").prefetch_related(*parts).order_by("id"):
        rows = {
            part: [
                {k: v for k, v in _columns(row).items() if k not in ("package_id", "slot")}
                for row in getattr(package, part).all()
            ]
            for part in parts
        }
        found[f"{package.region} {package}"] = _columns(package) | rows
    return found
