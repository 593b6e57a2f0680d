"""Every address of the urlconf, filled in with things that are there: a new address is found by itself."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from django.contrib import admin
from django.urls import get_resolver, reverse
from django.utils import timezone

from registry.accounts.access_keys import create_access_key
from registry.accounts.permissions import Actor
from registry.catalog import services
from registry.catalog.models import CustomerMetadataProperty, SavedView
from registry.web.icons import SPRITE_URL
from tests.factories import REGION, make_group, make_package, make_user, make_version

# Parts of an address that are no text of somebody's choice.
PART = re.compile(r"<(?:\w+:)?(\w+)>")
ADMIN_VIEWS = ("changelist", "add", "change", "delete", "history")


def patterns(resolver: Any = None, namespace: str = "", prefix: str = "/") -> Iterator[tuple[str, str]]:
    """(full name, path with <part> or <converter:part> in it) of every address but the admin site's."""
    for pattern in (resolver or get_resolver()).url_patterns:
        path = prefix + str(pattern.pattern)
        if hasattr(pattern, "url_patterns"):
            if pattern.namespace != "admin":
                yield from patterns(
                    pattern, f"{namespace}{pattern.namespace}:" if pattern.namespace else namespace, path
                )
        else:
            yield f"{namespace}{pattern.name}", path


class World:
    """A small registry in which every address has something to show, and the words that fill the addresses."""

    def __init__(self) -> None:
        keeper = Actor.system("test")
        self.group = make_group("fraud", description="Card payments", tags=[("team", "risk")])
        for number in range(1, 4):
            make_version(
                self.group,
                description=f"Run {number}",
                metrics=[("auc", 0.9 + number / 100)],
                customer_metadata_properties={"a": str(number)},
                model_life_cycle={"Stage": "Staging", "StageStatus": "PendingApproval"},
            )
        first, second, self.version = self.group.packages.order_by("version")
        reviewer = Actor.of(make_user("reviewer", username="rosa"), "browser")
        for one in (first, second):
            services.update_approval_status(actor=reviewer, package=one, approval_status="Approved", comment="Fine.")
        services.report_check(actor=keeper, package=self.version, name="bias", state="success", url="", summary="Ok")
        services.set_group_policy(actor=keeper, group=self.group, policy='{"Version": "2012-10-17", "Statement": []}')
        self.package = make_package("sold-model", customer_metadata_properties={"a": "1"}, tags=[("team", "risk")])
        self.user = make_user("contributor", username="somebody")
        self.key, self.secret = create_access_key(actor=keeper, user=self.user, name="pipeline")
        self.admin = make_user("admin", username="ada")
        self.own_key, self.own_secret = create_access_key(actor=keeper, user=self.admin, name="own")
        self.view = SavedView.objects.create(
            owner=self.admin, page="groups", name="late", query="q=a", is_shared=True, saved_at=timezone.now()
        )
        self.gone = {
            "groups": services.delete_model_package_group(actor=keeper, group=make_group("gone")).pk,
            "packages": services.delete_model_package(actor=keeper, package=make_package("gone-too")).pk,
        }
        self.pairs = {pair.package_id: pair.pk for pair in CustomerMetadataProperty.objects.all()}

    def words(self, path: str) -> dict[str, str]:
        """What fills each part of an address; KeyError for a part that is new here."""
        of_package = path.startswith("/packages/")
        owner = self.package if of_package else self.version
        if path.startswith("/settings/users/"):
            row = self.user.pk
        elif path.startswith("/settings/access-keys/"):
            row = self.own_key.pk
        elif path.startswith("/views/"):
            row = self.view.pk
        elif path.endswith("/restore/"):
            row = self.gone[path.split("/")[2]]
        else:
            row = self.pairs[owner.pk]
        known = {
            "region": REGION,
            "name": self.package.name if of_package else self.group.name,
            "version": str(self.version.version),
            "page": "groups",
            "pk": str(row),
            "digest": SPRITE_URL.split(".")[1],
        }
        return {part: known[part] for part in PART.findall(path)}

    def address(self, path: str, **other: str) -> str:
        """The address, with `other` words in some of its parts, encoded as they have to be."""
        words = self.words(path) | other
        filled = PART.sub(lambda part: quote(words[part[1]], safe="", errors="surrogatepass"), path)
        return f"{filled}?after=0" if filled.endswith("/live/") else filled

    def addresses(self) -> dict[str, str]:
        """Name -> address of everything but the admin site."""
        return {name: self.address(path) for name, path in patterns()}

    def admin_addresses(self) -> dict[str, str]:
        """Name -> address of every page of the admin site."""
        found = {"admin:index": reverse("admin:index")}
        for model in admin.site._registry:
            row = model._default_manager.order_by("pk").last()
            for view in ADMIN_VIEWS:
                name = f"admin:{model._meta.app_label}_{model._meta.model_name}_{view}"
                if view in ("changelist", "add"):
                    found[name] = reverse(name)
                elif row is not None:
                    found[name] = reverse(name, args=[row.pk])
        return found
