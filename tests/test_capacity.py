"""Over capacity the server says so at once; slow and half-open connections are nobody else's loss; health answers."""

import http.client
import json
import re
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client, RequestFactory

from registry import capacity
from registry.capacity import SLOW, SPARE, ClientInput, Gate, OverCapacity
from registry.configuration import PROJECT_ROOT
from registry.web.health import HealthMiddleware
from registry.web.icons import SPRITE_URL
from tests.test_serve import Server, free_port, wait_until

REGION = "us-east-1"


# ---------- counting ----------


@pytest.fixture
def gate(settings):
    settings.REGISTRY_MAX_IN_FLIGHT = 2
    return Gate()


def hold(stack: ExitStack, gate: Gate, times: int, **how: bool) -> None:
    for _ in range(times):
        stack.enter_context(gate.admit(**how))


@pytest.mark.sqlite_only
def test_a_place_is_free_again_after_its_request(gate):
    with ExitStack() as stack:
        hold(stack, gate, 2)
        with pytest.raises(OverCapacity), gate.admit():
            pass
    with gate.admit():
        assert gate.working == 1
    with pytest.raises(KeyError), gate.admit():
        raise KeyError
    assert (gate.working, gate.slow) == (0, 0)


@pytest.mark.sqlite_only
def test_sign_in_has_places_of_its_own_and_not_all(gate):
    with ExitStack() as stack:
        hold(stack, gate, 2)
        hold(stack, gate, SPARE // 2, first=True)
        with pytest.raises(OverCapacity), gate.admit(first=True):
            pass
    # Threads are left to refuse, and for the addresses of health.
    assert capacity.threads(2) - SLOW - 2 - SPARE // 2 >= 4


class Slow:
    """A body that is on its way until `event` is set."""

    def __init__(self, event: threading.Event) -> None:
        self.event = event

    def read(self, *size: int) -> bytes:
        assert self.event.wait(20)
        return b"{}"


@pytest.mark.sqlite_only
def test_reading_a_body_does_not_count_as_work_but_is_limited(gate, settings):
    settings.REGISTRY_MAX_IN_FLIGHT = SLOW + 5
    arrives, answers = threading.Event(), []

    def request() -> None:
        try:
            with gate.admit():
                answers.append(ClientInput(Slow(arrives), gate).read(2))
        except OverCapacity as error:
            answers.append(error)

    clients = [threading.Thread(target=request) for _ in range(SLOW + 3)]
    for client in clients:
        client.start()
    wait_until(lambda: gate.slow == SLOW and len(answers) == 3)
    assert all(isinstance(answer, OverCapacity) for answer in answers)
    assert gate.working == 0
    arrives.set()
    for client in clients:
        client.join()
    assert answers.count(b"{}") == SLOW
    assert (gate.working, gate.slow) == (0, 0)


@pytest.mark.sqlite_only
def test_a_body_read_outside_of_a_request_counts_nowhere(gate):
    arrived = threading.Event()
    arrived.set()
    assert ClientInput(Slow(arrived), gate).read() == b"{}"
    assert (gate.working, gate.slow) == (0, 0)


# ---------- health ----------


@pytest.mark.django_db
def test_health_needs_no_sign_in_and_no_known_host():
    for path in ("/livez", "/readyz"):
        answer = Client(headers={"host": "10.0.0.7"}).get(path)
        assert (answer.status_code, answer.content, answer["Cache-Control"]) == (200, b"ok\n", "no-store")
        assert not answer.cookies


@pytest.mark.django_db
def test_not_ready_while_a_migration_is_missing(caplog):
    MigrationRecorder(connection).migration_qs.filter(app="catalog").latest("id").delete()
    answer = Client().get("/readyz")
    assert (answer.status_code, answer.content) == (503, b"not ready: migrations\n")
    assert int(answer["Retry-After"]) > 0
    assert Client().get("/livez").status_code == 200
    assert "migrations to apply" in caplog.text


@pytest.mark.sqlite_only
@pytest.mark.django_db
def test_not_ready_without_its_database(tmp_path):
    told = []

    def ask() -> None:
        # This thread's own connection, to a file that cannot be there.
        connection.settings_dict = {**connection.settings_dict, "NAME": tmp_path / "gone" / "registry.sqlite3"}
        told.append(HealthMiddleware(lambda request: None)(RequestFactory().get("/readyz")))

    asking = threading.Thread(target=ask)
    asking.start()
    asking.join()
    assert (told[0].status_code, told[0].content) == (503, b"not ready: database\n")


# ---------- a real server ----------


class Registry(Server):
    """The running server with a key of its admin."""

    def make_key(self, **environ: str) -> None:
        values = {"PATH": "/usr/bin:/bin", "REGISTRY_DATA_DIR": str(self.log.parent / "var"), **environ}
        values["DJANGO_SUPERUSER_PASSWORD"] = "quiet-harbour-42"

        def manage(*arguments: str) -> str:
            command = [sys.executable, "manage.py", *arguments]
            done = subprocess.run(command, cwd=PROJECT_ROOT, env=values, capture_output=True, text=True, check=True)
            return done.stdout

        kept = self.log.parent / ("key-postgresql" if "DATABASE_URL" in environ else "key-sqlite")
        if not kept.exists():
            manage("createsuperuser", "--noinput", "--username", "keeper")
            kept.write_text(manage("createaccesskey", "keeper"))
        self.key = dict(line.split("=", 1) for line in kept.read_text().split())

    def client(self):
        return boto3.client(
            "sagemaker",
            endpoint_url=f"http://127.0.0.1:{self.port}",
            region_name=REGION,
            aws_access_key_id=self.key["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=self.key["AWS_SECRET_ACCESS_KEY"],
            config=Config(retries={"total_max_attempts": 1}),
        )

    def post(self, path: str, body: str = "", **headers: str) -> http.client.HTTPResponse:
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)) as to:
            to.request("POST", path, body, {name.replace("_", "-"): value for name, value in headers.items()})
            answer = to.getresponse()
            answer.text = answer.read()
            return answer


