"""The counters of several workers of a real server, and its log in JSON."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest

from tests.operations.test_stopping import LONG, Registering, refuses
from tests.test_capacity import Registry, writers_wait
from tests.test_serve import wait_until

pytestmark = pytest.mark.sqlite_only

TOKEN = "only-for-tests-0123456789"
BEARER = {"Authorization": f"Bearer {TOKEN}"}


def values(server: Registry) -> dict[str, float]:
    answer = server.get("/metrics", **BEARER)
    assert answer.status == 200
    rows = (line.rpartition(" ") for line in answer.text.decode().splitlines() if not line.startswith("#"))
    return {name: float(value) for name, _, value in rows}


COUNT = 'registry_calls_total{error="",operation="ListModelPackageGroups"}'


def test_all_workers_are_added_up_a_log_of_json_is_json_and_a_stop_finishes_what_was_taken(serve, served):
    """The short form of this folder: one server, all that it tells, and a call in hand while it is stopped."""
    server = serve(
        REGISTRY_WORKERS="2", REGISTRY_METRICS_TOKEN=TOKEN, REGISTRY_LOG_FORMAT="json", REGISTRY_PATIENCE=LONG
    )
    client = server.client()
    asked = 20
    for _ in range(asked):
        client.list_model_package_groups()
    client.create_model_package_group(ModelPackageGroupName=f"counted-{server.port}")
    assert [values(server)[COUNT] for _ in range(4)] == [asked] * 4
    assert values(server)["registry_sqlite_write_wait_seconds_count"] >= 1
    folder = served / "var" / "metrics" / str(server.port)
    assert len(list(folder.glob("counter_*.db"))) == 2, "both workers had their share"
    assert server.get("/metrics").status == 401
    with writers_wait(served):
        registering = Registering(server, f"stopped-{server.port}")
        server.process.send_signal(signal.SIGTERM)
        wait_until(lambda: refuses(server), seconds=5)
    assert registering.is_answered(), registering.answer
    assert server.stop() == 0
    lines = [json.loads(line) for line in server.output.splitlines()]
    assert all({"time", "level", "logger", "message"} <= line.keys() for line in lines)
    assert lines[-1]["message"] == "Stopped."
    calls = [line for line in lines if line.get("operation") == "ListModelPackageGroups"]
    assert len(calls) == asked and {line["user"] for line in calls} == {"keeper"}
    assert TOKEN not in server.output and server.key["AWS_SECRET_ACCESS_KEY"] not in server.output


@pytest.mark.operations
def test_a_worker_that_dies_takes_away_what_it_did_and_not_what_it_counted(serve, served):
    server = serve(REGISTRY_WORKERS="2", REGISTRY_METRICS_TOKEN=TOKEN, REGISTRY_LOG_FORMAT="json")
    client = server.client()
    for _ in range(10):
        client.list_model_package_groups()
    master, folder = server.master(), served / "var" / "metrics" / str(server.port)
    victim = next(pid for pid, parent in server.family().items() if parent == master)
    os.kill(victim, signal.SIGKILL)
    # Until it is gone it may still be given a connection, which goes with it.
    wait_until(lambda: victim not in server.family())
    wait_until(lambda: len([pid for pid, parent in server.family().items() if parent == master]) == 2)
    wait_until(lambda: values(server)['registry_processes{kind="server"}'] == 3)
    found = values(server)
    assert found[COUNT] == 10
    assert found['registry_requests_in_flight{state="working"}'] == 0
    assert not list(folder.glob(f"gauge_live*_{victim}.db"))
    lines = [json.loads(line) for line in server.output.splitlines()]
    assert any(line["logger"] == "_granian" and "Unexpected exit" in line["message"] for line in lines)


@pytest.mark.operations
def test_counters_begin_anew_with_each_start(serve, served):
    first = serve(REGISTRY_METRICS_TOKEN=TOKEN)
    assert first.get("/groups/").status == 302
    count = 'registry_requests_total{method="GET",route="group-list",status="3xx"}'
    assert values(first)[count] == 1
    assert first.stop() == 0
    kept = Path(served / "var" / "metrics" / str(first.port))
    assert list(kept.glob("*.db"))
    second = serve(REGISTRY_METRICS_TOKEN=TOKEN, port=first.port)
    assert count not in values(second)
