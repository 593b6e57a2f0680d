"""What the palette and the search page offer for a text: what it names, what it is used by, groups, pages to go to."""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import urlencode

from django.urls import NoReverseMatch, Resolver404, resolve, reverse

from registry.accounts.models import User
from registry.accounts.permissions import Actor
from registry.addresses import url
from registry.catalog.models import ModelPackage, ModelPackageGroup
from registry.catalog.references import Named, Used, read_reference
from registry.catalog.reports import references as reports
from registry.catalog.reports.uses import COUNT_CAP, UsingPackage, uses_page

from .searches import group_list_path
from .uses import used_path
from .wording import count, plural, short_image, short_path

USES_SHOWN = 5
WORDS_MAX = 8
_ALONE = re.compile(r"[vV]?([1-9][0-9]{0,8})")


@dataclass(frozen=True)
class Hit:
    """One line: where it leads, its icon or, for a version, its status as a mark, and what stands at the right."""

    words: str
    href: str
    icon: str = ""
    status: str | None = None
    note: str = ""
    keys: str = ""
    region: str = ""


@dataclass
class Found:
    """The lines in titled sections; `target` is where Enter leads without looking: what the text names exactly."""

    sections: list[tuple[str, list[Hit]]] = field(default_factory=list)
    target: str = ""

    def add(self, title: str, hits: Iterable[Hit]) -> None:
        lines = list(hits)
        if lines:
            self.sections.append((title, lines))

    @property
    def total(self) -> int:
        return sum(len(hits) for _, hits in self.sections)


# Label, name of the address, keys, the action that it takes ("" for none), further words that find it.
_PAGES = [
    ("Groups", "group-list", "G G", "registry.read", "models home"),
    ("Review queue", "review-queue", "G R", "registry.read", "approve reject waiting"),
    ("Activity", "activity", "G A", "registry.read", "log history audit events"),
    ("Unversioned packages", "package-list", "", "registry.read", "models"),
    ("Access keys", "access-keys", "G K", "access_key.edit_own", "settings secret boto3"),
    ("Where used", "where-used", "", "registry.read", "image artifact digest container s3 ecr"),
    ("Deleted", "deleted-list", "", "model_package.restore", "restore undo trash"),
    ("Users", "user-list", "", "user.read", "settings roles people"),
    ("Change password", "password-change", "", "", "settings account"),
]
_ICONS = {
    "group-list": "layers",
    "review-queue": "inbox",
    "activity": "history",
    "package-list": "package",
    "access-keys": "key-round",
    "where-used": "workflow",
    "deleted-list": "trash-2",
    "user-list": "users",
    "password-change": "lock",
    "group-create": "plus",
    "unversioned-register": "plus",
    "admin:index": "settings",
    "logout": "log-out",
}
_COMMANDS = [
    ("New group", "group-create", "", "model_package_group.create", "create add"),
    ("Register an unversioned package", "unversioned-register", "", "model_package.create", "new create add"),
    ("Sign out", "logout", "", "", "log leave"),
]


def find(user: User, actor: Actor, text: str, here: str = "") -> Found:
    """Everything for `text`; `here` is the path of the page that asks, which "v25" and "On this page" speak of.

    Text behind ">" is looked for among the pages and commands alone. At most nine queries, each of them bounded.
    """
    found = Found()
    if text.startswith(">"):
        found.add("Commands", _pages(user, actor, text[1:].split(), _PAGES + _COMMANDS))
        return found
    group, version = _place(user, here)
    if not text:
        found.add("On this page", _on_this_page(user, actor, group, version))
        found.add("Groups", map(_group_hit, reports.groups_called(user, [], 3)))
        found.add("Go to", _pages(user, actor, [], _PAGES + _COMMANDS))
        return found
    reference = read_reference(text)
    alone = _ALONE.fullmatch(text)
    if alone and group is not None:
        reference = Named("version", group.name, int(alone[1]), group.region)
    if isinstance(reference, Used):
        _add_uses(found, user, reference)
    elif reference is not None:
        _add_named(found, user, reference)
    if not found.total or not found.target:
        _add_words(found, user, actor, text)
    return found


def _place(user: User, here: str) -> tuple[ModelPackageGroup | None, int | None]:
    """The group and the version whose page asks."""
    with suppress(Resolver404):
        match = resolve(here) if here else None
        if match is not None and here.startswith("/groups/") and "name" in match.kwargs:
            visible = ModelPackageGroup.objects.visible_to(user)
            group = visible.filter(region=match.kwargs["region"], name=match.kwargs["name"]).first()
            return group, match.kwargs.get("version")
    return None, None


