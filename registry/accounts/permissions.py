"""The one question "may this actor do this?"; fails closed: an action without a row in ACTIONS is refused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, runtime_checkable

from .models import Role, User


class Rule(NamedTuple):
    """One row of the table: from which role on, on what, in words; `whose` where that makes a difference.

    A group, and what is in it, is `limitable`: whoever no team lets know of it is refused as if it did not exist.
    """

    role: Role
    object: str
    words: str
    whose: str = ""

    @property
    def limitable(self) -> bool:
        return self.object in ("group", "version")


_V, _C, _R, _A = Role
# Who may do what to what: the one table. Every role includes the ones before it; an action that is not here nobody may.
ACTIONS: dict[str, Rule] = {
    "registry.read": Rule(_V, "registry", "read the registry"),
    "registry.import": Rule(_A, "registry", "import"),
    "registry.back_up": Rule(_A, "registry", "back up the registry"),
    "registry.restore": Rule(_A, "registry", "restore a backup"),
    "registry.export_log": Rule(_A, "registry", "export the log"),
    "model_package_group.create": Rule(_C, "registry", "create groups"),
    "model_package_group.edit_description": Rule(_A, "group", "edit the description of a group"),
    "model_package_group.edit_tags": Rule(_A, "group", "change the tags of a group"),
    # It changes how metrics are read, not what may pass: those who read them to decide may set it.
    "model_package_group.edit_metric_choices": Rule(_R, "group", "choose how the metrics of a group are read"),
    "model_package_group.edit_policy": Rule(_A, "group", "change the policy of a group"),
    "model_package_group.edit_rules": Rule(_A, "group", "change the rules of a group"),
    "model_package_group.edit_teams": Rule(_A, "group", "limit a group to teams"),
    "model_package_group.delete": Rule(_A, "group", "delete a group"),
    "model_package_group.restore": Rule(_A, "group", "restore a group"),
    "model_package.create": Rule(_C, "version", "register versions"),
    "model_package.update_content": Rule(_C, "version", "change what was registered"),
    "model_package.edit_metadata": Rule(_C, "version", "change metadata"),
    "model_package.edit_tags": Rule(_A, "version", "change the tags of a package"),
    "model_package.comment": Rule(_C, "version", "comment on a version"),
    "model_package.report_check": Rule(_C, "version", "report a check"),
    "model_package.decide": Rule(_R, "version", "approve or reject"),
    "model_package.override": Rule(_A, "version", "approve against the rules of the group"),
    "model_package.edit_stage": Rule(_R, "version", "move a version to another stage"),
    "model_package.delete": Rule(_A, "version", "delete a version or package"),
    "model_package.restore": Rule(_A, "version", "restore a version or package"),
    "saved_view.edit_own": Rule(_V, "saved view", "save views", "own"),
    "saved_view.edit_others": Rule(_A, "saved view", "change the views of others", "others"),
    "saved_view.share": Rule(_C, "saved view", "share a view", "own"),
    "access_key.edit_own": Rule(_V, "access key", "have access keys", "own"),
    "access_key.edit_others": Rule(_A, "access key", "change the access keys of others", "others"),
    "user.read": Rule(_A, "user", "see the users"),
    "user.edit": Rule(_A, "user", "change users"),
    "team.edit": Rule(_A, "team", "change teams"),
}
MINIMUM_ROLE: dict[str, Role] = {action: rule.role for action, rule in ACTIONS.items()}


class NotAllowed(Exception):
    """The actor's role does not reach; `needed` is the role that would, None where no role does."""

    def __init__(self, action: str, needed: Role | None) -> None:
        self.action, self.needed = action, needed
        words = ACTIONS[action].words if action in ACTIONS else action
        super().__init__(f"You need the role {needed} to {words}." if needed else f"Nobody may {words}.")


@dataclass(frozen=True)
class Actor:
    """Who acts, and through which door. Every service takes one; every event names one.

    `role` is None for somebody without a role, who may do nothing. `door` is "browser", "admin", "command" or the
    name of a wire protocol; `access_key` and `user_agent` say more about a call that came over the wire.
    """

    name: str
    role: Role | None
    door: str
    user: User | None = None
    access_key: str = ""
    user_agent: str = ""

    @classmethod
    def of(cls, user: User, door: str, **more: Any) -> Actor:
        """The actor for a signed-in user; reads the user's role once."""
        return cls(name=user.get_username(), role=user.role, door=door, user=user, **more)

    @classmethod
    def system(cls, door: str = "command") -> Actor:
        """The registry itself: what a command does when no user is named."""
        return cls(name="system", role=Role.ADMIN, door=door)

    def may(self, action: str) -> bool:
        """True if the role reaches; an unknown action is never allowed."""
        needed = MINIMUM_ROLE.get(action)
        return needed is not None and self.role is not None and self.role.rank >= needed.rank

    @property
    def may_miss_groups(self) -> bool:
        """As of the user; somebody who is no user is in no team."""
        return self.user is None or self.user.may_miss_groups


@runtime_checkable
class Limited(Protocol):
    """A subject that not everybody with a role may know of."""

    def require_sight(self, actor: Actor) -> None:
        """Raise the refusal of what does not exist, unless `actor` may know of it."""


def authorize(actor: Actor, action: str, subject: object = None) -> None:
    """Return if `actor` may do `action` on `subject`, else raise NotAllowed. Asked by every service, at every door.

    `subject` is the group or package (or None while it is being made): a group that the actor may not know of, and
    what is in it, is refused as if it did not exist.
    """
    if not actor.may(action):
        raise NotAllowed(action, MINIMUM_ROLE.get(action))
    if isinstance(subject, Limited):
        subject.require_sight(actor)
