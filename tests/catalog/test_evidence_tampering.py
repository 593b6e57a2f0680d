"""Whoever changes a file of evidence is found out: every value, every byte, with and without the key to sign anew."""

import copy
import json
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from registry.catalog.evidence_checks import verify
from registry.catalog.evidence_files import Damaged, read, write
from registry.events.checkpoint_keys import private_key, public_key
from registry.events.proofs import Statement, key_name, public_bytes, sign

from .evidence_worlds import eventful_version, evidence_text

SLOW = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module")
def text(django_db_setup, django_db_blocker):
    """One file for all tests here; what made it is taken back, since a file needs no database."""
    from django.db import transaction

    with django_db_blocker.unblock(), transaction.atomic():
        made = evidence_text(eventful_version())
        transaction.set_rollback(True)
    return made


def refused(text, *keys):
    with pytest.raises(Damaged) as caught:
        verify(text, keys)
    return str(caught.value)


def test_the_file_itself_holds(text):
    found = verify(text, [public_key()])
    assert found.holds and found.unproved


def places(value, path=()):
    """The path of each value of a document that is no object or list."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from places(inner, (*path, name))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from places(inner, (*path, number))
    else:
        yield path


def changed(document, path, value):
    made = copy.deepcopy(document)
    holder = made
    for name in path[:-1]:
        holder = holder[name]
    holder[path[-1]] = value
    return made


def other_than(value):
    if isinstance(value, bool) or value is None:
        return 7
    if isinstance(value, int | float):
        return value + 1 if abs(value) < 1e15 else value * 2
    return f"{value}0" if not value or value[-1] != "0" else f"{value[:-1]}1"


def test_every_changed_value_is_found(text):
    document = json.loads(text)
    missed = []
    for path in places(document):
        held = document
        for name in path:
            held = held[name]
        try:
            verify(json.dumps(changed(document, path, other_than(held))), [public_key()])
        except Damaged:
            continue
        missed.append(path)
    assert not missed


def test_every_member_that_is_gone_is_found(text):
    document = json.loads(text)

    def holders(value, path=()):
        if isinstance(value, dict | list):
            if path and value:
                yield path
            items = value.items() if isinstance(value, dict) else enumerate(value)
            for name, inner in items:
                yield from holders(inner, (*path, name))

    missed = []
    for path in [*((name,) for name in document), *holders(document)]:
        made = copy.deepcopy(document)
        holder = made
        for name in path[:-1]:
            holder = holder[name]
        del holder[path[-1]]
        try:
            verify(json.dumps(made), [public_key()])
        except Damaged:
            continue
        missed.append(path)
    assert not missed


@given(data=st.data())
@SLOW
def test_any_flipped_bit_is_found_or_means_nothing(text, data):
    raw = bytearray(text.encode())
    place = data.draw(st.integers(0, len(raw) - 1))
    raw[place] ^= 1 << data.draw(st.integers(0, 7))
    try:
        bent = raw.decode()
    except UnicodeDecodeError:
        return  # the command says that it is not UTF-8
    try:
        verify(bent, [public_key()])
    except Damaged:
        return
    assert json.loads(bent) == json.loads(text)


@given(data=st.data())
@SLOW
def test_any_piece_that_is_cut_out_is_found(text, data):
    start = data.draw(st.integers(0, len(text) - 2))
    end = data.draw(st.integers(start + 1, min(len(text), start + 300)))
    bent = text[:start] + text[end:]
    try:
        verify(bent, [public_key()])
    except Damaged:
        return
    assert json.loads(bent) == json.loads(text)


# ---------- by somebody who signs the file anew ----------


def signed_anew(document, key=None):
    """The document under a signature that fits: with the registry's own key, as somebody has it who broke in."""
    key = key or private_key()
    return write(document | {"key": key_name(public_bytes(key))}, key)


SAID = [
    (("version", "metadata", "new"), "2"),
    (("version", "metrics", 0, "value"), 0.99),
    (("version", "members", "SourceUri"), "https://git.example.com/ml/other"),
    (("version", "members", "InferenceSpecification", "Containers", 0, "ModelDataUrl"), "s3://models/else.tar.gz"),
    (("version", "registered", "by"), "somebody-else"),
    (("version", "registered", "at"), "2026-01-01T00:00:00.000000Z"),
    (("version", "stage", "Stage"), "Staging"),
    (("version", "decision", "comment"), "All rules were met."),
    (("version", "decision", "overridden"), False),
    (("version", "content"), "0" * 64),
    (("version", "number"), 3),
    (("version", "tags", 0, "Value"), "none"),
    (("decisions", 0, "comment"), "Perfect."),
    (("decisions", 0, "by"), "nobody"),
    (("decisions", 1, "overridden"), False),
    (("decisions", 1, "rules"), {}),
    (("rules", "then", "words"), []),
    (("rules", "now", "rules"), {}),
    (("checks", "now", 0, "state"), "success"),
    (("checks", "then", 0, "state"), "success"),
    (("registry",), "111111111111"),
    (("chain",), 99),
]


