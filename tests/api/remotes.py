"""Live servers to import from: this project itself and moto's, as processes, and a gateway that gets in the way."""

from __future__ import annotations

import http.client
import io
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from django.core.management import CommandError, call_command

from registry.configuration import PROJECT_ROOT
from tests.test_serve import Server, free_port

ACCOUNT = "210987654321"


@contextmanager
def running_registry(folder: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """The demo of this project on a port of its own, with an admin's key; yields port and environment."""
    environ = {"REGISTRY_DATA_DIR": str(folder / "var"), "REGISTRY_ACCOUNT_ID": ACCOUNT}
    server = Server(folder, "demo", free_port(), REGISTRY_ACCOUNT_ID=ACCOUNT).wait_ready()
    try:
        made = subprocess.run(
            [sys.executable, "manage.py", "createaccesskey", "admin"],
            cwd=PROJECT_ROOT,
            env={"PATH": os.environ["PATH"], **environ},
            capture_output=True,
            text=True,
            check=True,
        )
        yield server.port, dict(line.split("=", 1) for line in made.stdout.split())
    finally:
        server.stop()


@contextmanager
def running_moto(folder: Path) -> Iterator[int]:
    """moto's server on a port of its own."""
    port = free_port()
    with (folder / "moto.log").open("wb") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)], stdout=log, stderr=log
        )
    try:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and server.poll() is None:
            try:
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
                connection.request("GET", "/moto-api/")
                connection.getresponse().read()
                break
            except OSError:
                time.sleep(0.1)
        yield port
    finally:
        server.terminate()
        server.wait(timeout=20)


def client(port: int, key: dict[str, str]) -> Any:
    """An unmodified boto3 client of a server on this machine."""
    return boto3.client(
        "sagemaker",
        endpoint_url=f"http://127.0.0.1:{port}",
        region_name="us-east-1",
        aws_access_key_id=key["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=key["AWS_SECRET_ACCESS_KEY"],
        config=Config(retries={"total_max_attempts": 1}),
    )


class Gateway:
    """A proxy in front of a server: notes the operations, and may refuse some of them or do something at one.

    `refuse` maps an operation to the answers it gets first: (status, code) each, or None for a cut connection.
    """

    def __init__(self, target: int) -> None:
        self.calls: list[str] = []
        self.refuse: dict[str, list[tuple[int, str] | None]] = {}
        self.at: dict[int, Callable[[], None]] = {}
        gateway = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                operation = self.headers["X-Amz-Target"].partition(".")[2]
                gateway.calls.append(operation)
                gateway.at.pop(len(gateway.calls), lambda: None)()
                waiting = gateway.refuse.get(operation)
                if waiting:
                    refusal = waiting.pop(0)
                    if refusal is not None:
                        self.answer(refusal[0], json.dumps({"__type": refusal[1], "message": "Rate exceeded"}).encode())
                    self.close_connection = True
                    return
                connection = http.client.HTTPConnection("127.0.0.1", target, timeout=30)
                connection.request("POST", self.path, body, dict(self.headers))
                answer = connection.getresponse()
                self.answer(answer.status, answer.read())
                connection.close()

            def answer(self, status: int, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Type", "application/x-amz-json-1.1")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def count(self, operation: str) -> int:
        return self.calls.count(operation)

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()


def importsagemaker(**options: Any) -> tuple[int, str, str]:
    """Run the command; exit code, what it said, and what it complained of."""
    out, err = io.StringIO(), io.StringIO()
    try:
        call_command("importsagemaker", stdout=out, stderr=err, **options)
    except CommandError as error:
        return error.returncode, out.getvalue(), f"{err.getvalue()}{error}"
    return 0, out.getvalue(), err.getvalue()
