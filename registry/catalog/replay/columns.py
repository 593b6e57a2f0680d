"""How each column of each table follows from the log; a test fails for a column without a row here."""

from __future__ import annotations

from ..services.states import WIRE_MEMBERS

OWN_ID = "the database's own number"
OWNER = "the subject of the event: group_id, package_id"
_VERSIONS = "recomputed from the group's versions"
_DECISION = "the decision in approval_status_changed; in created as registered or, of an import, as recorded"
_MODIFIED = (
    "time and actor of the last change of the package; of an import's update as its record says. The account in the "
    "ARN of last_modified_by is the setting of today: the log does not keep it"
)
_CREATED = "created"
_UNUSED = "Django's own; nothing writes or asks it"
_SECRET = "not in the log: a secret"
_USE = "not in the log: not a change"
_CONTAINER = "follows from the inference specification"

FOLLOWS: dict[str, dict[str, str]] = {
    "ModelPackageGroup": {
        "id": OWNER,
        "region": _CREATED,
        "name": _CREATED,
        "description": "created, description_changed",
        "created_at": _CREATED,
        "created_by_name": _CREATED,
        "created_by": _CREATED,
        "updated_at": "time of the last change of the group or of one of its versions; the latest one of an import",
        "updated_by_name": "actor of the last change of the group or of one of its versions",
        "last_version": _VERSIONS,
        "version_count": _VERSIONS,
        "waiting_count": _VERSIONS,
        "approved_count": _VERSIONS,
        "rejected_count": _VERSIONS,
        "latest_created_at": _VERSIONS,
        "approved_version": _VERSIONS,
        "approved_at": _VERSIONS,
        "review_rules": "rules_changed",
        "leading_metric": "metrics_changed",
        "metric_directions": "metrics_changed",
        "resource_policy": "created by an import, policy_changed",
        "managed_storage_type": _CREATED,
        "original_arn": "created by an import",
        "imported_at": "time of created by an import",
        "deleted_at": "deleted, restored",
        "deleted_by_name": "deleted, restored",
    },
    "ModelPackage": {
        **{column: f"{member} in created and content_changed" for column, member in WIRE_MEMBERS.items()},
        "id": OWNER,
        "region": _CREATED,
        "group_id": OWNER,
        "version": _CREATED,
        "name": _CREATED,
        "approval_status": _DECISION,
        "approval_description": f"{_DECISION}; changes_requested",
        "decided_at": _DECISION,
        "decided_by_name": _DECISION,
        "decided_by_override": _DECISION,
        "waiting_since": f"{_DECISION}; content_changed",
        "approved_content": f"{_DECISION}; content_changed",
        "stage": "ModelLifeCycle in created and stage_changed",
        "stage_status": "ModelLifeCycle in created and stage_changed",
        "stage_description": "ModelLifeCycle in created and stage_changed",
        "created_at": _CREATED,
        "created_by": _CREATED,
        "created_by_name": _CREATED,
        "last_modified_at": _MODIFIED,
        "last_modified_by": _MODIFIED,
        "last_modified_by_name": _MODIFIED,
        "revision": "one more with each event that a reviewer has to see; of an import's update as its last event says",
        "deleted_at": "deleted, restored",
        "deleted_by_name": "deleted, restored",
        "imported_at": "time of created by an import",
        "original_arn": "created by an import",
        "metrics_note": "created, metrics_read",
        "status": "created by an import",
        "status_details": "created by an import",
    },
    "Tag": {
        "id": OWN_ID,
        "group_id": OWNER,
        "package_id": OWNER,
        "key": "created, tagged",
        "value": "created, tagged",
        "slot": "the lowest free one, in the order of the event's tags",
    },
    "TeamAccess": {"id": OWN_ID, "group_id": OWNER, "team_id": "teams_changed"},
    "CustomerMetadataProperty": {
        "id": OWN_ID,
        "package_id": OWNER,
        "key": "created, metadata_changed",
        "value": "created, metadata_changed",
        "slot": "the lowest free one, in the order of the new keys",
    },
    "Container": {
        "id": OWN_ID,
        "package_id": OWNER,
        "group_id": "the package's, while that is live",
        "position": _CONTAINER,
        "image": _CONTAINER,
        "image_name": _CONTAINER,
        "image_tag": _CONTAINER,
        "image_digest": _CONTAINER,
        "model_data_url": _CONTAINER,
        "model_data_etag": _CONTAINER,
        "framework": _CONTAINER,
        "framework_version": _CONTAINER,
    },
    "Metric": {
        "id": OWN_ID,
        "package_id": OWNER,
        "name": "created, metrics_read; else metric.* metadata",
        "value": "created, metrics_read; else metric.* metadata",
        "standard_deviation": "created, metrics_read",
        "source": "what named it: created or metrics_read, or metric.* metadata",
    },
    "Vote": {
        "id": OWN_ID,
        "package_id": OWNER,
        "user_id": "actor of vote_given",
        "user_name": "vote_given, until a decision, new content or new rules end the round",
        "comment": "vote_given",
        "voted_at": "vote_given",
    },
    "Check": {
        "id": OWN_ID,
        "package_id": OWNER,
        "name": "check_reported",
        "state": "check_reported; pending again after content_changed",
        "url": "check_reported",
        "summary": "check_reported; content_changed",
        "reported_at": "time of check_reported",
        "reported_by_name": "actor of check_reported",
        "slot": "the next one, as no check is removed",
    },
    "SavedView": {
        "id": OWN_ID,
        "owner_id": "saved_view.*",
        "page": "saved_view.*",
        "name": "saved_view.*",
        "query": "saved_view.*",
        "is_shared": "saved_view.*",
        "saved_at": "time of the last saved_view.*",
    },
    "User": {
        "id": OWN_ID,
        "username": "user.created",
        "first_name": _UNUSED,
        "last_name": _UNUSED,
        "email": "not in the log, which could not forget it; nothing depends on it",
        "password": _SECRET,
        "last_login": _USE,
        "date_joined": "time of user.created",
        "is_active": "user.activated, user.deactivated",
        "is_staff": "follows from role and is_service",
        "is_superuser": "says the role admin, as its Django group does; the role is in user.created, user.role_changed",
        "is_service": "user.created",
    },
    "Group": {
        "id": OWN_ID,
        "name": "team.*; of a role, the code. Who is in it: the role, user.teams_changed, team.renamed, team.deleted",
    },
    "AccessKey": {
        "id": OWN_ID,
        "user_id": "target of access_key.*",
        "name": "access_key.created, access_key.renamed",
        "key_id": "access_key.created, access_key.rotated",
        "encrypted_secret": _SECRET,
        "role": "access_key.created",
        "created_at": "time of access_key.created",
        "created_by_name": "actor of access_key.created",
        "expires_at": "access_key.created",
        "is_active": "access_key.enabled, access_key.disabled",
        "last_used_at": _USE,
        "last_used_by": _USE,
    },
}

# Tables that do not follow from the log, and why.
NOT_LOGGED = {
    "SignInFailure": "counts of a quarter of an hour, against guessing",
    "BadSignatures": "counts of a minute, against guessing",
    "AnsweredCall": "what a client's token was answered, kept for 7 days so that a repeated call is done once; the "
    "change that the call made has its event",
}