@pytest.mark.parametrize(
    ("path", "value"), SAID, ids=lambda value: ".".join(map(str, value)) if isinstance(value, tuple) else ""
)
def test_what_events_contradict_is_found_in_a_signed_file(text, path, value):
    document = changed(json.loads(text), path, value)
    assert "signature" not in refused(signed_anew(document), public_key())


def test_a_decision_that_is_left_out_is_found(text):
    document = json.loads(text)
    document["decisions"].pop()
    assert "decision" in refused(signed_anew(document), public_key())


def test_an_event_of_another_text_is_found(text):
    document = json.loads(text)
    for number in range(len(document["events"])):
        bent = copy.deepcopy(document)
        event = bent["events"][number]
        event["content"] = event["content"].replace('"door":"browser"', '"door":"admin"')
        assert "changed" in refused(signed_anew(bent), public_key())


def test_events_chained_anew_lead_to_no_signed_root(text):
    """Contents, links and digests all fit each other; only what the checkpoint signed does not."""
    from hashlib import sha256

    document = json.loads(text)
    stretch = document["stretches"][-1]
    digest, by_position = bytes.fromhex(stretch["previous"]), {e["position"]: e for e in document["events"]}
    for number, link in enumerate(stretch["links"]):
        position = stretch["first"] + number
        if position in by_position:
            event = by_position[position]
            event["content"] = event["content"].replace("Known artifact", "Known, really")
            link = stretch["links"][number] = sha256(event["content"].encode()).hexdigest()
            event["previous"] = digest.hex()
        digest = sha256(digest + bytes.fromhex(link)).digest()
        if position in by_position:
            by_position[position]["digest"] = digest.hex()
    assert "do not lead to what checkpoint" in refused(signed_anew(document), public_key())


def test_a_checkpoint_of_somebody_else_is_found(text):
    document, key = json.loads(text), Ed25519PrivateKey.generate()
    public = public_bytes(key)
    document["keys"].append({"name": key_name(public), "public": public.hex()})
    kept = document["checkpoints"][-1]
    statement = Statement.of_text(kept["statement"])
    forged = Statement(**{**vars(statement), "key": key_name(public), "at": "2026-01-01T00:00:00.000000Z"})
    kept["statement"], kept["signature"] = forged.text(), sign(key, forged.text()).hex()
    words = refused(signed_anew(document), public_key())
    assert key_name(public) in words and "not the public key that was given" in words
    # Without a key from elsewhere a forger's file is consistent with itself, and that is all that is said of it.
    for one in document["checkpoints"]:
        other = Statement.of_text(one["statement"])
        again = Statement(**{**vars(other), "key": key_name(public)})
        one["statement"], one["signature"] = again.text(), sign(key, again.text()).hex()
    found = verify(signed_anew(document, key))
    assert found.unproved[0].startswith("Whose key it is") and not any("was given" in line for line in found.holds)
    refused(signed_anew(document, key), public_key())


@pytest.mark.parametrize("member", ["root", "chains", "events", "previous", "waypoints", "waypoint_root", "number"])
def test_a_statement_of_other_words_is_found(text, member):
    document = json.loads(text)
    kept = document["checkpoints"][-1]
    statement = Statement.of_text(kept["statement"])
    held = getattr(statement, member)
    bent = Statement(**{**vars(statement), member: bytes(32) if isinstance(held, bytes) else held + 1})
    kept["statement"] = bent.text()
    refused(signed_anew(document), public_key())


# ---------- what is no such file ----------


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "null",
        "7",
        '"x"',
        "{}",
        '{"format": "model-registry evidence 2", "signature": ""}',
        '{"format": "model-registry evidence 1"}',
        '{"format": "model-registry evidence 1", "signature": 7}',
        '{"format": "model-registry evidence 1", "signature": ""}',
        '{"format": "model-registry evidence 1", "signature": "", "version": null, "keys": 3}',
        "[" * 100_000,
        '{"a": NaN}',
        '{"a": ' + "9" * 5000 + "}",
    ],
    ids=range(15),
)
def test_what_is_no_evidence_is_refused_in_one_sentence(content):
    words = refused(content)
    assert words.endswith(".") and "\n" not in words and len(words) < 400


def test_a_name_twice_is_refused(text):
    twice = text.replace('"format":', '"format": "model-registry evidence 1", "format":', 1)
    assert "twice" in refused(twice)


def test_other_white_space_means_nothing(text):
    document = json.loads(text)
    for written in (json.dumps(document), json.dumps(document, indent=4, ensure_ascii=False)):
        assert verify(written, [public_key()]).holds


def test_the_same_number_in_other_digits_is_found(text):
    assert '"value": 0.94,' in text
    refused(text.replace('"value": 0.94,', '"value": 0.940,'), public_key())


def test_read_and_write_agree_on_what_is_signed():
    key = private_key()
    document = {"format": "model-registry evidence 1", "key": key_name(public_key()), "é": [1, 1.0, 1e300, None, True]}
    document["made"] = datetime(2026, 1, 1, tzinfo=UTC).isoformat()
    written = write(dict(document), key)
    again, signed = read(written)
    assert {name: value for name, value in again.items() if name != "signature"} == document
    assert sign(key, signed).hex() == again["signature"]
