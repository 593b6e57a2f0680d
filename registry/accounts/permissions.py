"""The one question "may this actor do this?"; fails closed: an action without a row in MINIMUM_ROLE is refused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .models import Role, User

# Action -> the role it needs. Every role includes the ones before it. Actions are named after the object they touch.
MINIMUM_ROLE: dict[str, Role] = {
    "registry.read": Role.VIEWER,
    "model_package_group.create": Role.CONTRIBUTOR,
    "model_package_group.edit_description": Role.ADMIN,
    "model_package_group.edit_tags": Role.ADMIN,
    "model_package.create": Role.CONTRIBUTOR,
    "model_package.edit_metadata": Role.CONTRIBUTOR,
    "model_package.edit_tags": Role.ADMIN,
    "model_package.decide": Role.REVIEWER,
    "model_package.override": Role.ADMIN,
    "model_package.comment": Role.CONTRIBUTOR,
    "model_package.report_check": Role.CONTRIBUTOR,
    "model_package.edit_stage": Role.REVIEWER,
    "model_package.update_content": Role.CONTRIBUTOR,
    "model_package.delete": Role.ADMIN,
    "model_package_group.delete": Role.ADMIN,
    "model_package.restore": Role.ADMIN,
    "model_package_group.restore": Role.ADMIN,
    "model_package_group.edit_policy": Role.ADMIN,
    # It changes how metrics are read, not what may pass: those who read them to decide may set it.
    "model_package_group.edit_metric_choices": Role.REVIEWER,
    "model_package_group.edit_rules": Role.ADMIN,
    "access_key.edit_own": Role.VIEWER,
    "access_key.edit_others": Role.ADMIN,
    "registry.import": Role.ADMIN,
    "registry.back_up": Role.ADMIN,
    "registry.restore": Role.ADMIN,
    "registry.export_log": Role.ADMIN,
    "saved_view.edit_own": Role.VIEWER,
    "saved_view.edit_others": Role.ADMIN,
    "saved_view.share": Role.CONTRIBUTOR,
    "user.read": Role.ADMIN,
    "user.edit": Role.ADMIN,
}

# What a refusal says, in the words of the person who reads it.
_WORDS = {
    "registry.read": "read the registry",
    "model_package_group.create": "create groups",
    "model_package_group.edit_description": "edit the description of a group",
    "model_package_group.edit_tags": "change the tags of a group",
    "model_package.create": "register versions",
    "model_package.edit_metadata": "change metadata",
    "model_package.edit_tags": "change the tags of a package",
    "model_package.decide": "approve or reject",
    "model_package.override": "approve against the rules of the group",
    "model_package.comment": "comment on a version",
    "model_package.report_check": "report a check",
    "model_package.edit_stage": "move a version to another stage",
    "model_package.update_content": "change what was registered",
    "model_package.delete": "delete a version or package",
    "model_package_group.delete": "delete a group",
    "model_package.restore": "restore a version or package",
    "model_package_group.restore": "restore a group",
    "model_package_group.edit_policy": "change the policy of a group",
    "model_package_group.edit_metric_choices": "choose how the metrics of a group are read",
    "model_package_group.edit_rules": "change the rules of a group",
    "access_key.edit_own": "have access keys",
    "access_key.edit_others": "change the access keys of others",
    "registry.import": "import",
    "registry.back_up": "back up the registry",
    "registry.restore": "restore a backup",
    "registry.export_log": "export the log",
    "saved_view.edit_own": "save views",
    "saved_view.edit_others": "change the views of others",
    "saved_view.share": "share a view",
    "user.read": "see the users",
    "user.edit": "change users",
}


class NotAllowed(Exception):
    """The actor's role does not reach; `needed` is the role that would, None where no role does."""

    def __init__(self, action: str, needed: Role | None) -> None:
        self.action, self.needed = action, needed
        words = _WORDS.get(action, action)
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


def authorize(actor: Actor, action: str, subject: object = None) -> None:
    """Return if `actor` may do `action` on `subject`, else raise NotAllowed. Asked by every service, at every door.

    `subject` is the group or package (or None while it is being made); roles are the same for all of them today.
    """
    if not actor.may(action):
        raise NotAllowed(action, MINIMUM_ROLE.get(action))