@pytest.fixture
def folder(served: Path) -> Path:
    return served


@pytest.fixture
def serve(folder) -> Iterator[Callable[..., Registry]]:
    started = []

    def starter(**environ: str) -> Registry:
        started.append(Registry(folder, "serve", free_port(), **environ))
        started[-1].wait_ready()
        started[-1].make_key(**environ)
        return started[-1]

    yield starter
    for server in started:
        server.stop()


@contextmanager
def writers_wait(folder: Path) -> Iterator[None]:
    """Hold the one write lock of SQLite: whoever writes, waits."""
    with closing(sqlite3.connect(folder / "var" / "registry.sqlite3", isolation_level=None)) as database:
        database.execute("BEGIN IMMEDIATE")
        yield
        database.execute("ROLLBACK")


def always_answered(server: Server) -> None:
    assert server.get("/livez").status == 200
    assert server.get("/readyz").status == 200
    page = server.get("/login/")
    assert page.status == 200
    style = re.search(rb'href="(/static/registry\.[0-9a-f]+\.css)"', page.text)
    assert style is not None
    assert server.get(style[1].decode()).status == 200
    assert server.get(SPRITE_URL).status == 200


@pytest.mark.sqlite_only
def test_over_capacity_each_door_says_so_in_its_own_words_and_recovers(serve, folder):
    # Patient, so that the two that hold the places keep them.
    server = serve(REGISTRY_MAX_IN_FLIGHT="2", REGISTRY_PATIENCE="20")
    client, made = server.client(), []

    def register(number: int) -> None:
        made.append(client.create_model_package_group(ModelPackageGroupName=f"busy-{number}"))

    writers = [threading.Thread(target=register, args=(number,)) for number in range(2)]
    with writers_wait(folder):
        for writer in writers:
            writer.start()
        wait_until(lambda: server.get("/groups/").status == 503, seconds=10)
        began = time.monotonic()
        page = server.get("/groups/?q=a")
        assert (page.status, page.headers["Retry-After"]) == (503, "2")
        assert page.headers["Cache-Control"] == "no-store"
        assert "default-src 'none'" in page.headers["Content-Security-Policy"]
        assert b"The registry is busy" in page.text
        assert b'href="/groups/?q=a"' in page.text
        part = server.get("/groups/", **{"HX-Request": "true"})
        assert (part.status, part.headers["Retry-After"], part.headers["HX-Reswap"]) == (503, "2", "none")
        assert json.loads(part.headers["HX-Trigger"])["toast"]["text"].startswith("The registry is busy.")
        form = server.post("/groups/new/", "name=a")
        assert form.status == 503
        assert b"Nothing was saved." in form.text
        with pytest.raises(ClientError) as refusal:
            client.list_model_package_groups()
        said = refusal.value.response
        assert said["Error"]["Code"] == "ServiceUnavailable"
        assert said["ResponseMetadata"]["HTTPStatusCode"] == 503
        assert said["ResponseMetadata"]["HTTPHeaders"]["retry-after"] == "2"
        check = server.post("/api/checks/", "{}")
        assert (check.status, json.loads(check.text)["__type"]) == (503, "ServiceUnavailable")
        # A body that is still being sent is no reason not to hear the answer.
        assert server.post("/", "x" * 900_000).status == 503
        always_answered(server)
        assert time.monotonic() - began < 10
    for writer in writers:
        writer.join()
    assert len(made) == 2
    assert len(client.list_model_package_groups(NameContains="busy-")["ModelPackageGroupSummaryList"]) == 2
    assert server.get("/groups/").status == 302


