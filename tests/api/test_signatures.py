"""Signatures at the wire door: what a good one is, each way in which one is bad, and how many bad ones there may be."""

from __future__ import annotations

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.db import connection, connections
from django.test import Client
from django.test.utils import CaptureQueriesContext

from registry.accounts import access_keys, secrets, services
from registry.accounts.models import AccessKey, BadSignatures, User
from registry.accounts.permissions import Actor
from registry.api import throttle
from registry.catalog.models import ModelPackageGroup
from registry.events.models import Event
from tests.factories import make_user

from .signing import SIGNED, SignedCall, code_of

pytestmark = pytest.mark.django_db

SYSTEM = Actor.system("test")
INVALID, UNKNOWN = "InvalidSignatureException", "UnrecognizedClientException"
INCOMPLETE = "IncompleteSignatureException"
EMPTY = hashlib.sha256(b"").hexdigest()


@pytest.fixture
def key(key_for):
    return key_for("contributor")


def the_key():
    return AccessKey.objects.get(name="pipeline")


def creating(name="fraud"):
    return {"operation": "CreateModelPackageGroup", "body": json.dumps({"ModelPackageGroupName": name}).encode()}


# ---------- good ones ----------


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"region": "eu-central-1"},
        {"region": "on-premises-1"},
        {"headers": {"content-type": "application/x-amz-json-1.1; charset=utf-8"}},
        {"body": b""},
        {"signed": ("host", "x-amz-date", "x-amz-target")},
        {"signed": ("host", "x-amz-target")},
        {"headers": {"x-amz-content-sha256": hashlib.sha256(b"{}").hexdigest()}},
        {"headers": {"user-agent": "a  b\tc"}, "signed": (*SIGNED[:2], "user-agent", *SIGNED[2:])},
        {"query": "a=1&b=2"},
    ],
    ids=str,
)
def test_a_good_signature_is_taken(key, values):
    assert code_of(key=key, **values) == ""


@pytest.mark.parametrize("minutes", [-14, 14])
def test_a_clock_may_be_a_quarter_of_an_hour_off(key, minutes):
    assert code_of(key=key, at=datetime.now(UTC) + timedelta(minutes=minutes)) == ""


def test_two_equal_calls_in_one_second_are_both_done(key):
    call = SignedCall(key=key, at=datetime.now(UTC), **creating())
    assert call.send()[1] == ""
    status, code, answer = call.send()
    assert (status, code) == (400, "ValidationException") and "already exists" in answer["message"]


def test_a_session_token_is_not_needed_and_changes_nothing_but_must_be_as_signed(key):
    signed = (*SIGNED[:3], "x-amz-security-token", SIGNED[3])
    token = {"headers": {"x-amz-security-token": "left-over-from-elsewhere"}, "signed": signed}
    assert code_of(key=key, **token) == ""
    assert code_of(key=key, **token, changed={"x-amz-security-token": "other"}) == INVALID


def test_the_use_of_a_key_is_noted_with_its_client_at_most_once_a_minute(key):
    start = datetime.now(UTC)
    for seconds, agent in ((0, "Boto3/1.44"), (30, "aws-cli/2"), (90, "Terraform")):
        with time_machine.travel(start + timedelta(seconds=seconds), tick=False):
            code_of(key=key, headers={"user-agent": agent})
            noted = the_key()
            assert noted.last_used_by == {0: "Boto3/1.44", 30: "Boto3/1.44", 90: "Terraform"}[seconds]
            assert noted.last_used_at == start + timedelta(seconds=seconds if seconds != 30 else 0)


def test_a_bad_signature_is_no_use_of_the_key(key):
    code_of(key=(key[0], "wrong"))
    assert the_key().last_used_at is None


def test_a_good_call_costs_nothing_for_the_count(key):
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert code_of(key=key) == ""
    assert not [q for q in queries.captured_queries if BadSignatures._meta.db_table in q["sql"]]


# ---------- bad ones: which, with which code and status ----------

