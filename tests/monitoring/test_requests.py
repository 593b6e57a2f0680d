"""The line and the id of a request, at every door."""

import json
import logging
import re
import time

import pytest
from django.http import HttpResponse, StreamingHttpResponse
from django.test import Client, RequestFactory

from registry.accounts.models import AccessKey
from registry.monitoring import instruments, logs
from registry.monitoring.requests import HEADER, RequestMiddleware
from tests.api.signing import SignedCall
from tests.factories import make_key, make_user

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Lines(logging.Handler):
    """What the log would say, as JSON."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(logs.JsonFormatter())
        self.told: list[dict] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.told.append(json.loads(self.format(record)))


@pytest.fixture
def lines():
    handler, loggers = Lines(), [logging.getLogger("registry.access"), logging.getLogger("registry")]
    level = loggers[0].level
    loggers[0].setLevel(logging.INFO)
    loggers[1].addHandler(handler)
    yield handler.told
    loggers[0].setLevel(level)
    loggers[1].removeHandler(handler)


@pytest.mark.django_db
def test_a_page_leaves_one_line_with_who_and_what_and_no_query(client, lines):
    rosa = make_user("viewer", username="rosa")
    client.force_login(rosa)
    answer = client.get("/groups/?q=tag:secret", headers={"user-agent": "x"})
    (line,) = lines
    assert line["request_id"] == answer[HEADER] and UUID.fullmatch(answer[HEADER])
    assert (line["method"], line["path"], line["route"], line["status"]) == ("GET", "/groups/", "group-list", 200)
    assert (line["user_id"], line["user"]) == (rosa.pk, "rosa")
    assert 0 < line["ms"] < 60_000
    assert "secret" not in json.dumps(line)


@pytest.mark.django_db
def test_a_call_leaves_one_line_with_key_and_operation(lines):
    key, secret = make_key(make_user("contributor", username="rosa"))
    call = SignedCall(key=(key.key_id, secret))
    assert call.send()[1] == ""
    assert SignedCall(key=(key.key_id, "x" * 40)).send()[1] == "InvalidSignatureException"
    good, bad = lines
    assert (good["route"], good["operation"], good["status"]) == ("sagemaker", "ListModelPackageGroups", 200)
    assert (good["access_key_id"], good["user"]) == (key.key_id, "rosa")
    assert (bad["error"], bad["status"]) == ("InvalidSignatureException", 403)
    assert "user" not in bad and "access_key_id" not in bad
    assert secret not in json.dumps(lines) and AccessKey.objects.get().encrypted_secret not in json.dumps(lines)


@pytest.mark.django_db
def test_no_line_for_what_machines_ask_every_second(client, lines):
    for path in ("/livez", "/readyz", "/static/registry.css"):
        assert client.get(path).status_code == 200
    assert lines == []
    assert client.get("/static/no-such-file.css").status_code == 404
    assert [line["route"] for line in lines] == ["static"]


@pytest.mark.django_db
def test_a_path_forges_no_line_and_is_no_route(client, lines):
    client.get("/a%0A2026-11-23T00:00:00.000Z%20INFO%20forged/")
    (line,) = lines
    assert line["route"] == "none" and "\n" in line["path"]


@pytest.mark.django_db
def test_an_error_is_one_line_with_its_traceback_under_the_same_id(client, lines, settings):
    settings.ROOT_URLCONF = "tests.web.test_errors"
    client.force_login(make_user("viewer"))
    client.raise_request_exception = False
    answer = client.get("/t/error/")
    assert answer.status_code == 500
    fault, access = lines
    assert fault["request_id"] == access["request_id"] == answer[HEADER]
    assert answer[HEADER] in answer.content.decode()
    assert "Secret" in fault["traceback"] and access["status"] == 500


@pytest.mark.parametrize(
    ("proxies", "sent", "taken"),
    [
        (1, "5f2b8c1e9a7d4b3c", True),
        (1, "0af7651916cd43dd8448eb211c80319c.1-a_b", True),
        (0, "5f2b8c1e9a7d4b3c", False),
        (1, "short", False),
        (1, "x" * 65, False),
        (1, "5f2b8c1e\n9a7d4b3c", False),
        (1, "<script>alert(1)</script>", False),
        (1, "５ｆ２ｂ８ｃ１ｅ９", False),
    ],
)
@pytest.mark.sqlite_only
def test_an_id_is_taken_from_our_own_proxy_alone(settings, proxies, sent, taken):
    settings.REGISTRY_TRUSTED_PROXIES = proxies
    answer = RequestMiddleware(lambda request: HttpResponse(request.request_id))(
        RequestFactory().get("/", HTTP_X_REQUEST_ID=sent)
    )
    assert (answer[HEADER] == sent) is taken
    assert answer.content.decode() == answer[HEADER]
    assert taken or UUID.fullmatch(answer[HEADER])


@pytest.mark.sqlite_only
def test_a_stream_is_over_when_its_last_line_was_sent(lines):
    def slow():
        time.sleep(0.05)
        yield b"x"

    answer = RequestMiddleware(lambda request: StreamingHttpResponse(slow()))(RequestFactory().get("/"))
    assert lines == []
    b"".join(answer)
    for close in answer._resource_closers:
        close()
    assert lines[0]["ms"] >= 50


@pytest.mark.django_db
def test_nothing_is_asked_of_the_database_for_a_line(client, lines, django_assert_num_queries):
    Client()
    with django_assert_num_queries(0):
        client.get("/nowhere/at/all.txt", headers={"cookie": ""})
    assert len(lines) == 1 and "user" not in lines[0]


@pytest.mark.sqlite_only
def test_counting_and_telling_cost_less_than_a_tenth_of_a_millisecond(lines, monkeypatch):
    handler = logging.getLogger("registry").handlers[-1]
    monkeypatch.setattr(handler, "emit", lambda record: handler.format(record))
    instruments.enable()
    try:
        middleware = RequestMiddleware(lambda request: HttpResponse())
        request = RequestFactory().get("/")
        best = 1.0
        for _ in range(5):
            began = time.process_time()
            for _ in range(200):
                middleware(request)
            best = min(best, (time.process_time() - began) / 200)
    finally:
        instruments.disable()
    assert best < 0.0003, "three times of what it takes on a slow machine"
