"""The filter language of the lists: text to a tree (terms, keys, parser), tree to database conditions (the others)."""

from .conditions import collected, group_conditions, has_common_tags
from .estimates import estimate
from .events import event_conditions
from .keys import ACTIVITY, GROUPS, KEYS, PACKAGES, REVIEW, TIMELINE, make_term
from .parser import Fault, Query, join, last_term, parse
from .terms import And, Node, Not, Or, Term, quote, tag_text
from .versions import is_wide, package_conditions, queue_conditions, version_condition, version_conditions

__all__ = [
    "ACTIVITY",
    "GROUPS",
    "KEYS",
    "PACKAGES",
    "REVIEW",
    "TIMELINE",
    "And",
    "Fault",
    "Node",
    "Not",
    "Or",
    "Query",
    "Term",
    "collected",
    "estimate",
    "event_conditions",
    "group_conditions",
    "has_common_tags",
    "is_wide",
    "join",
    "last_term",
    "make_term",
    "package_conditions",
    "parse",
    "queue_conditions",
    "quote",
    "tag_text",
    "version_condition",
    "version_conditions",
]
