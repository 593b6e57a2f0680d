"""Makes an admin from the command line, the first one included: Django's questions, but the service makes the user."""

from __future__ import annotations

import getpass
import os
import sys
from typing import Any

from django.contrib.auth.management.commands import createsuperuser
from django.contrib.auth.management.commands.createsuperuser import NotRunningInTTYException
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management import CommandError

from registry.accounts.models import User
from registry.accounts.services import create_superuser


class Command(createsuperuser.Command):
    def handle(self, *args: Any, **options: Any) -> None:
        name = options["username"] or os.environ.get("DJANGO_SUPERUSER_USERNAME", "")
        email = options["email"] or os.environ.get("DJANGO_SUPERUSER_EMAIL", "")
        password = os.environ.get("DJANGO_SUPERUSER_PASSWORD", "")
        try:
            if options["interactive"]:
                name, password = self.ask(options, name)
            elif not name or not password:
                raise CommandError("Without questions, --username and DJANGO_SUPERUSER_PASSWORD are needed.")
            user = create_superuser(username=name, email=email, password=password)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from None
        except (KeyboardInterrupt, EOFError):
            raise CommandError("Nothing was made.") from None
        self.stdout.write(f"Admin {user.username} made.")

    def ask(self, options: dict[str, Any], name: str) -> tuple[str, str]:
        """Ask for what is missing; three tries for a password."""
        if not (options.get("stdin") or sys.stdin).isatty():
            raise NotRunningInTTYException("There is no terminal to ask on; use --no-input.")
        while not name:
            name = input("Username: ").strip()
        for _ in range(3):
            password = getpass.getpass("Password: ")
            if password != getpass.getpass("Password (again): "):
                self.stderr.write("The two passwords differ.")
                continue
            try:
                validate_password(password, User(username=name))
            except ValidationError as error:
                self.stderr.write("\n".join(error.messages))
                continue
            return name, password
        raise CommandError("Nothing was made after three tries.")
