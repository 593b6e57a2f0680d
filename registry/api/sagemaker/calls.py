"""One call of the wire, as an operation gets it: who, in which registry, with which checked members."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from registry.accounts.permissions import Actor


@dataclass(frozen=True)
class Call:
    """`members` are those of the request, checked against the service model; `region` is the credential scope's."""

    operation: str
    actor: Actor
    region: str
    members: dict[str, Any]

    def get(self, member: str, default: Any = None) -> Any:
        return self.members.get(member, default)
