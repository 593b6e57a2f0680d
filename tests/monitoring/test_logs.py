"""Lines of the log: one a record, whatever is in it."""

import json
import logging
import sys

import pytest

from registry.monitoring import logs
from registry.monitoring.logs import JsonFormatter, PlainFormatter

pytestmark = pytest.mark.sqlite_only

FORGED = 'no\n2026-11-23T00:00:00.000Z INFO registry: "forged"\r\x1b[2K\x9b1A\u2028x\u202etxt\x00'


def record(text: str, *arguments: object, error: BaseException | None = None, **more: object) -> logging.LogRecord:
    found = (type(error), error, error.__traceback__) if error else None
    made = logging.LogRecord("registry.test", logging.WARNING, "f.py", 1, text, arguments, found)
    vars(made).update(more)
    return made


def raised() -> ValueError:
    try:
        raise ValueError(FORGED)
    except ValueError as error:
        return error


def test_json_line_holds_everything_in_one_value_each():
    line = JsonFormatter().format(record("said %s", FORGED, error=raised(), fields={"status": 500}))
    assert line.isascii() and line.isprintable()
    told = json.loads(line)
    assert told["message"] == f"said {FORGED}"
    assert (told["level"], told["logger"], told["status"]) == ("WARNING", "registry.test", 500)
    assert told["time"].endswith("Z") and "T" in told["time"]
    assert told["traceback"].startswith("Traceback") and "ValueError: no\n" in told["traceback"]
    assert "request_id" not in told


def test_json_line_takes_what_json_does_not_know():
    told = json.loads(JsonFormatter().format(record("x", fields={"odd": {1, 2}, "half": "\ud800"})))
    assert told["odd"] == "{1, 2}"


def test_plain_line_cannot_be_forged():
    text = PlainFormatter().format(record("said %s", FORGED, error=raised()))
    first, *rest = text.split("\n")
    assert " WARNING registry.test: said no\\n2026" in first
    assert all(line.startswith("    ") for line in rest)
    assert all(sign.isprintable() for line in text.split("\n") for sign in line)
    assert "\u202e" not in text


@pytest.mark.parametrize("formatter", [JsonFormatter(), PlainFormatter()])
def test_a_line_names_its_request(formatter):
    here = logs.request_id.set("abcdef0123")
    try:
        assert "abcdef0123" in formatter.format(record("x"))
    finally:
        logs.request_id.reset(here)
    assert "abcdef0123" not in formatter.format(record("x"))


def test_only_json_has_a_line_for_each_request():
    assert logs.django_logging(logs.JSON)["loggers"]["registry.access"]["level"] == "INFO"
    assert logs.django_logging(logs.PLAIN)["loggers"]["registry.access"]["level"] == "WARNING"


def test_say_speaks_the_language_of_the_log(monkeypatch, capsys):
    monkeypatch.setenv(logs.FORMAT_VARIABLE, logs.PLAIN)
    logs.say("Ready: here")
    assert capsys.readouterr() == ("Ready: here\n", "")
    monkeypatch.setenv(logs.FORMAT_VARIABLE, logs.JSON)
    logs.say("Ready: here", "ERROR")
    out, err = capsys.readouterr()
    assert out == ""
    assert (json.loads(err)["message"], json.loads(err)["level"]) == ("Ready: here", "ERROR")


def test_say_survives_a_closed_pipe(monkeypatch):
    class Closed:
        def write(self, text: str) -> None:
            raise BrokenPipeError

        flush = write

    monkeypatch.setattr(sys, "stdout", Closed())
    monkeypatch.setenv(logs.FORMAT_VARIABLE, logs.PLAIN)
    logs.say("x")
