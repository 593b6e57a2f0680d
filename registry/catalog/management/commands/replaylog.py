"""`manage.py replaylog`: replays the log and names each place where the tables say something else."""

from collections.abc import Callable, Iterable
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from registry.catalog.models import ModelPackageGroup
from registry.catalog.replay import Difference, comparing


class Command(BaseCommand):
    help = "Compare the tables with what the log says, and name each difference. Ends with 1 if there is any."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--group", metavar="REGION/NAME", help="this group alone, also a deleted one of that name")

    def handle(self, *args: Any, group: str | None, **options: Any) -> None:
        self.found = self.gaps = 0
        self.verbosity = int(options["verbosity"])
        ids = self._ids(group) if group else comparing.groups_of_registry()
        checked = 0
        for group_id in ids:
            self._report(lambda group_id=group_id: comparing.compare_group(group_id))
            checked += 1
        if not group:
            self._report(comparing.compare_unversioned)
            self._report(comparing.compare_saved_views)
            self._report(comparing.compare_accounts)
        many = "1 group" if checked == 1 else f"{checked:,} groups"
        if self.gaps:
            places = "1 place" if self.gaps == 1 else f"{self.gaps:,} places"
            self.stdout.write(
                f"Not known in {places}: written by releases whose log did not keep it (-v 2 names each)."
            )
        if self.found:
            raise CommandError(f"{self.found:,} {'difference' if self.found == 1 else 'differences'} in {many}.")
        self.stdout.write(
            f"The tables are what the log says: {many}" + ("." if group else ", packages, views and accounts.")
        )

    def _ids(self, group: str) -> list[int]:
        region, _, name = group.partition("/")
        ids = list(ModelPackageGroup.objects.filter(region=region, name=name).values_list("pk", flat=True))
        if not ids:
            raise CommandError(f"There is no group {group}. Say REGION/NAME.")
        return ids

    def _report(self, compare: Callable[[], Iterable[Difference]]) -> None:
        """Name the differences. What differs is compared once more: others may write between two reads."""
        differences = list(compare())
        if any(not one.is_gap for one in differences):
            before = {(one.subject, one.what) for one in differences}
            differences = [one for one in compare() if (one.subject, one.what) in before]
        for one in differences:
            if one.is_gap:
                self.gaps += 1
                if self.verbosity < 2:
                    continue
            else:
                self.found += 1
            self.stdout.write(f"{one} (not known)" if one.is_gap else str(one))
