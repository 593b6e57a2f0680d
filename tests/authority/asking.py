"""Asking as somebody: in the browser, over the wire, and everything that speaks of all there is."""

import json

from django.test import Client

from registry.accounts.access_keys import create_access_key
from registry.accounts.permissions import Actor
from tests.api.signing import SignedCall
from tests.factories import REGION

from .hidden import HIDDEN, WORD, plain

ARN_OF_VERSION = f"arn:aws:sagemaker:{REGION}:000000000000:model-package/{HIDDEN}/1"


def signed_in(user):
    client = Client()
    client.force_login(user)
    return client


def key_of(user, role=""):
    """A key of the user, narrowed to a role where one is named."""
    name = f"key {user.access_keys.count()}"
    key, secret = create_access_key(actor=Actor.system("test"), user=user, name=name, role=role)
    return key.key_id, secret


def call(key, operation, **members):
    """(status, code, answer) of a call."""
    return SignedCall(key=key, operation=operation, body=json.dumps(members).encode()).send()


ASKED = [
    WORD, "", HIDDEN, f"{HIDDEN} v1", f"{HIDDEN}/1", f"s3://{WORD}/model.tar.gz", f"{WORD}/{WORD}-image:1",
    ARN_OF_VERSION, f"arn:aws:sagemaker:us-east-1:123456789012:model-package-group/{WORD}-old",
    f"arn:{WORD}:model-package/{WORD}-old/1",
]  # fmt: skip
FILTERS = [
    "", WORD, "team", "status:waiting", "approved:none", "tag:team=all", f"tag:{WORD}-tag", f"meta:{WORD}-key",
    "meta:a", f"metric:{WORD}_loss>0", f"check:{WORD}-check=success", f"image:{WORD}-image", f"by:{WORD}-author",
    f"stage:{WORD}-stage", f"region:eu-{WORD}-1", f"group:{WORD}*", "-status:rejected", "created:<7d",
]  # fmt: skip
TYPED = [
    "", "q", "tag:", "tag:team=", "meta:", "meta:a=", "metric:", "check:", "image:", "by:", "region:", "group:",
    "tag:q", "tag:team", "meta:q", "metric:q", "check:q", "image:q", "by:q", "group:q", "re",
]  # fmt: skip
LISTS = ("groups", "timeline", "packages", "review", "activity")


def pages(*, whole):
    """(path, query, is a fragment) of what speaks of everything; not `whole`: what is most telling."""
    for path in ("/groups/", "/packages/", "/review/", "/activity/"):
        for q in FILTERS if whole else FILTERS[:2]:
            yield path, {"q": q}
            yield f"{path}csv/", {"q": q}
    for sort in ("name", "latest", "approved", "versions", "updated") if whole else ():
        yield "/groups/", {"sort": sort}
    for who in ("me", "all", "decided"):
        yield "/review/", {"who": who, "at": f"{REGION}/{HIDDEN}/1"}
    for of in LISTS if whole else LISTS[:1]:
        for typed in TYPED if whole else TYPED[:12]:
            yield "/groups/suggest/", {"q": typed, "of": of}
    for text in ASKED if whole else ASKED[:8]:
        yield "/search/", {"q": text}
        if whole:
            yield "/search/", {"q": text, "go": "1"}
            yield "/used/", {"q": text}
    for used in ({"image": f"{WORD}/{WORD}-image:1"}, {"artifact": f"s3://{WORD}"}, {"image": f"{WORD}-image"}):
        yield "/used/", used
    yield "/activity/", {"type": "review", "group": f"{REGION}/{HIDDEN}"}
    yield "/compare/", [("v", f"{REGION}/{HIDDEN}/1"), ("v", f"{REGION}/open/1")]
    yield "/groups/new/", {}
    yield f"/groups/{REGION}/open/", {}
    yield f"/groups/{REGION}/open/tags/edit/", {}
    yield f"/groups/{REGION}/quartz-lodger/", {}  # a slip of the pen: names that are close


CALLS = [
    ("ListModelPackageGroups", {}),
    ("ListModelPackageGroups", {"NameContains": WORD, "SortBy": "Name"}),
    *[("ListModelPackages", {"ModelPackageType": kind}) for kind in ("Versioned", "Unversioned", "Both")],
    ("ListModelPackages", {"ModelPackageType": "Versioned", "SortBy": "Name", "ModelApprovalStatus": "Approved"}),
    *[("Search", {"Resource": kind}) for kind in ("ModelPackage", "ModelPackageGroup")],
    *[
        ("GetSearchSuggestions", {"Resource": kind, "SuggestionQuery": {"PropertyNameQuery": {"PropertyNameHint": h}}})
        for kind, h in (("ModelPackage", "CustomerMetadataProperties."), ("ModelPackageGroup", "Tags."))
    ],
    ("BatchDescribeModelPackage", {"ModelPackageArnList": [ARN_OF_VERSION]}),
]


def told(client, key, *, whole):
    """All answers, by what was asked."""
    answers = {}
    for path, query in pages(whole=whole):
        for headers in ({}, {"HX-Request": "true"}) if whole else ({},):
            answers[path, str(query), str(headers)] = plain(client.get(path, query, headers=headers))
    return answers | {(name, str(members)): call(key, name, **members) for name, members in CALLS}
