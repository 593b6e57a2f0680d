"""The tables of the registry, one file a noun: groups, packages, and what hangs on them."""

from .calls import AnsweredCall
from .groups import ModelPackageGroup
from .packages import ApprovalStatus, ModelPackage
from .parts import Container, CustomerMetadataProperty, Metric, Tag

__all__ = [
    "AnsweredCall",
    "ApprovalStatus",
    "Container",
    "CustomerMetadataProperty",
    "Metric",
    "ModelPackage",
    "ModelPackageGroup",
    "Tag",
]
