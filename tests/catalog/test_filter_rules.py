"""Single rules of the filters: what speaks of one version, words, ARNs, times, and how much there is to find."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from registry.catalog.filters import (
    TIMELINE,
    group_conditions,
    is_wide,
    make_term,
    parse,
    version_condition,
    version_conditions,
)
from registry.catalog.models import ModelPackage, ModelPackageGroup
from tests.factories import make_group, make_package, make_version, specification

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def names(text: str) -> list[str]:
    found = ModelPackageGroup.objects.live().filter(group_conditions(parse(text), NOW))
    return sorted(found.values_list("name", flat=True))


def test_is_wide_counts_the_pair_or_image(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3):
        make_version(make_group(f"g-{number}"), customer_metadata_properties={"seed": "1", "only": str(number)})
    monkeypatch.setattr("registry.catalog.filters.versions.WIDE", 2)
    wide = ["meta:seed=1", "meta:seed", "image:sagemaker", "-image:sagemaker status:none", "x OR meta:seed=1"]
    wide += ["meta:only=1 OR meta:seed=1", "by:x (meta:only=1 OR image:sagemaker)", "-(image:sagemaker)"]
    narrow = ["meta:only=1", "meta:only=1 image:sagemaker", "image:none", "status:waiting by:any-admin", ""]
    narrow += ["meta:only=1 OR meta:only=2", "(meta:only=1 meta:seed=1) OR x", "metric:auc>1", "check:a"]
    assert [text for text in wide + narrow if is_wide(parse(text))] == wide


def test_version_conditions_hold_for_one_and_the_same_version(db: None) -> None:
    both, apart = make_group("both"), make_group("apart")
    production = {"Stage": "Production", "StageStatus": "Done"}
    make_version(both, approval_status="Approved", model_life_cycle=production)
    make_version(apart, approval_status="Approved")
    make_version(apart, approval_status="Rejected", model_life_cycle=production)
    assert names("status:approved stage:production") == ["both"]
    assert names("status:approved -stage:production") == ["apart"]
    assert names("-status:rejected") == ["both"]
    assert names("stage:production (status:approved OR by:nobody)") == ["both"]
    assert names("stage:production (status:approved OR status:rejected)") == ["apart", "both"]
    assert names("status:approved OR stage:production") == ["apart", "both"]
    assert names("-(status:approved stage:production)") == ["apart"]
    assert names("-status:rejected OR stage:none") == ["apart", "both"]
    found = ModelPackage.objects.filter(version_conditions(parse("status:approved -stage:Production", of=TIMELINE)))
    assert [str(package) for package in found] == ["apart v1"]
    assert ModelPackage.objects.filter(version_condition(make_term("status", "rejected"))).count() == 1


def test_deleted_rows_and_unversioned_packages_are_not_found_by(db: None) -> None:
    group = make_group("gone")
    pairs, train = {"seed": "1"}, specification("train:1")
    version = make_version(
        group, approval_status="Approved", customer_metadata_properties=pairs, inference_specification=train
    )
    make_package("alone", customer_metadata_properties=pairs, inference_specification=train)
    for part in ("meta:seed=1", "image:train:1", "image:1", "image:tra"):
        ModelPackage.objects.filter(pk=version.pk).update(deleted_at=None)
        assert names(part) == ["gone"], part
        assert names(f"-{part}") == [], part
        ModelPackage.objects.filter(pk=version.pk).update(deleted_at=NOW)
        assert names(part) == [], part
        assert names(f"-{part}") == ["gone"], part


def test_words_are_found_without_case_and_signs_stand_for_themselves(db: None) -> None:
    make_group("plain", description="Élan 100% of a_b")
    make_group("other", description="elan 1000 of aab")
    assert names("PLAIN") == ["plain"]
    assert names("élan") == ["plain"]
    assert names("100% a_b") == ["plain"]
    assert names('"of a_b"') == ["plain"]


@pytest.mark.parametrize("own", [True, False])
def test_a_pasted_arn_finds_its_group(db: None, settings: Any, own: bool) -> None:
    group = make_group("DiabetesProgression")
    version = make_version(group)
    make_group("diabetes")
    if own:
        arns = [group.arn, version.arn]
    else:
        arns = [
            f"arn:aws:sagemaker:us-west-2:111122223333:{kind}"
            for kind in ("model-package-group/d", "model-package/d/1")
        ]
        ModelPackageGroup.objects.filter(pk=group.pk).update(original_arn=arns[0])
        ModelPackage.objects.filter(pk=version.pk).update(original_arn=arns[1])
        arns.append(arns[1].replace("/1", "/7"))
    for arn in arns:
        assert names(arn) == ["DiabetesProgression"], arn
    assert names("arn:aws:sagemaker:us-east-1:999999999999:model-package-group/DiabetesProgression") == []


def test_updated_takes_ages_and_days(db: None) -> None:
    for name, hours in (("new", 1), ("old", 24 * 30)):
        ModelPackageGroup.objects.filter(pk=make_group(name).pk).update(updated_at=NOW - timedelta(hours=hours))
    assert names("updated:<2h") == names("updated:2026-11-22") == names("updated:>2026-11-01") == ["new"]
    assert names("updated:>1w") == names("updated:<2026-11-22") == ["old"]
    assert names("updated:<=2026-11-22 updated:>=2026-10-01") == ["new", "old"]


def test_metrics_are_compared_as_numbers(db: None) -> None:
    for name, value in (("low", 0.9), ("high", 0.95), ("large", 1200.0)):
        make_version(make_group(name), metrics=[("auc", value)])
    assert names("metric:auc>0.94") == ["high", "large"]
    assert names("metric:auc>=0.95 metric:auc<2") == ["high"]
    assert names("metric:auc=.9") == ["low"]
    assert names("metric:auc>1e3") == ["large"]
    assert names("metric:auc<0 OR metric:auc=1.2E+3") == ["large"]
    assert names("-metric:auc>0.94") == ["low"]
