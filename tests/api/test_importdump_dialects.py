"""Every dialect in which AWS's tools and people leave dumps, and every way in which a record can be bad."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest

from registry.api.sagemaker.answers import BadRecord, parse_time, person
from registry.catalog.models import Container, ModelPackage, ModelPackageGroup
from registry.events.models import Event
from tests.catalog.counters import assert_containers_name_their_groups

from .dumps import (
    ARN,
    DEMO,
    demo_records,
    group_answer,
    group_line,
    importdump,
    tables,
    version_answer,
    version_line,
    write_cli_dump,
    write_lines,
)

MOMENT = datetime(2026, 3, 2, 10, 14, 7, 482000, tzinfo=UTC)
WHOLE = MOMENT.replace(microsecond=0)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2026-03-02T10:14:07.482000+00:00", MOMENT),
        ("2026-03-02T03:14:07.482000-07:00", MOMENT),
        ("2026-03-02T15:44:07.482+05:30", MOMENT),
        ("2026-03-02T15:44:07.482+0530", MOMENT),
        ("2026-03-02T11:14:07.482+01", MOMENT),
        ("2026-03-02 10:14:07.482000+00:00", MOMENT),
        ("2026-03-02T10:14:07.482Z", MOMENT),
        ("2026-03-02T10:14:07.4820000001Z", MOMENT),
        ("2026-03-02 10:14:07.482 UTC", MOMENT),
        ("2026-03-02T10:14:07.482", MOMENT),
        ("2026-03-02T10:14:07Z", WHOLE),
        ("2026-03-02T10:14:07+00:00", WHOLE),
        (1772446447.482, MOMENT),
        (1772446447, WHOLE),
    ],
)
def test_timestamps_of_every_dialect(written, meant):
    assert parse_time(written) == meant


@pytest.mark.parametrize(
    "written",
    ["", "yesterday", "2026-02-30T00:00:00Z", "2026-03-02", True, [], {}, 1e300, -1, 1772446447482,
     "0001-01-01T00:00:00+09:00", "9999-12-31T23:59:59-09:00", "٢٠٢٦-03-02T10:14:07Z"],
)  # fmt: skip
def test_what_is_no_timestamp_is_refused(written):
    with pytest.raises(BadRecord):
        parse_time(written)


def test_who_a_user_context_names():
    assert person({"UserProfileName": "ml-lead", "IamIdentity": {"Arn": "arn:aws:iam::1:user/other"}}) == "ml-lead"
    assert person({"IamIdentity": {"Arn": "arn:aws:sts::111122223333:assumed-role/mlops-ci/pipeline"}}) == "mlops-ci"
    assert person({"IamIdentity": {"Arn": "arn:aws:iam::111122223333:user/teams/ml/jo"}}) == "jo"
    assert person({"IamIdentity": {"Arn": "arn:aws:iam::111122223333:root"}}) == "root"
    assert person({}) == person({"IamIdentity": {}}) == person({"UserProfileName": None}) == ""


def epoch(record):
    """The record as the AWS CLI v1 writes it: times as numbers."""

    def walk(value, name=""):
        if isinstance(value, dict):
            return {key: walk(inner, key) for key, inner in value.items()}
        if isinstance(value, list):
            return [walk(inner) for inner in value]
        return parse_time(value).timestamp() if name in ("CreationTime", "LastModifiedTime") else value

    return walk(record)


def retimed(record, change):
    text = json.loads(json.dumps(record))
    for answer in text.values():
        for member in ("CreationTime", "LastModifiedTime"):
            if member in answer:
                answer[member] = change(answer[member])
    return text


def with_answer_members(record, **members):
    return {name: {**answer, **members} if name != "ListTags" else answer for name, answer in record.items()}


DIALECTS = {
    "CLI v1": epoch,
    "boto3": lambda record: with_answer_members(
        retimed(record, lambda time: time.replace("T", " ")),
        ResponseMetadata={"RequestId": "x", "HTTPStatusCode": 200, "RetryAttempts": 0},
    ),
    "other zone": lambda record: retimed(
        record, lambda time: datetime.fromisoformat(time).astimezone(timezone(timedelta(hours=-7))).isoformat()
    ),
    "Z": lambda record: retimed(record, lambda time: time.replace("000+00:00", "Z")),
    "newer service": lambda record: with_answer_members(record, NewMember={"Nested": [1, 2]}, Nothing=None),
    "names on versions": lambda record: {
        name: {**answer, "ModelPackageName": answer.get("ModelPackageGroupName", answer.get("ModelPackageName"))}
        if name == "DescribeModelPackage"
        else answer
        for name, answer in record.items()
    },
}


@pytest.mark.django_db
@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_demo_in_every_dialect_gives_the_same_tables(dialect, tmp_path):
    few = demo_records()[:4] + demo_records()[-3:]
    importdump(write_lines(tmp_path / "as-it-is.jsonl", few))
    before = tables()
    said = [DIALECTS[dialect](record) for record in few]
    spoken = write_lines(tmp_path / "dialect.jsonl", said)
    assert importdump(spoken)[1].startswith("Nothing to do: 7 records are there already.")
    ModelPackage.objects.all().delete()
    ModelPackageGroup.objects.all().delete()
    code, _, err = importdump(spoken)
    assert (code, err) == (0, "")
    assert tables() == before
    assert_containers_name_their_groups(Container.objects.all())


@pytest.mark.django_db
def test_byte_order_marks_utf_16_and_windows_line_ends(tmp_path):
    text = json.dumps(group_answer())
    (tmp_path / "group.json").write_bytes(text.encode("utf-8-sig"))
    (tmp_path / "1.json").write_text(json.dumps(version_answer(1), indent=4), encoding="utf-16")
    (tmp_path / "2.json").write_bytes(json.dumps(version_answer(2), indent=2).replace("\n", "\r\n").encode())
    lines = tmp_path / "more.jsonl"
    lines.write_bytes(b"".join(f"\ufeff{json.dumps(version_line(n))}\r\n".encode() for n in (3, 4)) + b"\r\n\n")
    code, out, err = importdump(tmp_path)
    assert (code, err) == (0, "")
    assert "Imported 1 group and 4 versions" in out
    assert ModelPackageGroup.objects.get().version_count == 4


@pytest.mark.django_db
def test_a_folder_of_dumps_a_list_and_answers_after_each_other(tmp_path):
    write_cli_dump(tmp_path / "accounts" / "one", demo_records()[:3])
    (tmp_path / "list.json").write_text(json.dumps([group_answer("a"), version_answer(1, "a")], indent=1))
    (tmp_path / "stream.json").write_text(
        "\n".join(json.dumps(answer, indent=4) for answer in (group_answer("b"), version_answer(1, "b")))
    )
    (tmp_path / "lines.json").write_text(f"{json.dumps(group_line('c'))}\n{json.dumps(version_line(1, 'c'))}\n")
    report = DEMO / "metrics" / "wine-cultivar" / "0001" / "statistics.json"
    (tmp_path / "statistics.json").write_bytes(report.read_bytes())
    (tmp_path / "notes.txt").write_text("not JSON")
    code, out, err = importdump(tmp_path)
    assert (code, err) == (0, "")
    assert "Imported 4 groups and 5 versions" in out
    assert "1 JSON file passed over" in out


@pytest.mark.django_db
def test_tags_come_from_the_file_beside_or_bring_their_owner(tmp_path):
    folder = write_cli_dump(tmp_path, [group_line(tags={"team": "risk"}), version_line(1)]) / "fraud"
    assert importdump(folder / "tags.json")[0] == 0
    assert [tag.key for tag in ModelPackageGroup.objects.get().tags.all()] == ["team"]
    assert importdump(folder / "group.json")[1].startswith("Nothing to do: 1 record is there already.")
    (folder / "tags.json").write_text('{"Tags": [{"Key": "team"')
    code, _, err = importdump(folder)
    assert code == 1
    assert "group.json: tags.json beside it: no JSON" in err
    assert ModelPackage.objects.count() == 1


@pytest.mark.django_db
def test_names_come_from_the_record_and_arns_match_without_case(tmp_path):
    lower = f"{ARN}:model-package/fraudscores"
    source = [
        group_line("FraudScores", ModelPackageGroupArn=f"{ARN}:model-package-group/fraudscores"),
        version_line(1, "FraudScores", ModelPackageArn=f"{lower}/1"),
        version_line(2, "FraudScores", ModelPackageArn=f"{lower}/2", ModelPackageGroupName=None),
        version_line(3, ModelPackageArn=f"{lower}/3", ModelPackageGroupName=None, ModelPackageVersion=None),
    ]
    path = write_lines(tmp_path / "r.jsonl", source)
    assert importdump(path)[0] == 0
    assert list(ModelPackageGroup.objects.values_list("name", "version_count")) == [("FraudScores", 3)]
    assert importdump(path)[1] == "Nothing to do: 4 records are there already.\n"


@pytest.mark.django_db
def test_a_record_of_hardly_any_members_goes_in(tmp_path):
    path = write_lines(
        tmp_path / "r.jsonl",
        [
            {"ModelPackageGroupName": "bare"},
            {"ModelPackageGroupName": "bare", "ModelPackageVersion": 1},
            {"ModelPackageArn": f"{ARN}:model-package/alone"},
            {"ModelPackageGroupName": "full-of-nothing", "ModelPackageVersion": 1, "ModelMetrics": {"Bias": {}},
             "InferenceSpecification": {}, "CustomerMetadataProperties": {}, "ModelApprovalStatus": "",
             "ModelLifeCycle": {}, "CreatedBy": {}, "CreationTime": "", "ModelCard": None},
        ],
    )  # fmt: skip
    code, out, err = importdump(path)
    assert (code, err) == (0, "")
    assert "Imported 2 groups, 2 versions and 1 unversioned package" in out
    version = ModelPackage.objects.get(group__name="bare")
    assert (version.region, version.approval_status, version.status) == ("us-east-1", None, "Completed")
    assert version.group.unset_count == 1
    assert importdump(path)[1] == "Nothing to do: 4 records are there already.\n"


BAD = {
    "not JSON": ("{", "no JSON: "),
    "a list in a line": ("[]", "expected a JSON object"),
    "something else": ('{"Hello": 1}', "no answer of DescribeModelPackageGroup"),
    "two in a line": (
        '{"ModelPackageGroupName": "a"} {"ModelPackageGroupName": "b"}',
        "more after the end of the JSON",
    ),
    "twice": ('{"ModelPackageGroupName": "a", "ModelPackageGroupName": "b"}', "ModelPackageGroupName is there twice"),
    "NaN": ('{"ModelPackageGroupName": "a", "X": NaN}', "NaN is no JSON number"),
    "infinite": ('{"ModelPackageGroupName": "a", "X": 1e999}', "a number is too large"),
    "digits": ('{"ModelPackageGroupName": "a", "X": ' + "9" * 5000 + "}", "too many digits"),
    "NUL": ('{"ModelPackageGroupName": "a\\u0000"}', "a NUL character"),
    "half a character": ('{"ModelPackageGroupName": "a", "X": "\\ud800"}', "half a character"),
    "deep": ('{"ModelPackageGroupName": "a", "X": ' + "[" * 70 + "]" * 70 + "}", "nested deeper than 64"),
    "very deep": ('{"ModelPackageGroupName": "a", "X": ' + "[" * 90000 + "]" * 90000 + "}", "nested deeper than 64"),
    "tags alone": ('{"Tags": []}', "tags without the group"),
    "no name": ({"DescribeModelPackageGroup": {}}, "ModelPackageGroupName is missing"),
    "group and package": ({**group_line(), **version_line()}, "a group and a package in one record"),
    "a name of 64": (group_line("a" * 64, ModelPackageGroupArn=None), "ModelPackageGroupName: "),
    "a name with blanks": (group_line("a b", ModelPackageGroupArn=None), "ModelPackageGroupName: Spaces"),
    "an ARN of another kind": (
        group_line(ModelPackageGroupArn=f"{ARN}:endpoint/fraud"),
        "is no ARN of a model-package",
    ),
    "an ARN of another name": (group_line(ModelPackageGroupArn=f"{ARN}:model-package-group/x"), "the ARN names x"),
    "an ARN of another version": (version_line(2, ModelPackageArn=f"{ARN}:model-package/fraud/1"), "the ARN names"),
    "number 0": (version_line(0), "is no version number"),
    "number 30 digits": (version_line(10**30, ModelPackageArn=None), "is no version number"),
    "number as text": (version_line(ModelPackageVersion="1"), "expected a whole number"),
    "number true": (version_line(ModelPackageVersion=True), "expected a whole number"),
    "status": (version_line(ModelApprovalStatus="Fine"), "ModelApprovalStatus: The status is one of"),
    "package status": (version_line(ModelPackageStatus="Gone"), "ModelPackageStatus: "),
    "time": (version_line(CreationTime="soon"), "CreationTime: soon is no time"),
    "description": (version_line(ModelPackageDescription="x" * 1025), "ModelPackageDescription: At most 1024"),
    "metadata characters": (version_line(CustomerMetadataProperties={"a": "b,c"}), "CustomerMetadataProperties: a: "),
    "metadata number": (version_line(CustomerMetadataProperties={"a": 1}), "expected text"),
    "51 pairs": (
        version_line(CustomerMetadataProperties={f"k{n}": "v" for n in range(51)}),
        "CustomerMetadataProperties: At most 50 pairs",
    ),
    "tags on a version": (
        {**version_line(), "ListTags": {"Tags": [{"Key": "a", "Value": "b"}]}},
        "Tags: Versions have",
    ),
    "a tag twice": (
        {**group_line(), "ListTags": {"Tags": [{"Key": "a", "Value": "b"}, {"Key": "a", "Value": "c"}]}},
        "Tags: The key a is there twice",
    ),
    "a tag without a key": ({**group_line(), "ListTags": {"Tags": [{"Value": "b"}]}}, "Tags: expected objects"),
    "51 tags": (group_line(tags={f"k{n}": "v" for n in range(51)}), "Tags: At most 50 tags"),
    "image": (
        version_line(InferenceSpecification={"Containers": [{"Image": "a b"}]}),
        "containers.0.image: An image URI has no spaces",
    ),
    "framework version": (
        version_line(InferenceSpecification={"Containers": [{"Image": "a", "FrameworkVersion": "1.23456789012"}]}),
        "Containers[0].framework_version",
    ),
    "container": (version_line(InferenceSpecification={"Containers": ["a"]}), "Containers[0]: expected an object"),
    "specification": (version_line(InferenceSpecification=[]), "InferenceSpecification: expected an object"),
    "life cycle": (version_line(ModelLifeCycle={"Stage": 3, "StageStatus": "a"}), "Stage: expected text"),
    "creator": (version_line(CreatedBy="ml-lead"), "CreatedBy: expected an object"),
    "registration type": (version_line(ModelPackageRegistrationType="Other"), "ModelPackageRegistrationType: "),
    "domain": (version_line(Domain=3), "Domain: expected text"),
    "source": (version_line(SourceUri="x" * 1025), "SourceUri: "),
    "skip": (version_line(SkipModelValidation="Some"), "SkipModelValidation: The value is one of All, None"),
}


@pytest.mark.django_db
@pytest.mark.parametrize("case", BAD)
def test_a_bad_record_is_named_and_stops_no_other(case, tmp_path):
    record, reason = BAD[case]
    path = write_lines(tmp_path / "r.jsonl", [group_line("before"), record, version_line(5, "before")])
    code, out, err = importdump(path)
    assert code == 1
    assert err.startswith(f"{path}:2: ")
    assert reason in err.splitlines()[0]
    assert err.endswith("1 record could not be imported.")
    assert "Imported 1 group and 1 version " in out
    assert list(ModelPackageGroup.objects.values_list("name", "last_version")) == [("before", 5)]
    assert Event.objects.filter(in_feed=False).count() == 2
    assert Event.objects.in_feed().get().after == {"groups": 1, "versions": 1, "faults": 1}


@pytest.mark.django_db
def test_bad_files_are_named_and_stop_no_other(tmp_path):
    (tmp_path / "a.json").write_bytes(b'{"ModelPackageGroupName": "\xff"}')
    (tmp_path / "b.json").write_bytes(b"")
    (tmp_path / "c.json").write_bytes(b"[" * (9 * 1024 * 1024))
    (tmp_path / "d.jsonl").write_bytes(
        b'"' + b"x" * (9 * 1024 * 1024) + b'"\n\xff\n' + json.dumps(group_line()).encode()
    )
    (tmp_path / "e.json").symlink_to(tmp_path / "nowhere.json")
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "1.json").write_text("{}")
    code, out, err = importdump(tmp_path)
    assert code == 1
    assert [line.partition(": ")[2] for line in err.splitlines()[:-1]] == [
        "no answer of DescribeModelPackageGroup, DescribeModelPackage or ListTags.",
        "no UTF-8 at byte 28.",
        "is empty.",
        "larger than 8 MB; one answer a line in a .jsonl file may be any number.",
        "larger than 8 MB.",
        "no UTF-8 at byte 1.",
        "cannot be read: No such file or directory.",
    ]
    assert "Imported 1 group in" in out


@pytest.mark.django_db
def test_a_version_that_fails_takes_the_group_it_made_with_it(tmp_path):
    bad = version_line(1, "new", CustomerMetadataProperties={"a": "b,c"})
    assert importdump(write_lines(tmp_path / "r.jsonl", [bad]))[0] == 1
    assert not ModelPackageGroup.objects.exists()
    assert not Event.objects.exists()


@pytest.mark.django_db
def test_unknown_members_are_named_once(tmp_path):
    out = importdump(write_lines(tmp_path / "r.jsonl", [group_line(Zeta=1), version_line(Alpha=[])]))[1]
    assert "Members that are not known here were left out: Alpha, Zeta." in out
