"""The exportdump command: what it writes comes in again as it was, in both layouts, and nothing is overwritten."""

from __future__ import annotations

import io
import json
import resource
import tempfile
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from registry.accounts.models import Role
from registry.accounts.permissions import Actor
from registry.catalog import services
from registry.catalog.models import ModelPackage, ModelPackageGroup
from tests.factories import an_actor, make_group, make_package, make_version

from .dumps import DEMO, DEMO_ROOT, importdump, tables
from .test_fuzz import answer, registrations

pytestmark = pytest.mark.django_db

LAYOUTS = ["jsonl", "cli"]
# What the layouts have no place for: where a record came from, how often it was changed here, what a reader noted.
# The wire does not say since when a version waits: an import takes the time of its registration.
NOT_CARRIED = {"original_arn", "revision", "metrics_note", "waiting_since"}


def exportdump(path: Path, **options: Any) -> tuple[int, str, str]:
    """Run the command; exit code, what it said, and what it complained of."""
    out, err = io.StringIO(), io.StringIO()
    try:
        call_command("exportdump", str(path), stdout=out, stderr=err, **options)
    except CommandError as error:
        return error.returncode, out.getvalue(), f"{err.getvalue()}{error}"
    return 0, out.getvalue(), err.getvalue()


def carried() -> Any:
    return {
        name: {column: value for column, value in row.items() if column not in NOT_CARRIED}
        for name, row in tables().items()
    }


def keeps_all(build: Any, layout: str, **options: Any) -> None:
    """Build something, export it, take it back, import it: every column that is carried is as it was."""
    with tempfile.TemporaryDirectory() as folder, transaction.atomic():
        path = Path(folder) / "dump"
        with transaction.atomic():
            build()
            before = carried()
            assert exportdump(path, layout=layout)[0] == 0
            again = importdump(path, **options)
            assert again[::2] == (0, "")
            assert again[1].startswith("Nothing to do")
            transaction.set_rollback(True)
        assert not (ModelPackageGroup.objects.exists() or ModelPackage.objects.exists())
        assert importdump(path, **options)[::2] == (0, "")
        assert carried() == before
        transaction.set_rollback(True)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_demo_comes_back_as_it_was(layout):
    def build() -> None:
        assert importdump(DEMO / "registry.jsonl", metrics_root=[DEMO_ROOT])[0] == 0

    keeps_all(build, layout, metrics_root=[DEMO_ROOT])


texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
decisions = st.lists(st.sampled_from(["Approved", "Rejected", "PendingManualApproval"]), max_size=2)


