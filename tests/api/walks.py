"""A seeded walk through every door that changes the registry: what people, pipelines and operators do, at random."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from django.test import Client
from django_tasks_db.models import DBTaskResult

from registry.accounts.access_keys import create_access_key
from registry.accounts.permissions import Actor
from registry.accounts.teams import create_team
from registry.catalog.models import CustomerMetadataProperty, ModelPackage, ModelPackageGroup, SavedView
from registry.catalog.services.metric_readings import read_metric_reports
from tests.api.account_walks import AccountSteps
from tests.api.dumps import group_line, importdump, version_answer, version_line, write_lines
from tests.api.test_checks import post as post_check
from tests.factories import IMAGE, REGION, make_user
from tests.web import admin_forms

NAMES = ("fraud", "churn", "digits")
ALONE = ("sold-model", "toy")
PEOPLE = {"ada": "admin", "rita": "reviewer", "rolf": "reviewer", "carl": "contributor"}
TEAMS = ("risk", "vision")
STATUSES = ("Approved", "Approved", "Rejected", "PendingManualApproval")
KEYS = ("owner", "zone", "b", "metric.auc", "metric.loss", "Aa", "long key")
REPORT = {"ModelQuality": {"Statistics": {"ContentType": "application/json", "S3Uri": "s3://models/report.json"}}}


class Walk(AccountSteps):
    """`step` does one thing at one door; `done` counts what was done by its name, refusals included."""

    def __init__(self, seed: int, client_for: Callable[..., Any], folder: Path) -> None:
        self.chance = Random(seed)
        self.folder = folder
        self.done: Counter[str] = Counter()
        self.people, self.pipelines, self.keys = {}, {}, {}
        for name, role in PEOPLE.items():
            user = make_user(role, username=name)
            self.people[name] = Client()
            self.people[name].force_login(user)
            key, secret = create_access_key(actor=Actor.system("test"), user=user, name="pipeline")
            self.keys[name] = (key.key_id, secret)
            self.pipelines[name] = client_for(key=self.keys[name])
        for team in TEAMS:
            create_team(actor=Actor.system("test"), name=team)
        (folder / "report.json").write_text(
            json.dumps({"binary_classification_metrics": {"auc": {"value": 0.91, "standard_deviation": 0.01}}})
        )

    def step(self) -> str:
        """Do something; returns its name."""
        # Some groups and versions first, and again and again: the rest needs them.
        names = [name for name in dir(self) if name.startswith(("browser_", "wire_", "admin_", "command_", "check_"))]
        few = ModelPackage.objects.live().count() < 4
        name = self.chance.choice(["wire_register", "wire_create_group", "command_import"] if few else names)
        self.done[name] += 1
        try:
            getattr(self, name)()
        except (ClientError, BotoCoreError):
            self.done["refused"] += 1
        return name

    # ---------- choices ----------

    def pick(self, *choices: Any) -> Any:
        return self.chance.choice(choices)

    def group(self) -> ModelPackageGroup | None:
        return self._one(ModelPackageGroup.objects.live())

    def version(self) -> ModelPackage | None:
        return self._one(ModelPackage.objects.live().versioned().select_related("group"))

    def package(self) -> ModelPackage | None:
        return self._one(ModelPackage.objects.live().select_related("group"))

    def _one(self, rows: Any) -> Any:
        found = list(rows.order_by("pk"))
        return self.chance.choice(found) if found else None

    def someone(self) -> Client:
        return self.people[self.pick("ada", "ada", "rita", "rolf", "carl")]

    def pipeline(self) -> Any:
        return self.pipelines[self.pick("ada", "ada", "rita", "carl")]

    def pairs(self) -> dict[str, str]:
        keys = self.chance.sample(KEYS, self.chance.randrange(4))
        return {key: self.pick("0.75", "0.9375", "x", "ü|") if "metric" in key else self.pick("1", "2") for key in keys}

    def specification(self) -> dict[str, Any]:
        containers = [
            {
                "Image": f"{IMAGE}-{self.chance.randrange(3)}",
                "ModelDataUrl": self.pick("s3://models/a", "s3://models/b"),
            }
            for _ in range(self.pick(1, 1, 2))
        ]
        return {
            "Containers": containers,
            "SupportedContentTypes": ["text/csv"],
            "SupportedResponseMIMETypes": ["text/csv"],
        }

    # ---------- the wire ----------

    def wire_create_group(self) -> None:
        tags = [{"Key": key, "Value": self.pick("1", "")} for key in self.chance.sample("abc", self.pick(0, 2))]
        more = {"ModelPackageGroupDescription": "Made."} if self.pick(True, False) else {}
        self.pipeline().create_model_package_group(ModelPackageGroupName=self.pick(*NAMES), Tags=tags, **more)

    def wire_register(self) -> None:
        more: dict[str, Any] = {"CustomerMetadataProperties": self.pairs()}
        if self.pick(True, True, False):
            more["InferenceSpecification"] = self.specification()
        if self.pick(True, False):
            more["ModelMetrics"] = REPORT
        if self.pick(True, False):
            more |= {"ModelCard": {"ModelCardContent": "{}", "ModelCardStatus": "Draft"}, "Domain": "COMPUTER_VISION"}
        if self.pick(True, False):
            more["MetadataProperties"] = {}
        if self.pick(True, False):
            more["ModelLifeCycle"] = {"Stage": self.pick("Development", "Staging"), "StageStatus": "Draft"}
        if self.pick(True, True, True, False):
            status = self.pick("PendingManualApproval", "PendingManualApproval", "Approved", "Rejected")
            self.pipeline().create_model_package(
                ModelPackageGroupName=self.pick(*NAMES), ModelApprovalStatus=status, **more
            )
        else:
            tags = [{"Key": "team", "Value": "risk"}, {"Key": "a", "Value": ""}]
            self.pipeline().create_model_package(ModelPackageName=self.pick(*ALONE), Tags=tags, **more)

    def wire_update(self) -> None:
        package = self.package()
        if package is None:
            return
        more: dict[str, Any] = {}
        if self.pick(True, False):
            more |= {"ModelApprovalStatus": self.pick(*STATUSES), "ApprovalDescription": self.pick("Why.", "So.")}
        if self.pick(True, False):
            more["InferenceSpecification"] = self.specification()
        if self.pick(True, False):
            more["CustomerMetadataProperties"] = self.pairs()
            more["CustomerMetadataPropertiesToRemove"] = [self.pick(*KEYS)]
        if self.pick(True, False):
            more["ModelLifeCycle"] = {"Stage": self.pick("Staging", "Production"), "StageStatus": "Approved"}
        if self.pick(True, False):
            more["SourceUri"] = self.pick("https://git.example/a", "https://git.example/b")
        client = self.pipeline()
        client.update_model_package(ModelPackageArn=package.arn, **more)
        if self.pick(True, False, False) and "SourceUri" in more:
            client.update_model_package(ModelPackageArn=package.arn, SourceUri=more["SourceUri"])

    def wire_delete(self) -> None:
        package = self.package() if self.pick(True, False) else None
        if package is not None:
            self.pipeline().delete_model_package(ModelPackageName=package.arn)
        else:
            self.pipeline().delete_model_package_group(ModelPackageGroupName=self.pick(*NAMES))

    def wire_tags(self) -> None:
        owner = self.pick(self.group(), self._one(ModelPackage.objects.live().unversioned()))
        if owner is None:
            return
        if self.pick(True, False):
            tags = [{"Key": key, "Value": self.pick("1", "2")} for key in self.chance.sample("abcd", 2)]
            self.pipeline().add_tags(ResourceArn=owner.arn, Tags=tags)
        else:
            self.pipeline().delete_tags(ResourceArn=owner.arn, TagKeys=[self.pick(*"abcd")])

    def wire_policy(self) -> None:
        name = self.pick(*NAMES)
        if self.pick(True, False):
            policy = json.dumps({"Version": self.pick("2012-10-17", "2008-10-17")})
            self.pipeline().put_model_package_group_policy(ModelPackageGroupName=name, ResourcePolicy=policy)
        else:
            self.pipeline().delete_model_package_group_policy(ModelPackageGroupName=name)

    def check_endpoint(self) -> None:
        package = self.package()
        if package is not None:
            body = {"ModelPackageArn": package.arn, "Name": self.pick("ci", "bias"), "Summary": self.pick("", "ok")}
            post_check(self.keys[self.pick("carl", "rita")], body | {"State": self.pick("success", "failure")})

    # ---------- the browser ----------

    def _post(self, path: str, form: dict[str, Any], who: str = "") -> None:
        answer = (self.people[who] if who else self.someone()).post(path, form)
        assert answer.status_code < 500, (path, form, answer.status_code)
        self.done["refused"] += answer.status_code >= 400

    def browser_review(self) -> None:
        version = self.version()
        if version is not None:
            decision = self.pick(*STATUSES, "Approved", "changes", "changes", "comment", "override")
            who = self.pick("ada", "rita", "rolf")
            self._decide(version, who, decision)
            if self.pick(True, False):
                self._decide(ModelPackage.objects.get(pk=version.pk), who, self.pick("undo", "withdraw", "changes"))

    browser_vote = browser_review

    def _decide(self, version: ModelPackage, who: str, decision: str) -> None:
        form = {"decision": decision, "comment": self.pick("", "Why.", "So."), "seen": str(version.revision)}
        self._post(f"{version.get_absolute_url()}review/", form, who)

    def browser_stage(self) -> None:
        package = self.package()
        if package is not None:
            self._post(f"{package.get_absolute_url()}stage/", {"stage": self.pick("Development", "Production")})

    def browser_rollback(self) -> None:
        version = self.version()
        if version is not None:
            self._post(f"{version.get_absolute_url()}rollback/", {"comment": "Worse."})

    def browser_metadata(self) -> None:
        package = self.package()
        if package is None:
            return
        path = f"{package.get_absolute_url()}metadata/"
        pair = self._one(CustomerMetadataProperty.objects.filter(package=package))
        if pair is None or self.pick(True, False):
            self._post(path, {"key": self.pick(*KEYS), "value": self.pick("1", "0.5")})
        else:
            what = self.pick("", "remove/")
            self._post(f"{path}{pair.pk}/{what}", {"value": "7", "seen": pair.value})

    def browser_register(self) -> None:
        group = self.group()
        if group is None:
            return
        pairs = self.pairs()
        form = {
            "description": self.pick("Weekly", ""),
            "stage": "Development",
            "container_image": [IMAGE],
            "container_artifact": ["s3://models/a"],
            "approval_status": self.pick("PendingManualApproval", "Approved"),
            "property_key": list(pairs),
            "property_value": list(pairs.values()),
            "metric_name": self.pick([], ["auc"], ["rmse"]),
            "metric_value": ["0.875"],
        }
        self._post(f"{group.get_absolute_url()}register/", form)

    def browser_group(self) -> None:
        group = self.group()
        if group is None:
            return
        path, form = self.pick(
            ("description/", {"description": self.pick("", "Cards.", "Payments.")}),
            ("tags/", {"key": self.chance.sample("abcde", 2), "value": ["1", self.pick("", "3")]}),
            ("metrics/", {"leading_metric": self.pick("auc", ""), "name": "auc", "direction": self.pick("lower", "")}),
        )
        self._post(group.get_absolute_url() + path, form, self.pick("ada", "rita"))

    def browser_rules(self) -> None:
        group = self.group()
        if group is not None:
            rules = {"approvals_needed": self.pick("1", "2", "2", "2"), "metric_gates": self.pick("", "", "auc > 0.5")}
            rules |= self.pick({}, {"content_withdraws_approval": "on"}, {"comment_required": "on"})
            self._post(f"{group.get_absolute_url()}rules/", rules, "ada")

    def browser_teams(self) -> None:
        group = self.group()
        if group is not None:
            teams = self.chance.sample(TEAMS, self.pick(0, 0, 1, 2))
            self._post(f"{group.get_absolute_url()}access/", {"team": teams}, "ada")

    def browser_delete(self) -> None:
        package = self.package()
        if package is not None and self.pick(True, True, False):
            self._post(f"{package.get_absolute_url()}delete/", {"name": str(package)}, "ada")
        elif group := self._one(ModelPackageGroup.objects.live().filter(version_count=0)) or self.group():
            self._post(f"{group.get_absolute_url()}delete/", {"name": group.name}, "ada")

    def browser_clear_out(self) -> None:
        """The smallest group goes, with all its versions."""
        group = ModelPackageGroup.objects.live().order_by("version_count", "pk").first()
        if group is None or group.version_count > 4:
            return
        for version in ModelPackage.objects.live().filter(group=group).select_related("group"):
            self._post(f"{version.get_absolute_url()}delete/", {"name": str(version)}, "ada")
        self._post(f"{group.get_absolute_url()}delete/", {"name": group.name}, "ada")

    def browser_restore(self) -> None:
        package = self._one(ModelPackage.objects.filter(deleted_at__isnull=False))
        group = self._one(ModelPackageGroup.objects.filter(deleted_at__isnull=False))
        if package is not None and (group is None or self.pick(True, False)):
            self._post(f"/deleted/packages/{package.pk}/restore/", {}, "ada")
        elif group is not None:
            self._post(f"/deleted/groups/{group.pk}/restore/", {}, "ada")

    def browser_views(self) -> None:
        for _ in range(3):
            self._view()

    def _view(self) -> None:
        view = self._one(SavedView.objects.all())
        if view is None or self.pick(True, False):
            form = {
                "name": self.pick("late", "mine"),
                "query": self.pick("q=a", "q=b"),
                **self.pick({}, {"shared": "on"}),
            }
            self._post("/views/groups/", form, self.pick("ada", "carl"))
        else:
            form = {"do": self.pick("update", "share", "unshare", "delete"), "query": self.pick("q=a", "q=c")}
            self._post(f"/views/groups/{view.pk}/", form, "ada")

    # ---------- the admin site and commands ----------

    def admin_package(self) -> None:
        package = self.package()
        if package is None:
            return
        url = admin_forms.address(package)
        values = admin_forms.form_of(self.people["ada"], url)
        if self.pick(True, False):
            values |= {"approval_status": self.pick(*STATUSES), "approval_description": "By hand."}
        if self.pick(True, False):
            values |= {"stage": "Staging", "stage_status": "Draft", "stage_description": self.pick("", "So.")}
        number = values["customer_metadata_properties-TOTAL_FORMS"]
        values |= {
            f"customer_metadata_properties-{int(number) - 1}-{n}": v for n, v in (("key", "zone"), ("value", "3"))
        }
        assert self.people["ada"].post(url, values).status_code < 500

    def admin_group(self) -> None:
        group = self.group()
        if group is not None:
            url = admin_forms.address(group)
            values = admin_forms.form_of(self.people["ada"], url) | {"description": self.pick("", "By hand.")}
            assert self.people["ada"].post(url, values).status_code < 500

    def admin_action(self) -> None:
        versions = list(ModelPackage.objects.live().order_by("pk").values_list("pk", flat=True))
        form = {"action": self.pick("approve", "reject"), "_selected_action": self.chance.sample(versions, 2)}
        url = admin_forms.address(ModelPackage, "changelist")
        assert self.people["ada"].post(url, form).status_code < 500

    def command_import(self) -> None:
        name = self.pick(*NAMES)
        lines = []
        for number in self.chance.sample(range(1, 8), 3):
            status = self.pick("PendingManualApproval", "Approved", "Rejected", None)
            words = {"ApprovalDescription": self.pick("Seen.", "Gone.")} if status in ("Approved", "Rejected") else {}
            later = {"LastModifiedTime": self.pick("2026-03-02T12:00:00+00:00", None, "2026-04-01T12:00:00.5+02:00")}
            stage = {"ModelLifeCycle": {"Stage": self.pick("Staging", "Production"), "StageStatus": "Draft"}}
            members = {"ModelApprovalStatus": status, "CustomerMetadataProperties": self.pairs() or None}
            members |= words | later | self.pick({}, stage) | self.pick({}, {"ModelMetrics": REPORT})
            lines.append(version_line(number, name, **members))
        group = group_line(name, {"team": self.pick("risk", "fraud"), "b": "1"})
        # A version may come before its group, or without it.
        lines = self.pick(lines, [group, *lines], [*lines, group])
        alone = version_answer(1, "x", ModelPackageName=self.pick(*ALONE), ModelPackageGroupName=None)
        alone |= {
            "ModelPackageArn": f"arn:aws:sagemaker:{REGION}:111122223333:model-package/{alone['ModelPackageName']}"
        }
        del alone["ModelPackageVersion"]
        tags = {"Tags": [{"Key": "team", "Value": self.pick("risk", "card")}]}
        lines.append({"DescribeModelPackage": alone, "ListTags": tags})
        path = write_lines(self.folder / "registry.jsonl", lines)
        code, _, _ = importdump(path, update=self.pick(True, False))
        self.done["refused"] += code != 0

    def command_worker(self) -> None:
        """The jobs that registrations left: what `manage.py worker` does with them."""
        for job in DBTaskResult.objects.order_by("enqueued_at"):
            args = job.args_kwargs["args"]
            job.delete()
            read_metric_reports.call(*args)
