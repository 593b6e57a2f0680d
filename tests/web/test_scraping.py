"""/metrics: who may read it, what it tells, and that nobody's input becomes a label."""

import re
from datetime import timedelta

import pytest
import time_machine
from django.contrib.sessions.models import Session
from django.db import OperationalError
from django.test import Client

from registry.capacity import OverCapacity, gate
from registry.events.checkpoints import make_checkpoint
from registry.monitoring import instruments
from tests.api.signing import SignedCall
from tests.factories import make_group, make_key, make_user

pytestmark = pytest.mark.django_db

TOKEN = "only-for-tests-0123456789"
BEARER = {"authorization": f"Bearer {TOKEN}"}


@pytest.fixture
def counting(settings):
    settings.REGISTRY_METRICS_TOKEN = TOKEN
    instruments.disable()
    yield instruments.enable()
    instruments.disable()


def values(client: Client) -> dict[str, float]:
    answer = client.get("/metrics", headers=BEARER)
    assert answer.status_code == 200
    assert answer["Content-Type"].startswith("text/plain; version=0.0.4")
    found = {}
    for line in answer.content.decode().splitlines():
        if not line.startswith("#"):
            name, _, value = line.rpartition(" ")
            found[name] = float(value)
    return found


def test_without_a_token_there_is_no_such_address(client, settings):
    assert settings.REGISTRY_METRICS_TOKEN == ""
    for headers in ({}, BEARER, {"authorization": "Bearer "}):
        answer = client.get("/metrics", headers=headers)
        assert answer.status_code == 404
        assert b"There is no such page" in answer.content


@pytest.mark.parametrize(
    "sent",
    [
        "",
        "Bearer",
        "Bearer ",
        f"Bearer {TOKEN}x",
        f"bearer {TOKEN}",
        TOKEN,
        f"Basic {TOKEN}",
        "Bearer \xe9\xfc",
        "Bearer \x00",
    ],
)
def test_a_wrong_token_is_refused_and_told_nothing(client, counting, sent):
    answer = client.get("/metrics", headers={"authorization": sent} if sent else {})
    assert (answer.status_code, answer.content) == (401, b"a bearer token is needed\n")
    assert answer["WWW-Authenticate"].startswith("Bearer")


def test_a_session_or_a_key_is_no_token_and_a_token_no_session(counting):
    admin = Client()
    admin.force_login(make_user("admin"))
    assert admin.get("/metrics").status_code == 401
    scraper, sessions = Client(headers=BEARER), Session.objects.count()
    answer = scraper.get("/metrics")
    assert answer.status_code == 200 and answer["Cache-Control"] == "no-store"
    assert not answer.cookies and Session.objects.count() == sessions
    assert scraper.get("/groups/").status_code == 302
    assert scraper.post("/metrics").status_code == 405
    assert TOKEN.encode() not in answer.content


def test_what_happened_is_counted(client, counting, settings):
    rosa = make_user("contributor", username="rosa")
    make_group("fraud")
    client.force_login(rosa)
    client.get("/groups/")
    client.get("/groups/us-east-1/fraud/")
    client.post("/groups/new/", {"name": "!"})
    key = make_key(rosa)
    SignedCall(key=(key[0].key_id, key[1])).send()
    SignedCall(key=(key[0].key_id, "x" * 40)).send()
    Client().post("/login/", {"login": "rosa", "password": "wrong"})
    with pytest.raises(OverCapacity):
        fill(gate)
    found = values(client)
    assert found['registry_requests_total{method="GET",route="group-list",status="2xx"}'] == 1
    assert found['registry_requests_total{method="GET",route="group-detail",status="2xx"}'] == 1
    assert found['registry_requests_total{method="POST",route="group-create",status="4xx"}'] == 1
    assert found['registry_request_seconds_count{route="sagemaker"}'] == 2
    assert found['registry_calls_total{error="",operation="ListModelPackageGroups"}'] == 1
    assert found['registry_calls_total{error="InvalidSignatureException",operation="ListModelPackageGroups"}'] == 1
    assert found['registry_sign_ins_total{result="failed"}'] == 1
    assert found['registry_requests_shed_total{reason="working"}'] == 1
    assert found['registry_requests_in_flight{state="working"}'] == 0
    assert found["registry_events_total"] > 0
    if settings.TEST_DB == "postgresql":
        assert found['registry_database_pool{state="open"}'] >= 1
        assert found['registry_database_pool{state="waiting"}'] == 0
    assert found["registry_database_up"] == 1
    assert found['registry_jobs{state="waiting"}'] == 0
    assert any(name.startswith('registry_build_info{database="') for name in found)
    assert sum(value for name, value in found.items() if name.startswith("registry_process_memory_bytes")) > 10**7


def fill(full) -> None:
    with full.admit():
        fill(full)


def test_no_label_holds_what_somebody_sent(client, counting):
    client.force_login(make_user("admin", username="sneaky-name"))
    for path in ("/sneaky-path/", "/groups/us-east-1/sneaky-group/", "/static/sneaky.css", "/admin/sneaky/"):
        client.get(path)
    client.generic("SNEAKY", "/groups/")
    Client().post("/login/", {"login": "sneaky-login", "password": "x"})
    client.post("/", "{}", content_type="application/json", headers={"x-amz-target": "SageMaker.SneakyOperation"})
    client.post("/api/checks/", '{"Name": "sneaky"}', content_type="application/json")
    answer = client.get("/metrics", headers=BEARER).content.decode()
    assert "neaky" not in answer.replace("SNEAKY", "sneaky").lower()
    assert 'registry_requests_total{method="GET",route="none",status="4xx"}' in answer
    assert 'registry_requests_total{method="other",route="group-list",status="4xx"}' in answer
    assert 'operation="unknown"' in answer
    labels = set(re.findall(r'(\w+)="', answer))
    assert labels == {
        "method", "route", "status", "le", "reason", "result", "state", "operation", "error", "kind",
        "version", "python", "django", "database", "sqlite",
    }  # fmt: skip


def test_without_the_database_the_rest_is_told(client, counting, monkeypatch):
    def away() -> None:
        raise OperationalError("gone")
        yield

    monkeypatch.setattr("registry.web.scraping.of_the_database", away)
    found = values(client)
    assert found["registry_database_up"] == 0
    assert "registry_events_total" not in found
    assert any(name.startswith("registry_process_cpu_seconds_total") for name in found)


def test_the_age_of_the_newest_checkpoint_is_told(client, counting):
    assert "registry_checkpoint_age_seconds" not in values(client)
    make_group("fraud")
    made = make_checkpoint()
    assert made is not None
    with time_machine.travel(made.at + timedelta(hours=3), tick=False):
        assert values(client)["registry_checkpoint_age_seconds"] == pytest.approx(3 * 3600, abs=1)


def test_scraping_reads_little(client, counting, django_assert_max_num_queries):
    with django_assert_max_num_queries(7):
        values(client)
