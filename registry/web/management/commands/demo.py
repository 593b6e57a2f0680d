"""`manage.py demo [ADDRESS:PORT]`: like serve, with the demo's models and four users."""

import os
import re
import secrets

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.core.management.base import CommandError

from registry.accounts.models import Role, User
from registry.accounts.permissions import Actor
from registry.accounts.services import create_user
from registry.configuration import PROJECT_ROOT, keep_secret
from registry.events.models import Event
from registry.monitoring import logs

from . import serve

DEMO_DATA = PROJECT_ROOT / "registry" / "api" / "sagemaker" / "demo"
DEMO_BUCKET = "ml-artifacts-demo"


class Command(serve.Command):
    help = "Like serve, but loads the demo's models once and makes the users admin, reviewer, contributor, viewer."

    def prepare(self) -> None:
        self.migrate()
        self.renew_secrets()
        # First what can be refused, then what takes time.
        self.password = self.make_users()
        self.load_models()
        self.collect_static()

    def log_format(self) -> str:
        """Plain: whoever starts the demo looks at it."""
        return logs.PLAIN

    def load_models(self) -> None:
        """Import the demo's records, once: what somebody deleted or changed since stays so."""
        # The import writes its event last, so one that was cut short is taken up again.
        if Event.objects.filter(kind="registry.imported").exists():
            return
        self.stdout.write("Loading the demo's models …")
        source, root = str(DEMO_DATA / "registry.jsonl"), f"s3://{DEMO_BUCKET}={DEMO_DATA}"
        call_command("importdump", source, metrics_root=[root], verbosity=0, stdout=self.stdout)

    def make_users(self) -> str:
        """Make the users that are missing; return their password, or nothing when it cannot be known."""
        kept = settings.REGISTRY_DATA_DIR / "demo_password"
        names = [role.value for role in Role]
        missing = set(names) - set(User.objects.filter(username__in=names).values_list("username", flat=True))
        given = os.environ.get("REGISTRY_DEMO_PASSWORD", "")
        if not missing:
            return kept.read_text(encoding="utf-8").strip() if kept.is_file() else ""
        password = given or keep_secret(kept, lambda: secrets.token_urlsafe(12))
        for name in names:
            if name in missing:
                try:
                    create_user(actor=Actor.system(), username=name, password=password, role=name)
                except ValidationError as error:
                    reason = " ".join(error.messages)
                    raise CommandError(f"REGISTRY_DEMO_PASSWORD cannot be used: {reason}", returncode=2) from None
        return password

    def more_settings(self) -> dict[str, str]:
        """Map the demo's bucket: a version that is registered with one of its reports shows its metrics."""
        if DEMO_BUCKET in settings.REGISTRY_METRICS_ROOTS or re.search(r"[\s,]", str(DEMO_DATA)):
            return {}
        given = os.environ.get("REGISTRY_METRICS_ROOTS", "")
        return {"REGISTRY_METRICS_ROOTS": f"{given} s3://{DEMO_BUCKET}={DEMO_DATA}".strip()}

    def announce(self, host: str) -> None:
        super().announce(host)
        kept = serve.shown_path(settings.REGISTRY_DATA_DIR / "demo_password")
        self.stdout.write("  Users     admin, reviewer, contributor, viewer (the roles of their names)")
        if os.environ.get("REGISTRY_DEMO_PASSWORD"):
            self.stdout.write("  Password  as REGISTRY_DEMO_PASSWORD said when the users were made")
        elif self.password:
            self.stdout.write(f"  Password  {self.password}   (kept in {kept}; a changed one stays changed)")
        else:
            self.stdout.write("  Password  as it was given when the users were made")
