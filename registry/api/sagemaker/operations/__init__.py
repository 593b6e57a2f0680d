"""The 18 operations, each a function from a Call to the members of its answer; the table names them all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..calls import Call
from . import groups, packages, search, tags

OPERATIONS: dict[str, Callable[[Call], dict[str, Any]]] = {
    "AddTags": tags.add_tags,
    "BatchDescribeModelPackage": packages.batch_describe_model_package,
    "CreateModelPackage": packages.create_model_package,
    "CreateModelPackageGroup": groups.create_model_package_group,
    "DeleteModelPackage": packages.delete_model_package,
    "DeleteModelPackageGroup": groups.delete_model_package_group,
    "DeleteModelPackageGroupPolicy": groups.delete_model_package_group_policy,
    "DeleteTags": tags.delete_tags,
    "DescribeModelPackage": packages.describe_model_package,
    "DescribeModelPackageGroup": groups.describe_model_package_group,
    "GetModelPackageGroupPolicy": groups.get_model_package_group_policy,
    "GetSearchSuggestions": search.get_search_suggestions,
    "ListModelPackageGroups": groups.list_model_package_groups,
    "ListModelPackages": packages.list_model_packages,
    "ListTags": tags.list_tags,
    "PutModelPackageGroupPolicy": groups.put_model_package_group_policy,
    "Search": search.search,
    "UpdateModelPackage": packages.update_model_package,
}
