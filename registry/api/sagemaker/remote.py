"""Walk over a live SageMaker account, record by record: its groups, their versions, unversioned packages, tags."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from botocore import exceptions as aws

from registry.catalog.models import ModelPackage, ModelPackageGroup
from registry.catalog.services import FaultyRecord, GroupRecord, PackageRecord

from . import shapes
from .answers import BadRecord, check_values, parse_arn, shorten
from .records import record_of, unknown_members

JSON = dict[str, Any]
Found = GroupRecord | PackageRecord | FaultyRecord

# What a summary shows of a package; where all of it is as it is here, nobody has to be asked for the rest.
SUMMARIZED = (
    "ModelPackageDescription",
    "ModelPackageStatus",
    "ModelApprovalStatus",
    "ModelLifeCycle",
    "ModelPackageRegistrationType",
)
_COLUMNS = (
    "region",
    "version",
    "name",
    "description",
    "status",
    "approval_status",
    "stage",
    "stage_status",
    "stage_description",
    "registration_type",
    "created_at",
    "metrics_note",
    "group__region",
    "group__name",
)
# It was listed a moment ago: whatever the words (contract section 9 has moto's), it was deleted meanwhile.
_GONE = re.compile(r"does not exist|not found|cannot find", re.IGNORECASE)
_KEY_CODES = {
    "UnrecognizedClientException",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "SignatureDoesNotMatch",
    "IncompleteSignatureException",
    "MissingAuthenticationTokenException",
    "ExpiredTokenException",
    "ExpiredToken",
}


def plain(value: Any) -> Any:
    """An answer of boto3 as JSON has it: times as ISO texts."""
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).astimezone(UTC).isoformat()
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [plain(inner) for inner in value]
    return value


def address(client: Any) -> str:
    """Host and port of a client's endpoint, without whatever else stood in its URL."""
    parts = urlsplit(client.meta.endpoint_url)
    return f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname)


def explain(error: Exception, where: str) -> str:
    """Why a call failed, as one sentence that holds no secret."""
    match error:
        case aws.NoCredentialsError():
            return "No AWS credentials were found: set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
        case aws.ClientError():
            code, message = _code(error), error.response.get("Error", {}).get("Message", "")
            said = f"{code}: {shorten(message, 300)}".rstrip(". ")
            operation = error.operation_name
            if code in _KEY_CODES:
                return f"{where} refused the credentials ({said})."
            return f"{where} refused {operation} ({said})."
        case aws.HTTPClientError() | aws.ConnectionError():
            return f"{where} cannot be reached ({type(error).__name__})."
    return f"{shorten(' '.join(str(error).split()), 300).rstrip('. ')}."


def _code(error: Any) -> str:
    return str(error.response.get("Error", {}).get("Code", "")).rpartition("#")[2]


def _status(error: Any) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def _is_gone(error: Any) -> bool:
    return _status(error) < 500 and bool(_GONE.search(error.response.get("Error", {}).get("Message", "")))


