"""Names and ARNs of the contract's section 5: from what a caller sends to the row it means."""

from __future__ import annotations

import re

from django.conf import settings

from registry.accounts.permissions import Actor
from registry.catalog.models import ModelPackage, ModelPackageGroup

from .errors import WireError, group_missing, invalid, package_missing

GROUP, PACKAGE = "model-package-group", "model-package"
_ARN = re.compile(r"arn:aws[a-z-]*:sagemaker:(?P<region>[a-z0-9-]*):(?P<account>\d{12}):(?P<kind>[a-z-]*)/(?P<name>.+)")


def arn(region: str, kind: str, name: str) -> str:
    """The ARN of a group (kind GROUP) or package (kind PACKAGE, name "GROUP/3" or "NAME")."""
    return f"arn:aws:sagemaker:{region}:{settings.REGISTRY_ACCOUNT_ID}:{kind}/{name}"


def _own_name(text: str, region: str, kind: str) -> str | None:
    """The name in an ARN of this registry and kind, or the text itself where it is none; None for a foreign ARN."""
    if not text.startswith("arn:"):
        return text
    found = _ARN.fullmatch(text)
    own = {"region": region, "account": settings.REGISTRY_ACCOUNT_ID, "kind": kind}
    if found is None or any(found[part] != value for part, value in own.items()):
        return None
    return found["name"]


def _said(text: str, region: str, kind: str) -> str:
    return text if text.startswith("arn:") else arn(region, kind, text)


def find_group(actor: Actor, text: str, region: str, missing: WireError | None = None) -> ModelPackageGroup:
    """The live group that a name or ARN means; raises `missing`, by default "does not exist" (4.3)."""
    name = _own_name(text, region, GROUP)
    group = ModelPackageGroup.find(actor, region, name) if name else None
    if group is None:
        raise missing or group_missing(_said(text, region, GROUP))
    return group


def find_package(actor: Actor, text: str, region: str) -> ModelPackage:
    """The live package that an ARN, "GROUP/3" or the name of an unversioned package means, with its group."""
    name = _own_name(text, region, PACKAGE)
    package = _package_named(actor, name, region) if name else None
    if package is None:
        raise package_missing(_said(text, region, PACKAGE))
    return package


def _package_named(actor: Actor, name: str, region: str) -> ModelPackage | None:
    group, slash, number = name.partition("/")
    if not slash:
        return ModelPackage.objects.visible_to(actor).unversioned().filter(region=region, name=name).first()
    if not re.fullmatch("[1-9][0-9]{0,8}", number):
        return None
    return ModelPackage.find_version(actor, region, group, int(number))


def find_tagged(actor: Actor, text: str, region: str) -> ModelPackageGroup | ModelPackage:
    """The group or package that a ResourceArn of the tag calls means; ValidationException where there is none."""
    try:
        if f":{GROUP}/" in text:
            return find_group(actor, text, region)
        return find_package(actor, text, region)
    except WireError as error:
        raise invalid(f"Resource does not exist. {text}") from error
