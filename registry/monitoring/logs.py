"""The two forms of a log line: JSON for machines, plain for a terminal; neither can be forged by what it tells of.

Imports no Django: the supervisor and the server's master process write their lines with it too.
"""

from __future__ import annotations

import json
import logging
import os
import re
import sys
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

FORMAT_VARIABLE = "REGISTRY_LOG_FORMAT"
JSON, PLAIN = "json", "plain"
# Warnings and worse; of our own code also what it notes. The line for each request is a matter of its own.
LEVELS = {"": "WARNING", "registry": "INFO"}

# The id of the request that this thread works on.
request_id: ContextVar[str] = ContextVar("request_id", default="")

# What moves a terminal's cursor, begins a line of its own or turns the reading direction around.
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def one_line(text: str) -> str:
    """The text without any character that could begin another line or write over this one; those as escapes."""
    return _UNPRINTABLE.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)


def moment(seconds: float) -> str:
    """A time of the clock as in every line: UTC, to the millisecond."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class JsonFormatter(logging.Formatter):
    """One JSON object a line; a traceback is one value in it. JSON escapes whatever could begin another line."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": moment(record.created),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if here := request_id.get():
            line["request_id"] = here
        line.update(getattr(record, "fields", ()))
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        if record.stack_info:
            line["stack"] = record.stack_info
        return json.dumps(line, separators=(",", ":"), default=str)


class PlainFormatter(logging.Formatter):
    """`time LEVEL logger: message`; the lines of a traceback are indented, so that none can be taken for another."""

    def format(self, record: logging.LogRecord) -> str:
        lines = [f"{moment(record.created)} {record.levelname} {record.name}: {one_line(record.getMessage())}"]
        if here := request_id.get():
            lines[0] += f" [{here}]"
        if record.exc_info:
            lines += self.formatException(record.exc_info).splitlines()
        if record.stack_info:
            lines += record.stack_info.splitlines()
        return "\n    ".join(one_line(line) for line in lines)


def django_logging(kind: str) -> dict[str, Any]:
    """Django's LOGGING: one stream, standard error, in the form `kind`; a line for each request in JSON only."""
    formatter = f"{__name__}.{'JsonFormatter' if kind == JSON else 'PlainFormatter'}"
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"()": formatter}},
        # Without a handler of its own, tracebacks vanish as soon as DEBUG is off.
        "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"handlers": ["console"], "level": LEVELS[""]},
        "loggers": {
            "registry": {"level": LEVELS["registry"]},
            # A terminal shows what went wrong; who visited what would hide it.
            "registry.access": {"level": "INFO" if kind == JSON else "WARNING"},
            "django": {"handlers": [], "level": "WARNING", "propagate": True},
            # Every 404 as a warning would hide what matters; the line of its request has it.
            "django.request": {"level": "ERROR", "propagate": True},
        },
    }


def say(text: str, level: str = "INFO") -> None:
    """Write one line at once: JSON to standard error where logs are JSON, else as it is to standard output.

    For the processes around the server, which set up no logging. A closed pipe is no reason to stop serving.
    """
    try:
        if os.environ.get(FORMAT_VARIABLE) == JSON:
            record = logging.LogRecord("registry.server", logging.getLevelName(level), "", 0, text, None, None)
            print(JsonFormatter().format(record), file=sys.stderr, flush=True)
        else:
            print(text, flush=True)
    except OSError:
        pass