class Account:
    """The records of an account's region, groups before their versions, each asked for when it is its turn.

    Call `open` first, which raises botocore's errors. While iterating, an error that concerns one record becomes a
    FaultyRecord; any other, or Ctrl-C, ends the records early, so that those before it are kept: see `stopped` and
    `interrupted`. `done` groups are through; `seen` packages were listed, `skipped` of them not described
    since they are here as their summary says; `gone` were deleted meanwhile. `since` leaves out what was neither
    created nor modified from then on; with `update` nothing is skipped, since a summary does not show metadata; with
    `reread` those are not whose metric reports could not be read.
    """

    def __init__(
        self,
        client: Any,
        *,
        group: str | None = None,
        since: datetime | None = None,
        update: bool = False,
        reread: bool = False,
        tick: Callable[[], None] = lambda: None,
    ) -> None:
        self.client, self.only, self.since, self.update = client, group, since, update
        self.reread, self.tick = reread, tick
        self.region = client.meta.region_name
        self.seen = self.skipped = self.done = self.gone = 0
        self.unknown: set[str] = set()
        self.notes: list[str] = []
        self.stopped, self.interrupted = "", False
        self._account = ""
        self._groups: list[JSON] = []
        self._untold_tags: set[str] = set()
        self._modified: set[str] | None = None

    def open(self) -> None:
        """List the groups; raises ClientError and BotoCoreError."""
        if self.only:
            self._groups = [self.client.describe_model_package_group(ModelPackageGroupName=self.only)]
        else:
            self._groups = [
                {name: group.get(name) for name in ("ModelPackageGroupName", "ModelPackageGroupArn", "CreationTime")}
                for group in self._listed("list_model_package_groups", "ModelPackageGroupSummaryList")
            ]
        for group in self._groups[:1]:
            self._account = str(group.get("ModelPackageGroupArn", "")).split(":")[4:5][0]

    def measure(self) -> int:
        """How many steps `done` counts: the groups, and the unversioned packages."""
        return len(self._groups) + 1

    @property
    def name(self) -> str:
        """What an import is called in the log: account, region, and the host where it is none of Amazon's."""
        host = address(self.client)
        words = ["SageMaker", self._account, self.region, "" if host.endswith("amazonaws.com") else f"at {host}"]
        return " ".join(filter(None, words))

    def __iter__(self) -> Iterator[Found]:
        try:
            if self.since is not None:
                self._modified = self._modified_since(self.since)
            for group in self._groups:
                yield from self._group(group)
                self.done += 1
                self.tick()
            if not self.only:
                for page in self._pages("list_model_packages", ModelPackageType="Unversioned"):
                    alone = [item for item in page if not item.get("ModelPackageVersion")]
                    yield from self._packages(alone)
            self.done += 1
        except KeyboardInterrupt:
            self.interrupted = True
        except (aws.ClientError, aws.BotoCoreError) as error:
            self.stopped = explain(error, address(self.client))

    def _pages(self, operation: str, **members: Any) -> Iterator[list[JSON]]:
        key = "ModelPackageSummaryList" if operation == "list_model_packages" else "ModelPackageGroupSummaryList"
        for page in self.client.get_paginator(operation).paginate(**members, PaginationConfig={"PageSize": 100}):
            yield page.get(key, [])

    def _listed(self, operation: str, key: str) -> Iterator[JSON]:
        for page in self._pages(operation):
            self.tick()
            yield from page

    def _group(self, summary: JSON) -> Iterator[Found]:
        """A group's record and those of its versions; an old group without news is left out with `since`."""
        name, arn = summary["ModelPackageGroupName"], summary["ModelPackageGroupArn"]
        old = self.since is not None and summary["CreationTime"] < self.since
        is_told = old and ModelPackageGroup.objects.live().filter(region=self._region_of(arn), name=name).exists()
        if not old:
            yield from self._one(arn, "DescribeModelPackageGroup", ModelPackageGroupName=name)
        try:
            for page in self._pages("list_model_packages", ModelPackageGroupName=name):
                for found in self._packages(page):
                    if old and not is_told:
                        yield from self._one(arn, "DescribeModelPackageGroup", ModelPackageGroupName=name)
                        is_told = True
                    yield found
        except aws.ClientError as error:
            if not _is_gone(error):
                raise
            self.gone += 1

    def _region_of(self, arn: str) -> str:
        return arn.split(":")[3] if arn.count(":") > 4 else self.region

    def _packages(self, summaries: list[JSON]) -> Iterator[Found]:
        same = set() if self.update else self._unchanged_here(summaries)
        for summary in summaries:
            arn = summary["ModelPackageArn"]
            self.seen += 1
            self.tick()
            if self.since is not None and summary["CreationTime"] < self.since:
                if self._modified is not None and arn.lower() not in self._modified:
                    continue
            elif arn in same and arn.lower() not in (self._modified or ()):
                self.skipped += 1
                continue
            yield from self._one(arn, "DescribeModelPackage", ModelPackageName=arn)

    def _one(self, arn: str, operation: str, **members: str) -> Iterator[Found]:
        """The record of one group or package, with its tags; nothing where it was deleted meanwhile."""
        try:
            call = "describe_model_package" if operation == "DescribeModelPackage" else "describe_model_package_group"
            answer = plain(getattr(self.client, call)(**members))
        except aws.ClientError as error:
            if _is_gone(error):
                self.gone += 1
            elif _code(error) in ("ValidationException", "AccessDeniedException"):
                yield FaultyRecord(place=arn, reason=explain(error, address(self.client)).rstrip("."))
            else:
                raise
            return
        answer.pop("ResponseMetadata", None)
        if self._modified is None and self.since is not None and operation == "DescribeModelPackage":
            news = [answer.get(name) for name in ("CreationTime", "LastModifiedTime")]
            if not any(time and datetime.fromisoformat(time) >= self.since for time in news):
                return
        answers = {operation: answer}
        if operation == "DescribeModelPackageGroup" or not answer.get("ModelPackageVersion"):
            tags = self._tags(arn, "groups" if operation == "DescribeModelPackageGroup" else "packages")
            if tags is not None:
                answers["ListTags"] = {"Tags": tags}
        try:
            check_values(answers)
            self.unknown |= unknown_members(answers)
            yield record_of(answers, place=arn, size=len(json.dumps(answers)))
        except BadRecord as error:
            yield FaultyRecord(place=arn, reason=str(error))

    def _tags(self, arn: str, kind: str) -> list[JSON] | None:
        """The tags; None, with a note, where the endpoint does not tell them."""
        if kind in self._untold_tags:
            return None
        try:
            pages = self.client.get_paginator("list_tags").paginate(ResourceArn=arn)
            return [tag for page in pages for tag in page.get("Tags", [])]
        except aws.ClientError as error:
            if _code(error) in _KEY_CODES or _code(error).startswith("Throttl"):
                raise
            if not _is_gone(error):
                self._untold_tags.add(kind)
                self.notes.append(f"The tags of {kind} were left out: {explain(error, address(self.client))}")
            return None

    def _unchanged_here(self, summaries: Iterable[JSON]) -> set[str]:
        """The ARNs of those packages that are here and look as their summaries say."""
        by_name: dict[tuple[str, str, int | None], JSON] = {}
        for summary in summaries:
            try:
                arn = parse_arn(summary["ModelPackageArn"], "model-package")
            except BadRecord:
                continue
            name = summary.get("ModelPackageGroupName") or summary.get("ModelPackageName") or arn.name
            by_name[(arn.region, name, arn.version)] = summary
        rows = ModelPackage.objects.live().select_related("group").only(*_COLUMNS)
        numbers = {number for _, _, number in by_name}
        names = {name for _, name, _ in by_name}
        versions = rows.filter(group__name__in=names, group__deleted_at=None, version__in=numbers - {None})
        alone = rows.unversioned().filter(name__in=names) if None in numbers else rows.none()
        same = set()
        for row in (*versions, *alone):
            name = row.group.name if row.group is not None else str(row.name)
            there = by_name.get((row.region, name, row.version))
            if there is not None and not (self.reread and row.metrics_note) and _looks_same(row, there):
                same.add(there["ModelPackageArn"])
        return same

    def _modified_since(self, since: datetime) -> set[str] | None:
        """The ARNs of the packages modified since then, in lower case; None where Search does not tell."""

        def found(name: str, moment: datetime, **more: Any) -> Iterator[JSON]:
            condition = {"Name": name, "Operator": "GreaterThanOrEqualTo"}
            value = moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            pages = self.client.get_paginator("search").paginate(
                Resource="ModelPackage", SearchExpression={"Filters": [condition | {"Value": value}]}, **more
            )
            for page in pages:
                self.tick()
                yield from page.get("Results", [])

        try:
            arns = {
                str(result.get("ModelPackage", {}).get("ModelPackageArn", "")).lower()
                for result in found("LastModifiedTime", since)
            }
            few = {"PaginationConfig": {"MaxItems": 1, "PageSize": 1}}
            # moto compares for equality only, and says so nowhere: everything was made since 1970.
            if not arns and not any(found("CreationTime", datetime(1970, 1, 1, tzinfo=UTC), **few)):
                return None
            return arns
        except aws.ClientError as error:
            if _code(error) in _KEY_CODES:
                raise
            return None


def _looks_same(row: ModelPackage, summary: JSON) -> bool:
    here = shapes.package_summary(row)
    moment = summary.get("CreationTime")
    return (
        isinstance(moment, datetime)
        and shapes.seconds(moment) == here["CreationTime"]
        and all((here.get(member) or None) == (summary.get(member) or None) for member in SUMMARIZED)
    )
