"""The shipped settings under an https address: Django's own check, and a real server behind a proxy."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from http.cookies import SimpleCookie
from pathlib import Path
from urllib.parse import urlencode

import pytest

from registry.configuration import PROJECT_ROOT
from tests.product import PASSWORD
from tests.test_serve import Server, free_port

pytestmark = pytest.mark.sqlite_only

HOST = "models.example.com"
URL = f"https://{HOST}"
PRODUCTION = {"REGISTRY_PUBLIC_URL": URL, "REGISTRY_TRUSTED_PROXIES": "1"}
VISITOR = "203.0.113.9"


def manage(folder: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        env={"PATH": os.environ["PATH"], "REGISTRY_DATA_DIR": str(folder / "var"), **PRODUCTION, **environ},
        cwd=PROJECT_ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_check_deploy_has_nothing_to_say(tmp_path: Path):
    done = manage(tmp_path, "check", "--deploy", "--fail-level", "WARNING")
    assert done.returncode == 0, done.stderr
    assert "no issues (2 silenced)" in done.stdout + done.stderr


@pytest.mark.hostile
def test_check_deploy_warns_whoever_runs_it_without_https(tmp_path: Path):
    plain = manage(tmp_path, "check", "--deploy", "--fail-level", "WARNING", REGISTRY_PUBLIC_URL=f"http://{HOST}")
    assert plain.returncode == 1 and "security.W012" in plain.stderr


def test_each_silenced_check_is_one_that_security_md_gives_a_reason_for():
    settings = (PROJECT_ROOT / "registry" / "settings.py").read_text(encoding="utf-8")
    silenced = re.findall(r'"security\.(\w+)"', settings)
    assert silenced == ["W005", "W021"]
    text = (PROJECT_ROOT / "SECURITY.md").read_text(encoding="utf-8")
    assert not [name for name in silenced if name not in text]


class Behind:
    """The server as a proxy on this machine speaks to it."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.jar: SimpleCookie = SimpleCookie()

    def ask(
        self, path: str, method: str = "GET", body: bytes | str | None = None, **headers: str
    ) -> http.client.HTTPResponse:
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=30)
        sent = {"Host": HOST, "X-Forwarded-For": VISITOR, "X-Forwarded-Proto": "https"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        if self.jar:
            sent["Cookie"] = "; ".join(f"{name}={one.value}" for name, one in self.jar.items())
        with contextlib.suppress(BrokenPipeError):  # refused before it was sent to its end: the answer is there
            connection.request(method, path, body, sent)
        answer = connection.getresponse()
        answer.text = answer.read().decode("utf-8", "replace")  # type: ignore[attr-defined]
        for line in answer.headers.get_all("Set-Cookie", []):
            self.jar.load(line)
        connection.close()
        return answer

    def sign_in(self, password: str, **headers: str) -> http.client.HTTPResponse:
        page = self.ask("/login/", **headers)
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)  # type: ignore[attr-defined]
        assert token is not None
        body = urlencode({"csrfmiddlewaretoken": token[1], "login": "admin", "password": password})
        kind = {"Content_Type": "application/x-www-form-urlencoded", "Origin": URL}
        return self.ask("/login/", "POST", body, **kind, **headers)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("production")
    running = Server(folder, "demo", free_port(), REGISTRY_DEMO_PASSWORD=PASSWORD, **PRODUCTION)
    try:
        yield running.wait_ready()
    finally:
        running.stop()


@pytest.fixture
def proxy(server: Server) -> Behind:
    return Behind(server)


def test_cookies_are_for_this_host_over_https_and_for_no_script(proxy: Behind):
    assert proxy.sign_in(PASSWORD).status == 302
    lines = [*proxy.ask("/login/").headers.get_all("Set-Cookie", []), *proxy.jar.output(header="").split("\n")]
    assert set(proxy.jar) >= {"__Host-sessionid", "__Host-csrftoken"}
    for name, cookie in proxy.jar.items():
        assert name.startswith("__Host-") and cookie["secure"] and cookie["httponly"], lines
        assert (cookie["path"], cookie["domain"], cookie["samesite"]) == ("/", "", "Lax"), lines
    # And they work: the page behind the sign-in opens.
    assert proxy.ask("/settings/password/").status == 200


def test_headers_of_pages_files_and_calls(proxy: Behind):
    page = proxy.ask("/login/")
    expected = {
        "Strict-Transport-Security": "max-age=31536000",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
        "Cache-Control": "no-store",
    }
    assert {name: page.headers[name] for name in expected} == expected
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert "unsafe" not in page.headers["Content-Security-Policy"]
    style = re.search(r'href="(/static/registry\.[0-9a-f]+\.css)"', page.text)  # type: ignore[attr-defined]
    assert style is not None
    assert proxy.ask(style[1]).headers["X-Content-Type-Options"] == "nosniff"
    call = proxy.ask("/", "POST", "{}", X_Amz_Target="SageMaker.ListModelPackageGroups")
    assert (call.status, call.headers["Cache-Control"], call.headers["X-Content-Type-Options"]) == (
        403,
        "no-store",
        "nosniff",
    )
    for answer in (page, call, proxy.ask("/nowhere/")):
        # Nothing says which software and which version answers.
        assert not {"Server", "X-Powered-By"} & set(answer.headers)


