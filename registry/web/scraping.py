"""/metrics: what Prometheus reads, for whoever knows the token of REGISTRY_METRICS_TOKEN; it signs nobody in."""

from __future__ import annotations

import hmac
import os
import platform
import sqlite3
import time
import tomllib
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import django
from django.apps import apps
from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils import timezone
from django_tasks_db.models import DBTaskResult

from registry.events.models import Event
from registry.monitoring import instruments, processes

from .server import SUPERVISOR_VARIABLE

PATH = "/metrics"
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
# More jobs than these are many: they are not counted further.
MOST_JOBS = 10_000


class ScrapeMiddleware:
    """Answers /metrics before anything else: no host name, no session and no place in the queue is needed."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.path_info != PATH or not settings.REGISTRY_METRICS_TOKEN:
            # Without a token there is no such address, and nobody learns that there could be one.
            return self.get_response(request)
        request.route = "metrics"  # type: ignore[attr-defined]
        response = scrape(request)
        response["Cache-Control"] = "no-store"
        return response


def scrape(request: HttpRequest) -> HttpResponse:
    """The metrics as text; 401 without the token, 405 for anything but reading."""
    sent = request.headers.get("Authorization", "").encode("utf-8", "replace")
    expected = f"Bearer {settings.REGISTRY_METRICS_TOKEN}".encode()
    if not hmac.compare_digest(sent, expected):
        refused = HttpResponse("a bearer token is needed\n", status=401, content_type="text/plain; charset=utf-8")
        refused["WWW-Authenticate"] = 'Bearer realm="metrics"'
        return refused
    if request.method not in ("GET", "HEAD"):
        return HttpResponse(status=405, headers={"Allow": "GET, HEAD"})
    return HttpResponse(exposition(), content_type=CONTENT_TYPE)


def exposition() -> bytes:
    """Everything there is to tell: the counters of all processes, what the database says, and the machine."""
    from prometheus_client import CollectorRegistry, generate_latest
    from prometheus_client.multiprocess import MultiProcessCollector

    own = instruments.enable()
    if folder := instruments.folder():
        registry = CollectorRegistry()
        forget_the_dead(folder)
        MultiProcessCollector(registry, folder)
    else:
        registry = own.registry
    told = CollectorRegistry()
    told.register(Told())
    return generate_latest(registry) + generate_latest(told)


def forget_the_dead(folder: str) -> None:
    """Take away what processes that have ended are "doing now"; what they counted stays."""
    if not Path("/proc/self").exists():
        return
    for path in Path(folder).glob("gauge_live*_*.db"):
        if not Path("/proc", path.stem.rpartition("_")[2]).exists():
            path.unlink(missing_ok=True)


class Told:
    """What is looked up when it is asked for: the log, the jobs, the processes, the versions of the parts."""

    def collect(self) -> Iterator[Any]:
        yield family("info", "registry_build", "What runs here.", [(build(), 1)])
        began = time.perf_counter()
        try:
            found = list(of_the_database())
        except (DatabaseError, InterfaceError):
            found = []
        yield family("gauge", "registry_database_up", "1 when the database answers.", [({}, float(bool(found)))])
        seconds = time.perf_counter() - began
        yield family("gauge", "registry_database_answer_seconds", "Time for these questions.", [({}, seconds)])
        yield from found
        yield from of_the_processes()


def family(kind: str, name: str, told: str, rows: list[tuple[dict[str, str], float]]) -> Any:
    """One metric with its values, each under its labels."""
    from prometheus_client.core import Metric

    # The text format has no infos; they are gauges of 1.
    metric = Metric(f"{name}_info" if kind == "info" else name, told, "gauge" if kind == "info" else kind)
    for labels, value in rows:
        metric.add_sample(f"{metric.name}{'_total' if kind == 'counter' else ''}", labels, value)
    return metric


@cache
def build() -> dict[str, str]:
    """The versions of the parts, as labels."""
    project = settings.BASE_DIR / "pyproject.toml"
    version = tomllib.loads(project.read_text(encoding="utf-8"))["project"]["version"] if project.is_file() else ""
    return {
        "version": version,
        "python": platform.python_version(),
        "django": django.get_version(),
        "database": connection.vendor,
        "sqlite": sqlite3.sqlite_version if connection.vendor == "sqlite" else "",
    }


def of_the_database() -> Iterator[Any]:
    """Events and jobs, each by one short look at an index; the age of the last checkpoint."""
    newest = Event.objects.order_by("-id").values_list("id", flat=True).first() or 0
    yield family("counter", "registry_events", "Events in the log (the newest one's id).", [({}, float(newest))])
    ready = DBTaskResult.objects.ready().order_by()
    waiting = ready[:MOST_JOBS].count()
    rows: list[tuple[dict[str, str], float]] = [({"state": "waiting"}, waiting)]
    rows.append(({"state": "running"}, DBTaskResult.objects.running().order_by()[:MOST_JOBS].count()))
    rows.append(({"state": "failed"}, DBTaskResult.objects.failed().order_by()[:MOST_JOBS].count()))
    yield family("gauge", "registry_jobs", f"Background jobs, up to {MOST_JOBS}; failed ones are kept 7 days.", rows)
    oldest = ready.order_by("enqueued_at").values_list("enqueued_at", flat=True).first()
    age = (timezone.now() - oldest).total_seconds() if oldest else 0.0
    yield family("gauge", "registry_jobs_oldest_seconds", "How long the oldest job waits.", [({}, max(0.0, age))])
    yield from of_the_checkpoints()


def of_the_checkpoints() -> Iterator[Any]:
    """How old the newest signed checkpoint of the log is; nothing before there is one."""
    try:
        checkpoints: Any = apps.get_model("events", "Checkpoint")
    except LookupError:
        return
    made = checkpoints.objects.order_by("-pk").values_list("at", flat=True).first()
    if made:
        age = max(0.0, (timezone.now() - made).total_seconds())
        yield family("gauge", "registry_checkpoint_age_seconds", "Age of the newest checkpoint.", [({}, age)])


def of_the_processes() -> Iterator[Any]:
    """Memory and processor time of the server's processes by what they do."""
    used = processes.usage(int(os.environ.get(SUPERVISOR_VARIABLE) or os.getpid()))
    kinds = sorted(used)
    for name, kind, told, attribute in (
        ("registry_processes", "gauge", "Processes.", "processes"),
        ("registry_process_memory_bytes", "gauge", "Resident memory, shared pages counted in each.", "memory"),
        ("registry_process_cpu_seconds", "counter", "Processor time.", "seconds"),
    ):
        yield family(kind, name, told, [({"kind": one}, float(getattr(used[one], attribute))) for one in kinds])
