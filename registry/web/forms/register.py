"""The form that registers a version or an unversioned package: repeated rows, and each refusal at its field.

It reads what was typed and shows it again in the same order; the rules are the catalog's, asked row by row here so
that a fault lands in its row.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.http import QueryDict

from registry.catalog import validators as check
from registry.catalog.models import ApprovalStatus

_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,4})?")
_WITH_COMMA = re.compile(r"[+-]?[0-9]*,[0-9]+")
_EMPTY_ROWS_WITHOUT_SCRIPT = 3

STATUS_CHOICES = (
    (ApprovalStatus.WAITING, "Ask for review", "Status PendingManualApproval"),
    (ApprovalStatus.APPROVED, "Approve now", "Becomes the latest approved"),
    (ApprovalStatus.REJECTED, "Record as rejected", "Keeps the result on file"),
)


def parse_number(text: str) -> float:
    """Return the number that somebody typed; raises ValidationError that says how to write it."""
    plain = text.replace("\N{MINUS SIGN}", "-")
    if _NUMBER.fullmatch(plain):
        number = float(plain)
        if math.isfinite(number):
            return number
        raise ValidationError("This number is too large to store.")
    if _WITH_COMMA.fullmatch(plain):
        raise ValidationError(f"Write decimals with a point: {plain.replace(',', '.')}")
    if plain.endswith("%") and _NUMBER.fullmatch(plain[:-1].rstrip()):
        share = float(plain[:-1]) / 100
        raise ValidationError(f"Write it as a plain number without the percent sign, for example {share:g}")
    raise ValidationError("Enter a number, for example 0.9478")


@dataclass
class Rows:
    """One kind of repeated row: two texts each. `suggested` are firsts that may stay without a second."""

    kind: str
    title: str
    labels: tuple[str, str]
    pairs: list[tuple[str, str]] = field(default_factory=list)
    suggested: Sequence[str] = ()

    @classmethod
    def read(cls, data: QueryDict, kind: str, title: str, labels: tuple[str, str]) -> Rows:
        """Take the rows that were typed, without those left empty."""
        firsts, seconds = data.getlist(f"{kind}_{labels[0]}"), data.getlist(f"{kind}_{labels[1]}")
        typed = [(a.strip(), b.strip()) for a, b in zip_longest(firsts, seconds, fillvalue="")]
        pairs = [pair for pair in typed if any(pair)]
        return cls(kind, title, labels, pairs, data.getlist(f"{kind}_suggested"))

    def control(self, number: int, part: int) -> str:
        """The id of one control: "metric-2-value"; numbers count from 1."""
        return f"{self.kind}-{number}-{self.labels[part]}"

    def shown(self) -> list[tuple[int, str, str]]:
        """Number and texts of each row as drawn: those there are, else one empty row."""
        return [(n, a, b) for n, (a, b) in enumerate(self.pairs or [("", "")], 1)]

    def spare(self) -> list[tuple[int, str, str]]:
        """Empty rows for a browser without script, which cannot add any."""
        first = len(self.pairs or [()]) + 1
        return [(n, "", "") for n in range(first, first + _EMPTY_ROWS_WITHOUT_SCRIPT)]

    def filled(self) -> Iterable[tuple[int, str, str]]:
        """The rows that somebody filled in: not a suggested name that stayed without a value."""
        for number, (first, second) in enumerate(self.pairs, 1):
            if second or first not in self.suggested:
                yield number, first, second


class RegistrationForm:
    """What is typed to register: a version of a group (`versioned`), else an unversioned package with a name."""

    def __init__(self, data: QueryDict | None, *, versioned: bool, may_decide: bool, may_stage: bool) -> None:
        self.versioned = versioned
        # Other stages than the first need a reviewer, as approving does (the service refuses them).
        self.stages = [(stage, stage) for stage in settings.REGISTRY_STAGES[: None if may_stage else 1]]
        self.statuses = STATUS_CHOICES if may_decide else STATUS_CHOICES[:1]
        # Control id -> (message at the field, the same for the list at the top of the page).
        self.errors: dict[str, tuple[str, str]] = {}
        self.general: list[str] = []
        data = QueryDict() if data is None else data
        names = ("name", "region", "description", "stage", "source_uri", "approval_status")
        self.values = {name: data.get(name, "").replace("\r\n", "\n").strip() for name in names}
        self.containers = Rows.read(data, "container", "Container", ("image", "artifact"))
        self.metrics = Rows.read(data, "metric", "Metrics", ("name", "value"))
        self.properties = Rows.read(data, "property", "Metadata", ("key", "value"))
        self.tags = Rows.read(data, "tag", "Tags", ("key", "value"))

    def start_from(self, images: Sequence[str] = (), metrics: Sequence[str] = (), keys: Sequence[str] = ()) -> None:
        """Fill an empty form: images to keep, and names of metrics and metadata that wait for a value."""
        self.values |= {"stage": self.stages[0][0], "approval_status": ApprovalStatus.WAITING.value}
        self.values["region"] = settings.REGISTRY_REGION
        self.containers.pairs = [(image, "") for image in images]
        for rows, names in ((self.metrics, metrics), (self.properties, keys)):
            rows.pairs, rows.suggested = [(name, "") for name in names], names

    def members(self) -> dict[str, Any]:
        """Return what was typed as members of a Registration; faults of single rows are noted at their field."""
        containers = [
            {"Image": image} | ({"ModelDataUrl": artifact} if artifact else {})
            for image, artifact in self.containers.pairs
        ]
        for number, image, _ in self.containers.filled():
            if not image:
                self._refuse(self.containers, number, 0, "Enter the image URI of this container.")
        members: dict[str, Any] = {
            "description": self.values["description"],
            "source_uri": self.values["source_uri"],
            "inference_specification": {"Containers": containers} if containers else None,
            "metrics": list(self._measured()),
            "customer_metadata_properties": dict(
                self._texts(self.properties, check.validate_metadata_key, check.validate_metadata_value)
            ),
        }
        if not self.versioned:
            for name, test in (("name", check.validate_name), ("region", check.validate_region)):
                try:
                    test(self.values[name])
                except ValidationError as error:
                    self.errors[f"id_{name}"] = (error.messages[0],) * 2
            pairs = self._texts(self.tags, check.validate_tag_key, check.validate_tag_value)
            return members | {"tags": list(pairs)}
        status, stage = self.values["approval_status"] or ApprovalStatus.WAITING.value, self.values["stage"]
        stage_status = "Approved" if status == ApprovalStatus.APPROVED else "PendingApproval"
        cycle = {"Stage": stage, "StageStatus": stage_status} if stage else None
        return members | {"approval_status": status, "model_life_cycle": cycle}

    def take_refusal(self, refusal: ValidationError) -> None:
        """Put the catalog's refusal where it belongs; what a row already says is not said again."""
        for name, messages in refusal.message_dict.items():
            text = " ".join(messages)
            first, _, rest = name.partition(".")
            number, _, member = rest.partition(".")
            section = {"customer_metadata_properties": self.properties, "metrics": self.metrics, "tags": self.tags}
            if first == "containers" and member:
                part = 0 if member == "image" else 1
                self._refuse(self.containers, int(number) + 1, part, text)
            elif name in section or name == "containers":
                rows = section.get(name, self.containers)
                if not any(control.startswith(f"{rows.kind}-") for control in self.errors):
                    self.errors[rows.kind] = (text, text)
            elif name in self.values:
                self.errors.setdefault(f"id_{name}", (text, text))
            else:
                self.general.append(text)

    def error(self, control: str) -> str:
        """The message at one control; empty where there is none."""
        return self.errors.get(control, ("", ""))[0]

    def summary(self) -> list[tuple[str, str, str]]:
        """All faults in the order of the page: control, label, message."""
        found = [("", "", text) for text in self.general]
        for key, control, label in self._places():
            if key in self.errors:
                found.append((control, label, self.errors[key][1]))
        return found

    def warnings(self) -> list[str]:
        """What is unwise about the containers but no reason to refuse them (DESIGN section 5)."""
        found = []
        for number, (image, artifact) in enumerate(self.containers.pairs, 1):
            name = image.rpartition("/")[2]
            if image and ":" not in name and "@" not in name:
                found.append(f"Container {number}: the image has no tag or digest, so what it names may change.")
            if artifact.startswith("https://"):
                found.append(f"Container {number}: the artifact is an https address; SageMaker deploys from s3://.")
        return found

    def _places(self) -> Iterable[tuple[str, str, str]]:
        """Where a fault may stand, in the order of the page: key of `errors`, control to go to, label."""
        labels = {"name": "Name", "region": "Region", "description": "Description", "stage": "Stage"}
        for name, label in (labels | {"source_uri": "Source URI"}).items():
            yield f"id_{name}", f"id_{name}", label
        for number, _, _ in self.containers.shown():
            place = f" of container {number}" if len(self.containers.pairs) > 1 else ""
            for part, label in enumerate(("Image URI", "Artifact URI")):
                yield self.containers.control(number, part), self.containers.control(number, part), label + place
        yield self.containers.kind, self.containers.control(1, 0), "Containers"
        for rows in (self.metrics, self.properties, self.tags):
            for number, _, _ in rows.shown():
                for part in (0, 1):
                    yield rows.control(number, part), rows.control(number, part), rows.title
            yield rows.kind, rows.control(1, 0), rows.title
        yield "id_approval_status", "id_approval_status", "Approval"

    def _refuse(self, rows: Rows, number: int, part: int, text: str, summary: str = "") -> None:
        self.errors.setdefault(rows.control(number, part), (text, summary or text))

    def _checked(self, rows: Rows, number: int, part: int, test: Callable[[str], Any], text: str) -> Any:
        """Return what `test` makes of the text; None after noting its refusal at the control."""
        try:
            return test(text) or text
        except ValidationError as error:
            self._refuse(rows, number, part, error.messages[0], f"row {number}: {error.messages[0]}")
            return None

    def _first_of(self, rows: Rows, seen: dict[str, int], number: int, name: str, what: str) -> bool:
        earlier = seen.setdefault(name, number)
        if earlier == number:
            return True
        words = f"the {what} {name} is used twice, rows {earlier} and {number}"
        self._refuse(rows, number, 0, f"This {what} is already used in row {earlier}.", words)
        return False

    def _texts(
        self, rows: Rows, test_key: Callable[[str], None], test_value: Callable[[str], None]
    ) -> Iterable[tuple[str, str]]:
        seen: dict[str, int] = {}
        for number, key, value in rows.filled():
            usable = self._checked(rows, number, 0, test_key, key) is not None
            usable = self._checked(rows, number, 1, test_value, value) is not None and usable
            if usable and self._first_of(rows, seen, number, key, "key"):
                yield key, value

    def _measured(self) -> Iterable[tuple[str, float]]:
        seen: dict[str, int] = {}
        for number, name, text in self.metrics.filled():
            if not 1 <= len(name) <= check.METRIC_NAME_MAX:
                words = f"A metric name has 1 to {check.METRIC_NAME_MAX} characters." if name else "Enter a name."
                self._refuse(self.metrics, number, 0, words, f"row {number}: {words}")
            try:
                value = parse_number(text)
            except ValidationError as error:
                place = name or f"row {number}"
                self._refuse(self.metrics, number, 1, error.messages[0], f"{place}: {error.messages[0]}")
                continue
            if name and self._first_of(self.metrics, seen, number, name, "name"):
                yield name, value
