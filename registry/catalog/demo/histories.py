"""The history of one version: what is registered, what happens to it later, and the state and events that leaves.

A version's later life is drawn when it is registered, so its row is written once, as it will be; its events wait for
their time. Everything here is what the services write, by the services' own words for states.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from random import Random
from types import SimpleNamespace
from typing import Any, NamedTuple, cast

from registry.accounts.permissions import Actor

from ..contents import content_hash
from ..models import ApprovalStatus, Metric
from ..services.approvals import Decision
from ..services.locks import user_context
from ..services.metrics import metrics_of_metadata
from ..services.registrations import Registration
from ..services.states import package_state
from . import words
from .rows import Written

JSON = dict[str, Any]
BUCKET = "ml-artifacts-demo"
NOTHING = Decision(None, "", None, "", False, None, "")


class Happening(NamedTuple):
    """An event to come: everything of it but the subject. `touches` is False where the group's last change stays."""

    at: datetime
    kind: str
    actor: Actor
    before: JSON | None
    after: JSON | None
    comment: str = ""
    in_feed: bool = True
    touches: bool = True


class Step(NamedTuple):
    """One thing that is done to a version, by whom and when; `what` is the name of a method of History."""

    at: datetime
    what: str
    actor: Actor
    values: tuple[Any, ...]


@dataclass(slots=True)
class History:
    """A version as it goes through its life; `steps` change it, `happened` are the events they leave."""

    group_name: str
    version: int | None
    name: str | None
    registration: Registration
    author: Actor
    created_at: datetime
    happened: list[Happening] = field(default_factory=list)
    pairs: dict[str, str] = field(default_factory=dict)
    metrics: dict[str, tuple[float, float | None, str]] = field(default_factory=dict)
    decision: Decision = NOTHING
    cycle: JSON | None = None
    revision: int = 0
    modified_at: datetime | None = None
    modified_by: Actor | None = None

    def register(self) -> None:
        """The registration itself."""
        sent, at, by = self.registration, self.created_at, self.author.name
        approved, waiting = sent.approval_status == "Approved", sent.approval_status == ApprovalStatus.WAITING
        decided = sent.approval_status in ("Approved", "Rejected")
        self.decision = Decision(
            status=sent.approval_status,
            comment=sent.approval_description,
            decided_at=at if decided else None,
            decided_by=by if decided else "",
            by_override=False,
            waiting_since=at if waiting else None,
            content=self._content() if approved else "",
        )
        self.cycle = sent.model_life_cycle
        self.pairs = dict(sorted(sent.customer_metadata_properties.items()))  # as their slots are given
        self.metrics = {n: (v, None, Metric.Source.METADATA) for n, v in metrics_of_metadata(self.pairs).items()}
        row = SimpleNamespace(
            version=self.version,
            name=self.name,
            created_at=at,
            created_by=user_context(self.author),
            created_by_name=self.author.name,
            last_modified_at=None,
            last_modified_by=None,
            last_modified_by_name="",
            metrics_note="",
            status="Completed",
            status_details=None,
            original_arn="",
        )
        after = package_state(cast(Any, row), sent)
        if approved:
            after["ApprovedContent"] = self.decision.content
        self.happened.append(
            Happening(at, "model_package.created", self.author, None, after, sent.approval_description)
        )

    def decide(self, at: datetime, actor: Actor, status: str, comment: str) -> None:
        """A decision, or other words for the one that stands; the same again is nothing."""
        before = self.decision
        if (before.status, before.comment) == (status, comment):
            return
        waiting, other_words = status == ApprovalStatus.WAITING, before.status == status
        self.decision = Decision(
            status=status,
            comment=comment,
            decided_at=before.decided_at if other_words else None if waiting else at,
            decided_by=before.decided_by if other_words else "" if waiting else actor.name,
            by_override=False,
            waiting_since=(before.waiting_since or at) if waiting else None,
            content=self._content() if status == ApprovalStatus.APPROVED else "",
        )
        self._touch(at, actor)
        after = self.decision.as_members() | {"Revision": self.revision}
        kind = "model_package.approval_status_changed"
        self.happened.append(Happening(at, kind, actor, before.as_members(), after, comment))

    def move(self, at: datetime, actor: Actor, stage: str, status: str, description: str) -> None:
        """Another stage, or another status in it."""
        before, self.cycle = self.cycle, {"Stage": stage, "StageStatus": status}
        if description:
            self.cycle["StageDescription"] = description
        self._touch(at, actor)
        states = {"ModelLifeCycle": before}, {"ModelLifeCycle": self.cycle}
        self.happened.append(Happening(at, "model_package.stage_changed", actor, *states, description))

    def put(self, at: datetime, actor: Actor, pairs: Mapping[str, str]) -> None:
        """Metadata that is added or changed, with the metrics it names."""
        before = {key: self.pairs[key] for key in pairs if key in self.pairs}
        self.pairs |= pairs
        for name, value in metrics_of_metadata(pairs).items():
            if self.metrics.get(name, (0.0, None, Metric.Source.METADATA))[2] == Metric.Source.METADATA:
                self.metrics[name] = (value, None, Metric.Source.METADATA)
        self._touch(at, actor)
        states = {"CustomerMetadataProperties": before}, {"CustomerMetadataProperties": dict(pairs)}
        self.happened.append(Happening(at, "model_package.metadata_changed", actor, *states))

    def read(self, at: datetime, actor: Actor, found: Mapping[str, tuple[float, float]]) -> None:
        """What its metric reports hold; nobody modified it by reading them."""
        said = {name: {"value": value, "standard_deviation": spread} for name, (value, spread) in found.items()}
        self.metrics |= {name: (value, spread, Metric.Source.REPORT) for name, (value, spread) in found.items()}
        after = {"Metrics": said, "Note": ""}
        kind = "model_package.metrics_read"
        self.happened.append(Happening(at, kind, actor, None, after, in_feed=False, touches=False))

    def _touch(self, at: datetime, actor: Actor) -> None:
        self.revision += 1
        self.modified_at, self.modified_by = at, actor

    def _content(self) -> str:
        specification = self.registration.inference_specification
        row = SimpleNamespace(
            inference_specification=specification, additional_inference_specifications=None, model_card=None
        )
        return content_hash(cast(Any, row))

    def columns(self) -> JSON:
        """The columns of its row, but for id, region and group."""
        cycle, decision = self.cycle or {}, self.decision.columns()
        return (
            self.registration.columns()
            | decision
            | {
                "version": self.version,
                "name": self.name,
                "stage": cycle.get("Stage", ""),
                "stage_status": cycle.get("StageStatus", ""),
                "stage_description": cycle.get("StageDescription", ""),
                "created_at": self.created_at,
                "created_by": _context(self.author),
                "created_by_name": self.author.name,
                "last_modified_at": self.modified_at,
                "last_modified_by": _context(self.modified_by) if self.modified_by else None,
                "last_modified_by_name": self.modified_by.name if self.modified_by else "",
                "revision": self.revision,
            }
        )


