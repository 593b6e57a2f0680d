"""Build a database with the code of an earlier tag, through that version's own commands and doors."""

from __future__ import annotations

import http.client
import json
import lzma
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import boto3

from registry.configuration import PROJECT_ROOT
from tests.databases import find_programs, running_postgresql
from tests.test_serve import Server, free_port

KEPT = Path(__file__).parent
PASSWORD = "quiet-harbour-42"
# Of these databases alone: they hold nothing but the demo.
SECRET_KEY = "of-the-databases-in-tests-upgrades-alone"
SPECIFICATION = {
    "Containers": [{"Image": "registry.example/fraud:1", "ModelDataUrl": "s3://models/fraud/model.tar.gz"}],
    "SupportedContentTypes": ["text/csv"],
    "SupportedResponseMIMETypes": ["text/csv"],
}


def tags() -> list[str]:
    """The releases that this clone knows, oldest first."""
    command = ["git", "tag", "--list", "v*", "--sort=version:refname"]
    done = subprocess.run(command, cwd=PROJECT_ROOT, capture_output=True, text=True, check=False)
    return done.stdout.split() if done.returncode == 0 else []


@contextmanager
def checked_out(tag: str, folder: Path) -> Iterator[Path]:
    """The files of a tag, without a trace in the clone."""
    target = folder / "old-code"
    target.mkdir(parents=True)
    archive = subprocess.run(["git", "archive", tag], cwd=PROJECT_ROOT, capture_output=True, check=True)
    subprocess.run(["tar", "-x", "-C", str(target)], input=archive.stdout, check=True)
    yield target
    shutil.rmtree(target)


class OldServer(Server):
    """The demo of another version."""

    def __init__(self, code: Path, folder: Path, **environ: str) -> None:
        self.port, self.code = free_port(), code
        self.log = folder / "old.log"
        self.environ = {
            "PATH": os.environ["PATH"],
            "REGISTRY_WORKERS": "1",
            "REGISTRY_DEMO_PASSWORD": PASSWORD,
            **environ,
        }
        with self.log.open("wb") as log:
            command = [sys.executable, "manage.py", "demo", f"127.0.0.1:{self.port}"]
            self.process = subprocess.Popen(command, cwd=code, env=self.environ, stdout=log, stderr=log)

    def manage(self, *arguments: str) -> str:
        command = [sys.executable, "manage.py", *arguments]
        return subprocess.run(
            command, cwd=self.code, env=self.environ, capture_output=True, text=True, check=True
        ).stdout

    def browser(self, username: str) -> Browser:
        return Browser(self.port, username)


class Browser:
    """A person with a session, as far as forms without script go."""

    def __init__(self, port: int, username: str) -> None:
        self.port, self.cookies = port, dict[str, str]()
        self.post("/login/", login=username, password=PASSWORD)

    def ask(self, method: str, path: str, body: str = "") -> tuple[int, str]:
        to = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        origin = f"http://127.0.0.1:{self.port}"
        headers = {
            "Cookie": "; ".join(f"{n}={v}" for n, v in self.cookies.items()),
            "Origin": origin,
            "Referer": origin + path,
        }
        if body:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        to.request(method, path, body, headers)
        answer = to.getresponse()
        for cookie in answer.headers.get_all("Set-Cookie") or []:
            name, _, value = cookie.strip().partition(";")[0].partition("=")
            self.cookies[name] = value
        text = answer.read().decode()
        to.close()
        return answer.status, text

    def post(self, path: str, **fields: str) -> None:
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', self.ask("GET", path)[1])
        assert token is not None, path
        status, text = self.ask("POST", path, urlencode({"csrfmiddlewaretoken": token[1], **fields}))
        assert status == 302, (path, status, text[-2000:])


