"""The pages that are measured and whose queries are explained: one table of addresses, filled in from demo data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from .report import BARS

SCROLLS = 500
ROWS = 50  # versions in one answer of the timeline
SOME = 600  # versions of a group that small and large registries have: as many as a trend covers
ALL_METRICS = "metrics of the largest group"


@dataclass(frozen=True)
class Page:
    """One request: `address` is filled in from the places of the data; a fragment is asked for with HTMX's headers.

    `bar` is the time at the server in ms that 95 of 100 requests keep. `reads_all`: it shows every version of a group,
    or the place of one event among all that was signed, so it reads and sorts more than a page of them. `sorts`: rows
    that one statement of it may sort.
    """

    name: str
    address: str
    bar: float
    target: str = ""
    reads_all: bool = False
    sorts: int = 1_000

    @property
    def headers(self) -> dict[str, str]:
        return {"HX-Request": "true", "HX-Target": self.target} if self.target else {}


def _version(name: str, address: str) -> Page:
    # What changes usually is told from the newest 600 versions with all their metrics.
    return Page(f"version{name}", f"{{group}}versions/{address}", 20, sorts=3_000)


def _index(name: str, query: str, bar: float = 60) -> Page:
    return Page(f"index, {name}", f"/groups/?{query}", bar)


def _group(name: str, query: str) -> Page:
    return Page(f"group, {name}", f"{{group}}?{query}", 25, "group-body")


PAGES = (
    Page("index", "/groups/", 25),
    *(_index(f"by {sort.replace('-', 'turned ')}", f"sort={sort}") for sort in (
        "name", "-name", "latest", "-latest", "approved", "-approved", "versions", "-versions", "-updated",
    )),
    _index("100 rows", "per_page=100"),
    _index("page in the middle", "after={middle}"),
    _index("page before the middle", "before={middle}"),
    _index("tag", "q=tag:team=risk"),
    _index("tag, present", "q=tag:retrain"),
    _index("waiting", "q=status:pending"),
    _index("never approved", "q=approved:none"),
    _index("no rejected one", "q=-status:rejected"),
    _index("stage", "q=stage:Production"),
    _index("status and stage", "q=status:approved+stage:Staging"),
    _index("rare pair", "q=meta:ticket={ticket}"),
    _index("pair of many", "q=meta:evaluation.status=passed"),
    _index("key of a pair", "q=meta:evaluation.status"),
    _index("beginning of a value", "q=meta:ticket=ML-1*"),
    _index("rare image", "q=image:{rare_image}"),
    _index("image of many", "q=image:{wide_image}"),
    _index("author", "q=by:data-scientist-7"),
    _index("word", "q=fraud"),
    _index("two words and a tag", "q=card+eu+tag:team=risk"),
    _index("original ARN", "q=arn:aws:sagemaker:us-east-1:111122223333:model-package/other/7"),
    _index("changed lately", "q=updated:<7d"),
    _index("nothing matches", "q=tag:team=rikk"),
    _index("no such word", "q=zzzquux"),
    _index("all at once", "q=tag:environment=production+status:approved+-stage:Production+by:mlops-ci&sort=versions"),
    Page("suggestions, key", "/groups/suggest/?q=meta:ti", 25, "suggestions"),
    Page("suggestions, values", "/groups/suggest/?q=meta:ticket=ML-2", 25, "suggestions"),
    Page("suggestions, tag", "/groups/suggest/?q=tag:team=", 25, "suggestions"),
    Page("suggestions, image", "/groups/suggest/?q=image:sage", 25, "suggestions"),
    Page("suggestions, author", "/groups/suggest/?q=by:data", 25, "suggestions"),
    Page("suggestions, name", "/groups/suggest/?q=fill-c", 25, "suggestions"),
    Page("group", "{group}", 25),
    Page("group, first scroll", "{group}timeline/?before={first_scroll}&metric={metric}", 25, "timeline"),
    Page("group, 500th scroll", "{group}timeline/?before={scroll}&metric={metric}", 25, "timeline"),
    Page("group, page from the middle", "{group}?before={scroll}", 25),
    _group("waiting", "status=waiting"),
    _group("approved", "status=approved"),
    _group("rejected", "status=rejected"),
    _group("no status", "status=none"),
    _group("stage of few", "stage=Production"),
    _group("stage of many", "stage=Development"),
    _group("two stages", "stage=Staging&stage=Production"),
    _group("author", "by=data-scientist-7"),
    _group("rare pair", "meta=ticket%3D{ticket}"),
    _group("pair of many", "meta=evaluation.status%3Dpassed"),
    _group("pair of some", "meta=evaluation.status%3Dfailed&status=rejected"),
    _group("no such pair", "meta=evaluation.status%3Dunheard"),
    _group("key of a pair", "meta=hp.max_depth"),
    _group("rare image", "image={rare_image}"),
    _group("image of many", "image={wide_image}"),
    _group("waiting, 500th scroll", "status=waiting&before={scroll}"),
    _group("pair of many, 500th scroll", "meta=evaluation.status%3Dpassed&before={scroll}"),
    _group("all at once", "status=approved&stage=Staging&by=mlops-ci&meta=hp.max_depth&image={wide_image}"),
    Page("group, another metric", "{group}?metric=latency_ms", 25, "timeline"),
    Page("group, nothing new", "{group}live/?after={last_event}", 25, "live"),
    _version(", newest", "{newest}/"),
    _version(", approved", "{approved}/"),
    _version(", in the middle", "{scroll}/"),
    _version(", first", "1/"),
    _version(", another baseline", "{newest}/?base=1"),
    Page("version, nothing new", "{group}versions/{newest}/live/?after={last_event}", 20, "live"),
    Page("version of a small group", "{small_group}versions/1/", 20),
    # With all that lies between its events and a signed leaf, and the first time with a checkpoint of all chains.
    Page("evidence, first version", "{group}versions/1/evidence/", 300, reads_all=True),
    Page("evidence, approved", "{group}versions/{approved}/evidence/", 300, reads_all=True),
    Page("evidence, unversioned package", "{package}evidence/", 300, reads_all=True),
    Page("index, as of a day", "/groups/?as_of=2026-07-01", 60),
    Page("group, as of a day", "{group}?as_of=2026-07-01", 120),
    Page("group, as of a day long ago", "{group}?as_of=2026-01-15", 120),
    Page("version, as of a day", "{group}versions/1/?as_of=2026-07-01", 40),
    Page("changes of a group", "{group}changes/?from=2026-06-01&to=2026-07-01", 80),
    Page("unversioned packages", "/packages/", 25),
    Page("unversioned packages, tag", "/packages/?q=tag:team=risk", 60),
    Page("unversioned packages, word", "/packages/?q=fraud", 60),
    Page("unversioned package", "{package}", 20),
    Page("activity", "/activity/", 25),
    *(Page(f"activity, {kind}", f"/activity/?type={kind}", 25) for kind in (
        "review", "registration", "metadata", "tags", "access",
    )),
    Page("activity, person", "/activity/?actor=data-scientist-7", 25),
    Page("activity, person and kind", "/activity/?actor=ml-lead-1&type=registration", 25),
    Page("activity, nobody", "/activity/?actor=nobody-at-all", 25),
    Page("activity, group", "/activity/?group={group_value}", 25),
    Page("activity, group and kind", "/activity/?group={group_value}&type=tags", 25),
    Page("activity, group and person", "/activity/?group={group_value}&actor=data-scientist-7", 25),
    Page("activity, all three", "/activity/?group={group_value}&actor=data-scientist-7&type=metadata", 25),
    Page("activity, further down", "/activity/?before={middle_event}", 25, "feed"),
    Page("review queue", "/review/", 30),
    Page("review queue, all", "/review/?who=all", 30),
    Page("metrics of some hundred versions", "{group_of_some}metrics/", 150, reads_all=True),
    Page(ALL_METRICS, "{group}metrics/", 1500, reads_all=True),
    Page("compare", "/compare/?v={ref}/{newest}&v={ref}/{before_newest}", 25),
    Page("where used, image of many", "/used/?image={wide_image}", 40),
    Page("where used, rare image", "/used/?image={rare_image}", 40),
    Page("where used, artifact", "/used/?artifact={artifact}", 40),
    Page("palette, name", "/search/?q=fraud", 40, "palette-list"),
    Page("palette, version", "/search/?q={group_name}+v7", 40, "palette-list"),
    Page("palette, nothing", "/search/?q=zzzquux", 40, "palette-list"),
)  # fmt: skip


@dataclass(frozen=True)
class Call:
    """One call of the wire protocol, with members that are filled in from the places of the data.

    `bar` is the wire table's (CPU in ms a call), taken for the time at the server here.
    """

    name: str
    operation: str
    members: dict[str, str | int]
    bar: float


_DESCRIBE, _LIST = BARS["describe"], BARS["list 100"]
# As asked by `tests.benchmarks.run --parts wire` over the network.
CALLS = (
    Call("wire, describe", "DescribeModelPackage", {"ModelPackageName": "{group_arn}/{newest}"}, _DESCRIBE),
    Call(
        "wire, describe one in the middle", "DescribeModelPackage", {"ModelPackageName": "{group_arn}/{scroll}"},
        _DESCRIBE,
    ),
    Call("wire, describe the group", "DescribeModelPackageGroup", {"ModelPackageGroupName": "{group_name}"}, _DESCRIBE),
    Call(
        "wire, list 100", "ListModelPackages",
        {"ModelPackageGroupName": "{group_name}", "SortOrder": "Descending", "MaxResults": 100}, _LIST,
    ),
    Call(
        "wire, list 100 that are approved", "ListModelPackages",
        {"ModelPackageGroupName": "{group_name}", "ModelApprovalStatus": "Approved", "MaxResults": 100}, _LIST,
    ),
    Call("wire, list 100 groups", "ListModelPackageGroups", {"MaxResults": 100}, _LIST),
)  # fmt: skip


class Places(dict[str, Any]):
    """What stands in the addresses for the data that is there; reads the database."""

    @classmethod
    def find(cls) -> Places:
        from django.db.models import Count, F
        from django.db.models.functions import Abs

        from registry.catalog.models import Container, CustomerMetadataProperty, ModelPackage, ModelPackageGroup
        from registry.catalog.reports.groups import Cursor, Order
        from registry.events.models import Event

        live = ModelPackageGroup.objects.live()
        group, small = live.order_by("-version_count")[0], live.filter(version_count__gt=0).order_by("version_count")[0]
        middle = live.order_by("-updated_at", "-id")[live.count() // 2]
        ticket = CustomerMetadataProperty.objects.filter(key="ticket", package__group=group).order_by("-id")[0].value
        newest = ModelPackage.objects.filter(group=group).order_by("-version").values_list("pk", flat=True)[:5_000]
        images = (
            Container.objects.filter(package__in=list(newest))
            .order_by()
            .values_list("image_name")
            .annotate(n=Count("id"))
        )
        by_use = [name for name, _ in sorted(images, key=lambda pair: pair[1])]
        last_event = Event.objects.latest("id").pk
        metric = group.packages.latest("version").metrics.earliest("id").name
        package = ModelPackage.objects.unversioned().latest("id")
        first = ModelPackage.objects.get(group=group, version=1)
        return cls(
            group=group.get_absolute_url(),
            group_name=group.name,
            group_arn=group.arn.replace(":model-package-group/", ":model-package/"),
            group_value=quote(f"{group.region}/{group.name}"),
            ref=quote(f"{group.region}/{group.name}"),
            group_of_some=live.order_by(Abs(F("version_count") - SOME))[0].get_absolute_url(),
            small_group=small.get_absolute_url(),
            newest=group.last_version,
            before_newest=group.last_version - 1,
            approved=group.approved_version,
            first_scroll=group.last_version - ROWS,
            scroll=max(group.last_version - SCROLLS * ROWS, group.last_version // 2),
            metric=metric,
            middle=Cursor(middle.updated_at, middle.pk).write(Order()),
            ticket=quote(ticket),
            rare_image=quote(by_use[0]),
            wide_image=quote(by_use[-1]),
            artifact=quote(first.containers.get(position=0).model_data_url),
            last_event=last_event,
            middle_event=last_event // 2,
            package=package.get_absolute_url(),
        )

    def members(self, call: Call) -> dict[str, str | int]:
        """The members of a call."""
        return {
            name: value.format_map(self) if isinstance(value, str) else value for name, value in call.members.items()
        }

    def address(self, page: Page) -> str:
        """The page's address, or "" where the project does not have that page."""
        from django.urls import Resolver404, resolve

        address = page.address.format_map(self)
        try:
            resolve(address.partition("?")[0])
        except Resolver404:
            return ""
        return address
