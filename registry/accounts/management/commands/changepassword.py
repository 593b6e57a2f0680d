"""Sets a user's password from the command line: as Django's command, but through the service, which leaves an event."""

from __future__ import annotations

import getpass
from typing import Any

from django.contrib.auth.management.commands import changepassword
from django.core.exceptions import ValidationError
from django.core.management import CommandError

from registry.accounts.models import User
from registry.accounts.permissions import Actor
from registry.accounts.services import set_password


class Command(changepassword.Command):
    def handle(self, *args: Any, **options: Any) -> str:
        name = options["username"] or getpass.getuser()
        user = User.objects.filter(username__iexact=name).first()
        if user is None:
            raise CommandError(f"There is no user {name}.")
        for _ in range(3):
            password = self._get_pass()
            if password != self._get_pass("Password (again): "):
                self.stderr.write("The two passwords differ.")
                continue
            try:
                set_password(actor=Actor.system(), user=user, password=password)
            except ValidationError as error:
                self.stderr.write("\n".join(error.messages))
                continue
            return f"Password of {user.username} changed."
        raise CommandError("Nothing was changed after three tries.")
