"""The importsagemaker command against live servers over a socket: this project itself, and moto's."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import transaction

from registry.accounts.models import Role
from registry.catalog.models import ModelPackage, ModelPackageGroup
from registry.events.models import Event
from tests.factories import make_user, specification

from .dumps import DEMO, DEMO_ROOT, importdump, tables
from .remotes import ACCOUNT, Gateway, client, importsagemaker, running_moto, running_registry
from .test_exportdump import exportdump

# The records come over a socket; what the import does with them runs on both databases in test_importdump.py.
pytestmark = [pytest.mark.sqlite_only, pytest.mark.django_db]

OWN = {"original_arn"}


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, dict[str, str]]]:
    """Another registry like this one, with the demo in it: its port, and a key of its admin."""
    with running_registry(tmp_path_factory.mktemp("there")) as found:
        yield found


@pytest.fixture
def gateway_to(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Gateway]]:
    """A function from a port and a key to a gateway, with boto3's usual variables set to reach it."""
    made: list[Gateway] = []
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")

    def make(port: int, key: dict[str, str]) -> Gateway:
        made.append(Gateway(port))
        for name, value in {**key, "AWS_ENDPOINT_URL_SAGEMAKER": made[-1].url}.items():
            monkeypatch.setenv(name, value)
        return made[-1]

    yield make
    for gateway in made:
        gateway.stop()


@pytest.fixture
def gateway(there: Any, gateway_to: Callable[..., Gateway]) -> Gateway:
    return gateway_to(*there)


def without_arns() -> Any:
    return {name: {k: v for k, v in row.items() if k not in OWN} for name, row in tables().items()}


def test_a_registry_comes_in_whole_and_a_second_run_changes_nothing(gateway):
    with transaction.atomic():
        importdump(DEMO / "registry.jsonl", metrics_root=[DEMO_ROOT])
        wanted = without_arns()
        transaction.set_rollback(True)
    code, out, err = importsagemaker(metrics_root=[DEMO_ROOT])
    assert (code, err) == (0, "")
    assert out.startswith("Imported 7 groups, 89 versions and 3 unversioned packages in ")
    assert without_arns() == wanted
    assert set(ModelPackageGroup.objects.values_list("original_arn", flat=True)) == {
        f"arn:aws:sagemaker:us-east-1:{ACCOUNT}:model-package-group/{name}"
        for name in ModelPackageGroup.objects.values_list("name", flat=True)
    }
    told = Event.objects.in_feed().get()
    counts = {"groups": 7, "versions": 89, "packages": 3, "decisions": 50}
    assert (told.kind, told.after) == ("registry.imported", counts)
    assert told.target == f"SageMaker {ACCOUNT} us-east-1 at {gateway.url.removeprefix('http://')}"
    kept, described = tables(), gateway.count("DescribeModelPackage")
    assert described == 92
    assert importsagemaker() == (0, "Nothing to do: 99 records are there already.\n", "")
    assert gateway.count("DescribeModelPackage") == described
    assert importsagemaker(update=True) == (0, "Nothing to do: 99 records are there already.\n", "")
    assert gateway.count("DescribeModelPackage") == described + 92
    assert tables() == kept
    assert Event.objects.in_feed().count() == 1


def test_what_is_new_or_modified_comes_later(there, gateway):
    assert importsagemaker(group="wine-cultivar")[0] == 0
    assert ModelPackage.objects.count() == 8
    source, since = client(*there), datetime.now(UTC) - timedelta(seconds=2)
    name = "wine-cultivar"
    arn = source.create_model_package(
        ModelPackageGroupName=name,
        InferenceSpecification=specification()
        | {"SupportedContentTypes": ["a/b"], "SupportedResponseMIMETypes": ["a/b"]},
        ModelApprovalStatus="PendingManualApproval",
    )["ModelPackageArn"]
    try:
        first = arn.rpartition("/")[0] + "/1"
        source.update_model_package(ModelPackageArn=first, CustomerMetadataProperties={"later": "yes"})
        gateway.calls.clear()
        code, out, _ = importsagemaker(since=since.isoformat(), update=True, group=name)
        assert (code, gateway.count("DescribeModelPackage")) == (0, 2)
        assert out.startswith("Imported 1 version in ")
        assert "1 record was updated." in out
        pairs = ModelPackage.objects.get(version=1).customer_metadata_properties
        assert pairs.get(key="later").value == "yes"
        # A summary shows the status: without --update that is told, and nothing else is asked for.
        source.update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Approved")
        gateway.calls.clear()
        code, out, _ = importsagemaker(group=name)
        assert (code, gateway.count("DescribeModelPackage")) == (0, 1)
        assert "wine-cultivar v9 differs from " in out
        assert "9 records are there already." in out
    finally:
        source.update_model_package(ModelPackageArn=first, CustomerMetadataPropertiesToRemove=["later"])
        source.delete_model_package(ModelPackageName=arn)


