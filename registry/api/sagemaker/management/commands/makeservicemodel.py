"""`manage.py makeservicemodel`: write service_model.json anew from the installed botocore."""

from __future__ import annotations

import json
from typing import Any

import botocore.session
from django.core.management.base import BaseCommand

from registry.api.sagemaker import service_model


class Command(BaseCommand):
    help = "Write the stripped SageMaker service model from the installed botocore (after an upgrade of botocore)."

    def handle(self, *args: Any, **options: Any) -> None:
        model = botocore.session.Session().get_component("data_loader").load_service_model("sagemaker", "service-2")
        text = json.dumps(service_model.strip(model), separators=(",", ":"), sort_keys=True)
        service_model.PATH.write_text(text + "\n")
        self.stdout.write(f"{len(service_model.OPERATIONS)} operations, {len(text) // 1024} kB")