def test_what_came_over_http_is_sent_to_https_and_to_no_other_host(proxy: Behind):
    answer = proxy.ask("/groups/?q=a", X_Forwarded_Proto="http")
    assert (answer.status, answer.headers["Location"]) == (301, f"{URL}/groups/?q=a")
    answer = proxy.ask("/groups/", X_Forwarded_Proto="http", Host="evil.example")
    assert "evil" not in answer.headers.get("Location", "")
    # A visitor who writes the header cannot make a page less than https: what the proxy wrote stands last.
    assert proxy.ask("/login/", X_Forwarded_Proto="http, https").status == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example", f"{HOST}.evil.example", f"evil.example#{HOST}", f"{HOST}@evil.example", "127.0.0.1.evil.example"],
)
def test_other_hosts_are_refused(proxy: Behind, host: str):
    answer = proxy.ask("/login/", Host=host)
    assert answer.status == 400 and "evil" not in answer.text  # type: ignore[attr-defined]
    assert proxy.ask("/login/", X_Forwarded_Host=host).status == 200
    assert host not in proxy.ask("/groups/", X_Forwarded_Host=host).headers["Location"]


@pytest.mark.hostile
def test_a_visitor_is_told_from_another_by_what_the_proxy_says_and_by_nothing_else(proxy: Behind, server: Server):
    """Ten wrong tries, each under another invented address; then the rest of the world signs in as always."""
    statuses = [
        Behind(server).sign_in("wrong", X_Forwarded_For=f"10.0.0.{n}, 198.51.100.7", X_Real_IP=f"10.0.1.{n}").status
        for n in range(11)
    ]
    assert statuses == [422] * 10 + [429]
    assert Behind(server).sign_in(PASSWORD, X_Forwarded_For="198.51.100.7").status == 429
    assert Behind(server).sign_in(PASSWORD, X_Forwarded_For="198.51.100.8").status == 302


def test_bodies_and_heads_beyond_the_limits(proxy: Behind, server: Server):
    form = {"Content_Type": "application/x-www-form-urlencoded"}
    assert proxy.ask("/login/", "POST", b"a=" + b"x" * 6_000_000, **form).status in (400, 413)
    assert proxy.ask("/", "POST", b"x" * 6_000_000, X_Amz_Target="SageMaker.Search").status == 413
    assert proxy.ask("/api/checks/", "POST", b"x" * 6_000_000).status == 413
    for raw in (
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 5_000 + b"\r\n",
        b"GET / HTTP/1.1\r\nHost: models.example.com\r\nHost: evil.example\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /x",
        b"POST / HTTP/1.1\r\nHost: models.example.com\r\nContent-Length: abc\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: models.example.com\r\nContent-Length: -1\r\n\r\n",
        b"\x16\x03\x01\x00\xff" * 50,
    ):
        with socket.create_connection(("127.0.0.1", server.port), timeout=20) as visitor:
            first = b""
            with contextlib.suppress(ConnectionError, OSError):  # hung up on before it was sent to its end
                visitor.sendall(raw)
                visitor.shutdown(socket.SHUT_WR)
                first = visitor.recv(400).split(b"\r\n")[0]
        assert b" 5" not in first[:13], (raw[:60], first)
    assert proxy.ask("/login/").status == 200


def broken(server: Server, folder: Path) -> None:
    """A row that no service could have written: its JSON is none."""
    with sqlite3.connect(folder / "registry.sqlite3", timeout=20) as database:
        database.execute("PRAGMA ignore_check_constraints=1")
        database.execute(
            "UPDATE catalog_modelpackage SET inference_specification='{secret-canary' WHERE version=3 AND group_id="
            "(SELECT id FROM catalog_modelpackagegroup WHERE name='digits-classifier')"
        )
    database.close()


def test_a_failure_shows_an_id_that_stands_in_the_log_and_nothing_else(proxy: Behind, server: Server):
    assert proxy.sign_in(PASSWORD).status == 302
    broken(server, Path(server.log).parent / "var")
    address = "/groups/us-east-1/digits-classifier/versions/3/"
    page = proxy.ask(address)
    text = page.text  # type: ignore[attr-defined]
    assert page.status == 500, text[:500]
    found = re.search(r"<code>([0-9a-f-]{12,36})</code>", text)
    assert found is not None
    for telling in ("Traceback", "JSONDecode", "secret-canary", "/registry/", ".py", "sqlite", "Django", "DEBUG"):
        assert telling not in text, telling
    assert page.headers["Cache-Control"] == "no-store" and page.headers["X-Frame-Options"] == "DENY"
    log = server.output
    assert f"error {found[1]}: GET {address}" in log and "Traceback" in log
    part = proxy.ask(address, HX_Request="true")
    assert part.status == 500 and part.headers["HX-Reswap"] == "none"
    assert json.loads(part.headers["HX-Trigger"])["toast"]["kind"] == "bad"
