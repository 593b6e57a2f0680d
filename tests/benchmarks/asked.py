"""What pages and wire calls are asked of a filled registry, so that every query of the product runs at least once."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from django.test import Client
from django.urls import Resolver404, resolve

from tests.api.signing import SignedCall
from tests.factories import specification

REGION = "us-east-1"
GROUP = "model-000"
VERSION = 1000
UNVERSIONED = "package-007"
_GROUP = f"/groups/{REGION}/{GROUP}/"
_VERSION = f"{_GROUP}versions/{VERSION}/"
_PACKAGE = f"/packages/{REGION}/{UNVERSIONED}/"
_ARN = f"arn:aws:sagemaker:{REGION}:000000000000"
# An event before everything that happened.
_START = 1

# Name of the family -> address, read in the browser.
PAGES = {
    "groups": "/groups/",
    "groups by name": "/groups/?sort=name",
    "groups by latest version": "/groups/?sort=latest",
    "groups by versions": "/groups/?sort=versions",
    "groups by approval": "/groups/?sort=approved",
    "groups: words": "/groups/?q=model-01",
    "groups: tag": "/groups/?q=tag:team=team-3",
    "groups: status": "/groups/?q=status:approved",
    "groups: status and stage": "/groups/?q=status:approved+stage:Production",
    "groups: by": "/groups/?q=by:person-5+status:waiting",
    "groups: meta": "/groups/?q=meta:commit=c00017",
    "groups: meta that many have": "/groups/?q=meta:feature_set",
    "groups: image": "/groups/?q=image:xgboost:1.3",
    "groups: ARN": f"/groups/?q={_ARN}:model-package/{GROUP}/7",
    "groups: nothing found": "/groups/?q=nowhere-to-be-found",
    "filter box": "/groups/suggest/?q=meta:comm",
    "filter box, values": "/groups/suggest/?q=meta:commit=c0",
    "filter box, images": "/groups/suggest/?q=image:xg",
    "new group": "/groups/new/",
    "group": _GROUP,
    "group: status": f"{_GROUP}?status=waiting",
    "group: stage": f"{_GROUP}?stage=Production",
    "group: author": f"{_GROUP}?by=person-5",
    "group: image": f"{_GROUP}?image=xgboost:1.3",
    "group: meta": f"{_GROUP}?meta=commit=c00017",
    "group, further rows": f"{_GROUP}timeline/?before=500",
    "group, live": f"{_GROUP}live/?after=999999999",
    "group, live with news": f"{_GROUP}live/?after={_START}",
    "group, description": f"{_GROUP}description/",
    "group, tags": f"{_GROUP}tags/edit/",
    "register": f"{_GROUP}register/",
    "version": _VERSION,
    "version against another": f"{_VERSION}?base=900",
    "version, live": f"{_VERSION}live/?after={_START}",
    "version, metadata": f"{_VERSION}metadata/",
    "version, metrics": f"{_VERSION}metrics/",
    "unversioned": "/packages/",
    "version, evidence": f"{_VERSION}evidence/",
    "unversioned: tag": "/packages/?q=tag:team=team-3",
    "unversioned: meta": "/packages/?q=meta:commit=c00017",
    "unversioned package": _PACKAGE,
    "activity": "/activity/",
    "activity: type": "/activity/?type=review",
    "activity: person": "/activity/?actor=person-5",
    "activity: group": f"/activity/?group={REGION}/{GROUP}",
    "activity, further days": "/activity/?before=9000",
    "access keys": "/settings/access-keys/",
    "users": "/settings/users/",
    "review": "/review/",
    "review pane": f"/review/{REGION}/{GROUP}/{VERSION}/",
    "rules of a group": f"{_GROUP}rules/",
    "metrics of a group": f"{_GROUP}metrics/",
    "compare": f"/compare/?v={REGION}/{GROUP}/7&v={REGION}/{GROUP}/8",
    "palette": "/search/?q=model-01",
    "palette, artifact": "/search/?q=s3://models/7.tar.gz",
    "where used: image": "/used/?image=xgboost:1.3",
    "where used: artifact": "/used/?artifact=s3://models/7.tar.gz",
    "deleted": "/deleted/",
    "group as CSV": f"{_GROUP}csv/",
    "groups as CSV": "/groups/csv/",
    "unversioned as CSV": "/packages/csv/",
    "activity as CSV": "/activity/csv/",
    "review as CSV": "/review/csv/",
    "saved views": f"/views/timeline/?at={REGION}/{GROUP}",
}

# Name of the family -> (address, form).
FORMS: dict[str, tuple[str, dict[str, Any]]] = {
    "decide": (f"{_VERSION}review/", {"decision": "Approved", "comment": "Better on the holdout."}),
    "move to a stage": (f"{_VERSION}stage/", {"stage": "Staging"}),
    "add a pair": (f"{_VERSION}metadata/", {"key": "reviewed", "value": "yes"}),
    "change a description": (f"{_GROUP}description/", {"description": "Scores applications."}),
}

# Name of the family -> (operation, members).
CALLS: dict[str, tuple[str, dict[str, Any]]] = {
    "CreateModelPackageGroup": ("CreateModelPackageGroup", {"ModelPackageGroupName": "made-now"}),
    "DescribeModelPackageGroup": ("DescribeModelPackageGroup", {"ModelPackageGroupName": GROUP}),
    "ListModelPackageGroups": ("ListModelPackageGroups", {"SortBy": "CreationTime"}),
    "ListModelPackageGroups, NameContains": ("ListModelPackageGroups", {"NameContains": "del-01"}),
    "CreateModelPackage": (
        "CreateModelPackage",
        {
            "ModelPackageGroupName": GROUP,
            "ModelApprovalStatus": "Approved",
            "InferenceSpecification": specification(),
            "CustomerMetadataProperties": {"commit": "c-now", "metric.auc": "0.91"},
            "ClientToken": "one-call-of-the-plans",
        },
    ),
    "CreateModelPackage, unversioned": (
        "CreateModelPackage",
        {
            "ModelPackageName": "made-now",
            "InferenceSpecification": specification(),
            "Tags": [{"Key": "team", "Value": "risk"}],
        },
    ),
    "DescribeModelPackage": ("DescribeModelPackage", {"ModelPackageName": f"{_ARN}:model-package/{GROUP}/{VERSION}"}),
    "DescribeModelPackage, unversioned": ("DescribeModelPackage", {"ModelPackageName": UNVERSIONED}),
    "BatchDescribeModelPackage": (
        "BatchDescribeModelPackage",
        {"ModelPackageArnList": [f"{_ARN}:model-package/{GROUP}/{n}" for n in (7, 8)]},
    ),
    "ListModelPackages": ("ListModelPackages", {"ModelPackageGroupName": GROUP, "MaxResults": 100}),
    "ListModelPackages, status": (
        "ListModelPackages",
        {"ModelPackageGroupName": GROUP, "ModelApprovalStatus": "Approved", "SortOrder": "Descending"},
    ),
    "ListModelPackages, unversioned": ("ListModelPackages", {}),
    "ListModelPackages, all versions": ("ListModelPackages", {"ModelPackageType": "Versioned"}),
    "ListModelPackages, by name": ("ListModelPackages", {"ModelPackageType": "Both", "SortBy": "Name"}),
    "UpdateModelPackage": (
        "UpdateModelPackage",
        {
            "ModelPackageArn": f"{_ARN}:model-package/{GROUP}/{VERSION + 1}",
            "ModelApprovalStatus": "Rejected",
            "CustomerMetadataProperties": {"reason": "drift"},
        },
    ),
    "UpdateModelPackage, content": (
        "UpdateModelPackage",
        {
            "ModelPackageArn": f"{_ARN}:model-package/{GROUP}/{VERSION + 2}",
            "InferenceSpecification": specification(artifact="s3://models/again.tar.gz"),
        },
    ),
    "DeleteModelPackage": ("DeleteModelPackage", {"ModelPackageName": f"{_ARN}:model-package/{GROUP}/{VERSION + 3}"}),
    "DeleteModelPackageGroup": ("DeleteModelPackageGroup", {"ModelPackageGroupName": "made-now"}),
    "AddTags": (
        "AddTags",
        {"ResourceArn": f"{_ARN}:model-package/{UNVERSIONED}", "Tags": [{"Key": "tier", "Value": "2"}]},
    ),
    "ListTags": ("ListTags", {"ResourceArn": f"{_ARN}:model-package-group/{GROUP}"}),
    "ListTags, unversioned": ("ListTags", {"ResourceArn": f"{_ARN}:model-package/{UNVERSIONED}"}),
    "DeleteTags": ("DeleteTags", {"ResourceArn": f"{_ARN}:model-package/{UNVERSIONED}", "TagKeys": ["tier"]}),
    "Search": ("Search", {"Resource": "ModelPackage", "MaxResults": 20}),
    "Search, ModelPackageGroupName": (
        "Search",
        {
            "Resource": "ModelPackage",
            "MaxResults": 20,
            "SearchExpression": {"Filters": [{"Name": "ModelPackageGroupName", "Operator": "Equals", "Value": GROUP}]},
        },
    ),
    "Search, metadata": (
        "Search",
        {
            "Resource": "ModelPackage",
            "SearchExpression": {
                "Filters": [{"Name": "CustomerMetadataProperties.commit", "Operator": "Equals", "Value": "c00017"}]
            },
        },
    ),
    "Search, groups": ("Search", {"Resource": "ModelPackageGroup"}),
    "GetSearchSuggestions": (
        "GetSearchSuggestions",
        {
            "Resource": "ModelPackage",
            "SuggestionQuery": {"PropertyNameQuery": {"PropertyNameHint": "CustomerMetadataProperties."}},
        },
    ),
}


@dataclass(frozen=True)
class Asking:
    """One page, form or call: its name, what it is about, and what sends it and returns the status of the answer.

    `about` is "group" where it speaks of GROUP or a version of it, "package" for the unversioned one, else "".
    """

    name: str
    send: Callable[[], int]
    about: str = ""


def askings(browser: Client, key: tuple[str, str]) -> Iterator[Asking]:
    """Every page that has an address here, then every form, then every call signed with `key`."""
    for name, address in PAGES.items():
        if _is_there(address):
            yield Asking(name, lambda address=address: _read(browser, address), _about(address))
    for name, (address, form) in FORMS.items():
        yield Asking(name, lambda address=address, form=form: browser.post(address, form).status_code, _about(address))
    for name, (operation, members) in CALLS.items():
        body = json.dumps(members).encode()
        call = SignedCall(key=key, operation=operation, body=body, region=REGION)
        yield Asking(name, lambda call=call: call.send()[0], _about(body.decode()))


def _about(text: str) -> str:
    # The index asks about all groups, also where it names one in its filter.
    if GROUP in text and "?q=" not in text:
        return "group"
    return "package" if UNVERSIONED in text else ""


def _is_there(address: str) -> bool:
    try:
        resolve(address.partition("?")[0])
    except Resolver404:
        return False
    return True


def _read(browser: Client, address: str) -> int:
    answer = browser.get(address)
    # A file that is sent piece by piece runs its queries while it is read.
    b"".join(answer) if getattr(answer, "streaming", False) else answer.content
    return answer.status_code
