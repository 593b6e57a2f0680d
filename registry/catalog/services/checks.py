"""Keep what systems outside say of a package: named checks, one state each."""

from __future__ import annotations

from collections.abc import Callable

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from registry.accounts.permissions import Actor, authorize
from registry.events.services import record

from ..models import Check, ModelPackage
from ..validators import CHECKS_MAX, validate_check_name, validate_check_summary, validate_link
from .locks import lock_package
from .tags import free_slots

OUTDATED = "The content was changed since. Report the check again."


@transaction.atomic
def report_check(
    *, actor: Actor, package: ModelPackage, name: str, state: str, url: str = "", summary: str = ""
) -> Check:
    """Set the state of a check on a package; the same name replaces. Leaves `model_package.check_reported`.

    Needs contributor. `state` is pending, success or failure; `url` is a http or https address. At most 50 checks. The
    same report again changes nothing and leaves no event. Raises ValidationError by field. Returns the check.
    """
    authorize(actor, "model_package.report_check", package)
    _clean(name, state, url, summary)
    locked = lock_package(package)
    rows = list(Check.objects.filter(package=locked))
    check = next((row for row in rows if row.name == name), None)
    before = _members(check) if check is not None else None
    if check is None:
        slot = next(iter(free_slots(row.slot for row in rows)), None)
        if slot is None or len(rows) >= CHECKS_MAX:
            raise ValidationError({"name": [f"At most {CHECKS_MAX} checks on one version. Use a name again."]})
        check = Check(package=locked, name=name, slot=slot)
    elif (check.state, check.url, check.summary) == (state, url, summary):
        return check
    check.state, check.url, check.summary = state, url, summary
    check.reported_at, check.reported_by_name = timezone.now(), actor.name
    check.save()
    record(
        actor,
        "model_package.check_reported",
        package=locked,
        before={"Check": before} if before else None,
        after={"Check": _members(check)},
        at=check.reported_at,
    )
    return check


def outdate_checks(locked: ModelPackage) -> list[dict[str, str]]:
    """Put the checks of a locked package back to pending, since its content is another now; returns what they were."""
    rows = list(Check.objects.filter(package=locked).exclude(state=Check.State.PENDING))
    if rows:
        outdated = Check.objects.filter(pk__in=[row.pk for row in rows])
        outdated.update(state=Check.State.PENDING, summary=OUTDATED)
    return [_members(row) for row in rows]


def _clean(name: str, state: str, url: str, summary: str) -> None:
    faults: dict[str, list[str]] = {}

    def test(field: str, validator: Callable[[str], None], value: str) -> None:
        try:
            validator(value)
        except ValidationError as error:
            faults[field] = error.messages

    test("name", validate_check_name, name)
    if url:
        test("url", validate_link, url)
    test("summary", validate_check_summary, summary)
    if state not in Check.State.values:
        faults["state"] = [f"The state is one of {', '.join(Check.State.values)}."]
    if faults:
        raise ValidationError(faults)


def _members(check: Check) -> dict[str, str]:
    return {"Name": check.name, "State": check.state, "Url": check.url, "Summary": check.summary}
