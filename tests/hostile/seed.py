"""Fills a registry with every hostile value in every text that takes it: `python -m tests.hostile.seed`.

Prints as JSON how many values got in, and the pages that show them. For the tests in a browser, which run a server on
the same data folder.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

PER_GROUP = 24
LONGEST = 4_000


def main() -> None:
    import django

    django.setup()
    from django.db import connection

    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:  # nothing is at stake here
            cursor.execute("PRAGMA synchronous=OFF")
    from tests.hostile_values import VALUES, encodable

    print(json.dumps(fill(encodable(VALUES))))


def fill(values: list[str]) -> dict[str, Any]:
    """The addresses of what was made, and how many values are in it."""
    from registry.accounts.models import Role
    from registry.accounts.permissions import Actor
    from registry.catalog import services
    from registry.catalog.models import ModelPackage, ModelPackageGroup

    keeper = Actor(name="any-admin", role=Role.ADMIN, door="sagemaker")
    kept: set[str] = set()
    groups, group = [], None
    for number, value in enumerate(values):
        if number % PER_GROUP == 0:
            group = services.create_model_package_group(actor=keeper, region="us-east-1", name=f"hostile-{number}")
            groups.append(group)
        assert group is not None
        took = register(keeper, group.name, value)
        package = ModelPackage.objects.filter(group=group).latest("version")
        took += around(keeper, group, package, value, number)
        if took:
            kept.add(value)
    return {
        "kept": len(kept),
        "groups": [one.get_absolute_url() for one in ModelPackageGroup.objects.filter(name__startswith="hostile-")],
        "versions": [
            one.get_absolute_url()
            for one in ModelPackage.objects.filter(group__name__startswith="hostile-").select_related("group")
        ],
    }


def attempt(do: Callable[[], Any]) -> int:
    """1 when it was taken, 0 when it was refused; anything but a refusal is raised."""
    from django.core.exceptions import ValidationError
    from django.db import transaction

    from registry.api.sagemaker.errors import WireError
    from registry.catalog.errors import AlreadyExists, Conflict, LimitReached, Refused

    try:
        with transaction.atomic():
            do()
    except (ValidationError, WireError, AlreadyExists, Conflict, LimitReached, Refused):
        return 0
    return 1


def register(actor: Any, group: str, value: str) -> int:
    """Register a version with the value in all texts of the call that take it; how many do."""
    from registry.api.sagemaker import service_model
    from registry.api.sagemaker.calls import Call
    from registry.api.sagemaker.operations import OPERATIONS
    from registry.api.sagemaker.requests import check_members, read_body

    from . import shapes
    from .test_wire import encoded

    body = shapes.call("CreateModelPackage") | {"ModelPackageGroupName": group}
    body.pop("ClientToken", None)
    if len(value) > LONGEST:
        return 0

    def ask(sent: dict[str, Any]) -> None:
        members = check_members("CreateModelPackage", read_body(encoded(sent)))
        OPERATIONS["CreateModelPackage"](Call("CreateModelPackage", actor, "us-east-1", members))

    shape = service_model.load()["shapes"]["CreateModelPackageInput"]["members"]
    took, base = 0, dict(body)
    for member in [name for name in body if name != "ModelPackageGroupName"]:
        for path, is_key in list(shapes.texts({member: base[member]})):
            sent = shapes.changed({member: base[member]}, path, value, is_key=is_key)
            if fits(shape[member], sent[member]):
                base, took = base | sent, took + 1
    if attempt(lambda: ask(base)):
        return took
    # Something behind the shapes refuses one of the texts: one member of the call after the other, then.
    good = body
    for member in base:
        sent = good | {member: base[member]}
        if sent[member] != body[member] and attempt(lambda sent=sent: undo_after(lambda: ask(sent))):
            good = sent
    attempt(lambda: ask(good))
    return int(good != body)


def fits(shape: str, value: Any) -> bool:
    """Whether the shape allows the value."""
    from registry.api.sagemaker.errors import WireError
    from registry.api.sagemaker.requests import _compiled

    faults: list[str] = []
    try:
        _compiled(shape)(value, "", faults)
    except WireError:
        return False
    return not faults


class Enough(Exception):
    """What was tried is taken back."""


def undo_after(do: Callable[[], Any]) -> None:
    """Do it and take it back; what refuses it is raised."""
    from django.db import transaction

    try:
        with transaction.atomic():
            do()
            raise Enough
    except Enough:
        pass


def around(actor: Any, group: Any, package: Any, value: str, number: int) -> int:
    """The value in what is said about a version and its group: comments, checks, metadata, tags, views, keys, users."""
    from registry.accounts.access_keys import create_access_key
    from registry.accounts.models import User
    from registry.accounts.permissions import Actor
    from registry.accounts.services import create_service_account
    from registry.catalog import services

    admin = User.objects.get(username="admin")
    person = Actor.of(admin, "browser", user_agent=value[:200].replace("\0", ""))
    status = ("Approved", "Rejected", "PendingManualApproval")[number % 3]
    tries: list[Callable[[], Any]] = [
        lambda: services.update_model_package_group_description(actor=actor, group=group, description=value),
        lambda: services.add_tags(actor=actor, owner=group, tags=[(value, value)]),
        lambda: services.update_customer_metadata(actor=actor, package=package, put={value[:128]: value}),
        lambda: services.update_customer_metadata(actor=actor, package=package, put={f"metric.{value[:40]}": "0.5"}),
        lambda: services.report_check(actor=person, package=package, name=value, state="failure", summary=value),
        lambda: services.report_check(actor=person, package=package, name=f"url {number}", state="success", url=value),
        lambda: services.update_approval_status(
            actor=person, package=package, approval_status=status, comment=value[:1024]
        ),
        lambda: services.comment_on(actor=person, package=package, comment=value),
        lambda: services.update_model_life_cycle(
            actor=person, package=package, stage="Staging", stage_status="Approved", stage_description=value[:1024]
        ),
        lambda: services.save_view(actor=person, page="groups", name=value, query=f"q={value}", is_shared=True),
        lambda: create_access_key(actor=person, user=admin, name=value),
        # Without a password: hashing those would take longer than all the rest.
        lambda: create_service_account(actor=person, username=value, role="viewer"),
        lambda: create_service_account(actor=person, username=f"u-{number}", email=value, role="viewer"),
    ]
    return sum(attempt(one) for one in tries)


if __name__ == "__main__":
    main()
