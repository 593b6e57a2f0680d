"""The product as people run it: `manage.py demo` as a process of its own, for the browser's tests and the pictures."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from pathlib import Path

PROJECT_ROOT = Path(__file__).resolve().parent.parent
DEMO_RECORDS = PROJECT_ROOT / "registry" / "api" / "sagemaker" / "demo" / "registry.jsonl"
PASSWORD = "quiet-harbour-42"
START_SECONDS = 90


class Product:
    """A running demo with the data folder it works on."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            self.address = f"127.0.0.1:{listener.getsockname()[1]}"
        self.url = f"http://{self.address}"
        self.log = folder / "product.log"
        # Nothing of the environment but PATH: a setting of the reader's own registry must not reach this one.
        self.environ = {
            "PATH": os.environ["PATH"],
            "REGISTRY_DATA_DIR": str(folder / "var"),
            "REGISTRY_DEMO_PASSWORD": PASSWORD,
            "REGISTRY_WORKERS": "1",
        }

    def start(self) -> None:
        """Start the process and wait until it answers; raises RuntimeError with its output where it does not."""
        with self.log.open("wb") as log:
            command = [sys.executable, "manage.py", "demo", self.address]
            self.process = subprocess.Popen(command, cwd=PROJECT_ROOT, env=self.environ, stdout=log, stderr=log)
        deadline = time.monotonic() + START_SECONDS
        while "Ready: " not in self.output:
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"The demo did not start:\n{self.output}")
            time.sleep(0.1)

    @property
    def output(self) -> str:
        return self.log.read_text(encoding="utf-8")

    def load(self, records: Path) -> None:
        """Import more records beside the demo's, while it runs."""
        command = [sys.executable, "manage.py", "importdump", str(records)]
        done = subprocess.run(command, cwd=PROJECT_ROOT, env=self.environ, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"importdump failed:\n{done.stdout}{done.stderr}")

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(timeout=30)


@contextmanager
def running_demo(folder: Path) -> Iterator[Product]:
    """The demo on a free port and a data folder of its own below `folder`, until the block ends."""
    product = Product(folder)
    try:
        product.start()
        yield product
    finally:
        if hasattr(product, "process"):
            product.stop()


def long_history(target: Path, *, group: str, versions: int) -> Path:
    """Write a dump of one group with many versions, made from the newest one of the demo's largest group."""
    described, newest = None, None
    for line in DEMO_RECORDS.read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        if record.get("DescribeModelPackageGroup", {}).get("ModelPackageGroupName") == "co2-weekly-forecast":
            described = record
        if record.get("DescribeModelPackage", {}).get("ModelPackageGroupName") == "co2-weekly-forecast":
            newest = record
    assert described is not None
    assert newest is not None
    text = json.dumps([described, newest]).replace("co2-weekly-forecast", group)
    described, newest = json.loads(text)
    newest["DescribeModelPackage"].pop("ModelMetrics", None)
    began = datetime(2026, 6, 1, tzinfo=UTC)
    with target.open("w", encoding="utf-8") as out:
        out.write(json.dumps(described) + "\n")
        for number in range(1, versions + 1):
            record = deepcopy(newest)
            package = record["DescribeModelPackage"]
            arn = package["ModelPackageArn"].rpartition("/")[0]
            package |= {
                "ModelPackageVersion": number,
                "ModelPackageArn": f"{arn}/{number}",
                "ModelPackageDescription": f"Hourly run {number}",
                "CreationTime": (began + timedelta(hours=number)).isoformat(),
                "ModelApprovalStatus": ("PendingManualApproval", "Approved", "Rejected")[number % 3],
            }
            package.pop("LastModifiedTime", None)
            package["CustomerMetadataProperties"] = {
                "metric.rmse": f"{1 + (number * 7 % 13) / 100:.2f}",
                "run": str(number),
            }
            out.write(json.dumps(record) + "\n")
    return target