def _on_this_page(user: User, actor: Actor, group: ModelPackageGroup | None, version: int | None) -> Iterable[Hit]:
    if group is None:
        return
    waiting = reports.newest_waiting(user, group) if group.waiting_count else None
    place = [group.region, group.name]
    if waiting and waiting != version:
        verb = "Review" if actor.may("model_package.decide") else "Open"
        href = reverse("package-detail", args=[*place, waiting])
        yield Hit(f"{verb} v{waiting}, waiting for approval", href, "shield-check")
    shown = version or waiting
    with suppress(NoReverseMatch):
        if shown and group.approved_version and shown != group.approved_version:
            sides = [("v", f"{group.region}/{group.name}/{number}") for number in (group.approved_version, shown)]
            words = f"Compare v{shown} with v{group.approved_version}, the approved version"
            yield Hit(words, f"{reverse('compare')}?{urlencode(sides, safe='/')}", "git-branch")
    if actor.may("model_package.create"):
        keys = "N" if version is None else ""
        yield Hit(f"Register a version in {group.name}", reverse("package-register", args=place), "plus", keys=keys)


def _pages(user: User, actor: Actor, words: list[str], pages: Iterable[tuple[str, str, str, str, str]]) -> list[Hit]:
    """The pages and commands that have all words and that the actor may open."""
    offered = [(*page, reverse_or_none(page[1])) for page in pages if not page[3] or actor.may(page[3])]
    if user.is_staff and actor.may("user.edit"):
        offered.append(("Admin site", "admin:index", "", "", "django", reverse("admin:index")))
    return [
        Hit(label, href, _ICONS[name], keys=keys)
        for label, name, keys, _, more, href in offered
        if href and _has_all(f"{label} {more}", words)
    ]


def _has_all(text: str, words: list[str]) -> bool:
    """Each word begins one of the text's."""
    known = text.lower().split()
    return all(any(one.startswith(word.lower()) for one in known) for word in words)


def reverse_or_none(name: str) -> str | None:
    """The address of that name, where there is one."""
    try:
        return url(name)
    except NoReverseMatch:
        return None


# ---------- what a text names ----------


def _add_named(found: Found, user: User, named: Named) -> None:
    if named.kind == "group":
        groups = reports.groups_named(user, named)
        found.add("Groups", map(_group_hit, groups))
        found.target = groups[0].get_absolute_url() if groups else ""
        return
    if named.kind == "package":
        packages = reports.packages_named(user, named)
        found.add("Packages", map(_package_hit, packages))
        found.target = packages[0].get_absolute_url() if packages else ""
        return
    versions, tombstone = reports.versions_named(user, named)
    found.add("Versions", map(_version_hit, versions))
    exact = [v for v in versions if v.group is not None and v.group.name.lower() == named.name.lower()]
    exact = [v for v in versions if named.arn and v.original_arn == named.arn] or exact
    found.target = exact[0].get_absolute_url() if exact else ""
    if tombstone is not None:
        found.target = tombstone.get_absolute_url()
        found.add("Versions", [Hit(str(tombstone), found.target, "trash-2", note="deleted")])


def _add_uses(found: Found, user: User, used: Used) -> None:
    page = uses_page(user, used, limit=USES_SHOWN)
    found.target = used_path(used)
    if not page.rows:
        return
    many = plural(page.total, "use") if page.total is not None and page.total <= COUNT_CAP else ""
    note = many or (count(page.total, COUNT_CAP) + " uses" if page.total else f"more than {USES_SHOWN} uses")
    found.add("Where used", [Hit(used.value, found.target, "workflow", note=note)])
    for title, is_versioned in (("Versions", True), ("Packages", False)):
        rows = [row for row in page.rows if row.package.is_versioned is is_versioned]
        shorten = short_path if used.by == "artifact" else short_image
        hit = _version_hit if is_versioned else _package_hit
        found.add(title, [hit(row.package, note=shorten(row.found[0]) if row.found else "") for row in rows])


def _add_words(found: Found, user: User, actor: Actor, text: str) -> None:
    words = text.split()[:WORDS_MAX]
    groups = reports.groups_called(user, words)
    if not found.target:
        found.target = next((g.get_absolute_url() for g in groups if g.name.lower() == text.lower()), "")
    known = {hit.href for _, hits in found.sections for hit in hits}
    found.add("Groups", [hit for hit in map(_group_hit, groups) if hit.href not in known])
    found.add("Packages", map(_package_hit, reports.packages_called(user, words)))
    found.add("Go to", _pages(user, actor, words, _PAGES + _COMMANDS))
    if actor.may("registry.read"):
        found.add("Search", [Hit(f"Filter the groups by {alone(text)}", group_list_path(text), "funnel")])


def alone(text: str) -> str:
    """A text that cannot turn the words around it: isolated, as Unicode says it where no element can."""
    return f"\N{FIRST STRONG ISOLATE}{text}\N{POP DIRECTIONAL ISOLATE}"


# ---------- lines ----------


def _group_hit(group: ModelPackageGroup) -> Hit:
    many = plural(group.version_count, "version")
    return Hit(group.name, group.get_absolute_url(), "layers", note=many, region=group.region)


def _version_hit(package: ModelPackage | UsingPackage, note: str = "") -> Hit:
    words, href = str(package), package.get_absolute_url()
    return Hit(words, href, status=package.approval_status or "none", note=note or package.stage, region=package.region)


def _package_hit(package: ModelPackage | UsingPackage, note: str = "") -> Hit:
    return Hit(str(package), package.get_absolute_url(), "package", note=note, region=package.region)
