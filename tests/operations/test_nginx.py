"""registry/deploy/nginx.conf in front of two real servers on loopback: what must pass through it, and what must not."""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlencode

import boto3
import pytest
from botocore.config import Config
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from registry.accounts.throttle import PER_ACCOUNT_AND_ADDRESS
from registry.configuration import PROJECT_ROOT
from tests.test_capacity import Registry, writers_wait
from tests.test_serve import free_port, wait_until

pytestmark = pytest.mark.sqlite_only

SITE = PROJECT_ROOT / "registry" / "deploy" / "nginx.conf"
HINT = "no nginx here: `apt-get install nginx-light`, then run the tests again"
NAME = "registry.example.com"


def find_nginx() -> str:
    """The machine's nginx; skipped without one, but a failure in CI."""
    path = os.environ.get("TEST_NGINX") or shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    if path is None:
        if os.environ.get("CI") == "true":
            pytest.fail(HINT)
        pytest.skip(HINT)
    return path


def make_certificate(folder: Path) -> None:
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME), x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "privkey.pem").write_bytes(private)
    (folder / "fullchain.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))


class Nginx:
    """nginx with the site as it is shipped, but for ports, folder and the names of its upstreams."""

    def __init__(self, folder: Path, upstreams: list[int]) -> None:
        self.folder, self.port, self.plain = folder, free_port(), free_port()
        make_certificate(folder)
        site = SITE.read_text()
        for shipped, port in zip(("8001", "8002"), upstreams, strict=True):
            site = site.replace(f"server 127.0.0.1:{shipped} ", f"server 127.0.0.1:{port} ")
        site = site.replace("listen 443 ssl", f"listen 127.0.0.1:{self.port} ssl").replace(
            "listen 80;", f"listen 127.0.0.1:{self.plain};"
        )
        site = site.replace("/etc/ssl/model-registry/", f"{folder}/").replace("_timeout 15s", "_timeout 3s")
        (folder / "site.conf").write_text(site)
        places = "\n".join(
            f"{name}_temp_path {folder}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        user = "user root;" if os.geteuid() == 0 else ""
        (folder / "nginx.conf").write_text(
            f"{user} daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log;\n"
            f"events {{ worker_connections 256; }}\n"
            f"http {{ access_log {folder}/access.log; {places} include {folder}/site.conf; }}\n"
        )
        self.command = [find_nginx(), "-p", str(folder), "-c", str(folder / "nginx.conf")]

    def test(self) -> str:
        done = subprocess.run([*self.command, "-t"], capture_output=True, text=True, check=False)
        return "" if done.returncode == 0 and "[warn]" not in done.stderr else done.stderr

    def start(self) -> Nginx:
        self.process = subprocess.Popen(self.command, stderr=subprocess.DEVNULL)
        wait_until(self.listens, seconds=10)
        return self

    def listens(self) -> bool:
        with socket.socket() as to:
            return to.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=20)

    def connect(self) -> http.client.HTTPSConnection:
        trust = ssl.create_default_context(cafile=str(self.folder / "fullchain.pem"))
        return http.client.HTTPSConnection("localhost", self.port, timeout=30, context=trust)

    def ask(self, method: str, path: str, body: str = "", **headers: str) -> http.client.HTTPResponse:
        to = self.connect()
        to.request(method, path, body or None, {name.replace("_", "-"): value for name, value in headers.items()})
        answer = to.getresponse()
        answer.text = answer.read()
        to.close()
        return answer


def test_the_site_is_what_nginx_understands(tmp_path):
    assert Nginx(tmp_path, [8001, 8002]).test() == ""


class Cluster:
    """Two servers on one data folder, and nginx in front of them."""

    def __init__(self, served: Path, folder: Path) -> None:
        self.served, self.token = served, "only-for-tests-0123456789"
        ports = [free_port(), free_port()]
        self.nginx = Nginx(folder, ports)
        environ = {
            "REGISTRY_PUBLIC_URL": f"https://localhost:{self.nginx.port}",
            "REGISTRY_TRUSTED_PROXIES": "1",
            "REGISTRY_METRICS_TOKEN": self.token,
            "REGISTRY_LOG_FORMAT": "json",
        }
        self.servers = [Registry(served, "serve", port, **environ) for port in ports]
        for server in self.servers:
            server.wait_ready()
            server.make_key()
        self.nginx.start()

    def client(self):
        return boto3.client(
            "sagemaker",
            endpoint_url=f"https://localhost:{self.nginx.port}",
            region_name="us-east-1",
            verify=str(self.nginx.folder / "fullchain.pem"),
            aws_access_key_id=self.servers[0].key["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=self.servers[0].key["AWS_SECRET_ACCESS_KEY"],
            config=Config(retries={"total_max_attempts": 1}),
        )

    def lines(self) -> list[dict]:
        """What both servers wrote, as far as it is about requests."""
        text = "\n".join(server.output for server in self.servers)
        return [json.loads(line) for line in text.splitlines() if '"registry.access"' in line]

    def sign_in(self, name: str, password: str, **headers: str) -> tuple[http.client.HTTPResponse, str]:
        page = self.nginx.ask("GET", "/login/")
        token = re.search(rb'name="csrfmiddlewaretoken" value="(\w+)"', page.text)[1].decode()
        cookie = page.headers["Set-Cookie"].partition(";")[0]
        origin = f"https://localhost:{self.nginx.port}"
        fields = urlencode({"csrfmiddlewaretoken": token, "login": name, "password": password})
        form = {"Content_Type": "application/x-www-form-urlencoded", "Origin": origin, "Referer": f"{origin}/login/"}
        answer = self.nginx.ask("POST", "/login/", fields, Cookie=cookie, **form, **headers)
        session = [one.partition(";")[0] for one in answer.headers.get_all("Set-Cookie") or [] if "sessionid" in one]
        return answer, "; ".join(session)


@pytest.fixture(scope="module")
def cluster(served: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    made = Cluster(served, tmp_path_factory.mktemp("nginx"))
    yield made
    made.nginx.stop()
    for server in made.servers:
        server.stop()


pass_through = pytest.mark.operations


@pass_through
def test_a_signed_call_passes_and_both_servers_answer(cluster):
    client = cluster.client()
    client.create_model_package_group(ModelPackageGroupName="through-nginx")
    for _ in range(10):
        listed = client.list_model_packages(ModelPackageGroupName="through-nginx")
        assert listed["ModelPackageSummaryList"] == []
    for server in cluster.servers:
        assert "ListModelPackages" in server.output


@pass_through
def test_a_person_signs_in_over_https_with_secure_cookies(cluster):
    answer, session = cluster.sign_in("keeper", "quiet-harbour-42")
    assert (answer.status, answer.headers["Location"]) == (302, "/groups/")
    assert session.startswith("__Host-sessionid=")
    page = cluster.nginx.ask("GET", "/groups/", Cookie=session, Accept_Encoding="gzip")
    assert page.status == 200
    assert page.headers["Content-Encoding"] == "gzip"
    assert page.headers["Cache-Control"] == "no-store"
    assert "max-age=" in page.headers["Strict-Transport-Security"]
    assert page.headers.get_all("Content-Security-Policy") and len(page.headers.get_all("Content-Security-Policy")) == 1
    href = re.search(rb'href="(/static/registry\.[0-9a-f]+\.css)"', cluster.nginx.ask("GET", "/login/").text)
    style = cluster.nginx.ask("GET", href[1].decode(), Accept_Encoding="br")
    assert (style.status, style.headers["Content-Encoding"]) == (200, "br")
    assert "immutable" in style.headers["Cache-Control"]
    plain = http.client.HTTPConnection("127.0.0.1", cluster.nginx.plain, timeout=10)
    plain.request("GET", "/groups/?q=a", headers={"Host": NAME})
    moved = plain.getresponse()
    assert (moved.status, moved.headers["Location"]) == (301, f"https://{NAME}/groups/?q=a")


@pass_through
def test_the_throttle_sees_the_visitor_whatever_the_visitor_claims(cluster):
    tries = [
        cluster.sign_in("victim", "wrong", X_Forwarded_For=f"198.51.100.{number}")[0].status
        for number in range(PER_ACCOUNT_AND_ADDRESS + 1)
    ]
    # Each claims another address; the proxy's word counts: all came from here.
    assert tries == [422] * PER_ACCOUNT_AND_ADDRESS + [429]
    # To a server itself, from a proxy that saw another address, it is another one.
    told = cluster.servers[0].get("/login/", **{"X-Forwarded-For": "203.0.113.9"})
    assert told.status in (200, 400)


@pass_through
def test_the_metrics_are_not_for_everybody_and_each_server_has_its_own(cluster):
    bearer = f"Bearer {cluster.token}"
    for path in ("/metrics", "/metrics?x=1", "//metrics", "/%6Detrics", "/static/../metrics"):
        assert cluster.nginx.ask("GET", path, Authorization=bearer).status == 404, path
    for server in cluster.servers:
        assert server.get("/metrics", Authorization=bearer).status == 200


@pass_through
def test_one_id_stands_in_both_logs_and_nobody_chooses_it(cluster):
    answer = cluster.nginx.ask("GET", "/livez-not", X_Request_ID="chosen-by-a-visitor")
    known = answer.headers["X-Request-ID"]
    assert re.fullmatch(r"[0-9a-f]{32}", known)
    assert [line["path"] for line in cluster.lines() if line["request_id"] == known] == ["/livez-not"]


@pass_through
def test_the_largest_body_passes_and_a_larger_one_does_not(cluster):
    call = {"X_Amz_Target": "SageMaker.CreateModelPackageGroup", "Content_Type": "application/x-amz-json-1.1"}
    largest = cluster.nginx.ask("POST", "/", "x" * 5 * 1024 * 1024, **call)
    assert json.loads(largest.text)["__type"] == "MissingAuthenticationTokenException"
    try:
        larger = cluster.nginx.ask("POST", "/", "x" * (5 * 1024 * 1024 + 1), **call)
        assert larger.status == 413 and b"nginx" in larger.text
    except (ConnectionError, ssl.SSLError):
        pass  # it hung up before all was sent


@pass_through
def test_slow_clients_hold_none_of_the_servers(cluster):
    slow = []
    for number in range(60):
        to = cluster.nginx.connect()
        to.connect()
        beginning = (
            b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nx" if number % 2 else b"GET / HT"
        )
        to.sock.sendall(beginning)
        slow.append(to)
    busy = [values_of(server, cluster.token) for server in cluster.servers]
    assert all(found['registry_requests_in_flight{state="receiving"}'] == 0 for found in busy)
    began = time.monotonic()
    assert cluster.nginx.ask("GET", "/login/").status == 200
    assert time.monotonic() - began < 2
    # nginx hangs up on them by itself.
    wait_until(lambda: all(is_closed(to.sock) for to in slow), seconds=15)


def values_of(server: Registry, token: str) -> dict[str, float]:
    text = server.get("/metrics", Authorization=f"Bearer {token}").text.decode()
    rows = (line.rpartition(" ") for line in text.splitlines() if not line.startswith("#"))
    return {name: float(value) for name, _, value in rows}


def is_closed(connection: ssl.SSLSocket) -> bool:
    connection.settimeout(0.05)
    try:
        return connection.recv(4000) == b"" or is_closed(connection)
    except TimeoutError:
        return False
    except OSError:
        return True


@pass_through
def test_one_server_stops_and_the_other_answers_everybody(cluster):
    """The last one here: it stops a server, with a call in hand, while clients go on."""
    client, answered, failed, ends = cluster.client(), [], [], threading.Event()

    def visit() -> None:
        mine = cluster.client()
        while not ends.is_set():
            try:
                mine.list_model_package_groups()
                answered.append(cluster.nginx.ask("GET", "/login/").status)
            except Exception as error:
                failed.append(error)

    visitors = [threading.Thread(target=visit) for _ in range(3)]
    for visitor in visitors:
        visitor.start()
    first, second = cluster.servers
    made: list[str] = []

    def register() -> None:
        made.append(client.create_model_package_group(ModelPackageGroupName="while-stopping")["ModelPackageGroupArn"])

    registering = threading.Thread(target=register)
    with writers_wait(cluster.served):
        registering.start()
        time.sleep(0.5)
        first.process.send_signal(signal.SIGTERM)
        time.sleep(1)
    registering.join(timeout=30)
    assert first.process.wait(timeout=20) == 0
    assert made and made[0].endswith("/while-stopping")
    so_far = len(answered)
    wait_until(lambda: len(answered) > so_far + 20, seconds=20)
    ends.set()
    for visitor in visitors:
        visitor.join()
    assert failed == []
    assert set(answered) == {200}
    assert second.process.poll() is None
