"""What else differs between two packages: the members that are neither metric, container nor metadata; no database."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from ..json_texts import read_json
from ..models import ModelPackage
from .containers import compare_containers
from .particulars import facts_of, pointers_of, supported_of

if TYPE_CHECKING:
    from .changes import Comparison

LEAVES_MAX = 2_000  # values of a model card that are looked at
CARD_LINES = 12  # of those that differ, so many are shown


@dataclass(frozen=True)
class Difference:
    """One member that differs, as texts on both sides; an empty side has no such member."""

    label: str
    before: Sequence[str] = ()
    value: Sequence[str] = ()

    @property
    def kind(self) -> Literal["added", "removed", "changed"]:
        if not self.before:
            return "added"
        return "changed" if self.value else "removed"

    @property
    def is_one(self) -> bool:
        """One text on each side: their segments can be told apart."""
        return len(self.before) == len(self.value) == 1


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _differing(ours: Mapping[str, Sequence[str]], theirs: Mapping[str, Sequence[str]]) -> list[Difference]:
    """A Difference for each label whose texts differ, in the order of ours, then what only they have."""
    labels = [*ours, *(label for label in theirs if label not in ours)]
    pairs = ((label, list(theirs.get(label, ())), list(ours.get(label, ()))) for label in labels)
    return [Difference(label, before, value) for label, before, value in pairs if before != value]


def _members(package: ModelPackage) -> dict[str, Sequence[str]]:
    """What is compared as a whole, by its label; reports and jobs are left out, since each version has its own."""
    lineage = _mapping(package.metadata_properties)
    texts: dict[str, str] = {
        "Stage": package.stage,
        "Registration type": package.registration_type,
        "Source": package.source_uri,
        "Repository": str(lineage.get("Repository") or ""),
        "Commit": str(lineage.get("CommitId") or ""),
        "Project": str(lineage.get("ProjectId") or ""),
        "Storage": package.managed_storage_type,
    }
    found: dict[str, Sequence[str]] = {label: [text] for label, text in texts.items() if text}
    found |= dict(facts_of(package))
    for pointer in pointers_of(package.drift_check_baselines):
        found[f"Drift baseline, {pointer.what}"] = [pointer.uri]
    return found


def _additional(package: ModelPackage) -> dict[str, Mapping[str, Any]]:
    listed = package.additional_inference_specifications
    return {str(_mapping(one).get("Name")): _mapping(one) for one in (listed if isinstance(listed, list) else [])}


def _compare_additional(package: ModelPackage, baseline: ModelPackage) -> list[Difference]:
    ours, theirs = _additional(package), _additional(baseline)
    found = []
    for name in [*ours, *(name for name in theirs if name not in ours)]:
        if name not in theirs or name not in ours:
            found.append(Difference(f"Specification {name}", *((["present"], []) if name in theirs else ([], ["new"]))))
            continue
        for change in compare_containers(ours[name], theirs[name]):
            found += [
                Difference(f"{name}, {line.label}", _texts(line.before), _texts(line.value))
                for line in [*change.lines, *change.environment]
                if line.differs
            ]
        supported = _differing(dict(supported_of(ours[name])), dict(supported_of(theirs[name])))
        found += [Difference(f"{name}, {one.label}", one.before, one.value) for one in supported]
    return found


def _texts(text: str) -> list[str]:
    return [text] if text else []


def leaves_of(card: Any) -> dict[str, str]:
    """The values of a model card's content by their path ("intended_uses.purpose"); a text that is no JSON is one."""
    content = _mapping(card).get("ModelCardContent")
    if isinstance(content, str):
        try:
            content = read_json(content)
        except ValueError:
            return {"content": content}
    found: dict[str, str] = {}
    left: list[tuple[str, Any]] = [("", content)]
    while left and len(found) < LEAVES_MAX:
        path, value = left.pop()
        inner: Iterable[tuple[Any, Any]] = ()
        if isinstance(value, dict):
            inner = value.items()
        elif isinstance(value, list):
            inner = enumerate(value, 1)
        elif value not in (None, ""):
            found[path or "content"] = value if isinstance(value, str) else json.dumps(value)
        left += reversed([(f"{path}.{name}" if path else str(name), one) for name, one in inner])
    return found


def _compare_cards(package: ModelPackage, baseline: ModelPackage) -> list[Difference]:
    ours, theirs = _mapping(package.model_card), _mapping(baseline.model_card)
    status = _differing(
        {"Model card status": _texts(str(ours.get("ModelCardStatus") or ""))},
        {"Model card status": _texts(str(theirs.get("ModelCardStatus") or ""))},
    )
    content = _differing(
        {f"Model card, {path}": [text] for path, text in leaves_of(ours).items()},
        {f"Model card, {path}": [text] for path, text in leaves_of(theirs).items()},
    )
    more = len(content) - CARD_LINES
    rest = [Difference("Model card", (), [f"{more} more differences"])] if more > 0 else []
    return [*status, *content[:CARD_LINES], *rest]


def compare_members(package: ModelPackage, baseline: ModelPackage | None) -> list[Difference]:
    """Stage, specification, source, drift baselines, additional specifications and model card, where they differ."""
    if baseline is None:
        return []
    return [
        *_differing(_members(package), _members(baseline)),
        *_compare_additional(package, baseline),
        *_compare_cards(package, baseline),
    ]


def all_but_metrics(comparison: Comparison) -> list[Difference]:
    """Everything that differs beside the metrics as one list: containers, environment, metadata, members."""
    found = []
    many = sum(1 for change in comparison.containers if change.position) > 1
    for change in comparison.containers:
        suffix = f", {change.title}" if many or not change.position else ""
        found += [
            Difference(f"{line.label}{suffix}", _texts(line.before), _texts(line.value))
            for line in [*change.lines, *change.environment]
            if line.differs
        ]
    found += [Difference(pair.key, _texts(pair.before or ""), [pair.value]) for pair in comparison.pairs if pair.note]
    found += [Difference(key, [value]) for key, value in comparison.pairs_gone]
    return found + list(comparison.members)
