"""What the dialog and the page that delete something say of it; every page that opens the dialog needs this."""

from __future__ import annotations

from typing import Any

from registry.accounts.permissions import Actor
from registry.addresses import url
from registry.catalog.models import ModelPackage, ModelPackageGroup

from .forms.deletions import DeleteForm
from .wording import plural


def deletion_context(actor: Actor, subject: ModelPackage | ModelPackageGroup) -> dict[str, Any]:
    """What templates/deletions/_dialog.html needs, for the page that opens it; {} where the actor may not delete."""
    words: dict[str, Any]
    if isinstance(subject, ModelPackageGroup):
        if not actor.may("model_package_group.delete"):
            return {}
        names, path = [subject.name], url("group-delete", subject.region, subject.name)
        many = subject.version_count
        words = {"kind": "group", "what": subject.name, "refusal": has_versions(subject.name, many) if many else ""}
    elif not actor.may("model_package.delete"):
        return {}
    elif subject.group is not None:
        group, number = subject.group, subject.version
        names = [f"{group.name} v{number}", f"{group.name}/{number}"]
        path = url("version:delete", subject.region, group.name, number)
        words = {"kind": "version", "what": f"v{number}", "is_current": group.approved_version == number}
    else:
        names, path = [str(subject.name)], url("unversioned:delete", subject.region, subject.name)
        words = {"kind": "package", "what": str(subject.name)}
    form = DeleteForm(names=names)
    return {"deletion": {"form": form, "path": path, "back": subject.get_absolute_url(), **words}}


def has_versions(name: str, many: int) -> str:
    """Why a group cannot be deleted yet."""
    return f"{name} has {plural(many, 'version')}. Delete {'it' if many == 1 else 'them'} first."
