"""The tables of the registry, one file a noun: groups, packages, and what hangs on them."""

from .calls import AnsweredCall
from .groups import ModelPackageGroup
from .packages import ApprovalStatus, ModelPackage
from .parts import METADATA_PREFIX, Container, CustomerMetadataProperty, Metric, Tag
from .reviews import Check, Vote
from .saved_views import SavedView
from .teams import TeamAccess

__all__ = [
    "METADATA_PREFIX",
    "AnsweredCall",
    "ApprovalStatus",
    "Check",
    "Container",
    "CustomerMetadataProperty",
    "Metric",
    "ModelPackage",
    "ModelPackageGroup",
    "SavedView",
    "Tag",
    "TeamAccess",
    "Vote",
]