def work(server: OldServer) -> dict[str, Any]:
    """A day of a pipeline and of people; what the pipeline keeps of it."""
    printed = server.manage("createaccesskey", "admin", "--name", "pipeline")
    key = dict(line.split("=", 1) for line in printed.splitlines() if line.startswith("AWS_"))
    sagemaker = boto3.client(
        "sagemaker",
        endpoint_url=f"http://127.0.0.1:{server.port}",
        region_name="us-east-1",
        aws_access_key_id=key["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=key["AWS_SECRET_ACCESS_KEY"],
    )
    sagemaker.create_model_package_group(ModelPackageGroupName="fraud", Tags=[{"Key": "team", "Value": "risk"}])
    for number in range(1, 6):
        sagemaker.create_model_package(
            ModelPackageGroupName="fraud",
            InferenceSpecification=SPECIFICATION,
            ModelApprovalStatus="PendingManualApproval",
            CustomerMetadataProperties={"metric.auc": f"0.9{number}", "café": "naïve été", "float": "1e-07"},
            ClientToken=f"token-{number}",
        )
    arn = "arn:aws:sagemaker:us-east-1:000000000000:model-package/fraud/{}"
    approved, rejected = "Approved", "Rejected"
    sagemaker.update_model_package(
        ModelPackageArn=arn.format(1), ModelApprovalStatus=approved, ApprovalDescription="ok"
    )
    sagemaker.update_model_package(
        ModelPackageArn=arn.format(2), ModelApprovalStatus=rejected, ApprovalDescription="no"
    )
    sagemaker.update_model_package(
        ModelPackageArn=arn.format(1), ModelLifeCycle={"Stage": "Production", "StageStatus": "Serving"}
    )
    sagemaker.update_model_package(ModelPackageArn=arn.format(3), CustomerMetadataProperties={"owner": "ana"})
    sagemaker.create_model_package(ModelPackageName="lonely", InferenceSpecification=SPECIFICATION)
    sagemaker.delete_model_package(ModelPackageName=arn.format(4))
    sagemaker.create_model_package_group(ModelPackageGroupName="given-up")
    sagemaker.delete_model_package_group(ModelPackageGroupName="given-up")
    admin = server.browser("admin")
    admin.post("/groups/new/", name="by-hand", region="us-east-1", description="Typed in\nwith a second line")
    admin.post("/settings/users/new/", username="newcomer", role="viewer", password=PASSWORD, password_again=PASSWORD)
    return {"key": key["AWS_ACCESS_KEY_ID"], "secret": key["AWS_SECRET_ACCESS_KEY"], "fraud_versions": 5}


def build(tag: str, folder: Path, database: str) -> dict[str, Any]:
    """Run the demo of `tag` on that database and work with it; leaves `old.jsonl`, its export, in the folder."""
    with checked_out(tag, folder) as code:
        environ = {
            "REGISTRY_DATA_DIR": str(folder / "var"),
            "REGISTRY_SECRET_KEY": SECRET_KEY,
            "DATABASE_URL": database,
        }
        server = OldServer(code, folder, **environ)
        try:
            server.wait_ready()
            facts = work(server)
        finally:
            server.stop()
        server.manage("exportdump", str(folder / "old.jsonl"))
    return facts


def keep(tag: str, target: Path) -> None:
    """Make the files of a tag that are committed, on both databases, in `target`."""
    with ExitStack() as stack:
        work_place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="registry-release-")))
        facts = {}
        for kind in ("sqlite", "postgresql"):
            folder = work_place / kind
            folder.mkdir()
            if kind == "sqlite":
                facts[kind] = build(tag, folder, f"sqlite:///{folder}/old.sqlite3")
                code = "import registry, sqlite3, sys; sqlite3.connect(sys.argv[1]).execute('VACUUM')"
                command = [sys.executable, "-c", code, str(folder / "old.sqlite3")]
                subprocess.run(command, cwd=PROJECT_ROOT, check=True)
                pack(folder / "old.sqlite3", target / f"{tag}.sqlite3.xz")
            else:
                place = folder / "server"
                stack.enter_context(running_postgresql(place))
                facts[kind] = build(tag, folder, f"postgresql://postgres@/postgres?host={place}")
                how = ["--no-owner", "--inserts", "--rows-per-insert=200"]
                command = [str(find_programs() / "pg_dump"), *how, "-h", str(place), "-U", "postgres", "postgres"]
                (folder / "old.sql").write_bytes(subprocess.run(command, capture_output=True, check=True).stdout)
                pack(folder / "old.sql", target / f"{tag}.sql.xz")
            pack(folder / "old.jsonl", target / f"{tag}.{kind}.jsonl.xz")
        (target / f"{tag}.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")


def pack(source: Path, target: Path) -> None:
    target.write_bytes(lzma.compress(source.read_bytes(), preset=9 | lzma.PRESET_EXTREME))
