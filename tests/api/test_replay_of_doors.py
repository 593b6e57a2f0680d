"""Whatever is done at whichever door: a replay of the log is the tables, in every column."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from registry.catalog.models import ModelPackageGroup
from registry.catalog.replay import compare_registry
from registry.events.models import Event
from registry.events.services import CATEGORIES
from tests.api.walks import Walk

pytestmark = pytest.mark.django_db


def walk(seed: int, steps: int, every: int, client_for: Any, folder: Path, settings: Any) -> Walk:
    """Walk, and compare all tables with the log after `every` steps, and at the end."""
    settings.REGISTRY_METRICS_ROOTS = {"models": folder}
    walked, last = Walk(seed, client_for, folder), []
    for number in range(1, steps + 1):
        last.append(walked.step())
        if number % every == 0 or number == steps:
            differences = [str(one) for one in compare_registry()]
            assert not differences, ("\n".join(differences[:10]), last[-every:])
    return walked


def test_a_replay_of_the_log_is_the_tables_after_a_walk_through_every_door(client_for, tmp_path, settings):
    walked = walk(11, 90, 15, client_for, tmp_path, settings)
    assert len([name for name in walked.done if name != "refused"]) > 15
    assert walked.done["refused"] < 60, "most steps should do something"
    assert ModelPackageGroup.objects.exists()


@pytest.mark.replay
@pytest.mark.parametrize("seed", range(1, 9))
def test_a_replay_of_the_log_is_the_tables_after_a_long_walk(client_for, tmp_path, settings, seed):
    walk(seed, 500, 10, client_for, tmp_path, settings)
    # Nearly everything that can happen does, so that nothing is equal for want of doing it.
    told = {
        kind for kind in CATEGORIES if kind.startswith(("model_package", "saved_view", "user", "access_key", "team"))
    }
    seen = set(Event.objects.values_list("kind", flat=True))
    assert len(told - seen) <= 10, told - seen
