"""Where the faults happen: the real server on a real database, and what can befall both."""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import urlencode

from registry.configuration import PROJECT_ROOT
from tests.databases import PostgreSQL
from tests.test_serve import Server, alive, free_port, processes, wait_until

USER, PASSWORD = "keeper", "quiet-harbour-42"
# One process instead of three: each would load everything anew.
PREPARE = f"""
import django
django.setup()
from django.core.management import call_command
call_command("migrate", interactive=False, verbosity=0)
call_command("createsuperuser", interactive=False, username="{USER}")
call_command("createaccesskey", "{USER}")
"""


def send(pids: list[int], number: int) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue


class Sqlite:
    """A SQLite file in `folder`."""

    name = "sqlite"

    def __init__(self, folder: Path) -> None:
        self.file = folder / "registry.sqlite3"
        self.environ = {"DATABASE_URL": f"sqlite:///{self.file}"}

    def start(self) -> None:
        """Nothing to start."""

    stop = start

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Somebody who is none of the server's holds the lock of writers."""
        with closing(sqlite3.connect(self.file, isolation_level=None, timeout=20)) as database:
            database.execute("BEGIN IMMEDIATE")
            try:
                yield
            finally:
                database.execute("ROLLBACK")

    def copy(self, to: Path) -> Path:
        """The files as they lie on the disk; whoever writes to them has to stand still. SQLite makes the -shm anew."""
        to.mkdir()
        for name in ("", "-wal"):
            source = self.file.with_name(self.file.name + name)
            if source.exists():
                shutil.copyfile(source, to / source.name)
        return to / self.file.name


class Postgresql:
    """A PostgreSQL cluster of its own, as safe as it comes."""

    name = "postgresql"

    def __init__(self, folder: Path) -> None:
        if os.geteuid() == 0:
            # It runs as another user, who has to get there.
            folder.parent.chmod(0o711)
        self.server = PostgreSQL(folder / "postgresql")
        self.environ = {"DATABASE_URL": self.server.url}

    def start(self) -> None:
        self.server.start()

    def stop(self) -> None:
        send(self.family(), signal.SIGCONT)
        if self.server.process.poll() is None:
            self.server.stop()

    def family(self) -> list[int]:
        """The first process and its children."""
        first = self.server.process.pid
        return [first, *(pid for pid, parent in processes().items() if parent == first)]

    def kill(self) -> None:
        """kill -9 of the whole cluster."""
        first = self.server.process
        # Held first, so that it starts no child meanwhile.
        send([first.pid], signal.SIGSTOP)
        pids = self.family()
        send(pids, signal.SIGKILL)
        first.wait(timeout=20)
        wait_until(lambda: not any(alive(pid) for pid in pids), seconds=20)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """All its processes stand still: connections open, and nobody answers."""
        send([self.server.process.pid], signal.SIGSTOP)
        pids = self.family()
        send(pids, signal.SIGSTOP)
        try:
            yield
        finally:
            send(list(reversed(pids)), signal.SIGCONT)

    @contextmanager
    def shut_down(self) -> Iterator[None]:
        """Shut down and started again."""
        self.server.process.send_signal(signal.SIGINT)
        self.server.process.wait(timeout=30)
        try:
            yield
        finally:
            self.server.start()


Database = Sqlite | Postgresql


class Disk:
    """A small file system of its own; to mount one, root is needed."""

    def __init__(self, folder: Path, megabytes: int) -> None:
        self.folder, self.ballast = folder, folder / "ballast"
        folder.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=0777", "tmpfs", folder], check=True)

    def fill(self) -> None:
        """Leave not one block free."""
        with self.ballast.open("ab", buffering=0) as file:
            for size in (1 << 20, 4096):
                with contextlib.suppress(OSError):
                    while file.write(b"x" * size) == size:
                        pass

    def free(self) -> None:
        self.ballast.unlink(missing_ok=True)

    def unmount(self) -> None:
        subprocess.run(["umount", "-l", self.folder], check=True)


