"""The stripped service model is what the installed botocore says, and every operation in it is answered."""

from __future__ import annotations

import json

import botocore.session
import pytest
import regex

from registry.api.sagemaker import service_model
from registry.api.sagemaker.operations import OPERATIONS
from registry.api.sagemaker.requests import java_pattern


@pytest.fixture(scope="module")
def botocore_model():
    return botocore.session.Session().get_component("data_loader").load_service_model("sagemaker", "service-2")


def test_stripped_model_equals_the_installed_botocore(botocore_model):
    """After an upgrade of botocore: `manage.py makeservicemodel`, then read the difference."""
    assert json.loads(service_model.PATH.read_text()) == service_model.strip(botocore_model)


def test_every_operation_of_the_model_is_answered():
    assert set(OPERATIONS) == set(service_model.OPERATIONS) == set(service_model.load()["operations"])


def test_every_pattern_of_the_model_compiles():
    shapes = service_model.load()["shapes"]
    patterns = {shape["pattern"] for shape in shapes.values() if "pattern" in shape}
    assert len(patterns) > 30
    for pattern in patterns:
        assert isinstance(java_pattern(pattern), regex.Pattern)


@pytest.mark.parametrize(
    ("shape", "good", "bad"),
    [
        ("CustomerMetadataKey", "git.commit/é 中", "a,b"),
        ("EntityName", "a--b", "a_b"),
        ("VersionedArnOrName", "fraud/12", "fraud/"),
        ("ModelCardContent", '{"a":\n "b"}', None),
        ("TransformInstanceType", "ml.brand-new.48xlarge", "xl.large"),
        ("ImageDigest", "sha256:" + "a" * 64, "sha256:" + "a" * 63),
    ],
)
def test_patterns_take_and_refuse_whole_values(shape, good, bad):
    from registry.api.sagemaker.requests import _compiled

    faults: list[str] = []
    _compiled(shape)(good, "x", faults)
    assert not faults
    if bad is not None:
        _compiled(shape)(bad, "x", faults)
        assert faults
