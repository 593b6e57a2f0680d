"""Which way a metric is better, what counts as the same, and which metric of a group leads: as the group chose, else by
the names; no database.

Every page, list, chart and rule asks here with the group, so that a choice holds everywhere.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, Literal, NamedTuple, Protocol

Direction = Literal["higher", "lower", ""]

# What a group may keep for a metric; "none": neither way is better, whatever the name says.
DIRECTIONS: Mapping[str, Direction] = {"higher": "higher", "lower": "lower", "none": ""}

_NOISE = 1e-9


def same_value(one: float, other: float) -> bool:
    """Whether two values of a metric differ by no more than the noise of floating point: nothing changed then."""
    return math.isclose(one, other, rel_tol=_NOISE)


class Choices(Protocol):
    """What people chose for the metrics of a group: a ModelPackageGroup, or the ChosenMetrics of a slim row."""

    @property
    def leading_metric(self) -> Any: ...

    @property
    def metric_directions(self) -> Any: ...


class ChosenMetrics(NamedTuple):
    """The two columns of a group, for a list that reads no more of it."""

    leading_metric: str = ""
    metric_directions: Mapping[str, str] = {}


# Terms inside names, in the order in which a group's metrics may lead its timeline; a line of the table is one kind.
_TERMS: tuple[tuple[int, Direction, str], ...] = (
    (0, "higher", "auc auroc roc_auc pr_auc auprc accuracy acc f1 f0_5 f05 f2 fbeta average_precision map ndcg mrr"),
    (0, "higher", "mcc kappa gini recall sensitivity precision specificity true_positive_rate true_negative_rate"),
    (0, "higher", "tpr tnr iou dice bleu rouge psnr ssim silhouette"),
    (0, "lower", "rmse rmsle mse mae mape smape wape mase"),
    (0, "higher", "r2 r_squared explained_variance"),
    (0, "lower", "wer cer fid perplexity error err misclassification"),
    (0, "lower", "false_positive_rate false_negative_rate fpr fnr"),
    (1, "lower", "loss logloss cross_entropy entropy deviance brier ece"),
    (2, "higher", "throughput coverage"),
    (2, "lower", "psi drift divergence latency duration seconds secs ms"),
)
_UNKNOWN, _REFERENCE_TIER = 3, 4
_KIND: dict[str, tuple[int, int, Direction]] = {
    term: (tier, place, direction)
    for place, (tier, direction, term) in enumerate(
        (tier, direction, term) for tier, direction, terms in _TERMS for term in terms.split()
    )
}
_LONGEST = 3
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z0-9])(?=[A-Z][a-z])")
_NOT_WORD = re.compile(r"[^a-z0-9]+")
# "recall_at_1pct_fpr" is a recall: what stands behind "at" is the condition.
_CONDITION = re.compile(r"_(?:at|per|by)_.*")
# SageMaker's reports carry the scores of a constant classifier for comparison: they say nothing about the model.
_REFERENCE = "best_constant_classifier"


def metric_direction(name: str, group: Choices | None) -> Direction:
    """Return "higher" or "lower" for the way in which `name` is better in `group`; "" where neither is, or none known.

    `group` is None for an unversioned package, which has no choices.
    """
    chosen = str(group.metric_directions.get(name, "")) if group is not None else ""
    return DIRECTIONS[chosen] if chosen in DIRECTIONS else direction_by_name(name)


def leading_metric(names: Iterable[str], group: Choices | None) -> str:
    """Return the metric that leads: the one that the group chose if it is among `names`, else the first by name.

    By name: auc before accuracy, f1 … rmse …; "" without names. Plain names go before compound ones (accuracy before
    weighted_auc), scores before losses, those before costs; names that tell nothing come last, by alphabet.
    """
    return next(iter(in_reading_order(names, group)), "")


def in_reading_order(names: Iterable[str], group: Choices | None) -> list[str]:
    """Return the names as a menu shows them: the leading one first, then by kind, then by alphabet."""
    chosen = group.leading_metric if group is not None else ""
    return sorted(names, key=lambda name: (name != chosen, _place(name)))


def is_reference(name: str) -> bool:
    """True for the score of a constant classifier, which reports carry for comparison."""
    return not _words(name)


@lru_cache(maxsize=4096)
def direction_by_name(name: str) -> Direction:
    """Return what the name alone tells: "higher", "lower", or "" where it does not tell.

    Of several terms a loss or cost decides: "accuracy_loss" is better when lower.
    """
    directions = {_KIND[term][2] for term in _known(_words(name))}
    return "lower" if "lower" in directions else "higher" if directions else ""


def _words(name: str) -> list[str]:
    joined = _NOT_WORD.sub("_", _CAMEL.sub("_", name).lower()).strip("_")
    return [] if _REFERENCE in joined else [word for word in _CONDITION.sub("", joined).split("_") if word]


def _known(words: list[str]) -> list[str]:
    """The terms inside a name, longest first, none within another: "weighted_f1" has f1, "roc_auc" only itself."""
    found: list[str] = []
    taken: set[int] = set()
    for length in range(_LONGEST, 0, -1):
        for start in range(len(words) - length + 1):
            term, places = "_".join(words[start : start + length]), set(range(start, start + length))
            if term in _KIND and not taken & places:
                found.append(term)
                taken |= places
    return found


@lru_cache(maxsize=4096)
def _place(name: str) -> tuple[int, bool, int, int, str]:
    words = _words(name)
    if not words:
        return (_REFERENCE_TIER, True, 0, 0, name)
    direction = direction_by_name(name)
    kinds = [_KIND[term][:2] for term in _known(words) if _KIND[term][2] == direction]
    tier, place = min(kinds, default=(_UNKNOWN, 0))
    return (tier, "_".join(words) not in _KIND, place, len(words), name)
