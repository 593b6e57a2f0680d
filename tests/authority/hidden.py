"""Groups that are limited to a team, full of words that stand nowhere else, and what an answer says but for chance."""

import re

from django.contrib.auth.models import Group
from django.utils import timezone

from registry.accounts.models import Role
from registry.accounts.permissions import Actor
from registry.accounts.teams import create_team, set_user_teams
from registry.catalog import services
from registry.catalog.models import ModelPackage, ModelPackageGroup, Vote
from registry.catalog.rules import ReviewRules
from tests.factories import make_group, make_package, make_user, make_version, specification

TEAM, OTHER_TEAM = "Risk", "Sales"
# In each text of a hidden group, and in none of any other.
WORD = "quartz"
HIDDEN, GONE, ABSENT = f"{WORD}-ledger", f"{WORD}-gone", f"{WORD}-absent"
AUTHOR = Actor(name=f"{WORD}-author", role=Role.ADMIN, door="browser")


def member(role, username, *teams):
    """A user of that role in these teams."""
    user = make_user(role, username=username)
    if teams:
        make_teams(teams)
        set_user_teams(actor=Actor.system("test"), user=user, teams=teams)
    return user


def make_teams(names):
    for name in names:
        if not Group.objects.filter(name=name).exists():
            create_team(actor=Actor.system("test"), name=name)


def limit(group, *teams):
    """Let only these teams see the group, TEAM where none is named."""
    make_teams(teams or [TEAM])
    return services.set_group_teams(actor=Actor.system("test"), group=group, teams=teams or [TEAM])


def fill_open():
    """What everybody sees: two groups, a version that waits, one that was deleted, an unversioned package."""
    group = make_group("open", description="For all", tags=[("team", "all")])
    make_version(group, approval_status="Approved", metrics=[("auc", 0.9)])
    make_version(group, customer_metadata_properties={"a": "1"}, inference_specification=specification("open:1"))
    services.delete_model_package(actor=Actor.system("test"), package=make_version(group))
    make_group("second")
    make_package("alone", tags=[("kind", "single")])
    return group


def fill_hidden():
    """Groups of TEAM with everything that a page, a count, a suggestion or an export could show."""
    made = {"actor": AUTHOR, "description": f"{WORD} words"}
    group = limit(make_group(HIDDEN, tags=[(f"{WORD}-tag", f"{WORD}-value"), ("team", "all")], **made))
    old = f"arn:aws:sagemaker:us-east-1:123456789012:model-package-group/{WORD}-old"
    ModelPackageGroup.objects.filter(pk=group.pk).update(original_arn=old)
    services.update_review_rules(actor=AUTHOR, group=group, rules=ReviewRules(approvals_needed=2))
    content = specification(f"{WORD}/{WORD}-image:1", f"s3://{WORD}/model.tar.gz")
    values = {"customer_metadata_properties": {f"{WORD}-key": WORD, "a": WORD}, "metrics": [(f"{WORD}_loss", 0.1)]}
    waiting = make_version(group, inference_specification=content, **made, **values)
    ModelPackage.objects.filter(pk=waiting.pk).update(original_arn=f"arn:{WORD}:model-package/{WORD}-old/1")
    reported = {"name": f"{WORD}-check", "state": "success", "summary": WORD}
    services.report_check(actor=AUTHOR, package=waiting, **reported)
    services.comment_on(actor=AUTHOR, package=waiting, comment=f"{WORD} comment")
    services.update_model_life_cycle(actor=AUTHOR, package=waiting, stage=f"{WORD}-stage", stage_status="Ready")
    approved = make_version(group, inference_specification=content, **made)
    services.update_approval_status(
        actor=AUTHOR, package=approved, approval_status="Approved", comment=f"{WORD} approved", override=True
    )
    services.delete_model_package(actor=AUTHOR, package=make_version(group, **made))
    # A region of its own, whose name alone would tell; and one that was deleted.
    limit(make_group(f"{WORD}-far", region=f"eu-{WORD}-1", **made))
    services.delete_model_package_group(actor=AUTHOR, group=limit(make_group(GONE, **made)))
    return group


def vote_of(user, version):
    return Vote.objects.create(package=version, user=user, user_name=user.username, voted_at=timezone.now())


def plain(response, name=""):
    """Status and body of an answer, without what differs each time; `name` is what was asked for."""
    body = response.getvalue().decode()
    for chance in (r'(?<=csrfmiddlewaretoken" value=")\w+', r'(?<=X-CSRFToken": ")\w+', r"(?<=csrf=)\w+"):
        body = re.sub(chance, "", body)
    body = re.sub(r"X-CSRFToken[^}]*", "", body)
    headers = {n: v for n, v in response.headers.items() if n in ("Location", "HX-Trigger", "HX-Redirect", "HX-Reswap")}
    text = f"{response.status_code} {sorted(headers.items())} {body}"
    return text.replace(name, "NAME") if name else text
