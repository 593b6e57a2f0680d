"""What the events of one package say of it, put together in their order; plain values, no database.

An event is what its content says (registry.events.chains), as read from JSON. Where events do not tell, the answer is
UNKNOWN: what an import found in a record has no event of its own from before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from .models import Metric
from .services.checks import OUTDATED
from .services.metrics import metrics_of_metadata
from .services.states import WIRE_MEMBERS

JSON = dict[str, Any]


class _Unknown:
    def __repr__(self) -> str:
        return "unknown"


UNKNOWN: Final = _Unknown()

# The members of a registration that are kept as they were sent; status and comment are its decision.
MEMBERS = (
    *(name for name in WIRE_MEMBERS.values() if name not in ("ModelApprovalStatus", "ApprovalDescription")),
    "ModelPackageStatus",
    "ModelPackageStatusDetails",
)
NO_DECISION: JSON = {
    "status": None,
    "comment": "",
    "decided_at": None,
    "decided_by": "",
    "overridden": False,
    "waiting_since": None,
    "approved_content": "",
}
DECIDED = ("Approved", "Rejected")
EMPTY: tuple[Any, ...] = (None, "", {}, [], False)


def moment(value: datetime | str | None) -> str | None:
    """A time as every file says it: UTC, six digits after the second, Z."""
    if not value:
        return None
    at = datetime.fromisoformat(value) if isinstance(value, str) else value
    return f"{at.astimezone(UTC).isoformat(timespec='microseconds')[:-6]}Z"


def same(one: Any, other: Any) -> bool:
    """Whether two JSON values say the same; numbers by value, since databases write them in their own ways."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(same(value, other[name]) for name, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, int | float) and isinstance(other, int | float):
        try:
            return float(one) == float(other)
        except OverflowError:
            return one == other
    return type(one) is type(other) and bool(one == other)


def decision_of(members: Mapping[str, Any]) -> JSON:
    """The decision that the members of an event say (services.approvals.Decision.as_members)."""
    return {
        "status": members.get("ModelApprovalStatus"),
        "comment": members.get("ApprovalDescription") or "",
        "decided_at": moment(members.get("DecidedTime")),
        "decided_by": members.get("DecidedBy") or "",
        "overridden": bool(members.get("DecidedByOverride")),
        "waiting_since": moment(members.get("WaitingSince")),
        "approved_content": members.get("ApprovedContent") or "",
    }


