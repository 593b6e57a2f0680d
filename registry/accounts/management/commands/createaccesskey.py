"""`manage.py createaccesskey USER [--name N] [--role R]`: makes a key and prints it, for scripts and first steps."""

from __future__ import annotations

import argparse
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from registry.accounts.access_keys import create_access_key, free_name
from registry.accounts.models import AccessKey, Role, User
from registry.accounts.permissions import Actor

DEFAULT_NAME = "command-line"


class Command(BaseCommand):
    help = (
        "Make an access key for a user and print AWS_ACCESS_KEY_ID=… and AWS_SECRET_ACCESS_KEY=… lines. "
        "Works while the server runs; the key works at once."
    )
    # Two lines for a script: what is wrong with the system comes out at the first query.
    requires_system_checks = []

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("username", metavar="USER", help="whose key it is: a person or a service account")
        parser.add_argument("--name", metavar="N", help=f"what the key is for (default {DEFAULT_NAME})")
        parser.add_argument(
            "--role",
            metavar="R",
            help=f"narrows the user's own role: {', '.join(Role.values)} (default: the user's own)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            key, secret = self.make(options["username"], options["name"], options["role"])
        except DatabaseError as error:
            reason = " ".join(str(error).split())
            raise CommandError(f"The database cannot be used: {reason}. Does `manage.py migrate` help?") from None
        role = f"role {key.role}" if key.role else f"the user's own role, {key.user.role}"
        self.stderr.write(f"Key {key.name} of {key.user.username}, {role}. The secret is not shown again.")
        self.stdout.write(f"AWS_ACCESS_KEY_ID={key.key_id}")
        self.stdout.write(f"AWS_SECRET_ACCESS_KEY={secret}")

    def make(self, username: str, name: str | None, role: str | None) -> tuple[AccessKey, str]:
        """Make the key; CommandError in words for what is refused."""
        user = User.objects.filter(username=username).first() or User.objects.filter(username__iexact=username).first()
        if user is None:
            raise CommandError(f"There is no user {username}.")
        try:
            name = free_name(user, DEFAULT_NAME) if name is None else name
            return create_access_key(actor=Actor.system(), user=user, name=name, role=role)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from None
