"""What large demo data is made of: names, people, images and sentences, in the shares of the small demo."""

from __future__ import annotations

from typing import NamedTuple

from registry.accounts.permissions import Actor, Role


class Topic(NamedTuple):
    """What the models of a group do: part of its name, its description, the team, the leading metric with its range."""

    name: str
    description: str
    team: str
    metric: str
    low: float
    high: float


TOPICS = (
    Topic("card-fraud", "Fraud score of a card payment at authorisation.", "risk", "auc", 0.86, 0.97),
    Topic("credit-default", "Default within twelve months, for new consumer loans.", "risk", "auc", 0.71, 0.84),
    Topic("churn", "Who leaves within the next 90 days.", "growth", "auc", 0.74, 0.88),
    Topic("demand-forecast", "Units sold a day and store, 28 days ahead.", "supply", "wape", 0.11, 0.34),
    Topic("delivery-time", "Minutes from order to door.", "supply", "rmse", 3.1, 7.9),
    Topic("price-elasticity", "How demand follows the price, by product family.", "pricing", "r2", 0.41, 0.78),
    Topic("product-ranking", "Order of search results for a shopper.", "search", "ndcg", 0.38, 0.61),
    Topic("query-intent", "What a shopper means by a search.", "search", "accuracy", 0.81, 0.95),
    Topic("spam-filter", "Unwanted messages between members.", "trust", "f1", 0.88, 0.98),
    Topic("image-moderation", "Pictures that must not be shown.", "trust", "recall", 0.83, 0.97),
    Topic("invoice-fields", "Amount, date and payee of a scanned invoice.", "documents", "f1", 0.79, 0.94),
    Topic("digits-reader", "Handwritten digits of forms.", "documents", "accuracy", 0.94, 0.99),
    Topic("pump-failure", "Failure of a pump within a week, from its vibration.", "plants", "auc", 0.77, 0.93),
    Topic("energy-load", "Load of the next 48 hours, by feeder.", "plants", "mape", 0.02, 0.09),
    Topic("visit-no-show", "Patients who will not come.", "health", "auc", 0.69, 0.82),
    Topic("cell-screening", "Malignant or benign, from measurements. Research only.", "health", "auc", 0.95, 0.99),
    Topic("ad-clicks", "Click probability of a banner.", "growth", "log_loss", 0.11, 0.42),
    Topic("next-basket", "What a shopper buys next.", "search", "recall", 0.18, 0.36),
    Topic("call-topics", "Topic of a service call from its transcript.", "service", "f1", 0.72, 0.9),
    Topic("co2-forecast", "Carbon dioxide one week ahead, retrained by CI.", "climate", "rmse", 0.3, 0.7),
)
SEGMENTS = ("eu", "us", "uk", "nordics", "latam", "apac", "web", "app", "stores", "b2b", "pilot", "seasonal")

_REGISTRY = "683313688378.dkr.ecr.us-east-1.amazonaws.com"
# Image, framework, its version; the first ones serve most versions, as in the small demo.
IMAGES = (
    (f"{_REGISTRY}/sagemaker-scikit-learn:1.4-2-cpu-py3", "SKLEARN", "1.4-2"),
    (f"{_REGISTRY}/sagemaker-scikit-learn:1.2-1-cpu-py3", "SKLEARN", "1.2-1"),
    (f"{_REGISTRY}/sagemaker-xgboost:3.0-5", "XGBOOST", "3.0-5"),
    (f"{_REGISTRY}/sagemaker-xgboost:1.7-1", "XGBOOST", "1.7-1"),
    (f"{_REGISTRY}/pytorch-inference:2.6-gpu-py312", "PYTORCH", "2.6"),
    ("111122223333.dkr.ecr.us-east-1.amazonaws.com/lightgbm-serving:4.7.0-cpu-py311", "", ""),
    *(
        (f"111122223333.dkr.ecr.us-east-1.amazonaws.com/{team}-serving:{major}.{minor}", "", "")
        for team in ("risk", "search", "plants", "health")
        for major in (1, 2)
        for minor in range(4)
    ),
)
IMAGE_SHARES = (45, 42, 9, 6, 5, 3, *(1 for _ in IMAGES[6:]))

_BOTO = "Boto3/1.40.61 md/Botocore#1.40.61 ua/2.1 os/linux lang/python#3.11.7"
_FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


def _in_browser(name: str, role: Role) -> Actor:
    return Actor(name=name, role=role, door="browser", user_agent=_FIREFOX)


PIPELINE = Actor(name="mlops-ci", role=Role.REVIEWER, door="sagemaker", access_key="nightly-training", user_agent=_BOTO)
SCIENTISTS = tuple(
    Actor(name=f"data-scientist-{n}", role=Role.CONTRIBUTOR, door="sagemaker", access_key="notebook", user_agent=_BOTO)
    for n in range(1, 41)
)
LEADS = tuple(_in_browser(f"ml-lead-{n}", Role.REVIEWER) for n in range(1, 9))
OWNER = _in_browser("registry-owner", Role.ADMIN)

ENVIRONMENTS = ("production", "production", "staging", "research")
DATA_CLASSES = ("public", "internal", "internal", "confidential")
RETRAINING = ("daily", "weekly", "weekly", "monthly", "by hand")
TIERS = ("1", "2", "3")
BRANCHES = ("main", "main", "release", "exp/features", "exp/tuning")
CHANGES = (
    "Retrained on the newest month.",
    "More trees, smaller steps.",
    "Features of the last 28 days added.",
    "Stronger regularisation.",
    "Sampling weights corrected.",
    "Same code, newer base image.",
    "Categories encoded by target instead of one by one.",
)
APPROVALS = (
    "Better than the version in production on all segments.",
    "Gate passed: above the baseline on the hold-out month.",
    "Good enough for the pilot; calibration is fine.",
    "Latency within the budget, metrics as before.",
    "",
)
REJECTIONS = (
    "Below the approved version on the hold-out month.",
    "Gate not passed: worse than the baseline.",
    "Scoring takes too long on the smallest instance.",
    "Trained on a data set with a leak; see the ticket.",
)
SECOND_THOUGHTS = "Drift on the newest week; to be looked at again."
