"""/livez and /readyz: whether the process answers, and whether it can serve; for machines, without a sign-in."""

from __future__ import annotations

import logging
from collections.abc import Callable

from django.db import Error, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, HttpResponseBase

from registry.capacity import RETRY_AFTER

logger = logging.getLogger("registry.health")


class HealthMiddleware:
    """Answers both addresses before anything else: no host name, no session and no place in the queue is needed."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response
        self.is_migrated = False

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.path_info in ("/livez", "/readyz"):
            request.route = request.path_info[1:]  # type: ignore[attr-defined]
            return answer("" if request.path_info == "/livez" else self.fault())
        return self.get_response(request)

    def fault(self) -> str:
        """What is not ready: the database does not answer, or a migration of this code is not applied; else nothing.

        The reason goes into the log.
        """
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1")
            if not self.is_migrated:
                executor = MigrationExecutor(connection)
                # Reading all migrations takes a while; once applied they stay so for as long as this code runs.
                self.is_migrated = not executor.migration_plan(executor.loader.graph.leaf_nodes())
                if not self.is_migrated:
                    logger.warning("Not ready: there are migrations to apply.")
        except Error as error:
            logger.warning("Not ready: %s", " ".join(str(error).split()))
            return "database"
        return "" if self.is_migrated else "migrations"


def answer(fault: str) -> HttpResponse:
    """One line: which of the parts is not ready, and nothing that tells a stranger why."""
    text = f"not ready: {fault}\n" if fault else "ok\n"
    response = HttpResponse(text, content_type="text/plain; charset=utf-8")
    response["Cache-Control"] = "no-store"
    if fault:
        response.status_code = 503
        response["Retry-After"] = str(RETRY_AFTER)
        # Django would log each probe as an error of its own.
        response._has_been_logged = True  # type: ignore[attr-defined]
    return response