def half_open(server: Server, count: int) -> list[socket.socket]:
    """Connections that a client began and left: without an end of the header, without a body, with half of one."""
    beginnings = [
        b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Amz-Target: Sage",
        b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100000\r\n\r\n",
        b"POST /login/ HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/x-www-form-urlencoded\r\n"
        b"Content-Length: 1000\r\n\r\nlogin=somebody",
    ]
    opened = []
    for number in range(count):
        opened.append(socket.create_connection(("127.0.0.1", server.port)))
        opened[-1].sendall(beginnings[number % len(beginnings)])
    return opened


@pytest.mark.sqlite_only
def test_24_half_open_connections_leave_others_unaffected(serve):
    # Fewer places than connections: those that wait for a client take none.
    server = serve(REGISTRY_MAX_IN_FLIGHT="4")
    client = server.client()
    opened = half_open(server, 24)
    time.sleep(0.5)
    took = []
    for number in range(20):
        began = time.monotonic()
        assert server.get("/login/").status == 200
        assert server.get("/groups/").status == 302
        client.create_model_package_group(ModelPackageGroupName=f"beside-{number}")
        took.append(time.monotonic() - began)
    assert max(took) < 2, took
    for connection_ in opened:
        connection_.close()


@pytest.mark.sqlite_only
def test_more_half_open_bodies_than_there_are_threads_stop_nobody_from_reading(serve):
    server = serve(REGISTRY_MAX_IN_FLIGHT="4")
    opened = []
    for _ in range(capacity.threads(4) + 20):
        opened.append(socket.create_connection(("127.0.0.1", server.port)))
        opened[-1].sendall(b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n\r\n")
    always_answered(server)
    assert server.get("/groups/").status == 302
    opened[-1].settimeout(5)
    said = opened[-1].recv(4000)
    assert said.startswith(b"HTTP/1.1 503")
    assert b"retry-after: 2" in said.lower()
    assert server.post("/", "{}").status == 503
    for connection_ in opened:
        connection_.close()
    wait_until(lambda: server.post("/", "{}").status < 500, seconds=10)
