"""One live registry for all clients: `manage.py demo` as a process of its own, and what a pipeline exports to reach it.

Clients of other makers stand in folders of their own (`make clients`): they pin botocores of their own.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from registry.configuration import PROJECT_ROOT
from tests.api.remotes import running_registry

STORIES = Path(__file__).parent / "stories"
FOLDER = Path(os.environ.get("TEST_CLIENTS") or PROJECT_ROOT / ".clients")
IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The four lines that point a pipeline at a running registry, with an admin's key."""
    with running_registry(tmp_path_factory.mktemp("clients")) as (port, key):
        yield {
            **key,
            "AWS_ENDPOINT_URL_SAGEMAKER": f"http://127.0.0.1:{port}",
            "AWS_DEFAULT_REGION": "us-east-1",
        }


@pytest.fixture
def sm(exported: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Any:
    """A boto3 client that knows nothing of the registry but the environment."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in exported.items():
        monkeypatch.setenv(name, value)
    return boto3.session.Session().client("sagemaker")


@pytest.fixture
def run(exported: dict[str, str], tmp_path: Path) -> Callable[..., str]:
    """A function that runs a program of a client's own folder with the exported lines alone; what it printed."""

    def start(client: str, program: str, *arguments: str) -> str:
        path = FOLDER / client / "bin" / program
        if not path.exists():
            hint = f"{client} is not installed here: `make clients`"
            if os.environ.get("CI") == "true":
                pytest.fail(hint)
            pytest.skip(hint)
        done = subprocess.run(
            [path, *arguments],
            cwd=tmp_path,
            env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "AIRFLOW_HOME": str(tmp_path), **exported},
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
        return done.stdout

    return start
