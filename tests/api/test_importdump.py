"""The importdump command: the demo in both layouts, what it keeps, running it again, updates, interruptions."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from django.core.management import CommandError

from registry.accounts.permissions import Actor, NotAllowed
from registry.api.sagemaker.dumps import Dump
from registry.catalog import services
from registry.catalog.models import ApprovalStatus, Metric, ModelPackage, ModelPackageGroup
from registry.catalog.services import import_runs
from registry.events.models import Event
from tests.factories import an_actor, make_group, make_package, make_user, make_version

from .dumps import (
    DEMO,
    DEMO_ROOT,
    demo_records,
    group_line,
    importdump,
    tables,
    version_answer,
    version_line,
    write_cli_dump,
    write_lines,
)

pytestmark = pytest.mark.django_db


def the_version(number: int = 1, group: str = "fraud") -> ModelPackage:
    return ModelPackage.objects.select_related("group").get(group__name=group, version=number)


def test_demo_goes_in_whole_with_its_numbers_times_and_people():
    code, out, err = importdump(DEMO / "registry.jsonl", metrics_root=[DEMO_ROOT])
    assert (code, err) == (0, "")
    assert out.startswith("Imported 7 groups, 89 versions and 3 unversioned packages")
    digits = ModelPackageGroup.objects.get(name="digits-classifier")
    assert (digits.last_version, digits.version_count, digits.waiting_count) == (25, 25, 20)
    assert (digits.approved_count, digits.rejected_count, digits.approved_version) == (3, 2, 22)
    assert digits.updated_at == datetime(2026, 9, 18, 8, 45, 4, 38000, tzinfo=UTC)
    assert digits.original_arn.startswith("arn:aws:sagemaker:us-east-1:111122223333:")
    assert digits.arn == "arn:aws:sagemaker:us-east-1:000000000000:model-package-group/digits-classifier"
    assert [tag.key for tag in digits.tags.all()] == ["team", "cost-center", "environment"]
    approved = the_version(22, "digits-classifier")
    assert approved.created_at == datetime(2026, 8, 20, 13, 15, 5, 300000, tzinfo=UTC)
    assert approved.decided_at == approved.last_modified_at
    assert (approved.approval_status, approved.decided_by_name) == (ApprovalStatus.APPROVED, "ml-lead")
    assert (approved.stage, bool(approved.approval_description)) == ("Production", True)
    assert approved.model_card["ModelCardStatus"] == "Approved"
    assert approved.metrics_note == ""
    assert the_version(40, "co2-weekly-forecast").created_by_name == "mlops-ci"
    assert the_version(11, "breast-cancer-screening").containers.count() == 2
    empty = ModelPackageGroup.objects.get(name="elnino-sst-forecast")
    assert (empty.last_version, empty.tags.count(), empty.updated_at) == (0, 0, empty.created_at)
    lower = ModelPackageGroup.objects.get(name="DiabetesProgression")
    assert lower.original_arn.endswith("/diabetesprogression")
    assert the_version(1, "DiabetesProgression").region == "us-east-1"
    alone = ModelPackage.objects.get(name="iris-logreg-baseline")
    assert (alone.approval_status, alone.group, alone.tags.count()) == (None, None, 2)


def test_metrics_come_from_the_reports_with_their_deviations():
    importdump(DEMO / "registry.jsonl", metrics_root=[DEMO_ROOT])
    first = the_version(1, "digits-classifier").metrics.get(name="accuracy")
    assert (first.value, first.standard_deviation) == (0.9711111111111111, 0.003928371006591916)
    assert first.source == Metric.Source.REPORT
    assert the_version(1, "wine-cultivar").metrics.get(name="accuracy").standard_deviation is None
    event = Event.objects.get(package_id=first.package_id, kind="model_package.created")
    assert event.after["Metrics"]["accuracy"] == {"value": first.value, "standard_deviation": first.standard_deviation}


def test_metadata_counts_where_no_report_is_read_until_one_is(tmp_path):
    source = write_lines(tmp_path / "r.jsonl", demo_records()[:2])
    importdump(source)
    version = the_version(1, "digits-classifier")
    assert {m.name: m.source for m in version.metrics.all()} == dict.fromkeys(
        ["accuracy", "weighted_f1", "log_loss"], "metadata"
    )
    assert version.metrics_note.startswith("no folder is mapped to s3://ml-artifacts-demo")
    assert "s3://ml-artifacts-demo/metrics/digits-classifier/0001/statistics.json" in version.metrics_note
    code, out, _ = importdump(source, metrics_root=[DEMO_ROOT])
    version.refresh_from_db()
    assert (code, version.metrics_note) == (0, "")
    assert "metrics read from reports" in out
    assert {m.source for m in version.metrics.all()} == {"report"}
    assert Event.objects.filter(kind="model_package.metrics_read", in_feed=False).count() == 1
    assert importdump(source, metrics_root=[DEMO_ROOT])[1] == "Nothing to do: 2 records are there already.\n"


def test_both_layouts_give_the_same_tables(tmp_path):
    importdump(DEMO / "registry.jsonl", metrics_root=[DEMO_ROOT])
    lines = tables()
    folder = write_cli_dump(tmp_path / "dump", demo_records())
    assert importdump(folder, metrics_root=[DEMO_ROOT])[1] == "Nothing to do: 99 records are there already.\n"
    ModelPackage.objects.all().delete()
    ModelPackageGroup.objects.all().delete()
    code, _, err = importdump(folder, metrics_root=[DEMO_ROOT])
    assert (code, err) == (0, "")
    again = tables()
    assert again.keys() == lines.keys()
    for name, row in lines.items():
        assert again[name] == row, name


def test_a_second_run_changes_nothing_and_says_so():
    importdump(DEMO / "registry.jsonl", metrics_root=[DEMO_ROOT])
    before, events = tables(), Event.objects.count()
    code, out, _ = importdump(DEMO / "registry.jsonl", metrics_root=[DEMO_ROOT])
    assert (code, out) == (0, "Nothing to do: 99 records are there already.\n")
    assert importdump(DEMO / "registry.jsonl", update=True)[1] == out
    assert (tables(), Event.objects.count()) == (before, events)


def test_one_event_a_record_and_one_line_in_the_feed():
    importdump(DEMO / "registry.jsonl")
    line = Event.objects.in_feed().get()
    assert (line.kind, line.actor_name, line.door, line.target) == (
        "registry.imported",
        "system",
        "command",
        "registry.jsonl",
    )
    assert line.after == {"groups": 7, "versions": 89, "packages": 3, "decisions": 50}
    assert Event.objects.filter(in_feed=False, batch=line.batch, door="command").count() == 99
    created = Event.objects.filter(kind="model_package.created", group_name="digits-classifier", version=22).get()
    assert created.after["ModelApprovalStatus"] == "Approved"
    assert created.after["CreationTime"].startswith("2026-08-20T13:15:05.3")


def test_a_dry_run_reports_and_writes_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(import_runs, "CHUNK_RECORDS", 10)
    source = write_lines(tmp_path / "r.jsonl", [*demo_records(), '{"broken"', demo_records()[5]])
    code, out, err = importdump(source, dry_run=True)
    assert code == 1
    assert "7 groups, 89 versions and 3 unversioned packages would be imported" in out
    assert "1 record is there already" in out
    assert f"{source}:100: no JSON" in err
    assert (ModelPackageGroup.objects.count(), ModelPackage.objects.count(), Event.objects.count()) == (0, 0, 0)


def test_one_that_differs_is_left_and_listed(tmp_path):
    source = write_lines(tmp_path / "r.jsonl", [group_line(tags={"team": "risk"}), version_line(1), version_line(2)])
    importdump(source)
    services.update_approval_status(
        actor=an_actor(), package=the_version(1), approval_status="Approved", comment="Good"
    )
    before = tables()
    code, out, _ = importdump(source)
    assert code == 0
    assert f"fraud v1 differs from {source}:2: ModelApprovalStatus, ApprovalDescription, LastModifiedTime" in out
    assert "1 record differs and was left as it is: --update takes over what may change." in out
    assert "2 records are there already" in out
    assert tables() == before


def test_update_takes_over_what_may_change(tmp_path):
    source = write_lines(
        tmp_path / "r.jsonl", [group_line(tags={"team": "risk", "old": "x"}), version_line(1), version_line(2)]
    )
    importdump(source)
    newer = write_lines(
        tmp_path / "newer.jsonl",
        [
            group_line(tags={"team": "fraud", "new": "y"}, ModelPackageGroupDescription="Cards"),
            version_line(
                1,
                ModelApprovalStatus="Approved",
                ApprovalDescription="Checked",
                LastModifiedTime="2026-05-01T00:00:00Z",
                LastModifiedBy={"UserProfileName": "ml-lead"},
                ModelLifeCycle={"Stage": "Production", "StageStatus": "Approved"},
                CustomerMetadataProperties={"seed": "8", "metric.auc": "0.93", "note": "late"},
            ),
            version_line(2, ModelPackageDescription="Rewritten"),
        ],
    )
    code, out, _ = importdump(newer, update=True)
    assert code == 0
    assert "2 records were updated" in out
    assert f"fraud v2 still differs from {newer}:3: ModelPackageDescription" in out
    group, version = ModelPackageGroup.objects.get(), the_version(1)
    assert (group.description, {t.key: t.value for t in group.tags.all()}) == ("Cards", {"team": "fraud", "new": "y"})
    assert (group.approved_version, group.approved_count, group.waiting_count) == (1, 1, 1)
    assert group.updated_at == datetime(2026, 5, 1, tzinfo=UTC)
    assert (version.approval_status, version.approval_description) == ("Approved", "Checked")
    assert (version.decided_at, version.decided_by_name) == (datetime(2026, 5, 1, tzinfo=UTC), "ml-lead")
    assert (version.stage, version.revision) == ("Production", 1)
    assert {p.key: p.value for p in version.customer_metadata_properties.all()} == {
        "seed": "8",
        "metric.auc": "0.93",
        "note": "late",
    }
    assert version.metrics.get(name="auc").value == 0.93
    assert the_version(2).description == "Gradient boosting"
    batch = Event.objects.in_feed().first().batch
    kinds = set(Event.objects.filter(batch=batch, in_feed=False).values_list("kind", flat=True))
    assert kinds == {
        "model_package_group.description_changed",
        "model_package_group.tagged",
        "model_package.approval_status_changed",
        "model_package.stage_changed",
        "model_package.metadata_changed",
    }
    change = Event.objects.get(batch=batch, kind="model_package.metadata_changed")
    assert change.before == {"CustomerMetadataProperties": {"seed": "7", "metric.auc": "0.91"}}
    again = Event.objects.count()
    assert "2 records are there already" in importdump(newer, update=True)[1]
    assert Event.objects.count() == again


def test_update_takes_over_the_tags_of_an_unversioned_package(tmp_path):
    record = {
        "DescribeModelPackage": version_answer(
            ModelPackageGroupName=None,
            ModelPackageVersion=None,
            ModelPackageName="iris",
            ModelPackageArn="arn:aws:sagemaker:us-east-1:111122223333:model-package/iris",
            ModelApprovalStatus=None,
        ),
        "ListTags": {"Tags": [{"Key": "team", "Value": "a"}]},
    }
    importdump(write_lines(tmp_path / "a.jsonl", [record]))
    record["ListTags"]["Tags"] = [{"Key": "team", "Value": "b"}, {"Key": "x", "Value": ""}]
    source = write_lines(tmp_path / "b.jsonl", [record])
    assert "iris differs" in importdump(source)[1]
    assert "1 record was updated" in importdump(source, update=True)[1]
    assert [(t.key, t.value) for t in ModelPackage.objects.get().tags.all()] == [("team", "b"), ("x", "")]
    assert importdump(source, update=True)[1].startswith("Nothing to do")


def test_a_lone_version_makes_its_group_and_the_groups_own_record_fills_it_in(tmp_path):
    lone = tmp_path / "3.json"
    lone.write_text(json.dumps(version_answer(3)))
    code, out, _ = importdump(lone)
    assert (code, out.splitlines()[0].startswith("Imported 1 group and 1 version")) == (0, True)
    group = ModelPackageGroup.objects.get()
    assert (group.name, group.last_version, group.version_count, group.original_arn) == ("fraud", 3, 1, "")
    source = write_lines(tmp_path / "r.jsonl", [group_line(tags={"team": "risk"}), version_line(1), version_line(3)])
    code, out, _ = importdump(source)
    assert "1 record was updated" in out
    group.refresh_from_db()
    assert (group.description, group.created_by_name) == ("Card payments", "ml-lead")
    assert group.created_at == datetime(2026, 3, 1, 10, 0, 0, 250000, tzinfo=UTC)
    assert (group.last_version, group.version_count, group.tags.count()) == (3, 2, 1)
    assert importdump(source)[1] == "Nothing to do: 3 records are there already.\n"


def test_registering_goes_on_after_the_highest_imported_number(tmp_path):
    importdump(write_lines(tmp_path / "r.jsonl", [group_line(), version_line(7), version_line(3)]))
    group = ModelPackageGroup.objects.get()
    assert (group.last_version, group.version_count) == (7, 2)
    assert make_version(group).version == 8


def test_a_version_that_was_deleted_here_stays_deleted(tmp_path):
    source = write_lines(tmp_path / "r.jsonl", [group_line(), version_line(1)])
    importdump(source)
    ModelPackage.objects.update(deleted_at=datetime(2026, 6, 1, tzinfo=UTC))
    code, out, _ = importdump(source, update=True)
    assert code == 0
    assert "fraud v1 still differs" in out and "deleted here" in out
    assert ModelPackage.objects.get().deleted_at is not None


def test_what_was_registered_here_is_not_overwritten(tmp_path):
    version = make_version(make_group("fraud"), description="Ours")
    make_package("iris", description="Ours too")
    code, out, _ = importdump(write_lines(tmp_path / "r.jsonl", [group_line(), version_line(1), version_line(2)]))
    assert code == 0
    assert "fraud differs from" in out and "fraud v1 differs from" in out
    version.refresh_from_db()
    assert version.description == "Ours"
    assert the_version(2).original_arn.endswith("model-package/fraud/2")
    assert the_version(2).group.last_version == 2


def test_each_region_is_a_registry_of_its_own(tmp_path):
    records = []
    for region in ("us-east-1", "eu-central-1"):
        arn = f"arn:aws:sagemaker:{region}:111122223333"
        records += [
            group_line(ModelPackageGroupArn=f"{arn}:model-package-group/fraud"),
            version_line(1, ModelPackageArn=f"{arn}:model-package/fraud/1"),
        ]
    assert importdump(write_lines(tmp_path / "r.jsonl", records))[0] == 0
    assert sorted(ModelPackageGroup.objects.values_list("region", "last_version")) == [
        ("eu-central-1", 1),
        ("us-east-1", 1),
    ]


def test_an_interrupted_import_keeps_what_is_in_and_goes_on(tmp_path, monkeypatch):
    monkeypatch.setattr(import_runs, "CHUNK_RECORDS", 10)
    source = write_lines(tmp_path / "r.jsonl", [group_line(), *map(version_line, range(1, 60))])

    def interrupted():
        for number, record in enumerate(Dump([source])):
            if number == 35:
                raise KeyboardInterrupt
            yield record

    with pytest.raises(KeyboardInterrupt):
        services.import_records(actor=Actor.system(), records=interrupted(), source="r.jsonl")
    group = ModelPackageGroup.objects.get()
    assert (group.version_count, group.last_version, ModelPackage.objects.count()) == (29, 29, 29)
    assert Event.objects.in_feed().get().after == {"groups": 1, "versions": 29}
    assert "30 records are there already" in importdump(source)[1]
    resumed = tables()
    ModelPackage.objects.all().delete()
    ModelPackageGroup.objects.all().delete()
    importdump(source)
    assert tables() == resumed


def test_ctrl_c_ends_the_command_with_130_and_says_how_to_go_on(tmp_path, monkeypatch):
    def stop(*args, **values):
        raise KeyboardInterrupt

    monkeypatch.setattr("registry.api.sagemaker.dumps.Dump.__iter__", stop)
    code, _, err = importdump(write_lines(tmp_path / "r.jsonl", [group_line()]))
    assert (code, err) == (130, "Stopped after 0 records. Run it again to go on.")


@pytest.mark.parametrize("role", ["viewer", "contributor", "reviewer"])
def test_importing_as_somebody_below_admin_is_refused(tmp_path, role):
    make_user(role, username="somebody")
    code, _, err = importdump(write_lines(tmp_path / "r.jsonl", [group_line()]), user="somebody")
    assert (code, err) == (2, "You need the role admin to import.")
    assert not ModelPackageGroup.objects.exists()
    with pytest.raises(NotAllowed):
        services.import_records(actor=an_actor(role), records=[], source="x")


def test_importing_as_an_admin_is_that_admins_doing(tmp_path):
    make_user("admin", username="boss")
    importdump(write_lines(tmp_path / "r.jsonl", [group_line()]), user="boss")
    assert set(Event.objects.filter(kind__startswith="model_").values_list("actor_name", "door")) == {
        ("boss", "command")
    }


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"user": "nobody"}, "There is no active user nobody."),
        ({"metrics_root": ["s3://bucket"]}, "--metrics-root is 's3://bucket', expected s3://BUCKET=FOLDER."),
        ({"metrics_root": ["s3://bucket=/nowhere"]}, "expected a folder that exists after the =."),
    ],
)
def test_a_wrong_option_is_refused_with_a_sentence(tmp_path, options, said):
    code, _, err = importdump(write_lines(tmp_path / "r.jsonl", [group_line()]), **options)
    assert code == 2
    assert said in err
    assert not ModelPackageGroup.objects.exists()


def test_a_path_that_is_not_there_is_refused(tmp_path):
    assert importdump(tmp_path / "nothing")[0] == 2
    assert importdump("a\x00b")[0] == 2


def test_command_error_reaches_a_caller(tmp_path):
    from django.core.management import call_command

    with pytest.raises(CommandError, match="1 record could not be imported"):
        call_command("importdump", str(write_lines(tmp_path / "r.jsonl", ["no"])), verbosity=0)
