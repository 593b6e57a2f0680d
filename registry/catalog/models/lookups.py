"""Column checks and lookups that both databases can answer from an index; nothing of the domain."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from django.db import connection, models
from django.db.models.functions import Length
from django.db.models.lookups import Exact, In, LessThanOrEqual


def at_most(field: str, length: int, table: str) -> models.CheckConstraint:
    """A database check that the text in `field` has at most `length` characters (SQLite does not know varchar(n))."""
    return models.CheckConstraint(
        condition=LessThanOrEqual(Length(models.F(field)), length), name=f"{table}_{field}_length"
    )


@models.CharField.register_lookup
class Prefix(models.Lookup):
    """`field__prefix="abc"`: begins with, letter by letter, from an index on both databases.

    Django's startswith compares without case on SQLite and cannot use an index there.
    """

    lookup_name = "prefix"
    prepare_rhs = False

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, list[Any]]:  # type: ignore[override]
        lhs, params = self.process_lhs(compiler, connection)
        escaped = str(self.rhs).replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        return f"{lhs} LIKE %s", [*params, escaped + "%"]

    def as_sqlite(self, compiler: Any, connection: Any) -> tuple[str, list[Any]]:
        lhs, params = self.process_lhs(compiler, connection)
        return f"({lhs} >= %s AND {lhs} < %s)", [*params, self.rhs, *params, f"{self.rhs}\U0010ffff"]


@models.CharField.register_lookup
@models.TextField.register_lookup
class Holds(models.Lookup):
    """`field__holds="abc"`: has that text in it, without regard to case (on SQLite to that of ASCII letters alone).

    As Django's icontains, but that PostgreSQL does not foresee the text: it takes each for so rare that it reads and
    sorts a whole table for a page of rows, where the order leads to them at once.
    """

    lookup_name = "holds"
    prepare_rhs = False

    def _like(self, template: str, compiler: Any, connection: Any) -> tuple[str, list[Any]]:
        lhs, params = self.process_lhs(compiler, connection)
        escaped = re.sub(r"([\\%_])", r"\\\1", str(self.rhs))
        return template.format(lhs), [*params, f"%{escaped}%"]

    def as_postgresql(self, compiler: Any, connection: Any) -> tuple[str, list[Any]]:
        return self._like("UPPER({}::text) LIKE (SELECT UPPER(%s::text))", compiler, connection)

    def as_sqlite(self, compiler: Any, connection: Any) -> tuple[str, list[Any]]:
        return self._like("{} LIKE %s ESCAPE '\\'", compiler, connection)


def listed(numbers: Iterable[int]) -> str:
    """Whole numbers as the one text that `AmongListed` takes, in the words of the database in use."""
    text = ",".join(map(str, numbers))
    return f"{{{text}}}" if connection.vendor == "postgresql" else f"[{text}]"


class AmongListed(models.Func):
    """True where the number in `field` is one of those in a text by `listed`: one statement, however many they are."""

    output_field = models.BooleanField()

    def __init__(self, field: str | models.Func, text: str) -> None:
        super().__init__(field, models.Value(text))

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        joiner = " IN (SELECT value FROM json_each("
        return self.as_sql(compiler, connection, template="%(expressions)s))", arg_joiner=joiner, **context)

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        template, joiner = "%(expressions)s::bigint[])", " = ANY("
        return self.as_sql(compiler, connection, template=template, arg_joiner=joiner, **context)


class ExistsApart(models.Exists):
    """EXISTS that is asked row by row, until enough rows are found, on PostgreSQL too.

    It makes a join of any other one, which reads all that match; of one with an OFFSET it does not.
    """

    template = "EXISTS(%(subquery)s OFFSET 0)"


class IsAmong(models.Func):
    """True where the primary key is among what a query by values() finds, which is collected once and then looked up.

    A database never goes by it: it looks row by row until enough are found, but each look costs next to nothing.
    """

    output_field = models.BooleanField()
    # What is part of an expression is made no join of.
    template = "((%(expressions)s) IS TRUE)"

    def __init__(self, found: models.QuerySet[Any, Any]) -> None:
        super().__init__(In(models.F("pk"), found.query))


class ByNoIndex(models.Func):
    """A column whose index SQLite shall not use, since another one leaves fewer rows; PostgreSQL knows by itself."""

    template = "%(expressions)s"

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return self.as_sql(compiler, connection, template="+%(expressions)s", **context)


def in_region(region: str) -> Exact:
    """The condition of a list over the rows of a region: most are of one, so the index of the order serves better."""
    return Exact(ByNoIndex("region"), region)


class ContainsExactly(models.Lookup):
    """`field__contains_exactly="abc"`: holds that text, letter by letter; Django's contains ignores case on SQLite."""

    lookup_name = "contains_exactly"
    prepare_rhs = False
    function = "STRPOS"

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        lhs, params = self.process_lhs(compiler, connection)
        return f"{self.function}({lhs}, %s) > 0", (*params, str(self.rhs))

    def as_sqlite(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        lhs, params = self.process_lhs(compiler, connection)
        return f"INSTR({lhs}, %s) > 0", (*params, str(self.rhs))


models.CharField.register_lookup(ContainsExactly)
models.TextField.register_lookup(ContainsExactly)
