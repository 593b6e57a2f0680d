"""The filter language of the lists: text to a small tree (terms), tree to database conditions (conditions)."""

from .conditions import group_conditions, version_condition, version_conditions
from .terms import KEYS, And, Node, Not, Query, Term, make_term, parse, quote, tag_text

__all__ = [
    "KEYS",
    "And",
    "Node",
    "Not",
    "Query",
    "Term",
    "group_conditions",
    "make_term",
    "parse",
    "quote",
    "tag_text",
    "version_condition",
    "version_conditions",
]