@cache
def _context(actor: Actor) -> Written:
    return Written(json.dumps(user_context(actor)))


def draw_history(
    chance: Random, *, group: str, topic: words.Topic, number: int | None, name: str | None, at: datetime,
    unit: timedelta, until: datetime, system: Actor,
) -> History:  # fmt: skip
    """A version as somebody would register it at that time, with what happens to it before `until`.

    `unit` is what takes a person a day or less. An unversioned package has a name instead of a number.
    """
    author = words.PIPELINE if chance.random() < 0.5 else chance.choice(words.SCIENTISTS)
    sent = _registration(chance, group=group, topic=topic, number=number, author=author)
    history = History(group, number, name, sent, author, at)
    history.register()
    for step in sorted(_steps(chance, topic, history, unit, system), key=lambda step: step.at):
        if step.at >= until:
            break
        getattr(history, step.what)(step.at, step.actor, *step.values)
    return history


def _measured(chance: Random, topic: words.Topic) -> float:
    return round(chance.uniform(topic.low, topic.high), 6)


def _registration(chance: Random, *, group: str, topic: words.Topic, number: int | None, author: Actor) -> Registration:
    image, framework, release = chance.choices(words.IMAGES, words.IMAGE_SHARES)[0]
    place = f"{group}/{number:07d}" if number else group
    commit = f"{chance.getrandbits(160):040x}"
    container: JSON = {
        "Image": image,
        "ModelDataUrl": f"s3://{BUCKET}/models/{place}/model.tar.gz",
        "ModelDataETag": f"{chance.getrandbits(128):032x}",
        "Environment": {"SAGEMAKER_PROGRAM": "inference.py"},
    }
    if framework:
        container |= {"Framework": framework, "FrameworkVersion": release}
    containers = [container]
    if chance.random() < 0.02:
        containers.append(
            {"Image": words.IMAGES[0][0], "ModelDataUrl": f"s3://{BUCKET}/models/{place}/features.tar.gz"}
        )
    pairs = {
        "git.commit": commit,
        "dataset.name": f"{topic.name}-{chance.randrange(1, 13):02d}",
        f"metric.{topic.metric}": f"{_measured(chance, topic):.6f}",
    }
    if chance.random() < 0.3:
        pairs["hp.max_depth"] = str(chance.randrange(2, 13))
    if chance.random() < 0.3:
        pairs["git.branch"] = chance.choice(words.BRANCHES)
    status: str | None = ApprovalStatus.WAITING.value
    drawn = chance.random()
    if number is None or drawn < 0.04:
        status = None
    elif drawn < 0.07 and author is words.PIPELINE:
        status = ApprovalStatus.APPROVED.value
    staged = number is not None and status == ApprovalStatus.WAITING and chance.random() < 0.45
    reports = None
    if chance.random() < 0.33:
        address = f"s3://{BUCKET}/metrics/{place}/statistics.json"
        reports = {"ModelQuality": {"Statistics": {"ContentType": "application/json", "S3Uri": address}}}
    return Registration(
        description=f"{chance.choice(words.CHANGES)} {topic.metric} {pairs[f'metric.{topic.metric}']}.",
        approval_status=status,
        approval_description="Gate passed in the pipeline." if status == ApprovalStatus.APPROVED else "",
        registration_type="Registered" if number is not None else "",
        inference_specification={
            "Containers": containers,
            "SupportedContentTypes": ["text/csv"],
            "SupportedResponseMIMETypes": ["application/json"],
            "SupportedRealtimeInferenceInstanceTypes": ["ml.m5.large"],
            "SupportedTransformInstanceTypes": ["ml.m5.large"],
        },
        source_uri=f"https://git.example.com/ml/{group}/tree/{commit[:12]}",
        model_metrics=reports,
        model_life_cycle={
            "Stage": "Development",
            "StageStatus": "PendingApproval",
            "StageDescription": f"Set by {author.name}",
        }
        if staged
        else None,
        customer_metadata_properties=pairs,
    )


