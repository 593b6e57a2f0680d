"""Every write to the catalog, one function each; all doors call these.

Each is keyword-only with `actor` first, asks permission, holds the rules, saves, and records its event, in one
transaction. Locks are taken in one order: the group's row, then the package's.
"""

from .approvals import update_approval_status
from .checks import report_check
from .contents import PackageChanges, update_model_package
from .deletions import (
    delete_model_package,
    delete_model_package_group,
    restore_model_package,
    restore_model_package_group,
)
from .demo_fills import fill_with_demo
from .groups import create_model_package_group, update_model_package_group_description
from .idempotency import once
from .import_records import FaultyRecord, GroupRecord, PackageRecord
from .import_runs import import_records
from .imports import Outcome, import_model_package, import_model_package_group
from .life_cycles import update_model_life_cycle
from .metadata import update_customer_metadata
from .metric_choices import digest_of_metric_choices, update_metric_choices
from .metric_readings import read_metrics_again
from .metrics import store_metrics
from .packages import create_model_package
from .policies import set_group_policy
from .registrations import Registration
from .review_rules import update_review_rules
from .reviews import comment_on, request_changes, undo_decision, withdraw_vote
from .rollbacks import back_to_previous_approved
from .saved_views import authorize_view, delete_view, save_view, share_view, update_view
from .tags import add_tags, delete_tags, digest_of_tags, set_tags
from .teams import digest_of_teams, set_group_teams

__all__ = [
    "FaultyRecord",
    "GroupRecord",
    "Outcome",
    "PackageChanges",
    "PackageRecord",
    "Registration",
    "add_tags",
    "authorize_view",
    "back_to_previous_approved",
    "comment_on",
    "create_model_package",
    "create_model_package_group",
    "delete_model_package",
    "delete_model_package_group",
    "delete_tags",
    "delete_view",
    "digest_of_metric_choices",
    "digest_of_tags",
    "digest_of_teams",
    "fill_with_demo",
    "import_model_package",
    "import_model_package_group",
    "import_records",
    "once",
    "read_metrics_again",
    "report_check",
    "request_changes",
    "restore_model_package",
    "restore_model_package_group",
    "save_view",
    "set_group_policy",
    "set_group_teams",
    "set_tags",
    "share_view",
    "store_metrics",
    "undo_decision",
    "update_approval_status",
    "update_customer_metadata",
    "update_metric_choices",
    "update_model_life_cycle",
    "update_model_package",
    "update_model_package_group_description",
    "update_review_rules",
    "update_view",
    "withdraw_vote",
]
