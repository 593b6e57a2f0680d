"""`manage.py worker`: does what registrations left to do in the background, and makes checkpoints of the log.

serve and demo run one by themselves.
"""

import logging
import os
import socket
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import Error, connection
from django.utils import timezone
from django_tasks import TaskResultStatus
from django_tasks_db.management.commands.db_worker import Worker
from django_tasks_db.models import DBTaskResult

from registry.events.clock import run_clock
from registry.outages import outage_of, reason_of
from registry.sqlite.base import line_up

# A job takes seconds (a handful of small files with timeouts); one that runs longer lost its worker.
LOST_AFTER = timedelta(minutes=10)
KEPT = timedelta(days=7)
# Then it ends and serve starts it again: memory stays small, and what is done is cleared away.
JOBS = 1000


class Command(BaseCommand):
    help = "Read metric reports of new versions and sign the log every hour (serve and demo run one of these)."
    requires_system_checks = []

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--batch", action="store_true", help="end when nothing is left to do at the moment")

    def handle(self, *args: Any, batch: bool, **options: Any) -> None:
        try:
            self.work(batch)
        except Error as error:
            if outage_of(error) is None:
                raise
            # Whoever started it does so again, after a while.
            raise CommandError(f"The background worker ends: {reason_of(error)}") from None

    def work(self, batch: bool) -> None:
        """Take one job after the other until there is nothing left (`batch`), or it is time to begin afresh."""
        if connection.vendor == "sqlite":
            line_up(settings.DATABASES["default"]["NAME"])
        machine = socket.gethostname()[:32]
        take_up_lost_jobs(machine)
        DBTaskResult.objects.finished().filter(finished_at__lt=timezone.now() - KEPT).delete()
        worker = Worker(
            queue_names=["default"],
            interval=1,
            batch=batch,
            backend_name="default",
            startup_delay=False,
            max_tasks=JOBS,
            worker_id=f"{machine}:{os.getpid()}",
            excluded_queue_names=[],
        )
        # It would say of every stop that it stops.
        logging.getLogger("django_tasks_db").setLevel(logging.ERROR)
        worker.configure_signals()
        if not batch:
            run_clock()
        worker.run()


def take_up_lost_jobs(machine: str) -> int:
    """Put back what a worker that was killed had begun, and return how many: all jobs do no harm when done twice.

    Of this machine: those whose worker lives no more; of other machines: those that ran for too long.
    """
    lost = []
    for job in DBTaskResult.objects.running().only("pk", "worker_ids", "started_at"):
        host, _, process = str(job.worker_ids[-1] if job.worker_ids else "").rpartition(":")
        gone = host == machine and not is_alive(process)
        if gone or job.started_at is None or job.started_at < timezone.now() - LOST_AFTER:
            lost.append(job.pk)
    return DBTaskResult.objects.running().filter(pk__in=lost).update(status=TaskResultStatus.READY, started_at=None)


def is_alive(process: str) -> bool:
    """True for the id of a process of this machine; this one itself is not meant, it has only just begun."""
    if not process.isdigit() or int(process) == os.getpid():
        return False
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