class Replay:
    """A package after the events that were put in: `members`, `metadata`, `metrics`, `stage`, `decision`, `checks`.

    `tags` are those of an unversioned package. `metrics` maps a name to its value, deviation and source.
    """

    def __init__(self, events: Iterable[Mapping[str, Any]] = ()) -> None:
        self.registered: JSON | None = None
        self.members: JSON = {}
        self.metadata: JSON = {}
        self.metrics: dict[str, JSON] = {}
        self.tags: list[JSON] = []
        self.stage: JSON | None = None
        self.decision: JSON = dict(NO_DECISION)
        self.checks: dict[str, JSON] = {}
        for event in events:
            self.put(event)

    def put(self, event: Mapping[str, Any]) -> None:
        """Take in the next event; a kind that changes nothing here is passed over."""
        teller = _TELLERS.get(str(event["kind"]))
        if teller is not None:
            teller(self, event, event.get("before") or {}, event.get("after") or {})

    def _created(self, event: Mapping[str, Any], before: JSON, after: JSON) -> None:
        is_import = event["batch"] is not None
        self.registered = {
            "at": moment(after.get("CreationTime")),
            "by": UNKNOWN if is_import else event["actor_name"],
            "identity": after.get("CreatedBy") or {},
            "door": event["door"],
            "imported": {"at": event["at"], "by": event["actor_name"]} if is_import else None,
        }
        self.members = {name: after[name] for name in MEMBERS if after.get(name) not in EMPTY}
        self.metadata = dict(after.get("CustomerMetadataProperties") or {})
        self.tags = list(after.get("Tags") or [])
        self.stage = after.get("ModelLifeCycle")
        source = Metric.Source.REPORT if is_import else Metric.Source.TYPED
        self._measured(after.get("Metrics") or {}, source)
        self._follow_metadata()
        self._decided_at_once(event, after, is_import)

    def _decided_at_once(self, event: Mapping[str, Any], after: JSON, is_import: bool) -> None:
        status = after.get("ModelApprovalStatus")
        decision = {**NO_DECISION, "status": status, "comment": after.get("ApprovalDescription") or ""}
        created, changed = moment(after.get("CreationTime")), moment(after.get("LastModifiedTime"))
        if status in DECIDED:
            decision["decided_at"] = changed or created
            decision["decided_by"] = UNKNOWN if is_import else event["actor_name"]
            decision["overridden"] = bool(after.get("Override"))
            decision["approved_content"] = after.get("ApprovedContent") or (
                UNKNOWN if status == "Approved" and is_import else ""
            )
        elif status:
            decision["waiting_since"] = created or changed
        self.decision = decision

    def _decided(self, event: Mapping[str, Any], before: JSON, after: JSON) -> None:
        self.decision = decision_of(after)

    def _asked_for_changes(self, event: Mapping[str, Any], before: JSON, after: JSON) -> None:
        if "ApprovalDescription" in after:
            self.decision["comment"] = after["ApprovalDescription"] or ""

    def _content_changed(self, event: Mapping[str, Any], before: JSON, after: JSON) -> None:
        for name in MEMBERS:
            if name in after and after[name] in EMPTY:
                self.members.pop(name, None)
            elif name in after:
                self.members[name] = after[name]
        for name in after.get("ChecksOutdated") or []:
            if name in self.checks:
                self.checks[name] |= {"state": "pending", "summary": OUTDATED}
        if "ChangedSinceApproval" in after:
            if not after["ChangedSinceApproval"]:
                self.decision["waiting_since"] = None
            elif self.decision["waiting_since"] is None:
                self.decision["waiting_since"] = moment(after.get("WaitingSince")) or UNKNOWN
            self.decision["approved_content"] = self.decision["approved_content"] or UNKNOWN

    def _staged(self, event: Mapping[str, Any], before: JSON, after: JSON) -> None:
        self.stage = after.get("ModelLifeCycle")

    def _metadata_changed(self, event: Mapping[str, Any], before: JSON, after: JSON) -> None:
        was, now = (dict(side.get("CustomerMetadataProperties") or {}) for side in (before, after))
        self.metadata = {name: value for name, value in self.metadata.items() if name not in was or name in now} | now
        self._follow_metadata()

    def _metrics_read(self, event: Mapping[str, Any], before: JSON, after: JSON) -> None:
        self._measured(after.get("Metrics") or {}, Metric.Source.REPORT)

    def _measured(self, metrics: Mapping[str, Any], source: Metric.Source) -> None:
        for name, said in metrics.items():
            self.metrics[name] = {
                "value": said.get("value"),
                "standard_deviation": said.get("standard_deviation"),
                "source": source.value,
            }

    def _follow_metadata(self) -> None:
        """Numbers under `metric.NAME` count as metrics where no report has that name."""
        wanted = metrics_of_metadata({str(name): str(value) for name, value in self.metadata.items()})
        of_metadata = Metric.Source.METADATA.value
        self.metrics = {
            name: metric for name, metric in self.metrics.items() if metric["source"] != of_metadata or name in wanted
        }
        for name, value in wanted.items():
            if self.metrics.get(name, {"source": of_metadata})["source"] == of_metadata:
                self.metrics[name] = {"value": value, "standard_deviation": None, "source": of_metadata}

    def _tagged(self, event: Mapping[str, Any], before: JSON, after: JSON) -> None:
        self.tags = list(after.get("Tags") or [])

    def _checked(self, event: Mapping[str, Any], before: JSON, after: JSON) -> None:
        check = after.get("Check") or {}
        self.checks[str(check.get("Name"))] = {
            "state": check.get("State"),
            "url": check.get("Url") or "",
            "summary": check.get("Summary") or "",
            "at": event["at"],
            "by": event["actor_name"],
        }


_TELLERS: dict[str, Callable[[Replay, Mapping[str, Any], JSON, JSON], None]] = {
    "model_package.created": Replay._created,
    "model_package.approval_status_changed": Replay._decided,
    "model_package.changes_requested": Replay._asked_for_changes,
    "model_package.content_changed": Replay._content_changed,
    "model_package.stage_changed": Replay._staged,
    "model_package.metadata_changed": Replay._metadata_changed,
    "model_package.metrics_read": Replay._metrics_read,
    "model_package.tagged": Replay._tagged,
    "model_package.check_reported": Replay._checked,
}


# ---------- decisions ----------


def is_decision(event: Mapping[str, Any]) -> bool:
    """Whether an event decided: a change of the status or of its words, or a registration that came decided."""
    if event["kind"] == "model_package.approval_status_changed":
        return True
    return event["kind"] == "model_package.created" and (event["after"] or {}).get("ModelApprovalStatus") in DECIDED


def decision_told(event: Mapping[str, Any]) -> JSON:
    """What the event of a decision says of it, and of the rules that were in force."""
    after = event["after"] or {}
    told = {
        "position": event["position"],
        "at": event["at"],
        "by": event["actor_name"],
        "door": event["door"],
        "status": after.get("ModelApprovalStatus"),
        "comment": event["comment"],
        "overridden": bool(after.get("Override") or after.get("DecidedByOverride")),
        "undone": bool(after.get("Undone")),
        "withdrawn": bool(after.get("Withdrawn")),
        "imported": bool(after.get("ByImport")) or event["batch"] is not None,
        "approvals": list(after.get("Approvals") or []),
        "rules": after.get("Rules") or {},
        "findings": [
            {"rule": found.get("Rule"), "met": bool(found.get("Met")), "words": found.get("Words")}
            for found in after.get("Findings") or []
        ],
    }
    if told["imported"] and after.get("DecidedBy"):
        told["decided_as_recorded"] = {"by": after["DecidedBy"], "at": moment(after.get("DecidedTime"))}
    return told


def last_decision(decisions: Iterable[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """The last one that approved or rejected, by itself and not by taking another one back."""
    made = [one for one in decisions if one["status"] in DECIDED and not one["undone"]]
    return made[-1] if made else None
