"""The tables as the log alone tells them: what happened, event by event, becomes rows again; reads, writes nothing."""

from .columns import FOLLOWS, NOT_LOGGED
from .comparing import Difference, compare_group, compare_registry
from .entries import Entry, ends_votes, entries_of, entry_of
from .groups import GroupReplay
from .packages import PackageReplay
from .saved_views import replay_saved_views

__all__ = [
    "FOLLOWS",
    "NOT_LOGGED",
    "Difference",
    "Entry",
    "GroupReplay",
    "PackageReplay",
    "compare_group",
    "compare_registry",
    "ends_votes",
    "entries_of",
    "entry_of",
    "replay_saved_views",
]
