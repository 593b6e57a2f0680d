"""The servers that are measured, each on 127.0.0.1 in a folder of its own, with what their processes cost."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from registry.configuration import PROJECT_ROOT
from tests.databases import AS_INSTALLED, running_postgresql

from .clients import GROUP, METADATA, SPECIFICATION

START_SECONDS = 90
TICKS = os.sysconf("SC_CLK_TCK")
MLFLOW = Path(os.environ.get("TEST_CLIENTS") or PROJECT_ROOT / ".clients") / "mlflow" / "bin"


@dataclass
class Target:
    """A running server: how to reach it, whose CPU counts, and how it is filled without the wire."""

    name: str
    protocol: str
    port: int
    roots: list[int]
    version: str
    key: dict[str, str] = field(default_factory=dict)
    # Adds that many versions to the group after the one of that number; None where only calls can.
    fill: Callable[[int, int], None] | None = None

    @property
    def reach(self) -> tuple[str, int, tuple[tuple[str, str], ...]]:
        """What a client needs to know, as something that goes to other processes."""
        return self.protocol, self.port, tuple(sorted(self.key.items()))

    def cpu_seconds(self) -> float:
        """CPU that the whole tree of processes used so far, in seconds."""
        return sum(cpu_of(pid) for pid in tree(self.roots))


def stat(pid: int) -> list[str] | None:
    """The fields of /proc/PID/stat from the third on, or None for a process that is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="latin-1").rpartition(")")[2].split()
    except OSError:
        return None


def cpu_of(pid: int) -> float:
    """User and system time of a process and of its children that ended."""
    fields = stat(pid)
    return sum(map(int, fields[11:15])) / TICKS if fields else 0.0


def tree(roots: list[int]) -> set[int]:
    """The processes in `roots` and all below them."""
    parents = {}
    for entry in Path("/proc").glob("[0-9]*"):
        fields = stat(int(entry.name))
        if fields:
            parents[int(entry.name)] = int(fields[1])
    found = set(roots)
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return found


def manage(environ: dict[str, str], *arguments: str) -> str:
    """Run a command of this project in that environment; what it printed. Raises RuntimeError with its complaint."""
    done = subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=PROJECT_ROOT,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"manage.py {arguments[0]} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@contextmanager
