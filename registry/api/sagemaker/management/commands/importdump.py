"""`manage.py importdump PATH…`: read dumps of a SageMaker model registry into this one."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from registry.progress import plural

from ...dumps import Dump
from ..importing import ImportCommand


class Command(ImportCommand):
    help = (
        "Import dumps of a SageMaker model registry: registry.jsonl, folders as the AWS CLI leaves them, or single "
        "answers of describe-model-package-group and describe-model-package. Safe to run again: what is there already "
        "stays as it is."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("paths", nargs="+", metavar="PATH", help="a file or folder to read")
        super().add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        for path in options["paths"]:
            if "\x00" in path or not Path(path).exists():
                raise CommandError(f"{path}: there is no such file or folder.", returncode=2)
        self.prepare(options)
        self.run(Dump(options["paths"]))

    def remark(self) -> None:
        if self.source.passed_over and not self.quiet:
            self.stdout.write(f"{plural(self.source.passed_over, 'JSON file')} passed over: no answers of SageMaker.")
        self.name_unknown(self.source.unknown)
