"""`manage.py serve` and `demo` as real processes: they start, survive, stop, and leave nothing behind."""

import argparse
import http.client
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import boto3
import psycopg
import pytest
from django.conf import settings

from registry.configuration import PROJECT_ROOT
from registry.web.management.commands.serve import parse_address
from tests.databases import running_postgresql

PASSWORD = "quiet-harbour-42"


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def processes() -> dict[int, int]:
    """All living processes of this machine: process id to parent id."""
    found = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_text(encoding="latin-1").rpartition(")")[2].split()
        except OSError:
            continue
        if fields[0] != "Z":
            found[int(entry.parent.name)] = int(fields[1])
    return found


class Server:
    """One running command with its output, read from a file."""

    def __init__(self, folder: Path, command: str, port: int, **environ: str) -> None:
        self.port = port
        self.log = folder / f"{command}-{port}-{time.monotonic_ns()}.log"
        values = {"REGISTRY_DATA_DIR": str(folder / "var"), "REGISTRY_WORKERS": "1", "REGISTRY_LOG_FORMAT": "plain"}
        values |= environ
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", command, f"127.0.0.1:{port}"],
                cwd=PROJECT_ROOT,
                env={"PATH": os.environ["PATH"], **values},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    @property
    def output(self) -> str:
        return self.log.read_text(encoding="utf-8")

    def wait_ready(self) -> "Server":
        wait_until(lambda: "Ready: " in self.output or self.process.poll() is not None)
        assert f"Ready: http://127.0.0.1:{self.port}/" in self.output, self.output
        return self

    def get(self, path: str, **headers: str) -> http.client.HTTPResponse:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        answer.text = answer.read()
        connection.close()
        return answer

    def family(self) -> dict[int, int]:
        """Return the living processes below the supervisor: process id to parent id."""
        parents = processes()
        found = {self.process.pid}
        while more := {pid for pid, parent in parents.items() if parent in found} - found:
            found |= more
        return {pid: parents[pid] for pid in found - {self.process.pid}}

    def children(self, word: str) -> list[int]:
        """Return the supervisor's own children with that word in their command line."""
        found = [pid for pid, parent in self.family().items() if parent == self.process.pid]
        return [pid for pid in found if word.encode() in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")]

    def master(self) -> int:
        return self.children("granian")[0]

    def wait_worker(self) -> int:
        """Return the background worker's process; it starts when the server is ready."""
        wait_until(lambda: bool(self.children("worker")))
        return self.children("worker")[0]

    def stop(self, number: int = signal.SIGTERM) -> int:
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(timeout=90)


def wait_until(condition: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert condition()


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="latin-1").rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One data folder for all tests here: collecting the static files once is enough."""
    return tmp_path_factory.mktemp("serve")


@pytest.fixture
def start(folder: Path) -> Iterator[Callable[..., Server]]:
    started = []

    def starter(command: str = "serve", port: int | None = None, **environ: str) -> Server:
        started.append(Server(folder, command, port or free_port(), **environ))
        return started[-1]

    yield starter
    for server in started:
        server.stop()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("127.0.0.1:8000", ("127.0.0.1", 8000)),
        ("8001", ("127.0.0.1", 8001)),
        (":8001", ("127.0.0.1", 8001)),
        ("[::1]:80", ("::1", 80)),
        ("registry.example.com:65535", ("registry.example.com", 65535)),
    ],
)
def test_parse_address(value, expected):
    assert parse_address(value) == expected


@pytest.mark.parametrize("value", ["", "localhost", "1.2.3.4:", "1.2.3.4:0", "1.2.3.4:70000", "::1:80", "http://a:80"])
def test_parse_address_refuses_with_an_example(value):
    with pytest.raises(argparse.ArgumentTypeError, match=r"such as 127\.0\.0\.1:8000"):
        parse_address(value)


@pytest.mark.sqlite_only
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serve_stops_cleanly(start, number):
    server = start().wait_ready()
    assert server.get("/login/").status == 200
    family = server.family()
    assert len(family) >= 2
    assert server.stop(number) == 0
    assert server.output.endswith("Stopped.\n")
    wait_until(lambda: not any(alive(pid) for pid in family))


@pytest.mark.sqlite_only
def test_serve_stops_with_an_idle_visitor(start):
    server = start().wait_ready()
    with socket.create_connection(("127.0.0.1", server.port)) as visitor:
        visitor.sendall(b"GET /login/ HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert visitor.recv(20).startswith(b"HTTP/1.1 200")
        assert server.stop() == 0


@pytest.mark.sqlite_only
def test_serve_sends_pages_private_and_static_files_for_ever(start):
    server = start().wait_ready()
    page = server.get("/login/", **{"Accept-Encoding": "gzip"})
    assert page.headers["Cache-Control"] == "no-store"
    assert {"Cookie", "HX-Request"} <= set(re.split(r",\s*", page.headers["Vary"]))
    assert page.headers["Content-Security-Policy"].count("default-src 'none'") == 1
    assert page.headers["Content-Encoding"] == "gzip"
    href = re.search(rb'href="(/static/registry\.[0-9a-f]+\.css)"', server.get("/login/").text)
    assert href is not None
    style = server.get(href[1].decode(), **{"Accept-Encoding": "br"})
    assert style.status == 200
    assert "immutable" in style.headers["Cache-Control"]
    assert style.headers["Content-Encoding"] == "br"


@pytest.mark.sqlite_only
def test_serve_refuses_a_taken_port(start, folder):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        server = start(port=port)
        assert server.process.wait(timeout=90) == 1
        assert f"Cannot listen on 127.0.0.1:{port}: Address already in use." in server.output
        assert "Traceback" not in server.output


@pytest.mark.sqlite_only
def test_serve_refuses_a_second_server_on_its_port(start):
    server = start().wait_ready()
    second = start(port=server.port)
    assert second.process.wait(timeout=90) == 1
    assert server.get("/login/").status == 200


@pytest.mark.sqlite_only
def test_killed_master_is_replaced_and_leaves_no_worker(start):
    server = start().wait_ready()
    before = server.family()
    os.kill(server.master(), signal.SIGKILL)
    wait_until(lambda: not any(alive(pid) for pid in before if pid not in server.children("worker")))
    wait_until(lambda: len(server.family()) >= 3)
    wait_until(lambda: answers(server))
    assert "starting it again" in server.output
    assert server.stop() == 0


@pytest.mark.sqlite_only
def test_killed_worker_is_replaced(start):
    server = start().wait_ready()
    master = server.master()
    for pid, parent in server.family().items():
        if parent == master:
            os.kill(pid, signal.SIGKILL)
    wait_until(lambda: answers(server))
    assert server.master() == master


@pytest.mark.sqlite_only
def test_killed_background_worker_is_replaced_and_the_server_goes_on(start):
    server = start().wait_ready()
    master, worker = server.master(), server.wait_worker()
    os.kill(worker, signal.SIGKILL)
    wait_until(lambda: server.children("worker") not in ([], [worker]))
    assert server.master() == master
    assert "The background worker ended by itself (exit code -9); starting it again in 1 s." in server.output
    replaced = server.wait_worker()
    assert server.stop() == 0
    assert not alive(replaced)
    assert server.output.endswith("Stopped.\n")


def register_with_report(server: Server, folder: Path, bucket: str, environ: dict[str, str]) -> str:
    """Register a version that names a report, as a pipeline does; return its ARN."""
    made = subprocess.run(
        [sys.executable, "manage.py", "createaccesskey", "admin", "--name", f"pipeline-{server.port}"],
        cwd=PROJECT_ROOT,
        env={"PATH": os.environ["PATH"], "REGISTRY_DATA_DIR": str(folder / "var"), **environ},
        capture_output=True,
        text=True,
        check=True,
    )
    key = dict(line.split("=", 1) for line in made.stdout.splitlines() if line.startswith("AWS_"))
    sagemaker = boto3.client(
        "sagemaker",
        region_name="us-east-1",
        endpoint_url=f"http://127.0.0.1:{server.port}",
        aws_access_key_id=key["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=key["AWS_SECRET_ACCESS_KEY"],
    )
    group = f"from-a-pipeline-{server.port}"
    sagemaker.create_model_package_group(ModelPackageGroupName=group)
    pointer = {"ContentType": "application/json", "S3Uri": f"s3://{bucket}/report.json"}
    answer = sagemaker.create_model_package(
        ModelPackageGroupName=group,
        InferenceSpecification={
            "Containers": [{"Image": "123456789012.dkr.ecr.us-east-1.amazonaws.com/xgboost:1.7-1"}],
            "SupportedContentTypes": ["text/csv"],
            "SupportedResponseMIMETypes": ["text/csv"],
        },
        ModelMetrics={"ModelQuality": {"Statistics": pointer}},
    )
    return answer["ModelPackageArn"]


def wait_metrics(server: Server, ask: Callable[[str], list[tuple[object, ...]]]) -> None:
    """Wait until the worker has read the report of the version that register_with_report made."""
    query = (
        "SELECT m.name, m.value FROM catalog_metric m JOIN catalog_modelpackage p ON p.id = m.package_id "
        f"JOIN catalog_modelpackagegroup g ON g.id = p.group_id WHERE g.name = 'from-a-pipeline-{server.port}'"
    )
    wait_until(lambda: ask(query) == [("auc", 0.91)], seconds=30)


@pytest.mark.sqlite_only
def test_the_real_worker_reads_the_report_of_a_registration(start, folder, tmp_path):
    # A folder of its own: the tests of `demo` count what is in the common one.
    roots = {"REGISTRY_DATA_DIR": str(tmp_path / "var"), "REGISTRY_METRICS_ROOTS": f"s3://reports={tmp_path}"}
    (tmp_path / "report.json").write_text('{"binary_classification_metrics": {"auc": {"value": 0.91}}}')
    server = start("demo", REGISTRY_DEMO_PASSWORD=PASSWORD, **roots).wait_ready()
    server.wait_worker()
    assert register_with_report(server, folder, "reports", roots).endswith("/1")
    wait_metrics(server, lambda query: rows(tmp_path, query))
    assert server.stop() == 0


@pytest.mark.sqlite_only
def test_killed_supervisor_takes_the_server_with_it(start):
    server = start().wait_ready()
    family = server.family()
    server.process.kill()
    wait_until(lambda: not any(alive(pid) for pid in family))
    assert not answers(server)


def answers(server: Server) -> bool:
    try:
        return server.get("/login/").status == 200
    except OSError:
        return False


@pytest.mark.sqlite_only
def test_serve_names_an_unreachable_database(start):
    server = start(DATABASE_URL="postgresql://registry:hunter2@127.0.0.1:1/registry")
    assert server.process.wait(timeout=90) == 2
    assert "The database postgresql://registry:***@127.0.0.1:1/registry cannot be used" in server.output
    assert "hunter2" not in server.output
    assert "Traceback" not in server.output


@pytest.mark.sqlite_only
def test_demo_refuses_a_weak_password(start, tmp_path):
    server = start("demo", REGISTRY_DATA_DIR=str(tmp_path / "var"), REGISTRY_DEMO_PASSWORD="1234")
    assert server.process.wait(timeout=90) == 2
    assert "REGISTRY_DEMO_PASSWORD cannot be used" in server.output
    assert "Traceback" not in server.output


def rows(folder: Path, query: str) -> list[tuple[object, ...]]:
    database = sqlite3.connect(folder / "var" / "registry.sqlite3")
    try:
        return database.execute(query).fetchall()
    finally:
        database.close()


COUNTS = (
    "SELECT (SELECT count(*) FROM catalog_modelpackagegroup), (SELECT count(*) FROM catalog_modelpackage),"
    " (SELECT count(*) FROM accounts_user), (SELECT count(*) FROM events_event)"
)


@pytest.mark.sqlite_only
def test_demo_twice_doubles_nothing_and_keeps_a_changed_password(start, folder):
    first = start("demo").wait_ready()
    shown = re.search(r"Password  (\S+) ", first.output)
    assert shown is not None
    kept = folder / "var" / "demo_password"
    assert kept.read_text().strip() == shown[1]
    assert kept.stat().st_mode & 0o077 == 0
    assert first.stop() == 0
    counts = rows(folder, COUNTS)[0]
    assert counts[:3] == (7, 92, 4)
    database = sqlite3.connect(folder / "var" / "registry.sqlite3")
    database.execute("UPDATE accounts_user SET password = 'changed' WHERE username = 'viewer'")
    database.commit()
    database.close()
    second = start("demo", REGISTRY_DEMO_PASSWORD=PASSWORD).wait_ready()
    assert second.stop() == 0
    assert rows(folder, COUNTS)[0] == counts
    assert rows(folder, "SELECT password FROM accounts_user WHERE username = 'viewer'") == [("changed",)]


@pytest.mark.postgresql_only
def test_demo_and_its_worker_on_postgresql(start, folder, tmp_path):
    (tmp_path / "report.json").write_text('{"binary_classification_metrics": {"auc": {"value": 0.91}}}')
    socket_folder = settings.TEST_FOLDER / "served"
    with running_postgresql(socket_folder):
        environ = {
            "DATABASE_URL": f"postgresql://postgres@/postgres?host={socket_folder}",
            "REGISTRY_METRICS_ROOTS": f"s3://reports={tmp_path}",
        }
        server = start("demo", REGISTRY_DEMO_PASSWORD=PASSWORD, **environ).wait_ready()
        assert server.get("/login/").status == 200
        register_with_report(server, folder, "reports", environ)
        with psycopg.connect(host=str(socket_folder), user="postgres", dbname="postgres", autocommit=True) as database:
            wait_metrics(server, lambda query: database.execute(query).fetchall())
        assert server.stop() == 0
