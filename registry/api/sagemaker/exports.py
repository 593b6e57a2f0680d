"""Write the registry as the dumps that an import reads: one answer a line, or the AWS CLI's folders.

Rows are read in small keyed steps, so that memory stays flat and no writer waits, whatever the size.
"""

from __future__ import annotations

import json
import os
import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.db.models import QuerySet

from registry.accounts.permissions import Actor
from registry.catalog.models import ModelPackage, ModelPackageGroup

from . import shapes

JSON = dict[str, Any]
STEP = 200
UNVERSIONED = "_unversioned"


class Refusal(Exception):
    """Why there cannot be written; the text is a sentence."""


def group_answers(group: ModelPackageGroup) -> JSON:
    """A group's answers by operation; its policy only where it has one."""
    answers = {
        "DescribeModelPackageGroup": shapes.group_description(group) | _times(CreationTime=group.created_at),
        "ListTags": {"Tags": shapes.tag_list(group.tags.all())},
    }
    if group.resource_policy:
        answers["GetModelPackageGroupPolicy"] = {"ResourcePolicy": group.resource_policy}
    return answers


def package_answers(package: ModelPackage) -> JSON:
    """A package's answers by operation; tags for an unversioned one, since versions have none."""
    pairs = {pair.key: pair.value for pair in package.customer_metadata_properties.all()}
    answer = shapes.package_description(package, pairs)
    answer |= _times(CreationTime=package.created_at, LastModifiedTime=package.last_modified_at)
    if package.status_details is None:
        # The wire must say something there; what was never said stays so.
        del answer["ModelPackageStatusDetails"]
    answers = {"DescribeModelPackage": answer}
    if not package.is_versioned:
        answers["ListTags"] = {"Tags": shapes.tag_list(package.tags.all())}
    return answers


def _times(**moments: datetime | None) -> JSON:
    """Times as ISO texts with all of their digits; the wire's seconds keep three."""
    return {
        name: moment.astimezone(UTC).isoformat(timespec="microseconds") for name, moment in moments.items() if moment
    }


class Export:
    """What there is to write: the groups, versions and unversioned packages that `actor` may see.

    `region` and `group` (its name) narrow it. Iterating gives (row, answers), a group before its versions.
    """

    def __init__(self, actor: Actor, *, region: str | None = None, group: str | None = None) -> None:
        self.groups = ModelPackageGroup.objects.visible_to(actor)
        self.packages = ModelPackage.objects.visible_to(actor).unversioned()
        self.versions = ModelPackage.objects.visible_to(actor).versioned().filter(group__deleted_at=None)
        if region:
            self.groups = self.groups.filter(region=region)
            self.packages, self.versions = self.packages.filter(region=region), self.versions.filter(region=region)
        if group:
            self.groups, self.packages = self.groups.filter(name=group), self.packages.none()
            self.versions = self.versions.filter(group__name=group)

    def measure(self) -> int:
        """How many records there are."""
        return sum(rows.count() for rows in (self.groups, self.versions, self.packages))

    def regions(self) -> set[str]:
        return {
            region
            for rows in (self.groups, self.packages)
            for region in rows.values_list("region", flat=True).distinct()
        }

    def __iter__(self) -> Iterator[tuple[ModelPackageGroup | ModelPackage, JSON]]:
        for group in _steps(self.groups.prefetch_related("tags"), "pk"):
            yield group, group_answers(group)
            versions = self.versions.filter(group=group).prefetch_related("customer_metadata_properties")
            for package in _steps(versions, "version"):
                package.group = group
                yield package, package_answers(package)
        for package in _steps(self.packages.prefetch_related("customer_metadata_properties", "tags"), "pk"):
            yield package, package_answers(package)


def _steps(rows: QuerySet[Any], key: str) -> Iterator[Any]:
    """All rows in the order of `key`, a few at a time."""
    last: Any = None
    while True:
        step = list(rows.filter(**{f"{key}__gt": last} if last is not None else {}).order_by(key)[:STEP])
        yield from step
        if len(step) < STEP:
            return
        last = getattr(step[-1], key)


