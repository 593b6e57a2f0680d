"""Keeps the production server and its background worker running: starts them, again when they end, stops them.

Runs as a process of its own (`python -m registry.web.server HOST PORT WORKERS THREADS`) and imports no Django, so that
the watcher costs little memory. `manage.py serve` turns into it when everything is prepared.
"""

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType

from registry.monitoring import logs
from registry.monitoring.logs import say

# How long requests in flight may take after a stop, before their worker is killed.
GRACE_SECONDS = 10
# A server that never answered is tried this often; one that did answer once is started again for ever.
FIRST_TRIES = 3
LONGEST_PAUSE_SECONDS = 15
# One that did answer is missed meanwhile.
MISSED_PAUSE_SECONDS = 4
READY_SECONDS = 60
# How often the two processes are looked at; also how long a stop may wait for that.
TEND_SECONDS = 0.2

SUPERVISOR_VARIABLE = "REGISTRY_SUPERVISOR"


def granian_command(host: str, port: int, workers: int, threads: int) -> list[str]:
    """Return the command line of the server; the figures are measured, see the README."""
    is_json = os.environ.get(logs.FORMAT_VARIABLE) == logs.JSON
    return [
        sys.executable,
        "-m",
        "granian",
        "--interface=wsgi",
        f"--host={host}",
        f"--port={port}",
        f"--workers={workers}",
        # More than are worked on at once: a slow body holds a thread, a refusal needs one. They start on demand.
        f"--blocking-threads={threads}",
        "--http1-header-read-timeout=15000",
        "--no-ws",
        "--respawn-failed-workers",
        # Without it an idle keep-alive connection can hold a stopping worker for ever.
        f"--workers-kill-timeout={GRACE_SECONDS}",
        "--workers-max-rss=512",
        # Its warnings at start tell of settings chosen on purpose; a worker that died is an error.
        "--log-level=error",
        *([f"--log-config={Path(logs.__file__).with_name('granian.json')}"] if is_json else []),
        "registry.wsgi:application",
    ]


def worker_command() -> list[str]:
    """Return the command line of the process that does what requests leave to do."""
    return [sys.executable, "manage.py", "worker"]


def address_is_free(host: str, port: int) -> OSError | None:
    """Return None when a plain bind succeeds, else its error.

    The server itself binds with SO_REUSEPORT and would silently share the port with another one.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as plain:
            # Only lets us past connections of an earlier run that are still closing.
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            plain.bind(address)
            plain.listen(1)
    except OSError as error:
        return error
    return None


def reachable_host(host: str) -> str:
    """Return the host under which this machine reaches a server bound to `host`."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)


def web_address(host: str, port: int) -> str:
    """Return the address to open in a browser."""
    name = reachable_host(host)
    return f"http://[{name}]:{port}/" if ":" in name else f"http://{name}:{port}/"


def end_with_parent(number: int = signal.SIGTERM) -> None:
    """Ask the kernel to end this process when its parent dies, however it dies (Linux; elsewhere nothing)."""
    if sys.platform == "linux":
        set_parent_death_signal = 1
        ctypes.CDLL(None, use_errno=True).prctl(set_parent_death_signal, number)


def notify(state: str) -> None:
    """Tell the service manager that started us (systemd, Type=notify) how we are; nothing without one."""
    place = os.environ.get("NOTIFY_SOCKET", "")
    if place.startswith(("/", "@")):
        address = f"\0{place[1:]}" if place.startswith("@") else place
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as to:
            to.sendto(state.encode(), address)


