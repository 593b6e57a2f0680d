"""The door for checks: POST /api/checks/, signed like the wire, so that a pipeline says what its tests found."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse

from registry.accounts.permissions import authorize
from registry.catalog import services

from .sagemaker.errors import WireError, invalid
from .sagemaker.names import find_package
from .sagemaker.requests import read_body
from .sagemaker.views import body_of, caller_of, refusal_of, respond

PATH = "/api/checks/"
CONTENT_TYPE = "application/json"
# There is no X-Amz-Target here: the address says what is called, and it is signed anyway.
SIGNED = frozenset({"host"})
# Member of the body -> the service's name of it; the first two name the version.
_MEMBERS = {"Name": "name", "State": "state", "Url": "url", "Summary": "summary"}
_SUBJECTS = ("ModelPackageName", "ModelPackageArn")


class ChecksDoor:
    """Middleware that answers /api/checks/ before anything of the browser's door runs, with or without the slash."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path_info in (PATH, PATH.rstrip("/")):
            request.route, request.operation = "checks", "ReportCheck"  # type: ignore[attr-defined]
            return respond(request, report_check, CONTENT_TYPE)
        return self.get_response(request)


def report_check(request: HttpRequest) -> dict[str, Any]:
    """Report one check of a version; the caller needs contributor. Answers what is stored.

    Body: ModelPackageName or ModelPackageArn (an ARN, "GROUP/VERSION", or the name of an unversioned package), Name,
    State (pending, success, failure), and if you like Url and Summary. The region is the one that was signed for.
    """
    if request.method != "POST":
        raise WireError("MethodNotAllowed", f"POST a check to {PATH}; there is nothing to get here.", 405)
    body = body_of(request)
    caller = caller_of(request, SIGNED, door="checks")
    sent = _checked(read_body(body))
    try:
        # Before the version is looked up: who may not report need not learn what there is.
        authorize(caller.actor, "model_package.report_check")
        package = find_package(caller.actor, sent["subject"], caller.region)
        check = services.report_check(
            actor=caller.actor, package=package, **{field: sent.get(member, "") for member, field in _MEMBERS.items()}
        )
    except ValidationError as error:
        raise invalid(_by_member(error)) from error
    except Exception as error:
        refusal = refusal_of(error, caller, "ReportCheck")
        if refusal is None:
            raise
        raise refusal from error
    return {
        "ModelPackageArn": package.arn,
        "Name": check.name,
        "State": check.state,
        "Url": check.url,
        "Summary": check.summary,
        "ReportedTime": check.reported_at.timestamp(),
        "ReportedBy": check.reported_by_name,
    }


def _checked(sent: dict[str, Any]) -> dict[str, str]:
    """The members as texts, the version's name as "subject"; a null is a member that was not sent."""
    sent = {name: value for name, value in sent.items() if value is not None}
    known = (*_SUBJECTS, *_MEMBERS)
    unknown = [name for name in sent if name not in known]
    if unknown:
        raise invalid(f"There is no member {unknown[0][:128]!r} here. The members are {', '.join(known)}.")
    for name, value in sent.items():
        if not isinstance(value, str):
            raise WireError("SerializationException", f"{name} must be a text.")
        if "\0" in value:
            raise invalid(f"{name}: The character NUL cannot be stored.")
    subjects = [name for name in _SUBJECTS if sent.get(name)]
    if len(subjects) != 1:
        raise invalid("Name the version by either ModelPackageName or ModelPackageArn.")
    missing = [name for name in ("Name", "State") if name not in sent]
    if missing:
        raise invalid(f"{' and '.join(missing)} must not be missing.")
    return sent | {"subject": sent[subjects[0]]}


def _by_member(error: ValidationError) -> str:
    """The faults by the body's own names."""
    members = {field: member for member, field in _MEMBERS.items()}
    return " ".join(f"{members.get(name, name)}: {' '.join(said)}" for name, said in error.message_dict.items())