def test_with_since_older_groups_come_only_with_news(gateway):
    assert importsagemaker(since="2026-09-15")[0] == 0
    new = ModelPackage.objects.versioned().values_list("group__name", "created_at", "last_modified_at")
    assert new
    start = datetime(2026, 9, 15, tzinfo=UTC)
    assert all(max(created, modified or created) >= start for _, created, modified in new)
    groups = set(ModelPackageGroup.objects.values_list("name", flat=True))
    assert groups == {name for name, _, _ in new} | set(
        ModelPackageGroup.objects.filter(created_at__gte=start).values_list("name", flat=True)
    )
    assert all(ModelPackageGroup.objects.values_list("description", flat=True))
    assert importsagemaker(since="2100-01-01")[1] == "Nothing to do: no records there.\n"


def test_throttling_and_outages_are_waited_for(gateway):
    gateway.refuse = {
        "ListModelPackageGroups": [(400, "ThrottlingException")],
        "ListModelPackages": [(503, "ServiceUnavailable")],
        "DescribeModelPackage": [(400, "ThrottlingException"), None],
    }
    assert importsagemaker(since="2026-09-01", verbosity=0) == (0, "", "")
    assert ModelPackage.objects.exists()
    assert not any(gateway.refuse.values())


def test_an_outage_keeps_what_came_before_and_the_next_run_goes_on(gateway, monkeypatch):
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    gateway.at = {40: lambda: gateway.refuse.update(DescribeModelPackage=[(500, "InternalFailure")])}
    code, out, err = importsagemaker()
    assert code == 1
    assert "refused DescribeModelPackage (InternalFailure: Rate exceeded). What was read before is kept" in err
    kept = ModelPackage.objects.count()
    assert 0 < kept < 92
    assert f"{kept} version" in out
    assert Event.objects.in_feed().count() == 1
    gateway.calls.clear()
    assert importsagemaker()[0] == 0
    assert gateway.count("DescribeModelPackage") == 92 - kept
    assert ModelPackage.objects.count() == 92


