"""Both generations of the SageMaker Python SDK over a socket: each story is a program of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from .conftest import IMAGE, STORIES

pytestmark = pytest.mark.sqlite_only


def versions_of(sm: Any, group: str) -> dict[int, str]:
    listed = sm.list_model_packages(ModelPackageGroupName=group)["ModelPackageSummaryList"]
    return {package["ModelPackageVersion"]: package["ModelApprovalStatus"] for package in listed}


def test_sdk_v2_registers_approves_and_finds_the_newest(run: Callable[..., str], sm: Any) -> None:
    printed = run("sdk-v2", "python", str(STORIES / "sdk_v2.py"), "sdk-v2-fraud", IMAGE)
    assert printed.splitlines()[-1].endswith(":model-package/sdk-v2-fraud/1")
    assert versions_of(sm, "sdk-v2-fraud") == {1: "Approved", 2: "Approved"}


def test_sagemaker_core_v3_makes_reads_changes_and_deletes(run: Callable[..., str], sm: Any) -> None:
    printed = run("sdk-v3", "python", str(STORIES / "sdk_v3.py"), "sdk-v3-fraud", IMAGE)
    assert printed.splitlines()[-1].endswith(":model-package/sdk-v3-fraud/1")
    assert versions_of(sm, "sdk-v3-fraud") == {1: "Rejected"}


@pytest.mark.clients
def test_airflows_operator_makes_the_group_and_registers(run: Callable[..., str], sm: Any) -> None:
    run("airflow", "python", str(STORIES / "airflow_operator.py"), "airflow-fraud", IMAGE)
    assert versions_of(sm, "airflow-fraud") == {1: "PendingManualApproval", 2: "Approved"}
