"""The filter language of the lists: text to a small tree (terms), tree to database conditions (conditions)."""

from .conditions import group_conditions, is_wide, version_condition, version_conditions
from .terms import KEYS, And, Node, Not, Query, Term, make_term, parse, quote, tag_text

__all__ = [
    "KEYS",
    "And",
    "Node",
    "Not",
    "Query",
    "Term",
    "group_conditions",
    "is_wide",
    "make_term",
    "parse",
    "quote",
    "tag_text",
    "version_condition",
    "version_conditions",
]
