"""What the clients do: processes of their own, each with one keep-alive connection, told by a pipe what to call."""

from __future__ import annotations

import http.client
import json
import multiprocessing
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any
from urllib.parse import urlencode

GROUP = "bench"
IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"
ARTIFACT = "s3://models/bench/model.tar.gz"
METADATA = {"feature_set": "v14", "commit": "9f2c61d", "metric.auc": "0.9142", "dataset": "2026-11", "owner": "risk"}
SPECIFICATION = {
    "Containers": [{"Image": IMAGE, "ModelDataUrl": ARTIFACT, "Environment": {"LOG_LEVEL": "info"}}],
    "SupportedRealtimeInferenceInstanceTypes": ["ml.m5.large"],
    "SupportedTransformInstanceTypes": ["ml.m5.large"],
    "SupportedContentTypes": ["text/csv"],
    "SupportedResponseMIMETypes": ["text/csv"],
}
OPERATIONS = ("register", "describe", "list 100", "update")
Reach = tuple[str, int, tuple[tuple[str, str], ...]]


class SageMaker:
    """Unmodified boto3, one try a call."""

    def __init__(self, port: int, key: dict[str, str]) -> None:
        import boto3
        from botocore.config import Config

        self.client = boto3.client(
            "sagemaker",
            endpoint_url=f"http://127.0.0.1:{port}",
            region_name="us-east-1",
            aws_access_key_id=key["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=key["AWS_SECRET_ACCESS_KEY"],
            config=Config(retries={"total_max_attempts": 1}, read_timeout=60),
        )
        self.prefix = ""

    def make_group(self) -> None:
        self.client.create_model_package_group(ModelPackageGroupName=GROUP)

    def register(self, number: int, status: str) -> int:
        made = self.client.create_model_package(
            ModelPackageGroupName=GROUP,
            InferenceSpecification=SPECIFICATION,
            ModelApprovalStatus="PendingManualApproval",
            CustomerMetadataProperties=METADATA,
        )
        self.prefix, _, version = made["ModelPackageArn"].rpartition("/")
        return int(version)

    def _arn(self, number: int) -> str:
        if not self.prefix:
            newest = self.client.list_model_packages(ModelPackageGroupName=GROUP, MaxResults=1)
            self.prefix = newest["ModelPackageSummaryList"][0]["ModelPackageArn"].rpartition("/")[0]
        return f"{self.prefix}/{number}"

    def describe(self, number: int, status: str) -> None:
        said = self.client.describe_model_package(ModelPackageName=self._arn(number))
        assert said["ModelPackageVersion"] == number

    def list_100(self, number: int, status: str) -> None:
        asked = {"SortBy": "CreationTime", "SortOrder": "Descending", "MaxResults": 100}
        page = self.client.list_model_packages(ModelPackageGroupName=GROUP, **asked)
        assert len(page["ModelPackageSummaryList"]) == 100

    def update(self, number: int, status: str) -> None:
        self.client.update_model_package(ModelPackageArn=self._arn(number), ModelApprovalStatus=status)


class MLflow:
    """MLflow's REST calls without its client's own work; a stage is the nearest it has to an approval."""

    def __init__(self, port: int, key: dict[str, str]) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def _call(self, method: str, path: str, **members: Any) -> Any:
        target, body = f"/api/2.0/mlflow/{path}", None
        if method == "GET":
            target += f"?{urlencode(members)}"
        else:
            body = json.dumps(members)
        try:
            self.connection.request(method, target, body, {"Content-Type": "application/json"})
            answer = self.connection.getresponse()
            text = answer.read()
        except (OSError, http.client.HTTPException):
            self.connection.close()
            raise
        if answer.status != 200:
            raise RuntimeError(f"{answer.status} {text[:200]!r}")
        return json.loads(text)

    def make_group(self) -> None:
        self._call("POST", "registered-models/create", name=GROUP)

    def register(self, number: int, status: str) -> int:
        tags = [{"key": key, "value": value} for key, value in METADATA.items()]
        made = self._call("POST", "model-versions/create", name=GROUP, source=ARTIFACT, tags=tags)
        return int(made["model_version"]["version"])

    def describe(self, number: int, status: str) -> None:
        said = self._call("GET", "model-versions/get", name=GROUP, version=str(number))
        assert int(said["model_version"]["version"]) == number

    def list_100(self, number: int, status: str) -> None:
        asked = {"filter": f"name='{GROUP}'", "max_results": 100, "order_by": "version_number DESC"}
        assert len(self._call("GET", "model-versions/search", **asked)["model_versions"]) == 100

    def update(self, number: int, status: str) -> None:
        stage = {"Approved": "Production", "Rejected": "Archived"}[status]
        self._call("POST", "model-versions/transition-stage", name=GROUP, version=str(number), stage=stage)


@dataclass(frozen=True)
class Work:
    """One client's part: `calls` of an operation on the versions from `first` down, every `step`th."""

    reach: Reach
    operation: str
    calls: int
    first: int
    step: int
    status: str
    seconds: float


@dataclass
class Done:
    """How long each good call took, what the others said, and the highest version that was made."""

    seconds: list[float]
    errors: list[str]
    highest: int = 0


def make_client(reach: Reach) -> SageMaker | MLflow:
    protocol, port, key = reach
    return (SageMaker if protocol == "sagemaker" else MLflow)(port, dict(key))


def work_off(client: Any, work: Work) -> Done:
    """Make the calls one after the other, at most for the given seconds."""
    call: Callable[[int, str], int | None] = getattr(client, work.operation.replace(" ", "_"))
    done, end = Done([], []), time.monotonic() + work.seconds
    for index in range(work.calls):
        began = time.perf_counter()
        if time.monotonic() > end:
            break
        try:
            made = call(work.first - index * work.step, work.status)
        except Exception as error:
            # Whatever it is, it is what a pipeline would see.
            done.errors.append(" ".join(f"{type(error).__name__}: {error}".split())[:200])
        else:
            done.seconds.append(time.perf_counter() - began)
            done.highest = max(done.highest, made or 0)
    return done


def serve_pipe(pipe: Connection) -> None:
    """The loop of a client's process: a Work in, a Done out; None ends it."""
    clients: dict[Reach, SageMaker | MLflow] = {}
    while (work := pipe.recv()) is not None:
        if work.reach not in clients:
            clients[work.reach] = make_client(work.reach)
        pipe.send(work_off(clients[work.reach], work))


class Crowd:
    """Eight processes that wait for work."""

    def __init__(self, size: int) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipes, self.processes = [], []
        for _ in range(size):
            here, there = context.Pipe()
            process = context.Process(target=serve_pipe, args=(there,), daemon=True)
            process.start()
            self.pipes.append(here)
            self.processes.append(process)

    def run(self, works: list[Work]) -> list[Done]:
        """Let the first len(works) processes do their parts at once."""
        pipes = self.pipes[: len(works)]
        for pipe, work in zip(pipes, works, strict=True):
            pipe.send(work)
        return [pipe.recv() for pipe in pipes]

    def stop(self) -> None:
        for pipe, process in zip(self.pipes, self.processes, strict=True):
            pipe.send(None)
            process.join(timeout=10)
