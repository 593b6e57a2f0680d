"""Every address of the browser door, grouped by noun."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path, register_converter
from django.views.generic import RedirectView

from . import converters
from .icons import icon_sprite
from .views import (
    access,
    access_keys,
    accounts,
    activity,
    compare,
    deletions,
    evidence,
    exports,
    group_changes,
    groups,
    keyboard,
    live,
    metadata,
    metrics,
    packages,
    register,
    review_queue,
    reviews,
    rules,
    saved_views,
    search,
    tags,
    timeline,
    versions,
)

register_converter(converters.RegionConverter, "region")
register_converter(converters.NameConverter, "name")
register_converter(converters.ListConverter, "list")
register_converter(converters.VersionConverter, "version")
register_converter(converters.RowConverter, "row")

# A version or an unversioned package: the same pages and forms under two addresses.
_package_patterns = [
    path("metadata/", metadata.metadata_add, name="metadata"),
    path("metadata/<row:pk>/", metadata.metadata_row, name="metadata-row"),
    path("metadata/<row:pk>/edit/", metadata.metadata_edit, name="metadata-edit"),
    path("metadata/<row:pk>/remove/", metadata.metadata_remove, name="metadata-remove"),
    path("stage/", reviews.stage_update, name="stage"),
    path("metrics/", metrics.metrics_read, name="metrics"),
    path("tags/", tags.package_tags, name="tags"),
    path("tags/edit/", tags.package_tags_edit, name="tags-edit"),
    path("delete/", deletions.package_delete, name="delete"),
    path("evidence/", evidence.package_evidence, name="evidence"),
    path("evidence.json", evidence.package_evidence_file, name="evidence-file"),
]

_version_patterns: list[URLPattern | URLResolver] = [
    path("", versions.package_detail, name="package-detail"),
    path("review/", reviews.package_review, name="package-review"),
    path("rollback/", reviews.package_rollback, name="package-rollback"),
    path("live/", live.package_live, name="package-live"),
    path("", include((_package_patterns, "web"), namespace="version")),
]

_group_patterns: list[URLPattern | URLResolver] = [
    path("", timeline.group_detail, name="group-detail"),
    path("timeline/", timeline.group_timeline, name="group-timeline"),
    path("csv/", exports.group_detail_csv, name="group-detail-csv"),
    path("changes/", group_changes.group_changes, name="group-changes"),
    path("live/", live.group_live, name="group-live"),
    path("description/", groups.group_description, name="group-description"),
    path("tags/", tags.group_tags, name="group-tags"),
    path("tags/edit/", tags.group_tags_edit, name="group-tags-edit"),
    path("rules/", rules.group_rules, name="group-rules"),
    path("access/", access.group_access, name="group-access"),
    path("metrics/", metrics.group_metrics, name="group-metrics"),
    path("compare/", compare.group_compare, name="group-compare"),
    path("delete/", deletions.group_delete, name="group-delete"),
    path("register/", register.package_register, name="package-register"),
    path("register/container/", register.package_register_container, name="package-register-container"),
    path("versions/<version:version>/", include(_version_patterns)),
]

urlpatterns = [
    path("icons.<str:digest>.svg", icon_sprite, name="icons"),
    path("", RedirectView.as_view(pattern_name="group-list"), name="home"),
    path("groups/", groups.group_list, name="group-list"),
    path("groups/suggest/", groups.group_suggest, name="group-suggest"),
    path("filters/help/", groups.filter_help, name="filter-help"),
    path("groups/csv/", exports.group_list_csv, name="group-list-csv"),
    path("groups/new/", groups.group_create, name="group-create"),
    path("groups/new/check-name/", groups.group_check_name, name="group-check-name"),
    path("groups/<region:region>/<name:name>/", include(_group_patterns)),
    path("compare/", compare.compare, name="compare"),
    path("packages/", packages.package_list, name="package-list"),
    path("packages/csv/", exports.package_list_csv, name="package-list-csv"),
    path("packages/new/", register.unversioned_register, name="unversioned-register"),
    path("packages/new/container/", register.unversioned_register_container, name="unversioned-register-container"),
    path("packages/<region:region>/<name:name>/", versions.unversioned_detail, name="unversioned-detail"),
    path("packages/<region:region>/<name:name>/", include((_package_patterns, "web"), namespace="unversioned")),
    path("review/", review_queue.review_queue, name="review-queue"),
    path("review/<region:region>/<name:name>/<version:version>/", review_queue.review_pane, name="review-pane"),
    path("activity/", activity.activity_list, name="activity"),
    path("activity/csv/", exports.activity_csv, name="activity-csv"),
    path("activity/log/", exports.activity_log, name="activity-log"),
    path("review/csv/", exports.review_csv, name="review-csv"),
    path("views/<list:page>/", saved_views.view_list, name="saved-views"),
    path("views/<list:page>/<row:pk>/", saved_views.view_change, name="saved-view"),
    path("search/", search.search, name="search"),
    path("keyboard/", keyboard.shortcuts, name="keyboard"),
    path("used/", search.where_used, name="where-used"),
    path("deleted/", deletions.deleted_list, name="deleted-list"),
    path("deleted/groups/<row:pk>/restore/", deletions.group_restore, name="group-restore"),
    path("deleted/packages/<row:pk>/restore/", deletions.package_restore, name="package-restore"),
    path("login/", accounts.login, name="login"),
    path("logout/", accounts.logout, name="logout"),
    path("settings/access-keys/", access_keys.key_list, name="access-keys"),
    path("settings/access-keys/new/", access_keys.key_create, name="access-key-new"),
    path("settings/access-keys/<row:pk>/", access_keys.key_detail, name="access-key"),
    path("settings/access-keys/<row:pk>/rename/", access_keys.key_rename, name="access-key-rename"),
    path("settings/access-keys/<row:pk>/active/", access_keys.key_active, name="access-key-active"),
    path("settings/access-keys/<row:pk>/rotate/", access_keys.key_rotate, name="access-key-rotate"),
    path("settings/access-keys/<row:pk>/delete/", access_keys.key_delete, name="access-key-delete"),
    path("settings/password/", accounts.password_change, name="password-change"),
    path("settings/users/", accounts.user_list, name="user-list"),
    path("settings/users/new/", accounts.user_create, name="user-create"),
    path("settings/users/<row:pk>/", accounts.user_detail, name="user-detail"),
    path("settings/users/<row:pk>/access-keys/", access_keys.key_list, name="user-access-keys"),
    path("settings/users/<row:pk>/access-keys/new/", access_keys.key_create, name="user-access-key-new"),
]
