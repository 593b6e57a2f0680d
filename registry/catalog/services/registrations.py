"""What a caller hands in to register a package, checked, in the wire's nested form; no database."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from django.core.exceptions import ValidationError

from .. import validators as check
from ..models import ApprovalStatus

JSON = dict[str, Any]


@dataclass(kw_only=True)
class Registration:
    """The content of a new package: one attribute for each member of CreateModelPackage, under the model's names.

    Nested members keep the wire's form (contract section 8), for example
    inference_specification={"Containers": [{"Image": …, "ModelDataUrl": …}]}. `metrics` are (name, value) pairs that
    a person typed; numeric `metric.*` metadata adds to them where the name is not taken.
    """

    description: str = ""
    approval_status: str | None = None
    approval_description: str = ""
    registration_type: str = ""
    certify_for_marketplace: bool = False
    skip_model_validation: str = ""
    managed_storage_type: str = ""
    domain: str = ""
    task: str = ""
    sample_payload_url: str = ""
    source_uri: str = ""
    metadata_properties: JSON | None = None
    model_metrics: JSON | None = None
    inference_specification: JSON | None = None
    source_algorithm_specification: JSON | None = None
    validation_specification: JSON | None = None
    drift_check_baselines: JSON | None = None
    additional_inference_specifications: list[JSON] | None = None
    security_config: JSON | None = None
    model_card: JSON | None = None
    model_life_cycle: JSON | None = None
    customer_metadata_properties: Mapping[str, str] = field(default_factory=dict)
    tags: Sequence[tuple[str, str]] = ()
    metrics: Sequence[tuple[str, float]] = ()

    @property
    def containers(self) -> list[JSON]:
        """The containers of the inference specification, in order; an empty list without one."""
        return list((self.inference_specification or {}).get("Containers") or [])

    def columns(self) -> JSON:
        """The members that are plain fields of ModelPackage, by field name."""
        elsewhere = {"customer_metadata_properties", "tags", "metrics", "model_life_cycle"}
        columns = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in elsewhere}
        cycle = self.model_life_cycle or {}
        return columns | {
            "stage": cycle.get("Stage", ""),
            "stage_status": cycle.get("StageStatus", ""),
            "stage_description": cycle.get("StageDescription", ""),
        }

    def clean(self, *, versioned: bool) -> None:
        """Check every rule that needs no database; raises ValidationError with all faults by field name at once."""
        faults: dict[str, list[str]] = {}

        def test(name: str, validator: Callable[[Any], None], value: Any) -> None:
            try:
                validator(value)
            except ValidationError as error:
                faults.setdefault(name, []).extend(error.messages)

        test("description", check.validate_description, self.description)
        test("approval_description", check.validate_comment, self.approval_description)
        if self.approval_status is not None and self.approval_status not in ApprovalStatus.values:
            faults["approval_status"] = [f"The status is one of {', '.join(ApprovalStatus.values)}."]
        if versioned and self.tags:
            faults["tags"] = ["Versions have no tags. Use metadata, or tag the group."]
        if len(self.source_uri) > check.URL_MAX:
            faults["source_uri"] = [f"At most {check.URL_MAX} characters."]
        if self.sample_payload_url:
            test("sample_payload_url", check.validate_url, self.sample_payload_url)
        if self.model_life_cycle:
            for member in ("Stage", "StageStatus"):
                if self.model_life_cycle.get(member):
                    test("stage", check.validate_name, self.model_life_cycle[member])
                else:
                    faults.setdefault("stage", []).append(f"A life cycle needs a {member}.")
            test("stage", check.validate_comment, self.model_life_cycle.get("StageDescription", ""))
        if len(self.containers) > check.CONTAINERS_MAX:
            faults["containers"] = [f"At most {check.CONTAINERS_MAX} containers; these are {len(self.containers)}."]
        for number, container in enumerate(self.containers):
            test(f"containers.{number}.image", check.validate_image, container.get("Image") or "")
            if container.get("ModelDataUrl"):
                test(f"containers.{number}.model_data_url", check.validate_url, container["ModelDataUrl"])
            if container.get("ImageDigest"):
                test(f"containers.{number}.image_digest", check.validate_image_digest, container["ImageDigest"])
            if container.get("FrameworkVersion"):
                version = container["FrameworkVersion"]
                test(f"containers.{number}.framework_version", check.validate_framework_version, version)
        test("customer_metadata_properties", clean_pairs, self.customer_metadata_properties)
        test("tags", clean_tags, list(self.tags))
        seen: set[str] = set()
        for name, value in self.metrics:
            if not name or len(name) > check.METRIC_NAME_MAX:
                test("metrics", _refuse, f"A metric name has 1 to {check.METRIC_NAME_MAX} characters.")
            elif name in seen:
                test("metrics", _refuse, f"The metric {name} is there twice.")
            seen.add(name)
            test("metrics", check.validate_finite, value)
        if faults:
            raise ValidationError(faults)


def _refuse(message: str) -> None:
    raise ValidationError(message)


def clean_pairs(pairs: Mapping[str, str]) -> None:
    """Check customer metadata: at most 50 pairs, each key and value within its pattern; names the key in the text."""
    if len(pairs) > check.PAIRS_MAX:
        raise ValidationError(f"At most {check.PAIRS_MAX} pairs; these are {len(pairs)}.", "too_many")
    for key, value in pairs.items():
        check.validate_metadata_key(key)
        try:
            check.validate_metadata_value(value)
        except ValidationError as error:
            raise ValidationError([f"{key}: {message}" for message in error.messages]) from error


def clean_tags(tags: Sequence[tuple[str, str]]) -> None:
    """Check tags: at most 50, no key twice, each within its pattern, none reserved (contract section 6, Tags)."""
    if len(tags) > check.TAGS_MAX:
        raise ValidationError(f"At most {check.TAGS_MAX} tags; these are {len(tags)}.", "too_many")
    keys = [key for key, _ in tags]
    for key, value in tags:
        check.validate_tag_key(key)
        check.validate_tag_value(value)
        if keys.count(key) > 1:
            raise ValidationError(f"The key {key} is there twice.", "twice")
