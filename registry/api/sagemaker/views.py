"""Dispatch: the one view of the wire. POST / with X-Amz-Target in, JSON out, whatever happens (contract 2 to 4)."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any
from uuid import uuid4

from django.conf import settings
from django.http import HttpRequest, HttpResponse, RawPostDataException
from django.http.request import UnreadablePostError

from registry.api import auth, throttle
from registry.capacity import RETRY_AFTER, OverCapacity, gate
from registry.monitoring import instruments
from registry.outages import outage_of, reason_of

from .calls import Call
from .errors import WireError, from_domain
from .operations import OPERATIONS
from .requests import MAX_BODY, check_members, read_body

logger = logging.getLogger(__name__)

PREFIX = "SageMaker."
CONTENT_TYPE = "application/x-amz-json-1.1"
SIGNED = frozenset({"host", "x-amz-target"})


class SageMakerDoor:
    """Middleware that answers POST / before anything of the browser's door runs: no session, no form, no page."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.method == "POST" and request.path_info == "/":
            request.route = "sagemaker"  # type: ignore[attr-defined]
            return dispatch(request)
        return self.get_response(request)


def dispatch(request: HttpRequest) -> HttpResponse:
    """Answer one call. Never raises: a refusal is a 4xx with __type, our own fault a 500 InternalFailure in JSON."""
    return respond(request, _answer, CONTENT_TYPE)


def respond(
    request: HttpRequest, answer_to: Callable[[HttpRequest], dict[str, Any]], content_type: str
) -> HttpResponse:
    """What `answer_to` gives, or the error it raises, as JSON with the request's id; for every wire door."""
    request_id = getattr(request, "request_id", "") or str(uuid4())
    try:
        with gate.admit():
            status, answer = 200, answer_to(request)
    except OverCapacity as busy:
        gate.drain(request)
        error = WireError("ServiceUnavailable", str(busy), 503)
        status, answer = error.status, error.body()
    except WireError as error:
        status, answer = error.status, error.body()
    except Exception as failure:
        error = _failed(failure, request_id)
        status, answer = error.status, error.body()
    response = HttpResponse(json.dumps(answer, separators=(",", ":")), content_type=content_type, status=status)
    response["x-amzn-RequestId"] = request_id
    response["Cache-Control"] = "no-store"
    response["X-Content-Type-Options"] = "nosniff"
    refused = answer["__type"] if status >= 400 else ""
    request.error = refused  # type: ignore[attr-defined]
    instruments.note_call(getattr(request, "operation", "unknown"), refused)
    if refused:
        response["x-amzn-ErrorType"] = refused
    if status == 503:
        response["Retry-After"] = str(RETRY_AFTER)
        # Said in the log already, or no fault at all.
        response._has_been_logged = True  # type: ignore[attr-defined]
    return response


def _failed(failure: Exception, request_id: str) -> WireError:
    """503 while the database is away, locked or full, which every client tries again; 500 for a fault of ours."""
    if (outage := outage_of(failure)) is not None:
        logger.warning("Call %s: %s (%s)", request_id, outage.what, reason_of(failure))
        # A token makes trying again harmless; without one the words must not claim what nobody knows.
        return WireError("ServiceUnavailable", outage.words(saving=outage.undecided), 503)
    logger.error("Call %s failed", request_id, exc_info=failure)
    return WireError("InternalFailure", f"The registry failed. Its log has the id {request_id}.", 500)


def body_of(request: HttpRequest) -> bytes:
    """The body, refused before it is read where it says that it is too large."""
    if int(request.META.get("CONTENT_LENGTH") or 0) > MAX_BODY:
        raise WireError("RequestEntityTooLarge", f"The body is over {MAX_BODY} bytes.", 413)
    try:
        return request.body
    except (UnreadablePostError, RawPostDataException) as error:
        raise WireError("SerializationException", "The body could not be read.") from error


def _operation(request: HttpRequest) -> str:
    target = request.headers.get("X-Amz-Target", "")
    name = target.removeprefix(PREFIX)
    if not target.startswith(PREFIX) or name not in OPERATIONS:
        raise WireError("UnknownOperationException", f"There is no operation {name[:128]!r} here." if name else "")
    return name


def caller_of(request: HttpRequest, required: frozenset[str] = SIGNED, door: str = "sagemaker") -> auth.Caller:
    """Who signed the request, for the service sagemaker; raises WireError, and counts bad signatures by address."""
    address = request.META.get("REMOTE_ADDR", "")
    try:
        caller = auth.authenticate(request, service="sagemaker", required=required, door=door)
        # For the line in the log.
        request.actor, request.access_key_id = caller.actor, caller.key_id  # type: ignore[attr-defined]
        return caller
    except auth.Refusal as refusal:
        # Only calls that are refused anyway pay for the look at the counter.
        if not throttle.count_bad_signature(address):
            raise WireError("ThrottlingException", "Rate exceeded") from refusal
        raise WireError(refusal.code, str(refusal), refusal.status) from refusal


def _answer(request: HttpRequest) -> dict[str, Any]:
    body = body_of(request)
    request.operation = operation = _operation(request)  # type: ignore[attr-defined]
    caller = caller_of(request)
    members = check_members(operation, read_body(body))
    call = Call(operation, caller.actor, caller.region, members)
    try:
        return OPERATIONS[operation](call)
    except Exception as error:
        refusal = refusal_of(error, caller, operation)
        if refusal is None:
            raise
        raise refusal from error


def refusal_of(error: Exception, caller: auth.Caller, operation: str) -> WireError | None:
    """What a refusal of the services is on the wire; None for anything that is no refusal."""
    user = f"arn:aws:iam::{settings.REGISTRY_ACCOUNT_ID}:user/{caller.actor.name}"
    resource = f"arn:aws:sagemaker:{caller.region}:{settings.REGISTRY_ACCOUNT_ID}:*"
    return from_domain(error, caller=user, operation=operation, resource=resource)