class _Writing:
    """Something beside `path` that is written in whole, and takes its name at the end or is gone again."""

    def __init__(self, path: Path, *, force: bool) -> None:
        self.path, self.force = path, force
        self.part = path.with_name(f".{path.name}.{os.getpid()}.part")
        self.counts: Counter[str] = Counter()

    def count(self, row: ModelPackageGroup | ModelPackage) -> None:
        kind = "groups" if isinstance(row, ModelPackageGroup) else "versions" if row.is_versioned else "packages"
        self.counts[kind] += 1

    def check(self) -> None:
        """Refuse what is there already."""
        if os.path.lexists(self.path) and not self.force:
            raise Refusal(f"{self.path} is there already. --force writes it anew.")


class Lines(_Writing):
    """registry.jsonl: one record a line, each answer under the name of its operation."""

    def __enter__(self) -> Lines:
        self.check()
        self._file = self.part.open("x", encoding="utf-8", newline="\n")
        return self

    def check(self) -> None:
        super().check()
        if self.path.is_dir():
            raise Refusal(f"{self.path} is a folder; name the file to write, such as {self.path / 'registry.jsonl'}.")

    def write(self, row: ModelPackageGroup | ModelPackage, answers: JSON) -> None:
        json.dump(answers, self._file, ensure_ascii=False, separators=(",", ":"))
        self._file.write("\n")
        self.count(row)

    def finish(self) -> None:
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        self.check()
        self.part.replace(self.path)

    def __exit__(self, *error: object) -> None:
        # On a full disk, closing fails once more; the part must go all the same.
        with suppress(OSError):
            self._file.close()
        self.part.unlink(missing_ok=True)


class Folders(_Writing):
    """The AWS CLI's layout: GROUP/group.json, tags.json, VERSION.json; _unversioned/NAME.json, NAME.tags.json.

    With several regions each has a folder of its own around that.
    """

    def __init__(self, path: Path, *, force: bool, by_region: bool = False) -> None:
        super().__init__(path, force=force)
        self.by_region = by_region

    def __enter__(self) -> Folders:
        self.check()
        self.part.mkdir()
        return self

    def check(self) -> None:
        super().check()
        if not os.path.lexists(self.path):
            return
        if self.path.is_symlink() or not self.path.is_dir():
            raise Refusal(f"{self.path} is no folder.")
        # What is replaced is deleted: nothing but a dump may be.
        for folder, _, names in os.walk(self.path):
            for name in names:
                if not name.endswith(".json"):
                    raise Refusal(f"{self.path} holds more than a dump: {Path(folder, name)}. It was left as it is.")

    def write(self, row: ModelPackageGroup | ModelPackage, answers: JSON) -> None:
        root = self.part / row.region if self.by_region else self.part
        tags = answers.get("ListTags")
        if isinstance(row, ModelPackageGroup):
            folder = root / row.name
            folder.mkdir(parents=True)
            self._file(folder / "group.json", answers["DescribeModelPackageGroup"])
            self._file(folder / "tags.json", tags)
            self._file(folder / "policy.json", answers.get("GetModelPackageGroupPolicy"))
        elif row.group is not None:
            self._file(root / row.group.name / f"{row.version}.json", answers["DescribeModelPackage"])
        else:
            folder = root / UNVERSIONED
            folder.mkdir(parents=True, exist_ok=True)
            self._file(folder / f"{row.name}.json", answers["DescribeModelPackage"])
            self._file(folder / f"{row.name}.tags.json", tags)
        self.count(row)

    def _file(self, path: Path, answer: JSON | None) -> None:
        if answer is not None:
            with path.open("x", encoding="utf-8", newline="\n") as file:
                file.write(json.dumps(answer, indent=4, ensure_ascii=False) + "\n")

    def finish(self) -> None:
        self.check()
        if not self.path.exists():
            self.part.rename(self.path)
            return
        old = self.path.with_name(f"{self.part.name}.old")
        self.path.rename(old)
        self.part.rename(self.path)
        shutil.rmtree(old)

    def __exit__(self, *error: object) -> None:
        shutil.rmtree(self.part, ignore_errors=True)