MANY = "&".join(f"f{n}=1" for n in range(3000))
BAD = {
    "unknown key": ({"key": ("AKIAAAAAAAAAAAAAAAAA", "x" * 40)}, UNKNOWN, 403),
    "wrong secret": ({"secret": "x" * 40}, INVALID, 403),
    "body changed": ({"sent": b'{"MaxResults": 5}'}, INVALID, 403),
    "body left out": ({"sent": b""}, INVALID, 403),
    "header changed": ({"changed": {"x-amz-target": "SageMaker.ListModelPackages"}}, INVALID, 403),
    "host changed": ({"changed": {"host": "elsewhere.test"}}, INVALID, 403),
    "host not signed": ({"signed": ("x-amz-date", "x-amz-target")}, INVALID, 403),
    "target not signed": ({"signed": ("content-type", "host", "x-amz-date")}, INVALID, 403),
    "signed header left out": ({"changed": {"x-amz-date": None}}, INCOMPLETE, 400),
    "other date than signed": ({"changed": {"x-amz-date": f"{datetime.now(UTC):%Y%m%dT}000000Z"}}, INVALID, 403),
    "date is no date": ({"changed": {"x-amz-date": "today"}}, INCOMPLETE, 400),
    "clock behind": ({"minutes": -16}, INVALID, 403),
    "clock ahead": ({"minutes": 16}, INVALID, 403),
    "other service": ({"service": "s3"}, INVALID, 403),
    "short region": ({"region": "local"}, INVALID, 403),
    "long region": ({"region": "a" * 17}, INVALID, 403),
    "scope of another day": ({"date": "20200101"}, INVALID, 403),
    "sha256 of something else": ({"headers": {"x-amz-content-sha256": EMPTY}}, INVALID, 403),
    "unsigned payload": (
        {"headers": {"x-amz-content-sha256": "UNSIGNED-PAYLOAD"}, "payload_hash": "UNSIGNED-PAYLOAD"}, INVALID, 403
    ),
    "sha256 of the sender's choice, signed": (
        {"headers": {"x-amz-content-sha256": EMPTY}, "payload_hash": EMPTY, "sent": b'{"MaxResults": 5}'}, INVALID, 403
    ),
    "sha256 beyond ASCII": ({"changed": {"x-amz-content-sha256": "é"}}, INVALID, 403),
    "no signature": ({"changed": {"authorization": None}}, "MissingAuthenticationTokenException", 403),
    "other scheme": ({"changed": {"authorization": "Bearer abc"}}, INCOMPLETE, 400),
    "not of its form": ({"changed": {"authorization": "AWS4-HMAC-SHA256 Credential=x"}}, INCOMPLETE, 400),
    "presigned": ({"query": f"X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature={'0' * 64}"}, INCOMPLETE, 400),
    "query of thousands": ({"query": MANY, "secret": "x" * 40}, INVALID, 403),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_a_bad_signature_is_refused(key, case):
    given, code, status = BAD[case]
    values = {"key": key, **creating(), **given}
    if secret := values.pop("secret", ""):
        values["key"] = (key[0], secret)
    if minutes := values.pop("minutes", 0):
        values["at"] = datetime.now(UTC) + timedelta(minutes=minutes)
    got, found, answer = SignedCall(**values).send()
    assert (got, found) == (status, code), answer
    assert "Traceback" not in answer["message"] and key[1] not in answer["message"]
    assert not ModelPackageGroup.objects.exists()
    assert BadSignatures.objects.get().count == 1


@pytest.mark.parametrize(
    ("case", "words"),
    [
        ("scope of another day", "Date in Credential scope does not match"),
        ("other service", "correct service: 'sagemaker'"),
        ("short region", "valid region"),
        ("clock behind", "Signature expired"),
        ("clock ahead", "Signature not yet current"),
        ("target not signed", "must be signed: x-amz-target"),
        ("wrong secret", "does not match the signature you provided"),
    ],
)
def test_the_message_tells_what_to_mend(key, case, words):
    given, _, _ = BAD[case]
    values = {"key": (key[0], given["secret"]) if "secret" in given else key}
    if "minutes" in given:
        values["at"] = datetime.now(UTC) + timedelta(minutes=given["minutes"])
    values |= {name: value for name, value in given.items() if name not in ("secret", "minutes")}
    assert words in SignedCall(**values).send()[2]["message"]


def test_each_wrong_bit_of_a_signature_is_noticed(key):
    call = SignedCall(key=key, at=datetime.now(UTC))
    good = call.authorization(call.all_headers())
    for place in (-1, -20, -64):
        digit = good[place]
        bad = good[:place] + ("0" if digit != "0" else "1") + (good[place + 1 :] if place != -1 else "")
        assert code_of(key=key, at=call.at, changed={"authorization": bad}) == INVALID


# ---------- keys that are good no longer ----------


def test_a_key_that_is_off_signs_nothing_until_it_is_on_again(key):
    access_keys.set_access_key_active(actor=SYSTEM, key=the_key(), active=False)
    assert code_of(key=key) == UNKNOWN
    access_keys.set_access_key_active(actor=SYSTEM, key=the_key(), active=True)
    assert code_of(key=key) == ""


def test_a_key_ends_at_its_moment(key_for):
    end = datetime.now(UTC) + timedelta(days=90)
    key = key_for("viewer", expires_at=end)
    with time_machine.travel(end - timedelta(seconds=2), tick=False):
        assert code_of(key=key) == ""
    with time_machine.travel(end, tick=False):
        assert code_of(key=key) == UNKNOWN


def test_a_deleted_and_a_rotated_key_sign_nothing(key):
    fresh, secret = access_keys.rotate_access_key(actor=SYSTEM, key=the_key())
    assert code_of(key=key) == UNKNOWN
    assert code_of(key=(fresh.key_id, key[1])) == INVALID
    assert code_of(key=(fresh.key_id, secret)) == ""
    access_keys.delete_access_key(actor=SYSTEM, key=fresh)
    assert code_of(key=(fresh.key_id, secret)) == UNKNOWN


def test_keys_of_an_inactive_user_sign_nothing(key):
    user = the_key().user
    services.set_active(actor=SYSTEM, user=user, active=False)
    assert code_of(key=key) == UNKNOWN
    services.set_active(actor=SYSTEM, user=user, active=True)
    assert code_of(key=key) == ""


def test_keys_of_a_service_account_sign():
    user = services.create_service_account(actor=SYSTEM, username="ci", role="contributor")
    key, secret = access_keys.create_access_key(actor=SYSTEM, user=user, name="ci")
    assert code_of(key=(key.key_id, secret), **creating()) == ""
    event = Event.objects.get(kind="model_package_group.created")
    assert (event.actor_name, event.access_key, event.door) == ("ci", "ci", "sagemaker")


def test_a_key_may_do_less_than_its_user(key_for):
    assert code_of(key=key_for("admin", key_role="viewer"), **creating()) == "AccessDeniedException"
    assert code_of(key=key_for("admin", key_role="contributor"), **creating()) == ""


def test_a_change_of_role_counts_at_the_next_call(key):
    user = the_key().user
    assert code_of(key=key, **creating("one")) == ""
    services.set_role(actor=SYSTEM, user=user, role="viewer")
    assert code_of(key=key, **creating("two")) == "AccessDeniedException"
    services.set_role(actor=SYSTEM, user=user, role="contributor")
    assert code_of(key=key, **creating("two")) == ""


def test_a_narrowed_key_never_outgrows_its_user(key_for):
    key = key_for("admin", key_role="contributor")
    make_user("admin", username="keeper")
    services.set_role(actor=SYSTEM, user=the_key().user, role="viewer")
    assert code_of(key=key, **creating()) == "AccessDeniedException"


def test_a_user_without_a_role_is_known_but_may_nothing(key):
    the_key().user.groups.clear()
    assert code_of(key=key) == "AccessDeniedException"


# ---------- REGISTRY_SECRET_KEY ----------

OLD, NEW, OTHER = "old-" + "o" * 40, "new-" + "n" * 40, "other-" + "x" * 40


def test_a_key_outlives_the_secret_key_that_encrypted_it(settings, key_for):
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = OLD, []
    key = key_for("viewer")
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = NEW, [OLD]
    assert code_of(key=key) == ""
    assert access_keys.reencrypt_secrets() == []
    settings.SECRET_KEY_FALLBACKS = []
    assert code_of(key=key) == ""
    assert access_keys.reencrypt_secrets() == []


def test_a_key_under_a_lost_secret_key_is_refused_and_named(settings, key_for):
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = OLD, []
    key = key_for("viewer")
    before = the_key().encrypted_secret
    settings.SECRET_KEY = OTHER
    assert code_of(key=key) == UNKNOWN
    assert [lost.name for lost in access_keys.reencrypt_secrets()] == ["pipeline"]
    assert the_key().encrypted_secret == before
    settings.SECRET_KEY_FALLBACKS = [OLD]
    assert code_of(key=key) == ""


def test_reencryption_writes_only_what_is_not_there_yet(settings, key, django_assert_num_queries):
    before = the_key().encrypted_secret
    with django_assert_num_queries(1):
        access_keys.reencrypt_secrets()
    assert the_key().encrypted_secret == before


def test_reencryption_does_not_bring_back_a_secret_that_was_rotated_meanwhile(settings, key, monkeypatch):
    def rotate(text):
        fresh = real(text)
        made.append(access_keys.rotate_access_key(actor=SYSTEM, key=the_key()))
        return fresh

    made, real = [], secrets.rotate
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = NEW, [settings.SECRET_KEY]
    monkeypatch.setattr(secrets, "rotate", rotate)
    access_keys.reencrypt_secrets()
    rotated, secret = made[0]
    assert code_of(key=(rotated.key_id, secret)) == ""


# ---------- how many ----------


def wrong(key, address="127.0.0.1"):
    return code_of(key=(key[0], "wrong"), address=address)


def test_two_hundred_bad_signatures_a_minute_and_no_more(key):
    start = datetime.now(UTC)
    with time_machine.travel(start, tick=False):
        assert {wrong(key) for _ in range(200)} == {INVALID}
        assert wrong(key) == "ThrottlingException"
        assert wrong(("AKIAAAAAAAAAAAAAAAAA", "")) == "ThrottlingException"
        assert code_of(key=key, changed={"authorization": None}) == "ThrottlingException"
        # Others are not kept waiting, nor is who signs well from there.
        assert wrong(key, "192.0.2.7") == INVALID
        assert code_of(key=key) == ""
    with time_machine.travel(start + timedelta(seconds=59), tick=False):
        assert wrong(key) == "ThrottlingException"
    with time_machine.travel(start + timedelta(seconds=61), tick=False):
        assert wrong(key) == INVALID
        assert BadSignatures.objects.get(address="127.0.0.1").count == 1


def test_the_refusal_is_one_that_clients_wait_and_try_again_for(key, monkeypatch):
    monkeypatch.setattr(throttle, "BAD_SIGNATURES_A_MINUTE", 1)
    wrong(key)
    assert SignedCall(key=(key[0], "wrong")).send() == (
        400, "ThrottlingException", {"__type": "ThrottlingException", "message": "Rate exceeded"}
    )  # fmt: skip


def test_an_ipv6_network_counts_as_one_and_a_mapped_address_as_itself(key, monkeypatch):
    monkeypatch.setattr(throttle, "BAD_SIGNATURES_A_MINUTE", 2)
    assert [wrong(key, f"2001:db8:1:2::{n}") for n in (1, 2, 3)] == [INVALID, INVALID, "ThrottlingException"]
    assert wrong(key, "2001:db8:1:3::1") == INVALID
    assert [wrong(key, a) for a in ("::ffff:192.0.2.1", "192.0.2.1", "192.0.2.1")][2] == "ThrottlingException"


def test_addresses_that_went_away_are_swept(key):
    with time_machine.travel(datetime.now(UTC) - timedelta(hours=1)):
        wrong(key, "192.0.2.1")
        wrong(key, "192.0.2.2")
    wrong(key, "192.0.2.3")
    assert list(BadSignatures.objects.values_list("address", flat=True)) == ["192.0.2.3"]


def test_a_refused_call_writes_nothing(key, monkeypatch):
    monkeypatch.setattr(throttle, "BAD_SIGNATURES_A_MINUTE", 1)
    wrong(key)
    before = list(BadSignatures.objects.values())
    wrong(key)
    assert list(BadSignatures.objects.values()) == before


@pytest.mark.django_db(transaction=True)
def test_of_many_at_once_just_as_many_are_told_as_may(key_for, monkeypatch):
    monkeypatch.setattr(throttle, "BAD_SIGNATURES_A_MINUTE", 20)
    key = key_for("viewer")

    def one(_):
        try:
            return wrong(key)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as pool:
        codes = list(pool.map(one, range(48)))
    assert (codes.count(INVALID), codes.count("ThrottlingException")) == (20, 28)


# ---------- the browser's door is another ----------


def test_a_signature_opens_no_page_and_a_session_signs_no_call(key):
    call = SignedCall(key=key)
    headers = call.all_headers()
    page = Client().get("/groups/", headers=headers | {"authorization": call.authorization(headers)})
    assert page.status_code == 302 and page["Location"].startswith("/login/")
    client = Client()
    client.force_login(User.objects.get(pk=the_key().user_id))
    answer = client.post(
        "/", b"{}", content_type="application/x-amz-json-1.1", headers={"x-amz-target": headers["x-amz-target"]}
    )
    assert json.loads(answer.content)["__type"] == "MissingAuthenticationTokenException"
