"""`python -m tests.upgrades.visit`: today's code takes over the database of DATABASE_URL, and walks through it.

Prints one JSON object: what each door answered, what the database's scheme is now, what the log says of itself.
"""

from __future__ import annotations

import io
import json
import os
import re
import sys
from typing import Any

import django


def main() -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "registry.settings"
    django.setup()
    from django.conf import settings
    from django.core.management import call_command
    from django.db import connection

    settings.ALLOWED_HOSTS = ["testserver", "registry.test"]
    # As the test client asks: the sources, no collected files.
    settings.STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    call_command("migrate", interactive=False, verbosity=0)
    found: dict[str, Any] = {"missing": _pages(sys.argv[1]), "groups_of_containers": _groups_of_containers()}
    call_command("exportdump", sys.argv[2], verbosity=0, stdout=io.StringIO(), stderr=io.StringIO())
    found["log"] = _log()
    found["call"] = _call(json.loads(sys.argv[3]))
    found["log_after"] = _log()
    found["scheme"] = scheme(connection)
    json.dump(found, sys.stdout)


def _groups_of_containers() -> int:
    """How many containers of live versions name their group, as the migrations fill it in; -1 where one is wrong."""
    from registry.catalog.models import Container
    from tests.catalog.counters import assert_containers_name_their_groups

    try:
        assert_containers_name_their_groups(Container.objects.all())
    except AssertionError:
        return -1
    return Container.objects.filter(group__isnull=False).count()


def _log() -> dict[str, Any]:
    from django.core.management import CommandError, call_command

    said = io.StringIO()
    try:
        call_command("verifylog", json=True, stdout=said, stderr=io.StringIO())
    except CommandError as error:
        return {"ok": False, "error": str(error)}
    return json.loads(said.getvalue())


def _pages(username: str) -> list[str]:
    """Ask for every page that there is something for; the addresses that did not answer well."""
    from django.test import Client

    from registry.accounts.models import User
    from registry.catalog.models import ModelPackage, ModelPackageGroup

    client = Client()
    client.raise_request_exception = False
    signed_in = client.post("/login/", {"login": username, "password": os.environ["OLD_PASSWORD"]})
    wanted = {"/login/ of an old password": (signed_in.status_code, 302)}
    pages = [
        "/groups/",
        "/packages/",
        "/review/",
        "/activity/",
        "/deleted/",
        "/settings/users/",
        "/settings/access-keys/",
    ]
    pages += ["/groups/?q=metric:auc>0.5", "/activity/csv/", "/groups/csv/", "/admin/", "/search/?q=fraud"]
    for group in ModelPackageGroup.objects.filter(deleted_at=None):
        here = group.get_absolute_url()
        pages += [here, f"{here}metrics/", f"{here}rules/", f"{here}csv/"]
        pages += [package.get_absolute_url() for package in group.packages.filter(deleted_at=None).order_by("-id")[:2]]
    unversioned = ModelPackage.objects.filter(deleted_at=None, group=None)
    pages += [package.get_absolute_url() for package in unversioned.order_by("-id")[:2]]
    pages += [f"/settings/users/{user.pk}/" for user in User.objects.all()]
    for page in pages:
        answer = client.get(page)
        if answer.streaming:
            b"".join(answer)
        wanted[page] = (answer.status_code, 200)
    for package in ModelPackage.objects.exclude(deleted_at=None):
        wanted[package.get_absolute_url()] = (client.get(package.get_absolute_url()).status_code, 410)
    return [f"{page}: {status}" for page, (status, expected) in wanted.items() if status != expected]


def _call(facts: dict[str, Any]) -> dict[str, Any]:
    """Go on with an old key: one more version, and a call that was answered then."""
    import boto3
    from botocore.config import Config

    from tests.api.conftest import send
    from tests.upgrades.old import SPECIFICATION

    sagemaker = boto3.client(
        "sagemaker",
        endpoint_url="http://registry.test:8000",
        region_name="us-east-1",
        aws_access_key_id=facts["key"],
        aws_secret_access_key=facts["secret"],
        config=Config(retries={"total_max_attempts": 1}),
    )
    sagemaker.meta.events.register("before-send.sagemaker", lambda request, **_: send(request))
    same = {"ModelPackageGroupName": "fraud", "InferenceSpecification": SPECIFICATION}
    made = sagemaker.create_model_package(**same)["ModelPackageArn"]
    described = sagemaker.describe_model_package(ModelPackageName=made)
    listed = sagemaker.list_model_packages(ModelPackageGroupName="fraud")["ModelPackageSummaryList"]
    return {
        "made": made,
        "status": described.get("ModelApprovalStatus", ""),
        "listed": sorted(one["ModelPackageVersion"] for one in listed),
    }


def scheme(connection: Any) -> list[str]:
    """Tables, columns, indexes, constraints, triggers and functions in words, sorted."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("SELECT type || ' ' || tbl_name || ' ' || coalesce(sql, '') FROM sqlite_master")
        else:
            cursor.execute(POSTGRESQL)
        # A constraint that was dumped and read in again says its casts in other words.
        said = (re.sub(r"::(character varying|text)(\[\])?|[()]", "", row[0]) for row in cursor.fetchall())
        return sorted(" ".join(line.split()) for line in said)


POSTGRESQL = """
    SELECT 'column ' || table_name || ' ' || column_name || ' ' || data_type || ' ' || is_nullable || ' ' ||
        coalesce(column_default, '') || ' ' || coalesce(character_maximum_length::text, '')
    FROM information_schema.columns WHERE table_schema = 'public'
    UNION ALL SELECT 'index ' || indexdef FROM pg_indexes WHERE schemaname = 'public'
    UNION ALL SELECT 'constraint ' || conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(oid)
    FROM pg_constraint WHERE connamespace = 'public'::regnamespace
    UNION ALL SELECT 'trigger ' || pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal
    UNION ALL SELECT 'function ' || pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = 'public'::regnamespace
"""

if __name__ == "__main__":
    main()
