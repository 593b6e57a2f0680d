"""A version to which about everything happened that can, for the tests of its evidence."""

from __future__ import annotations

from registry.accounts.permissions import Actor
from registry.catalog import services
from registry.catalog.evidence_files import write
from registry.catalog.metric_reports import ReportedMetric
from registry.catalog.models import ModelPackage
from registry.catalog.reports.evidence import read_evidence
from registry.catalog.rules import ReviewRules
from registry.events.checkpoint_keys import private_key
from registry.events.checkpoints import make_checkpoint
from tests.factories import an_actor, make_group, make_user, make_version, specification

CONTRIBUTOR, REVIEWER, ADMIN = an_actor("contributor"), an_actor("reviewer"), an_actor("admin")


def eventful_version() -> ModelPackage:
    """Registered, measured, edited, checked, approved by two under rules, changed, approved against the rules."""
    group = make_group("fraud", tags=[("team", "risk")])
    make_version(group, approval_status="Approved", metrics=[("auc", 0.91), ("f1", 1e-7)])
    make_checkpoint()
    services.update_review_rules(
        actor=ADMIN, group=group, rules=ReviewRules(approvals_needed=2, required_checks=("ci",))
    )
    version = make_version(
        group,
        actor=CONTRIBUTOR,
        description='Retrained on f\u00fcnf \U0001f9ee "files" \\ &',
        metrics=[("auc", 0.93), ("f1", 2.5e20)],
        customer_metadata_properties={"metric.recall": "0.5", "old": "x", "note": "a b c"},
        inference_specification=specification(artifact="s3://models/fraud/2/model.tar.gz"),
        model_card={"ModelCardStatus": "Draft", "ModelCardContent": '{"a": 1e3}'},
        source_uri="https://git.example.com/ml/fraud",
    )
    services.report_check(actor=CONTRIBUTOR, package=version, name="ci", state="failure", summary="3 failed")
    services.report_check(actor=CONTRIBUTOR, package=version, name="ci", state="success", summary="412 passed")
    services.update_customer_metadata(
        actor=CONTRIBUTOR, package=version, put={"metric.recall": "0.75", "new": "1"}, remove=["old"]
    )
    services.store_metrics(actor=ADMIN, package=version, metrics=[ReportedMetric("auc", 0.94, 0.001)])
    for name in ("rita", "rolf"):
        person = make_user("reviewer", username=name)
        services.update_approval_status(
            actor=Actor.of(person, "browser"), package=version, approval_status="Approved", comment=f"{name}: fine"
        )
    make_version(group)
    make_checkpoint()
    services.update_model_life_cycle(actor=REVIEWER, package=version, stage="Production", stage_status="Live")
    services.update_model_package(
        actor=CONTRIBUTOR,
        package=version,
        changes=services.PackageChanges(inference_specification=specification(artifact="s3://models/other.tar.gz")),
    )
    services.update_approval_status(
        actor=ADMIN, package=version, approval_status="Approved", comment="Known artifact.", override=True
    )
    services.set_tags(actor=ADMIN, owner=group, tags=[("team", "risk"), ("tier", "1")])
    services.update_review_rules(actor=ADMIN, group=group, rules=ReviewRules(comment_required=True))
    services.comment_on(actor=CONTRIBUTOR, package=version, comment="In use since Monday.")
    return version


def evidence_text(package: ModelPackage) -> str:
    """The file of its evidence."""
    return write(read_evidence(package, made_by="admin").document, private_key())