@pytest.mark.parametrize("layout", LAYOUTS)
@settings(
    max_examples=20,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(versions=st.lists(registrations(), min_size=1, max_size=2), said=decisions, comment=texts)
def test_whatever_is_registered_comes_back_as_it_was(layout, versions, said, comment):
    actor = an_actor(Role.ADMIN, "sagemaker")

    def build() -> None:
        tags = [{"Key": "team", "Value": "risk"}, {"Key": "a", "Value": ""}]
        answer("CreateModelPackageGroup", {"ModelPackageGroupName": "fuzz", "Tags": tags})
        group = ModelPackageGroup.objects.get()
        services.set_group_policy(actor=actor, group=group, policy='{"Version": "2012-10-17"}')
        for number, members in enumerate(versions):
            answer("CreateModelPackage", dict(members))
            alone = {name: value for name, value in members.items() if name != "ModelPackageGroupName"}
            answer("CreateModelPackage", {**alone, "ModelPackageName": f"tags-{number}", "Tags": tags})
        package = ModelPackage.objects.filter(group=group).order_by("version").last()
        for status in said:
            services.update_approval_status(actor=actor, package=package, approval_status=status, comment=comment)

    keeps_all(build, layout)


def test_an_unversioned_package_may_be_called_like_a_file_of_the_layout(tmp_path):
    def build() -> None:
        for name in ("group", "tags", "policy", "7"):
            services.create_model_package(
                actor=an_actor(Role.ADMIN),
                registration=services.Registration(description=name, tags=[("named", name)]),
                region="us-east-1",
                name=name,
            )

    keeps_all(build, "cli")


@pytest.mark.parametrize("layout", LAYOUTS)
def test_regions_and_groups_can_be_told_apart(tmp_path, layout):
    make_version(make_group("fraud", region="us-east-1"))
    make_version(make_group("fraud", region="eu-west-1"))
    make_version(make_group("churn", region="eu-west-1"))
    make_package("alone", region="eu-west-1")
    out = exportdump(tmp_path / "all", layout=layout)[1]
    assert out.startswith("Exported 3 groups, 3 versions and 1 unversioned package to ")
    assert importdump(tmp_path / "all")[1] == "Nothing to do: 7 records are there already.\n"
    out = exportdump(tmp_path / "one", layout=layout, region="eu-west-1", group="fraud")[1]
    assert out.startswith("Exported 1 group and 1 version to ")
    assert importdump(tmp_path / "one")[1] == "Nothing to do: 2 records are there already.\n"
    code, _, err = exportdump(tmp_path / "none", layout=layout, group="freud")
    assert (code, err) == (2, "There is nothing to export: freud.")
    assert not (tmp_path / "none").exists()


def test_deleted_versions_and_groups_are_left_out(tmp_path):
    group = make_group("fraud")
    versions = [make_version(group) for _ in range(3)]
    services.delete_model_package(actor=Actor.system(), package=versions[1])
    exportdump(tmp_path / "x", layout="cli")
    assert sorted(path.name for path in (tmp_path / "x" / "fraud").iterdir()) == [
        "1.json",
        "3.json",
        "group.json",
        "tags.json",
    ]


@pytest.mark.sqlite_only
def test_nothing_is_overwritten_without_force(tmp_path):
    make_version(make_group("fraud"))
    kept = tmp_path / "kept.jsonl"
    kept.write_text("mine")
    assert exportdump(kept) == (2, "", f"{kept} is there already. --force writes it anew.")
    assert kept.read_text() == "mine"
    assert exportdump(kept, force=True)[0] == 0
    assert [*json.loads(kept.read_text().splitlines()[1])] == ["DescribeModelPackage"]
    folder = tmp_path / "folder"
    assert exportdump(folder, layout="cli")[0] == 0
    (folder / "old.json").write_text("{}")
    assert exportdump(folder, layout="cli")[0] == 2
    assert exportdump(folder, layout="cli", force=True)[0] == 0
    assert [path.name for path in folder.iterdir()] == ["fraud"]
    (folder / "thesis.odt").write_text("years of work")
    code, _, err = exportdump(folder, layout="cli", force=True)
    assert (code, "holds more than a dump" in err) == (2, True)
    assert (folder / "thesis.odt").exists()
    assert exportdump(folder, force=True)[2].startswith(f"{folder} is a folder; name the file to write")
    assert exportdump(kept, layout="cli", force=True)[2] == f"{kept} is no folder."
    assert exportdump(tmp_path / "no" / "x")[0] == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "kept.jsonl"]


@pytest.mark.sqlite_only
@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_dump_that_cannot_be_finished_leaves_what_was_there(tmp_path, layout):
    make_version(make_group("fraud"), description="x" * 1000)
    path = tmp_path / "x"
    assert exportdump(path, layout=layout)[0] == 0
    before = {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (900, limits[1]))
    try:
        code, _, err = exportdump(path, layout=layout, force=True)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert (code, "File too large" in err) == (2, True)
    assert {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()} == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["x"]


def test_queries_do_not_grow_with_the_versions(tmp_path, django_assert_max_num_queries):
    group = make_group("fraud")
    for _ in range(30):
        make_version(group)
    with django_assert_max_num_queries(12):
        assert exportdump(tmp_path / "x.jsonl")[0] == 0