def _steps(chance: Random, topic: words.Topic, history: History, unit: timedelta, system: Actor) -> Iterator[Step]:
    """What happens to a version later, in any order."""
    at, sent = history.created_at, history.registration

    def later(low: float, high: float, since: datetime = at) -> datetime:
        return since + unit * chance.uniform(low, high)

    if sent.model_metrics:
        found = {name: (_measured(chance, topic), round(chance.random() / 100, 6)) for name in ("precision", "bias")}
        yield Step(later(0.001, 0.01), "read", system, (found,))
    if chance.random() < 0.6:
        begun = later(0.02, 0.1)
        verdict = "passed" if chance.random() < 0.85 else "failed"
        for word, wait in (("queued", 0.0), ("running", 0.1), (verdict, 0.5)):
            begun = later(wait, wait + 0.2, begun)
            yield Step(begun, "put", words.PIPELINE, ({"evaluation.status": word},))
    if chance.random() < 0.5:
        said = {"metric.latency_ms": f"{chance.uniform(0.4, 90):.2f}"}
        yield Step(later(0.2, 1), "put", words.PIPELINE, (said,))
    if chance.random() < 0.3:
        whom = chance.choice(words.SCIENTISTS)
        yield Step(later(0.5, 3), "put", whom, ({"ticket": f"ML-{chance.randrange(1000, 60_000)}"},))
    if sent.approval_status == ApprovalStatus.WAITING:
        yield from _decisions(chance, history, later(0.5, 6), unit)


def _decisions(chance: Random, history: History, at: datetime, unit: timedelta) -> Iterator[Step]:
    lead, drawn, staged = chance.choice(words.LEADS), chance.random(), history.registration.model_life_cycle
    if drawn < 0.13:
        said = chance.choice(words.REJECTIONS)
        yield Step(at, "decide", lead, ("Rejected", said))
        if staged and chance.random() < 0.5:
            yield Step(at + unit / 500, "move", lead, ("Development", "Rejected", f"Set by {lead.name}"))
    elif drawn < 0.62:
        said = chance.choice(words.APPROVALS)
        yield Step(at, "decide", lead, ("Approved", said))
        if chance.random() < 0.1:
            again = at + unit * chance.uniform(0.1, 2)
            yield Step(again, "decide", lead, ("Approved", f"{said} Seen by two of us.".strip()))
        if chance.random() < 0.05:
            again = at + unit * chance.uniform(2, 4)
            status = ApprovalStatus.WAITING.value if chance.random() < 0.5 else ApprovalStatus.REJECTED.value
            yield Step(again, "decide", lead, (status, words.SECOND_THOUGHTS))
        elif staged and chance.random() < 0.4:
            moved = at + unit * chance.uniform(0.1, 1)
            yield Step(moved, "move", lead, ("Staging", "Approved", f"Set by {lead.name}"))
            if chance.random() < 0.25:
                again = moved + unit * chance.uniform(0.5, 2)
                yield Step(again, "move", lead, ("Production", "Approved", f"Set by {lead.name}"))
