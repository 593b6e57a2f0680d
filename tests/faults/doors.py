"""What every door says while the database is away, and that it says it in time."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from .places import Answer, Registry

# On a machine that does much else too, FAULT_IN_TIME may be longer.
IN_TIME = float(os.environ.get("FAULT_IN_TIME", "3"))
GROUP = "doors"
HTMX = {"HX_Request": "true"}


def call(registry: Registry, operation: str, **members: object) -> Answer:
    """One signed call without any retry."""
    headers = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": f"SageMaker.{operation}"}
    return _signed(registry, "/", headers, members)


def report_check(registry: Registry, version: str) -> Answer:
    members = {"ModelPackageName": version, "Name": "unit", "State": "success"}
    return _signed(registry, "/api/checks/", {"Content-Type": "application/json"}, members)


def _signed(registry: Registry, path: str, headers: dict[str, str], members: dict[str, object]) -> Answer:
    body = json.dumps(members)
    request = AWSRequest("POST", f"http://127.0.0.1:{registry.port}{path}", data=body, headers=headers)
    credentials = Credentials(registry.key["AWS_ACCESS_KEY_ID"], registry.key["AWS_SECRET_ACCESS_KEY"])
    SigV4Auth(credentials, "sagemaker", "us-east-1").add_auth(request)
    return registry.ask("POST", path, body, **{name.replace("-", "_"): v for name, v in request.headers.items()})


def reading(registry: Registry) -> dict[str, Callable[[], Answer]]:
    """Pages, fragments and calls that change nothing."""
    cookie = {"Cookie": registry.cookie}
    return {
        "the sign-in page": lambda: registry.ask("GET", "/login/"),
        "the index": lambda: registry.ask("GET", "/groups/", **cookie),
        "a group": lambda: registry.ask("GET", f"/groups/us-east-1/{GROUP}/", **cookie),
        "a fragment": lambda: registry.ask("GET", "/groups/?q=a", **cookie, **HTMX),
        "the admin site": lambda: registry.ask("GET", "/admin/", **cookie),
        "a call that lists": lambda: call(registry, "ListModelPackageGroups"),
        "a call that describes": lambda: call(registry, "DescribeModelPackageGroup", ModelPackageGroupName=GROUP),
        "readiness": lambda: registry.ask("GET", "/readyz"),
    }


def writing(registry: Registry) -> dict[str, Callable[[], Answer]]:
    """Forms, with HTMX and without, and calls that change something."""
    cookie = {"Cookie": registry.cookie}
    token = {"csrfmiddlewaretoken": registry.csrf}
    group = {"name": f"made-{uuid4().hex[:8]}", "region": "us-east-1", **token}
    login = {"login": "keeper", "password": "quiet-harbour-42", **token}
    htmx = {**HTMX, "X_CSRFToken": registry.csrf}
    return {
        "signing in": lambda: registry.form("/login/", login, Cookie=f"csrftoken={registry.csrf}"),
        "a form": lambda: registry.form("/groups/new/", group | {"description": 'typed "here"'}, **cookie),
        "a form with HTMX": lambda: registry.form("/groups/new/", group, **cookie, **htmx),
        "a call that makes": lambda: call(
            registry, "CreateModelPackageGroup", ModelPackageGroupName=f"made-{uuid4().hex[:8]}"
        ),
        "a call that registers": lambda: call(
            registry, "CreateModelPackage", ModelPackageGroupName=GROUP, ModelApprovalStatus="PendingManualApproval"
        ),
        "a check": lambda: report_check(registry, f"{GROUP}/1"),
    }


def all_well(registry: Registry, within: float = 20) -> float:
    """Wait until every door answers without a 5xx; the seconds that took."""
    began = time.monotonic()
    call(registry, "CreateModelPackageGroup", ModelPackageGroupName=GROUP)
    if call(registry, "DescribeModelPackage", ModelPackageName=f"{GROUP}/1").status != 200:
        call(registry, "CreateModelPackage", ModelPackageGroupName=GROUP)
    while True:
        said = _ask_all({**reading(registry), **writing(registry)})
        bad = {door: (answer.status, answer.text[:200]) for door, answer in said.items() if answer.status >= 500}
        if not bad:
            return time.monotonic() - began
        assert time.monotonic() - began < within, bad
        time.sleep(0.2)


def all_say_503(registry: Registry, *, reads: bool = False, in_time: float = IN_TIME) -> float:
    """Ask every door once, several at a time; `reads` where reading goes on. The longest time an answer took."""
    said = _ask_all(writing(registry))
    said |= {} if reads else _ask_all(reading(registry))
    faults = [fault for door, answer in said.items() for fault in _faults(door, answer, in_time)]
    assert faults == []
    if reads:
        on = _ask_all(reading(registry))
        slow = {door: (answer.status, answer.seconds) for door, answer in on.items() if answer.seconds >= in_time}
        assert slow == {}
        assert {door: answer.status for door, answer in on.items() if answer.status != 200} == {}
    alive = registry.ask("GET", "/livez")
    assert (alive.status, alive.seconds < 1) == (200, True)
    return max(answer.seconds for answer in said.values())


def _ask_all(doors: dict[str, Callable[[], Answer]]) -> dict[str, Answer]:
    with ThreadPoolExecutor(8) as pool:
        asked = {door: pool.submit(ask) for door, ask in doors.items()}
        return {door: answer.result() for door, answer in asked.items()}


def _faults(door: str, answer: Answer, in_time: float) -> list[str]:
    faults = []
    if answer.status != 503:
        faults.append(f"{door}: {answer.status} {answer.text[:300]}")
    if not answer.headers.get("Retry-After", "").isdigit():
        faults.append(f"{door}: no Retry-After")
    if answer.seconds >= in_time:
        faults.append(f"{door}: after {answer.seconds:.1f} s")
    if "Traceback" in answer.text or "psycopg" in answer.text:
        faults.append(f"{door}: says too much")
    if answer.status == 503 and door != "readiness":
        faults += [f"{door}: {what}" for what in _shape(door, answer)]
    return faults


def _shape(door: str, answer: Answer) -> list[str]:
    """Each door in its own words."""
    sentence = "database"
    if door.startswith("a call") or door == "a check":
        kind = answer.headers.get("x-amzn-ErrorType")
        body = json.loads(answer.text)
        right = kind == body["__type"] == "ServiceUnavailable" and sentence in body["message"]
        return [] if right else [f"no error of the wire: {answer.text}"]
    if "HTMX" in door or "fragment" in door:
        # Nothing is swapped: what was typed stays where it is.
        toast = json.loads(answer.headers.get("HX-Trigger", "{}")).get("toast", {}).get("text", "")
        right = answer.headers.get("HX-Reswap") == "none" and sentence in toast
        return [] if right else [f"no toast: {answer.headers}"]
    faults = [] if sentence in answer.text and "<h1>" in answer.text else ["no page"]
    if door == "a form":
        kept = "Send again" in answer.text and "typed &#34;here&#34;" in answer.text
        faults += [] if kept and "Your change was not saved." in answer.text else ["what was typed is gone"]
    if door == "signing in" and "quiet-harbour-42" in answer.text:
        faults.append("shows the password")
    return faults
