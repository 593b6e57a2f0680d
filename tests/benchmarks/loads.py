"""Many clients at once: lean ones, so that the machine's cores are the server's; each a thread with one connection."""

from __future__ import annotations

import http.client
import json
import multiprocessing
import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from urllib.parse import urlencode

from .clients import METADATA, SPECIFICATION

THREADS = 4
PASSWORD = "quiet-harbour-42"
REGION = "us-east-1"
# Of the demo's data: the index, the group with most versions and one of them.
PAGES = (
    "/groups/",
    "/groups/us-east-1/digits-classifier/",
    "/groups/us-east-1/digits-classifier/versions/24/",
)


@dataclass(frozen=True)
class Load:
    """What a process does with its threads: `kind` names the call, for so many calls and seconds at most a client.

    `groups` are those that registrations go to: client n takes the n-th.
    """

    kind: str
    port: int
    key: tuple[tuple[str, str], ...]
    cookie: str
    calls: int
    seconds: float
    groups: tuple[str, ...] = ()
    first: int = 0


@dataclass
class Told:
    """Seconds of each good call, and what went wrong: a status, or the name of an error, and how often."""

    seconds: list[float] = field(default_factory=list)
    failed: dict[str, int] = field(default_factory=dict)

    def add(self, other: Told) -> None:
        self.seconds += other.seconds
        for name, times in other.failed.items():
            self.failed[name] = self.failed.get(name, 0) + times

    def note(self, name: str) -> None:
        self.failed[name] = self.failed.get(name, 0) + 1


class Client:
    """One keep-alive connection that makes one kind of call."""

    def __init__(self, load: Load, number: int) -> None:
        from botocore.auth import SigV4Auth
        from botocore.credentials import Credentials

        self.load, self.number = load, number
        self.connection = http.client.HTTPConnection("127.0.0.1", load.port, timeout=30)
        key = dict(load.key)
        secret = Credentials(key["AWS_ACCESS_KEY_ID"], key["AWS_SECRET_ACCESS_KEY"])
        self.signer = SigV4Auth(secret, "sagemaker", REGION)
        self.group = load.groups[number % len(load.groups)] if load.groups else ""

    def send(self, method: str, path: str, body: str | None, headers: dict[str, str]) -> int:
        try:
            self.connection.request(method, path, body, headers)
            answer = self.connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException):
            self.connection.close()
            raise
        return answer.status

    def wire(self, operation: str, **members: object) -> int:
        from botocore.awsrequest import AWSRequest

        body = json.dumps(members)
        headers = {"X-Amz-Target": f"SageMaker.{operation}", "Content-Type": "application/x-amz-json-1.1"}
        request = AWSRequest("POST", f"http://127.0.0.1:{self.load.port}/", headers, body)
        self.signer.add_auth(request)
        return self.send("POST", "/", body, dict(request.headers.items()))

    def page(self, path: str) -> int:
        return self.send("GET", path, None, {"Cookie": self.load.cookie, "Accept-Encoding": "gzip"})

    def register(self, turn: int) -> int:
        return self.wire(
            "CreateModelPackage",
            ModelPackageGroupName=self.group,
            InferenceSpecification=SPECIFICATION,
            ModelApprovalStatus="PendingManualApproval",
            CustomerMetadataProperties=METADATA,
        )

    def pages(self, turn: int) -> int:
        return self.page(PAGES[turn % len(PAGES)])

    def mixed(self, turn: int) -> int:
        """What a day is made of: pages, fragments, calls that read, and one registration in twenty calls."""
        match turn % 20:
            case 0:
                return self.register(turn)
            case 1 | 2 | 3 | 4:
                return self.wire("ListModelPackages", ModelPackageGroupName=self.group, MaxResults=10)
            case 5 | 6 | 7 | 8:
                return self.wire("DescribeModelPackageGroup", ModelPackageGroupName=self.group)
            case 9 | 10:
                return self.page("/activity/")
            case 11 | 12:
                return self.page(f"/groups/?q=status:approved+{turn}")
            case _:
                return self.pages(turn)

    def run(self) -> Told:
        told, end = Told(), time.monotonic() + self.load.seconds
        call: Callable[[int], int] = getattr(self, self.load.kind)
        for turn in range(self.load.calls):
            began = time.perf_counter()
            if time.monotonic() > end:
                break
            try:
                status = call(turn + self.number)
            except (OSError, http.client.HTTPException) as error:
                told.note(type(error).__name__)
                continue
            if status == 200:
                told.seconds.append(time.perf_counter() - began)
            else:
                told.note(str(status))
        self.connection.close()
        return told


def serve_pipe(pipe: Connection) -> None:
    """The loop of a process: a Load in, what its threads were told out; None ends it."""
    while (load := pipe.recv()) is not None:
        clients = [Client(load, load.first + number) for number in range(THREADS)]
        with ThreadPoolExecutor(THREADS) as threads:
            total = Told()
            for told in threads.map(Client.run, clients):
                total.add(told)
        pipe.send(total)


class Throng:
    """Processes of four clients each, that wait for what to do."""

    def __init__(self, clients: int) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipes, self.processes = [], []
        for _ in range(clients // THREADS):
            here, there = context.Pipe()
            process = context.Process(target=serve_pipe, args=(there,), daemon=True)
            process.start()
            self.pipes.append(here)
            self.processes.append(process)

    def run(self, loads: list[Load]) -> Told:
        """Let the first len(loads) processes work at once; what all of them were told."""
        pipes = self.pipes[: len(loads)]
        for pipe, load in zip(pipes, loads, strict=True):
            pipe.send(load)
        total = Told()
        for pipe in pipes:
            total.add(pipe.recv())
        return total

    def stop(self) -> None:
        for pipe, process in zip(self.pipes, self.processes, strict=True):
            pipe.send(None)
            process.join(timeout=10)


def sign_in(port: int, name: str) -> str:
    """The cookie of a session, got as a browser gets it."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", "/login/")
    answer = connection.getresponse()
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', answer.read().decode())
    cookie = (answer.headers["Set-Cookie"] or "").partition(";")[0]
    assert token is not None
    form = urlencode({"csrfmiddlewaretoken": token[1], "login": name, "password": PASSWORD})
    headers = {
        "Cookie": cookie,
        "Content-Type": "application/x-www-form-urlencoded",
        "Referer": f"http://127.0.0.1:{port}/login/",
    }
    connection.request("POST", "/login/", form, headers)
    answer = connection.getresponse()
    answer.read()
    cookies = answer.headers.get_all("Set-Cookie") or []
    session = next((c.partition(";")[0] for c in cookies if c.startswith("sessionid=")), "")
    if not session:
        raise RuntimeError(f"Signing in answers {answer.status}")
    return session