class Registry:
    """`manage.py serve` with two workers, with a user and her key, on a database that lies in `disk`."""

    def __init__(self, folder: Path, database: str, disk: Path | None = None) -> None:
        self.folder = folder
        (folder / "var").mkdir(parents=True, exist_ok=True)
        kind = Sqlite if database == "sqlite" else Postgresql
        self.database: Database = kind(disk or folder)
        self.port = free_port()
        self.environ = {
            "PATH": os.environ["PATH"],
            "REGISTRY_DATA_DIR": str(folder / "var"),
            "REGISTRY_WORKERS": "2",
            **self.database.environ,
        }
        self.database.start()

    def manage(self, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        """Run a command of the registry on this data; its output as text."""
        return self.run("manage.py", *arguments, **environ)

    def run(self, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        """Run Python in the registry's environment."""
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=PROJECT_ROOT,
            env=self.environ | environ,
            capture_output=True,
            text=True,
            check=False,
        )

    def start(self) -> Registry:
        """Start the server; the first time also make the user, and sign her in."""
        is_new = not hasattr(self, "key")
        if is_new:
            environ = {"DJANGO_SETTINGS_MODULE": "registry.settings", "DJANGO_SUPERUSER_PASSWORD": PASSWORD}
            made = self.run("-c", PREPARE, **environ)
            self.key = dict(line.split("=", 1) for line in made.stdout.split() if line.startswith("AWS_"))
            assert self.key, made.stderr
        environ = {name: value for name, value in self.environ.items() if name != "PATH"}
        self.server = Server(self.folder, "serve", self.port, **environ).wait_ready()
        if is_new:
            self.cookie = self.sign_in()
        return self

    def stop(self) -> None:
        if hasattr(self, "server"):
            self.server.stop()

    def close(self) -> None:
        try:
            self.stop()
        finally:
            self.database.stop()

    # ---------- what can befall the server ----------

    def web_workers(self) -> list[int]:
        masters = self.server.children("granian")
        return [pid for pid, parent in self.server.family().items() if parent in masters and is_python(pid)]

    def kill_worker(self) -> int:
        """kill -9 of one of the web workers; its process id."""
        wait_until(lambda: bool(self.web_workers()), seconds=20)
        pid = sorted(self.web_workers())[time.monotonic_ns() % 2 - 1]
        send([pid], signal.SIGKILL)
        return pid

    def kill_server(self) -> None:
        """kill -9 of the supervisor and all below it at once, as when the machine's memory is full."""
        pids = [self.server.process.pid, *self.server.family()]
        send(pids, signal.SIGKILL)
        self.server.process.wait(timeout=20)
        wait_until(lambda: not any(alive(pid) for pid in pids), seconds=20)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """All its processes stand still, wherever they are: the files are what a power cut would leave of them."""
        pids = [self.server.process.pid, *self.server.family()]
        send(pids, signal.SIGSTOP)
        try:
            yield
        finally:
            send(pids, signal.SIGCONT)

    # ---------- what a visitor gets ----------

    def is_ready(self) -> bool:
        try:
            return self.ask("GET", "/readyz").status == 200
        except OSError:
            return False

    def ask(self, method: str, path: str, body: str = "", **headers: str) -> Answer:
        """One request of its own connection."""
        began = time.monotonic()
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)) as to:
            to.request(method, path, body or None, {name.replace("_", "-"): value for name, value in headers.items()})
            answer = to.getresponse()
            text = answer.read().decode()
        return Answer(answer.status, text, answer.headers, time.monotonic() - began)

    def form(self, path: str, fields: dict[str, str], **headers: str) -> Answer:
        """Send a form as a browser does."""
        origin = f"http://127.0.0.1:{self.port}"
        sent = {"Content_Type": "application/x-www-form-urlencoded", "Referer": origin + path, **headers}
        return self.ask("POST", path, urlencode(fields), **sent)

    def sign_in(self) -> str:
        """The cookies of a session."""
        page = self.ask("GET", "/login/")
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.text)
        assert token is not None
        csrf = page.headers["Set-Cookie"].partition(";")[0]
        fields = {"csrfmiddlewaretoken": token[1], "login": USER, "password": PASSWORD}
        answer = self.form("/login/", fields, Cookie=csrf)
        assert answer.status == 302, answer.text
        cookies = [value.partition(";")[0] for value in answer.headers.get_all("Set-Cookie")]
        self.csrf = next(value.partition("=")[2] for value in (*cookies, csrf) if value.startswith("csrftoken="))
        return "; ".join([*cookies, *([] if any(c.startswith("csrftoken=") for c in cookies) else [csrf])])


class Answer:
    """What came back, and after how many seconds."""

    def __init__(self, status: int, text: str, headers: http.client.HTTPMessage, seconds: float) -> None:
        self.status, self.text, self.headers, self.seconds = status, text, headers, seconds


def is_python(pid: int) -> bool:
    """True for a process that runs the application, and not for what Python keeps beside it."""
    try:
        return b"resource_tracker" not in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
