"""`manage.py importsagemaker`: read a live SageMaker account, or another registry like this one, into this one."""

from __future__ import annotations

import importlib.util
import os
from argparse import ArgumentParser
from collections import Counter
from datetime import datetime
from typing import Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from django.core.management.base import CommandError

from registry.accounts.permissions import NotAllowed, authorize
from registry.progress import plural

from ...answers import BadRecord, parse_time
from ...remote import Account, address, explain
from ..importing import ImportCommand

ATTEMPTS = 6


class Command(ImportCommand):
    help = (
        "Import a live SageMaker model registry through its API, with the credentials that boto3 finds. Safe to run "
        "again and to interrupt: what is there already stays as it is, and is not asked for again where its summary "
        "shows that nothing changed."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--endpoint-url", metavar="URL", help="another server than Amazon's, such as another registry"
        )
        parser.add_argument("--region", metavar="R", help="the region to read (default: what boto3 is configured for)")
        parser.add_argument("--group", metavar="G", help="only this group and its versions")
        parser.add_argument(
            "--since",
            metavar="T",
            help="only what was created or modified since then, such as 2026-11-01 or 2026-11-01T08:00:00Z",
        )
        super().add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        if importlib.util.find_spec("boto3") is None:
            raise CommandError(
                "boto3 is not installed. It comes with `pip install -r requirements-sagemaker.txt`.", returncode=2
            )
        self.prepare(options)
        try:
            authorize(self.actor, "registry.import")
        except NotAllowed as error:
            raise CommandError(str(error), returncode=2) from None
        since = _moment(options["since"]) if options["since"] else None
        client = _client(options["endpoint_url"], options["region"])
        account = Account(
            client,
            group=options["group"],
            since=since,
            update=self.update,
            reread=bool(self.reports.roots),
            tick=self.draw,
        )
        self.source = account
        try:
            account.open()
        except (ClientError, BotoCoreError) as error:
            raise CommandError(explain(error, address(client)), returncode=2) from None
        except KeyboardInterrupt:
            raise self.interrupted() from None
        self.run(account)

    def draw(self) -> None:
        self.progress.show(self.source.done, self.source.seen)

    def add_counts(self, counts: Counter[str]) -> None:
        counts["same"] += self.source.skipped
        counts["records"] += self.source.skipped

    def remark(self) -> None:
        account = self.source
        if account.gone and not self.quiet:
            self.stdout.write(f"{plural(account.gone, 'record')} went away meanwhile.")
        for note in account.notes:
            self.stderr.write(note)
        self.name_unknown(account.unknown)
        if account.interrupted:
            raise self.interrupted()
        if account.stopped:
            raise CommandError(f"{account.stopped} What was read before is kept; run it again to go on.", returncode=1)


def _moment(text: str) -> datetime:
    """The time of --since: a day, or a time in any of the forms that dumps have."""
    for form in (text, f"{text}T00:00:00"):
        try:
            return parse_time(form)
        except BadRecord:
            continue
    raise CommandError(
        f"--since: {text} is no time. Write it as 2026-11-01 or 2026-11-01T08:00:00Z.", returncode=2
    ) from None


def _client(endpoint: str | None, region: str | None) -> Any:
    """A boto3 client with boto3's own credential chain and region; CommandError where it cannot be made."""
    import boto3  # the optional extra

    retries: dict[str, Any] = {"mode": "adaptive"}
    if not os.environ.get("AWS_MAX_ATTEMPTS"):
        retries["total_max_attempts"] = ATTEMPTS
    config = Config(retries=retries, connect_timeout=10, read_timeout=60, user_agent_extra="model-registry-import")
    try:
        session = boto3.Session(region_name=region)
        if not session.region_name:
            raise CommandError("Which region? Give --region, or set AWS_REGION or a profile.", returncode=2)
        return session.client("sagemaker", endpoint_url=endpoint, config=config)
    except (BotoCoreError, ValueError) as error:
        raise CommandError(explain(error, ""), returncode=2) from None