class Helper:
    """The background worker beside the server: started again when it ends, never in the server's way."""

    def __init__(self) -> None:
        self.child: subprocess.Popen[bytes] | None = None
        self.is_stopping = False
        self.failures = 0
        self.started_at = self.start_at = 0.0

    def tend(self) -> None:
        """Start the worker where there is none; after a failure later, and ever later."""
        now = time.monotonic()
        if self.child is not None and (code := self.child.poll()) is not None:
            self.child = None
            # It ends by itself after many jobs, to begin afresh; that is no failure.
            self.failures = 0 if code == 0 or now - self.started_at > 60 else self.failures + 1
            pause = min(2 ** (self.failures - 1), LONGEST_PAUSE_SECONDS) if self.failures else 0
            if code:
                say(
                    f"The background worker ended by itself (exit code {code}); starting it again in {pause} s.",
                    "ERROR",
                )
            self.start_at = now + pause
        if self.child is None and now >= self.start_at:
            self.started_at = now
            self.child = subprocess.Popen(worker_command(), start_new_session=True, preexec_fn=end_with_parent)

    def stop(self) -> None:
        """Ask the worker, once, to finish the job it is at: a second request would make it drop the job."""
        if self.child is not None and self.child.poll() is None and not self.is_stopping:
            self.is_stopping = True
            self.child.terminate()

    def end(self, deadline: float) -> None:
        """Wait for the worker until `deadline`, then end it: what it was at is taken up at the next start."""
        if self.child is None:
            return
        self.stop()
        try:
            self.child.wait(timeout=max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()


class Supervisor:
    """Owns the server process, one at a time, and the worker beside it; none is left behind."""

    def __init__(self, host: str, port: int, workers: int, threads: int) -> None:
        self.host, self.port = host, port
        self.command = granian_command(host, port, workers, threads)
        self.child: subprocess.Popen[bytes] | None = None
        self.helper = Helper()
        self.stop_asked_at = 0.0
        self.was_ready = False

    def run(self) -> int:
        """Serve until SIGTERM, SIGINT or SIGHUP; return the exit code."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self.stop)
        # Started by nohup it shall outlive its terminal.
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
            signal.signal(signal.SIGHUP, self.stop)
        signal.signal(signal.SIGALRM, self.kill)
        failures = 0
        while not self.stop_asked_at:
            started = time.monotonic()
            code = self.serve_once()
            if self.stop_asked_at:
                break
            failures = 1 if self.was_ready and time.monotonic() - started > 60 else failures + 1
            if not self.was_ready and failures >= FIRST_TRIES:
                say("The server could not be started; the lines above say why.", "ERROR")
                self.helper.end(time.monotonic() + GRACE_SECONDS)
                return 1
            pause = min(2 ** (failures - 1), MISSED_PAUSE_SECONDS if self.was_ready else LONGEST_PAUSE_SECONDS)
            say(f"The server ended by itself (exit code {code}); starting it again in {pause} s.", "ERROR")
            self.pause(pause)
        self.helper.end(self.stop_asked_at + GRACE_SECONDS)
        say("Stopped.")
        return 0

    def serve_once(self) -> int:
        """Start the server, wait until it ends, and leave no worker of it behind."""
        self.child = subprocess.Popen(
            self.command,
            # A session of its own: Ctrl-C reaches the supervisor alone, and the whole family has one group id.
            start_new_session=True,
            preexec_fn=end_with_parent,
            env={**os.environ, SUPERVISOR_VARIABLE: str(os.getpid())},
        )
        if self.stop_asked_at:
            self.child.terminate()
        if not self.was_ready:
            self.wait_ready(self.child)
        while (code := self.child.poll()) is None:
            if self.was_ready and not self.stop_asked_at:
                self.helper.tend()
            time.sleep(TEND_SECONDS)
        self.end_group(self.child.pid)
        return code

    def wait_ready(self, child: "subprocess.Popen[bytes]") -> None:
        """Say where the registry is as soon as it answers; one that does not for a minute is ended."""
        deadline, pause, patience = time.monotonic() + READY_SECONDS, 0.05, 0.5
        while not self.stop_asked_at and child.poll() is None:
            if self.answers(patience):
                self.was_ready = True
                notify("READY=1")
                say(f"Ready: {web_address(self.host, self.port)}   (Ctrl-C stops it)")
                return
            if time.monotonic() > deadline:
                say(f"The server did not answer for {READY_SECONDS} s.", "ERROR")
                child.terminate()
                return
            time.sleep(pause)
            # A page that fails writes a traceback each time: ask ever more rarely.
            pause, patience = min(pause * 1.3, 5), min(patience * 1.5, 5)

    def answers(self, patience: float) -> bool:
        """Return True when the application answers within so many seconds, with whatever below 500.

        A connection that came before the workers take any may hang: the next one need not.
        """
        request = f"HEAD /login/ HTTP/1.0\r\nHost: {reachable_host(self.host)}\r\n\r\n".encode()
        try:
            with socket.create_connection((reachable_host(self.host), self.port), timeout=patience) as connection:
                connection.sendall(request)
                status = connection.recv(64).split(b" ")[1:2]
        except OSError:
            return False
        return bool(status) and status[0] < b"500"

    def stop(self, _number: int, _frame: FrameType | None) -> None:
        """Ask the server to finish what it took; asked again after three seconds, end it at once."""
        now = time.monotonic()
        if self.stop_asked_at:
            if now - self.stop_asked_at > 3:
                self.kill(_number, _frame)
            return
        self.stop_asked_at = now
        notify("STOPPING=1")
        signal.alarm(GRACE_SECONDS + 5)
        self.helper.stop()
        if self.child and self.child.poll() is None:
            self.child.terminate()

    def kill(self, _number: int, _frame: FrameType | None) -> None:
        """End the server and its workers without waiting."""
        if self.child:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.child.pid, signal.SIGKILL)

    def end_group(self, group: int) -> None:
        """End what a dead server left: its workers go on serving when only the master was killed."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGTERM)
            deadline = time.monotonic() + 2
            while time.monotonic() < deadline:
                os.killpg(group, 0)
                time.sleep(0.05)
            os.killpg(group, signal.SIGKILL)

    def pause(self, seconds: float) -> None:
        """Wait, but not after a stop was asked."""
        deadline = time.monotonic() + seconds
        while not self.stop_asked_at and time.monotonic() < deadline:
            time.sleep(0.1)


if __name__ == "__main__":
    sys.exit(Supervisor(sys.argv[1], *map(int, sys.argv[2:5])).run())