def process(
    folder: Path, command: list[str], port: int, path: str, environ: dict[str, str], cwd: Path | None = None
) -> Iterator[int]:
    """Start a server, wait until it answers `path`; yields its process id. Raises RuntimeError with its log."""
    folder.mkdir(exist_ok=True)
    log = folder / "server.log"
    with log.open("wb") as out:
        server = subprocess.Popen(
            command, cwd=cwd or folder, env=environ, stdout=out, stderr=out, stdin=subprocess.DEVNULL
        )
    try:
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
                connection.request("GET", path)
                connection.getresponse().read()
                connection.close()
                break
            except OSError:
                if server.poll() is not None or time.monotonic() > deadline:
                    said = log.read_text(encoding="utf-8", errors="replace")[-2000:]
                    raise RuntimeError(f"{command[0]} did not start:\n{said}") from None
                time.sleep(0.02)
        yield server.pid
    finally:
        below = tree([server.pid]) - {server.pid}
        server.terminate()
        try:
            server.wait(timeout=20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
        for left in below:
            # Only its own: those that still are where the server was.
            with suppress(OSError):
                if str(folder) in str(Path(f"/proc/{left}/cwd").readlink()):
                    os.kill(left, signal.SIGTERM)


@contextmanager
def ours(folder: Path, name: str, environ: dict[str, str], roots: list[int], version: str) -> Iterator[Target]:
    """This project as `manage.py serve` runs it: its default of two workers, and the background worker beside them."""
    folder.mkdir(exist_ok=True)
    environ = {"PATH": os.environ["PATH"], "REGISTRY_DATA_DIR": str(folder / "var"), "REGISTRY_WORKERS": "2", **environ}
    port = free_port()
    command = [sys.executable, "manage.py", "serve", f"127.0.0.1:{port}"]
    with process(folder, command, port, "/login/", environ, PROJECT_ROOT) as pid:
        admin = ("createsuperuser", "--noinput", "--username", "bench")
        manage({**environ, "DJANGO_SUPERUSER_PASSWORD": "quiet-harbour-42"}, *admin)
        key = dict(line.split("=", 1) for line in manage(environ, "createaccesskey", "bench").split())

        def fill(versions: int, top: int) -> None:
            manage(environ, "importdump", str(history(folder / "history.jsonl", versions, top)))

        yield Target(name, "sagemaker", port, [pid, *roots], version, key, fill)


def history(target: Path, versions: int, top: int) -> Path:
    """Write a dump of that many versions after number `top`, like those that the clients register."""
    began = datetime(2026, 1, 1, tzinfo=UTC)
    with target.open("w", encoding="utf-8") as out:
        for number in range(top + 1, top + versions + 1):
            package = {
                "ModelPackageGroupName": GROUP,
                "ModelPackageVersion": number,
                "ModelPackageArn": f"arn:aws:sagemaker:us-east-1:000000000000:model-package/{GROUP}/{number}",
                "CreationTime": (began + timedelta(minutes=number)).isoformat(),
                "ModelPackageStatus": "Completed",
                "ModelApprovalStatus": ("PendingManualApproval", "Approved", "Rejected")[number % 3],
                "InferenceSpecification": SPECIFICATION,
                "CustomerMetadataProperties": METADATA,
            }
            out.write(json.dumps({"DescribeModelPackage": package}) + "\n")
    return target


# What `ours` wants to know: name, environment, further processes whose CPU counts, version.
Place = tuple[str, dict[str, str], list[int], str]


@contextmanager
def sqlite_place(folder: Path) -> Iterator[Place]:
    # The library that the package puts in the place of the system's.
    yield "this registry, SQLite", {}, [], f"SQLite {sys.modules['sqlite3'].sqlite_version}"


@contextmanager
def postgresql_place(folder: Path) -> Iterator[Place]:
    """A server of PostgreSQL; its processes and backends count too."""
    # Beside the folder: PostgreSQL may run as another user, who must be able to get there.
    sockets = folder.with_name("postgresql-server")
    with running_postgresql(sockets, **AS_INSTALLED):
        master = int((sockets / "data" / "postmaster.pid").read_text(encoding="utf-8").split()[0])
        version = (sockets / "data" / "PG_VERSION").read_text(encoding="utf-8").strip()
        environ = {"DATABASE_URL": f"postgresql://postgres@/postgres?host={sockets}"}
        yield "this registry, PostgreSQL", environ, [master], f"PostgreSQL {version}"


PLACES = {"sqlite": sqlite_place, "postgresql": postgresql_place}


@contextmanager
def ours_on_sqlite(folder: Path) -> Iterator[Target]:
    with sqlite_place(folder) as place, ours(folder, *place) as target:
        yield target


@contextmanager
def ours_on_postgresql(folder: Path) -> Iterator[Target]:
    with postgresql_place(folder) as place, ours(folder, *place) as target:
        yield target


@contextmanager
def moto(folder: Path) -> Iterator[Target]:
    """moto's server: everything in memory, signatures unread."""
    from moto import __version__

    port = free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with process(folder, command, port, "/moto-api/", {"PATH": os.environ["PATH"]}) as pid:
        key = {"AWS_ACCESS_KEY_ID": "bench", "AWS_SECRET_ACCESS_KEY": "bench"}
        yield Target("moto", "sagemaker", port, [pid], f"moto {__version__}, in memory", key)


def mlflow_is_there() -> bool:
    return (MLFLOW / "mlflow").exists()


@contextmanager
def mlflow(folder: Path) -> Iterator[Target]:
    """MLflow's server with its database in SQLite and as many workers as ours."""
    port, database = free_port(), folder / "mlflow.db"
    command = [str(MLFLOW / "mlflow"), "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "2"]
    command += ["--backend-store-uri", f"sqlite:///{database}", "--artifacts-destination", str(folder / "artifacts")]
    environ = {"PATH": f"{MLFLOW}:{os.environ['PATH']}", "HOME": str(folder)}
    with process(folder, command, port, "/health", environ) as pid:
        version = subprocess.run([MLFLOW / "mlflow", "--version"], capture_output=True, text=True, env=environ).stdout

        def fill(versions: int, top: int) -> None:
            fill_mlflow(database, versions)

        yield Target("MLflow", "mlflow", port, [pid], f"MLflow {version.split()[-1]}, SQLite", {}, fill)


def fill_mlflow(database: Path, versions: int) -> None:
    """Copy the newest version of the group, with its tags, that many times, as MLflow's server would store them."""
    connection = sqlite3.connect(database, timeout=30)
    with connection:
        for table in ("model_versions", "model_version_tags"):
            columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
            at = columns.index("version")
            rows = connection.execute(
                f"SELECT * FROM {table} WHERE name = ? AND version = (SELECT MAX(version) FROM {table})", (GROUP,)
            ).fetchall()
            marks = ", ".join("?" * len(columns))
            copies = (
                (*row[:at], row[at] + number, *row[at + 1 :]) for number in range(1, versions + 1) for row in rows
            )
            connection.executemany(f"INSERT INTO {table} VALUES ({marks})", copies)
    connection.close()
