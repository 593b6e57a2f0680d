"""The evidence of a version: what it says, that its events prove it, and what it costs."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from registry.catalog import services
from registry.catalog.errors import Refused, RulesNotMet
from registry.catalog.evidence_checks import verify
from registry.catalog.evidence_replay import MEMBERS
from registry.catalog.models import ModelPackage
from registry.catalog.reports import evidence
from registry.catalog.reports.evidence import read_evidence
from registry.catalog.rules import ReviewRules
from registry.catalog.services.states import WIRE_MEMBERS
from registry.configuration import PROJECT_ROOT
from registry.events import checkpoints, stretches
from registry.events.checkpoint_keys import public_key
from registry.events.checkpoints import LogContradicts, make_checkpoint
from registry.events.models import Checkpoint, Event
from tests.factories import make_group, make_package, make_user, make_version, specification
from tests.log import behind_the_triggers

from .evidence_worlds import ADMIN, CONTRIBUTOR, REVIEWER, eventful_version, evidence_text

pytestmark = pytest.mark.django_db


@pytest.fixture
def version():
    return eventful_version()


def document_of(package):
    return read_evidence(package, made_by="admin").document


def proved(package):
    """Verify the evidence of a package and return what holds as one text, and what was left open."""
    found = verify(evidence_text(package), [public_key()])
    return " ".join(found.holds), " ".join(found.unproved)


# ---------- what it says ----------


def test_it_says_all_that_is_known(version):
    document = document_of(version)
    said = document["version"]
    assert (said["group"], said["number"], said["arn"]) == ("fraud", 2, version.arn)
    assert (said["registered"]["by"], said["registered"]["door"]) == ("any-contributor", "browser")
    assert said["members"]["InferenceSpecification"] == specification(artifact="s3://models/other.tar.gz")
    assert said["metadata"] == {"metric.recall": "0.75", "note": "a b c", "new": "1"}
    assert {m["name"]: (m["value"], m["source"]) for m in said["metrics"]} == {
        "auc": (0.94, "report"),
        "f1": (2.5e20, "typed"),
        "recall": (0.75, "metadata"),
    }
    assert said["tags"] == [{"Key": "team", "Value": "risk"}, {"Key": "tier", "Value": "1"}]
    assert said["stage"] == {"Stage": "Production", "StageStatus": "Live"}
    assert said["decision"]["overridden"] and said["decision"]["approved_content"] == said["content"]
    assert document["difference"]["to"].endswith("fraud/1") and document["difference"]["because"] == "approved"
    assert {"name": "auc", "before": 0.91, "value": 0.94} in document["difference"]["metrics"]


def test_decisions_come_with_rules_and_checks_as_they_were(version):
    document = document_of(version)
    first, second = document["decisions"]
    assert (first["by"], first["comment"], first["approvals"]) == ("rolf", "rolf: fine", ["rita", "rolf"])
    assert all(finding["met"] for finding in first["findings"]) and not first["overridden"]
    assert (second["by"], second["overridden"]) == ("any-admin", True)
    assert not all(finding["met"] for finding in second["findings"])
    then, now = document["rules"]["then"], document["rules"]["now"]
    assert then["words"] == ["2 approvals by different people", "Check ci has passed"]
    assert now["words"] == ["Every decision needs a comment"] and then["position"] == second["position"]
    assert [(c["name"], c["state"], c["by"]) for c in document["checks"]["then"]] == [
        ("ci", "pending", "any-contributor")
    ]


def test_checks_that_changed_after_the_decision_are_told_twice(version):
    services.report_check(actor=CONTRIBUTOR, package=version, name="ci", state="success", summary="again")
    services.report_check(actor=CONTRIBUTOR, package=version, name="load", state="failure")
    checks = document_of(version)["checks"]
    assert [(c["name"], c["state"]) for c in checks["then"]] == [("ci", "pending")]
    assert [(c["name"], c["state"]) for c in checks["now"]] == [("ci", "success"), ("load", "failure")]
    proved(version)


def test_every_member_of_a_registration_has_its_field():
    fields = {member: field for field, member in WIRE_MEMBERS.items()}
    fields |= {"ModelPackageStatus": "status", "ModelPackageStatusDetails": "status_details"}
    assert {name: fields[name] for name in MEMBERS} == evidence._FIELDS


# ---------- that it holds ----------


def test_the_events_prove_it(version):
    holds, unproved = proved(version)
    for what in ("the registration", "metadata", "metrics", "the stage", "status and decision", "tags of the group"):
        assert what in holds
    assert "each decision with its person, time, comment and rules" in holds and "checkpoint" in holds.lower()
    assert "left out" in unproved and "Whose key it is" not in unproved
    found = verify(evidence_text(version))
    assert "Whose key it is" in found.unproved[0]


def test_events_of_others_are_links_only(version):
    make_version(version.group, description="Confidential elsewhere")
    text = evidence_text(version)
    document = json.loads(text)
    assert "Confidential elsewhere" not in text and "Finds" not in text
    own = set(Event.objects.filter(package_id=version.pk).values_list("position", flat=True))
    shown = {event["position"] for event in document["events"]}
    assert own < shown and len(shown - own) <= 4
    links = sum(len(stretch["links"]) for stretch in document["stretches"])
    assert links >= max(shown) - min(shown) + 1


def test_an_unversioned_package_has_evidence_too():
    make_user("viewer", username="somebody-private")
    package = make_package("sold-model", tags=[("a", "1")], metrics=[("auc", 0.5)])
    make_user("viewer", username="somebody-else")
    services.set_tags(actor=ADMIN, owner=package, tags=[("b", "2")])
    services.update_customer_metadata(actor=CONTRIBUTOR, package=package, put={"k": "v"})
    text = evidence_text(package)
    document = json.loads(text)
    assert document["chain"] == 0 and document["version"]["tags"] == [{"Key": "b", "Value": "2"}]
    assert "somebody" not in text
    holds, _ = proved(package)
    assert "tags" in holds


@pytest.mark.parametrize("status", [None, "PendingManualApproval", "Approved", "Rejected"])
def test_a_version_as_it_was_registered(status):
    proved(make_version(approval_status=status, model_life_cycle={"Stage": "Development", "StageStatus": "New"}))


def test_an_imported_version_says_what_its_record_does_not_prove(tmp_path):
    dump = PROJECT_ROOT / "registry" / "api" / "sagemaker" / "demo"
    call_command(
        "importdump", str(dump / "registry.jsonl"), metrics_root=[f"s3://ml-artifacts-demo={dump}"], verbosity=0
    )
    for package in ModelPackage.objects.filter(group__name="digits-classifier", version__in=(1, 17, 22, 25)):
        _, unproved = proved(package)
        assert "who registered it, when and how (by)" in unproved
    for package in ModelPackage.objects.filter(group=None):
        proved(package)
    package = ModelPackage.objects.get(group__name="digits-classifier", version=25)
    services.update_approval_status(actor=REVIEWER, package=package, approval_status="Approved", comment="Yes.")
    holds, _ = proved(package)
    assert "status and decision" in holds


def test_a_deleted_and_restored_version(version):
    services.delete_model_package(actor=ADMIN, package=version)
    with pytest.raises(ModelPackage.DoesNotExist):
        document_of(version)
    services.restore_model_package(actor=ADMIN, package=version)
    proved(version)


STEPS = st.sampled_from(
    ["approve", "reject", "wait", "undo", "stage", "put", "remove", "content", "back", "check", "measure", "words"]
)


@given(st.lists(STEPS, max_size=12), st.booleans(), st.sampled_from([None, "PendingManualApproval", "Approved"]))
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
def test_whatever_happens_the_events_prove_what_the_tables_say(steps, withdraws, status):
    group = make_group()
    if withdraws:
        services.update_review_rules(
            actor=ADMIN, group=group, rules=ReviewRules(content_withdraws_approval=True, required_metadata_keys=("k",))
        )
        status = status and "PendingManualApproval"
    version = make_version(group, approval_status=status, customer_metadata_properties={"metric.a": "1"})
    for number, step in enumerate(steps):
        try:
            take(step, version, number)
        except (Refused, RulesNotMet):
            continue
    proved(version)


def take(step, version, number):
    decide = {"approve": "Approved", "reject": "Rejected", "wait": "PendingManualApproval"}
    if step in decide:
        services.update_approval_status(
            actor=REVIEWER, package=version, approval_status=decide[step], comment=f"because {number}"
        )
    elif step == "undo":
        services.undo_decision(actor=REVIEWER, package=version)
    elif step == "stage":
        services.update_model_life_cycle(actor=REVIEWER, package=version, stage=f"S{number}", stage_status="New")
    elif step == "put":
        pairs = {"k": str(number), "metric.a": str(number / 7), "metric.b": "1e22"}
        services.update_customer_metadata(actor=CONTRIBUTOR, package=version, put=pairs)
    elif step == "remove":
        services.update_customer_metadata(actor=CONTRIBUTOR, package=version, remove=["k", "metric.a"])
    elif step in ("content", "back"):
        changed = specification(artifact=f"s3://models/{number}") if step == "content" else specification()
        changes = services.PackageChanges(inference_specification=changed)
        services.update_model_package(actor=CONTRIBUTOR, package=version, changes=changes)
    elif step == "check":
        services.report_check(actor=CONTRIBUTOR, package=version, name=f"c{number % 2}", state="success")
    elif step == "measure":
        from registry.catalog.metric_reports import ReportedMetric

        services.store_metrics(actor=ADMIN, package=version, metrics=[ReportedMetric("a", number / 3, None)])
    else:
        services.request_changes(actor=REVIEWER, package=version, comment=f"more {number}")


# ---------- what it costs ----------


def test_a_checkpoint_is_made_only_where_none_covers_the_version(version):
    document_of(version)
    made = Checkpoint.objects.count()
    document_of(version)
    make_version(version.group)
    document_of(version)
    assert Checkpoint.objects.count() == made
    services.comment_on(actor=CONTRIBUTOR, package=version, comment="One more.")
    document_of(version)
    assert Checkpoint.objects.count() == made + 1


def test_the_queries_do_not_grow_with_the_group(version, django_assert_max_num_queries):
    for _ in range(30):
        make_version(version.group)
    make_checkpoint()
    with django_assert_max_num_queries(32):
        document_of(version)


def test_a_long_chain_is_proved_in_pieces(version, monkeypatch):
    monkeypatch.setattr(checkpoints, "WAYPOINTS", 5)
    monkeypatch.setattr(stretches, "GAP", 10)
    for _ in range(60):
        make_version(version.group)
    services.comment_on(actor=CONTRIBUTOR, package=version, comment="Later.")
    for _ in range(40):
        make_version(version.group)
    document = document_of(version)
    assert len(document["stretches"]) > 1 and "waypoint" in {s["leaf"] for s in document["stretches"]}
    links = sum(len(stretch["links"]) for stretch in document["stretches"])
    assert links < Event.objects.filter(chain=document["chain"]).count() - 50
    proved(version)


def test_a_version_with_many_events_leaves_some_out_and_says_so(version, monkeypatch):
    monkeypatch.setattr(evidence, "EVENTS_MAX", 5)
    document = document_of(version)
    own = Event.objects.filter(package_id=version.pk).count()
    assert document["events_left_out"] == own - 5
    _, unproved = proved(version)
    assert "metadata" in unproved and "status" in unproved


def test_what_comes_in_between_is_read_again(version, monkeypatch):
    """Tables and events are those of one moment, whatever others do meanwhile."""
    plain, calls = evidence._checks_of, []

    def slow(package):
        calls.append(1)
        if len(calls) == 1:
            services.update_customer_metadata(actor=CONTRIBUTOR, package=package, put={"while": "read"})
        return plain(package)

    monkeypatch.setattr(evidence, "_checks_of", slow)
    assert document_of(version)["version"]["metadata"]["while"] == "read" and len(calls) == 2
    monkeypatch.setattr(evidence, "_checks_of", plain)
    proved(version)


# ---------- a log that was changed ----------


def test_no_evidence_is_made_of_a_log_that_was_changed(version):
    document_of(version)
    with behind_the_triggers():
        Event.objects.filter(package_id=version.pk, comment="rolf: fine").update(comment="rolf: never")
    with pytest.raises(LogContradicts):
        document_of(version)


def test_an_account_that_was_changed_leaves_old_checkpoints_to_be_checked(version, settings):
    make_checkpoint()
    settings.REGISTRY_ACCOUNT_ID = "123456789012"
    _, unproved = proved(version)
    assert "was signed when the account of the registry was 000000000000" in unproved


# ---------- the command ----------


def run(path: Path, *options: str) -> str:
    out = io.StringIO()
    call_command("verifyevidence", str(path), *options, stdout=out)
    return out.getvalue()


def test_the_command_says_what_holds_and_what_does_not(version, tmp_path):
    path = tmp_path / "evidence.json"
    path.write_text(evidence_text(version))
    said = run(path)
    assert said.startswith("Holds:\n") and "Not proved:\n  Whose key it is" in said
    key = tmp_path / "key.txt"
    call_command("checkpoint", "--public-key", stdout=(printed := io.StringIO()))
    key.write_text(printed.getvalue())
    for given_key in (public_key().hex(), str(key)):
        said = run(path, "--public-key", given_key)
        assert "of the public key that was given" in said and "Whose key it is" not in said
    with pytest.raises(CommandError, match="not the public key that was given") as caught:
        run(path, "--public-key", "ab" * 32)
    assert caught.value.returncode == 1
    for wrong in ("nonsense", str(tmp_path / "evidence.json")):
        with pytest.raises(CommandError, match="--public-key") as caught:
            run(path, "--public-key", wrong)
        assert caught.value.returncode == 2
    with pytest.raises(CommandError, match="cannot be read") as caught:
        run(tmp_path / "missing.json")
    assert caught.value.returncode == 2


def test_the_command_needs_no_database(version, tmp_path):
    path = tmp_path / "evidence.json"
    path.write_text(evidence_text(version))
    environ = {
        "PATH": os.environ["PATH"],
        "REGISTRY_DATA_DIR": str(tmp_path / "empty"),
        "DATABASE_URL": "postgresql://nobody:nothing@127.0.0.1:1/none",
    }
    command = [sys.executable, "manage.py", "verifyevidence", str(path), "--public-key", public_key().hex()]
    done = subprocess.run(command, cwd=PROJECT_ROOT, env=environ, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "") and done.stdout.startswith("Holds:")
    path.write_text(path.read_text().replace("rolf: fine", "rolf: fire"))
    done = subprocess.run(command, cwd=PROJECT_ROOT, env=environ, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and "does not hold" in done.stderr and not done.stdout
    # Nothing was made on the way: neither a key nor a database.
    assert {item.name for item in (tmp_path / "empty").iterdir()} <= {"secret_key"}
