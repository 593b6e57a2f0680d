"""Which way a metric is better, and which metric of a group leads, both told from the names alone; no database."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal

Direction = Literal["higher", "lower", ""]

# Words and word pairs of a name, best first: the order in which a group's metrics may lead its timeline.
_UP = (
    "auc",
    "auroc",
    "roc_auc",
    "pr_auc",
    "auprc",
    "accuracy",
    "acc",
    "f1",
    "f0",
    "f05",
    "f2",
    "fbeta",
    "average_precision",
    "map",
    "ndcg",
    "mrr",
    "mcc",
    "kappa",
    "gini",
    "ks",
    "recall",
    "sensitivity",
    "precision",
    "specificity",
    "true_positive_rate",
    "true_negative_rate",
    "tpr",
    "tnr",
    "r2",
    "r_squared",
    "explained_variance",
    "iou",
    "dice",
    "bleu",
    "rouge",
    "psnr",
    "ssim",
    "silhouette",
    "coverage",
    "throughput",
    "score",
)
_DOWN = (
    "rmse",
    "rmsle",
    "mse",
    "mae",
    "mape",
    "smape",
    "wape",
    "mase",
    "loss",
    "logloss",
    "cross_entropy",
    "entropy",
    "deviance",
    "brier",
    "perplexity",
    "wer",
    "cer",
    "fid",
    "error",
    "err",
    "false_positive_rate",
    "false_negative_rate",
    "fpr",
    "fnr",
    "misclassification",
    "ece",
    "psi",
    "drift",
    "divergence",
    "latency",
    "duration",
    "seconds",
    "secs",
    "ms",
)
_RANK = {name: place for place, name in enumerate((*_UP, *_DOWN))}
_DIRECTION: dict[str, Direction] = {**dict.fromkeys(_UP, "higher"), **dict.fromkeys(_DOWN, "lower")}
_LONGEST = 3
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_NOT_WORD = re.compile(r"[^a-z0-9]+")
# "recall_at_1pct_fpr" is a recall: what stands behind "at" is the condition.
_CONDITION = re.compile(r"(?:^|_)(?:at|per|by)_.*")
# SageMaker's reports carry the scores of a constant classifier for comparison: they say nothing about the model.
_REFERENCE = "best_constant_classifier"


def _words(name: str) -> list[str]:
    joined = _NOT_WORD.sub("_", _CAMEL.sub("_", name).lower()).strip("_")
    if _REFERENCE in joined:
        return []
    return [word for word in _CONDITION.sub("", joined).split("_") if word]


def _known(name: str) -> list[str]:
    """The known terms inside a metric's name: "weighted_f1" has f1, "validation:rmse" has rmse; longest first."""
    words = _words(name)
    found: list[str] = []
    taken: set[int] = set()
    for length in range(_LONGEST, 0, -1):
        for start in range(len(words) - length + 1):
            places = range(start, start + length)
            term = "_".join(words[start : start + length])
            if term in _DIRECTION and taken.isdisjoint(places):
                found.append(term)
                taken.update(places)
    return found


def metric_direction(name: str) -> Direction:
    """Return "higher" or "lower" for the way in which `name` is better; "" where the name does not tell.

    One term of loss or cost decides ("precision_error" is better when lower).
    """
    directions = {_DIRECTION[term] for term in _known(name)}
    return "lower" if "lower" in directions else "higher" if directions else ""


def leading_metric(names: Iterable[str]) -> str:
    """Return the metric that leads where nothing else is chosen: auc before accuracy, f1 … rmse …; "" for no name.

    Plain names go before compound ones of the same kind (auc, weighted_auc); unknown names come last, by alphabet.
    """
    return min(names, key=_place, default="")


def in_reading_order(names: Iterable[str]) -> list[str]:
    """Return the names as a menu shows them: the leading one first, then by kind, then by alphabet."""
    return sorted(names, key=_place)


def _place(name: str) -> tuple[int, int, str]:
    ranks = [_RANK[term] for term in _known(name)]
    direction = metric_direction(name)
    # Among several terms those of the deciding direction count: "accuracy_loss" ranks as a loss.
    fitting = [rank for rank in ranks if (rank >= len(_UP)) == (direction == "lower")]
    return (min(fitting, default=len(_RANK)), len(_words(name)), name)