@pytest.fixture
def interrupts():
    """Ctrl C as a terminal sends it: a shell starts what runs in its background with it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_interrupted_import_keeps_what_came_before(gateway, number, interrupts):
    gateway.at = {40: lambda: os.kill(os.getpid(), number)}
    code, out, err = importsagemaker()
    kept = ModelPackage.objects.count()
    assert (code, 0 < kept < 92) == (130, True)
    assert err == f"Stopped after {kept + ModelPackageGroup.objects.count()} records. Run it again to go on."
    assert "Imported " in out
    for group in ModelPackageGroup.objects.all():
        assert group.version_count == group.packages.count() == group.last_version


def test_a_dry_run_writes_nothing(gateway):
    code, out, _ = importsagemaker(dry_run=True, group="randhie-visits")
    assert (code, out.partition(" in ")[0]) == (0, "1 group and 3 versions would be imported")
    assert not (ModelPackageGroup.objects.exists() or Event.objects.exists())


def test_what_came_over_a_socket_goes_out_again(gateway, tmp_path):
    importsagemaker(group="wine-cultivar")
    assert exportdump(tmp_path / "x.jsonl")[0] == 0
    assert importdump(tmp_path / "x.jsonl")[1] == "Nothing to do: 9 records are there already.\n"


def test_faults_of_set_up_are_one_sentence(there, gateway, monkeypatch):
    secret = os.environ["AWS_SECRET_ACCESS_KEY"]
    host = gateway.url.removeprefix("http://")

    def refused(**options: Any) -> str:
        code, out, err = importsagemaker(**options)
        assert (code, out, err.count("\n"), secret in err) == (2, "", 0, False)
        return err

    assert refused(group="nobody").startswith(f"{host} refused DescribeModelPackageGroup (ValidationException: ")
    assert refused(since="yesterday").startswith("--since: yesterday is no time.")
    assert refused(endpoint_url="nowhere") == "Invalid endpoint: nowhere."
    assert refused(user="nobody") == "There is no active user nobody."
    make_user(Role.REVIEWER, username="reviewer")
    assert refused(user="reviewer") == "You need the role admin to import."
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    assert refused(endpoint_url="http://user:pw@127.0.0.1:1") == (
        "127.0.0.1:1 cannot be reached (EndpointConnectionError)."
    )
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    assert refused().startswith(f"{host} refused the credentials (")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    assert refused().startswith("No AWS credentials were found: ")
    monkeypatch.setenv("AWS_PROFILE", "missing")
    assert refused() == "The config profile (missing) could not be found."
    monkeypatch.delenv("AWS_PROFILE")
    monkeypatch.delenv("AWS_REGION")
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    assert refused() == "Which region? Give --region, or set AWS_REGION or a profile."
    monkeypatch.setitem(sys.modules, "boto3", None)
    assert refused().startswith("boto3 is not installed.")


@pytest.fixture(scope="module")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with running_moto(tmp_path_factory.mktemp("moto")) as port:
        yield port


KEY = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}


def test_motos_server_is_read_with_its_faults(moto, gateway_to, monkeypatch):
    """Lower-case ARNs, no CreatedBy, tags of packages and times in Search that it cannot answer."""
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    gateway, source = gateway_to(moto, KEY), client(moto, KEY)
    inference = specification() | {"SupportedContentTypes": ["text/csv"], "SupportedResponseMIMETypes": ["text/csv"]}
    for name in ("Churn", "fraud"):
        source.create_model_package_group(
            ModelPackageGroupName=name,
            ModelPackageGroupDescription=f"About {name}",
            Tags=[{"Key": "team", "Value": "risk"}],
        )
        for number in range(3):
            source.create_model_package(
                ModelPackageGroupName=name,
                ModelPackageDescription=f"Try {number}",
                InferenceSpecification=inference,
                ModelApprovalStatus="PendingManualApproval",
                CustomerMetadataProperties={"seed": str(number)},
            )
    source.create_model_package(ModelPackageName="alone", InferenceSpecification=inference)
    code, out, err = importsagemaker()
    assert code == 0, err
    assert out.startswith("Imported 2 groups, 6 versions and 1 unversioned package in ")
    churn = ModelPackageGroup.objects.get(name="Churn")
    assert (churn.description, churn.last_version, churn.waiting_count) == ("About Churn", 3, 3)
    assert [(tag.key, tag.value) for tag in churn.tags.all()] == [("team", "risk")]
    package = ModelPackage.objects.get(group=churn, version=2)
    assert package.inference_specification["Containers"][0]["Image"] == inference["Containers"][0]["Image"]
    assert package.customer_metadata_properties.get().value == "1"
    kept = tables()
    code, out, _ = importsagemaker()
    assert (code, out.splitlines()[0]) == (0, "Nothing to do: 9 records are there already.")
    assert gateway.count("DescribeModelPackage") == 7
    assert tables() == kept
    arn = source.list_model_packages(ModelPackageGroupName="fraud")["ModelPackageSummaryList"][0]["ModelPackageArn"]
    before = datetime.now(UTC) - timedelta(milliseconds=1)
    source.update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Approved", ApprovalDescription="Good")
    code, out, _ = importsagemaker(update=True, since=before.isoformat())
    assert (code, out.splitlines()[0]) == (0, "1 record was updated.")
    assert ModelPackage.objects.get(group__name="fraud", version=1).approval_status == "Approved"
