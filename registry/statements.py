"""Statements of the hot path: Django says their SQL once, each run only fills in its values.

Most of the time of a short query goes into making its SQL anew. What runs for every call of a pipeline is compiled
once for each connection here, and what it reads and writes is the same as with the query or the rows it is made from.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Generic, NamedTuple, TypeVar

from django.core.exceptions import EmptyResultSet, FullResultSet
from django.db import DEFAULT_DB_ALIAS, DatabaseError, connections, models
from django.db.models.expressions import RawSQL
from django.db.models.query import ModelIterable, get_related_populators

# Stand in for a value while the query is compiled; no constant of any query equals them.
_FIRST_NUMBER = 1_987_654_321


Row = TypeVar("Row", bound=models.Model)


class Condition(NamedTuple):
    """What rows of one table are filtered by, as SQL: made once, for all statements that speak of those rows."""

    sql: str
    values: tuple[Any, ...]

    @classmethod
    def of(cls, rows: models.QuerySet[Any, Any]) -> Condition:
        """The condition of a query that joins no other table; ValueError for one that does."""
        connection, query = connections[DEFAULT_DB_ALIAS], rows.query
        try:
            sql, values = query.get_compiler(connection=connection).compile(query.where)
        except (EmptyResultSet, FullResultSet) as result:
            sql, values = ("1 = 0" if isinstance(result, EmptyResultSet) else "1 = 1"), ()
        if sum(map(bool, query.alias_refcount.values())) > 1:
            raise ValueError("Only a query of one table is a condition on its rows.")
        return cls(sql, tuple(values))


# What a value of a statement may be; a list stands where a query has `__in`, a Condition where it has a Q.
Given = str | int | datetime | list[int] | Condition


class Prepared(Generic[Row]):
    """A query with named values: `Prepared(lambda name: Group.objects.filter(name=name), name=str)`.

    Each value stands in the query once or more. `build` is asked once a connection.
    """

    plans_anew = False

    def __init__(self, build: Callable[..., models.QuerySet[Row, Any]], **values: type[Given]) -> None:
        self._build = build
        self._kinds = values

    def rows(self, **values: Given) -> list[Any]:
        """All rows of a query by values_list, each with its columns in that order."""
        compiled = self._compiled()
        return compiled.convert(compiled.fetch(values))

    def all(self, **values: Given) -> list[Row]:
        """All rows of a query by models, with what select_related asks for and what annotates them."""
        compiled = self._compiled()
        return [compiled.instance(row) for row in compiled.convert(compiled.fetch(values))]

    def first(self, **values: Given) -> Row | None:
        """The first row of `all`, None without one; the query itself limits how many are read."""
        found = self.all(**values)
        return found[0] if found else None

    def _compiled(self) -> _Compiled:
        connection = connections[DEFAULT_DB_ALIAS]
        # Kept on the connection's object, which belongs to one thread and lives as long as that.
        kept: dict[Prepared, _Compiled] = connection.__dict__.setdefault("registry_statements", {})
        if self not in kept:
            kept[self] = _Compiled(self._build, self._kinds, connection, plans_anew=self.plans_anew)
        return kept[self]


class PlannedAnew(Prepared[Row]):
    """A query whose rows are found in one way for some values and in another for others: PostgreSQL keeps no plan."""

    plans_anew = True


class _Compiled:
    """The SQL of one query on one connection, and how its rows become values or models."""

    def __init__(
        self, build: Callable[..., models.QuerySet], kinds: dict[str, type[Given]], connection: Any, *, plans_anew: bool
    ) -> None:
        stand_ins = {name: _stand_in(kind, place) for place, (name, kind) in enumerate(kinds.items())}
        queryset = build(**{name: given for name, (given, _) in stand_ins.items()})
        compiler = queryset.query.get_compiler(connection=connection)
        self.sql, params = compiler.as_sql()
        names = {_adapted(seen, connection): name for name, (_, seen) in stand_ins.items()}
        # A list of (name of a value, or None; constant): what each place of the SQL gets.
        self.params = [
            (names.get(param) if isinstance(param, str | int | datetime) else None, param) for param in params
        ]
        unused = set(kinds) - {name for name, _ in self.params}
        if unused:
            raise ValueError(f"The query does not use {', '.join(sorted(unused))}.")
        # The SQL between its places.
        self.pieces = self.sql.split("%s")
        if len(self.pieces) != len(params) + 1:
            raise ValueError("A text of the query looks like a place for a value.")
        if connection.vendor == "postgresql":
            self.pieces, self.params = _with_constants(self.pieces, self.params, connection)
            self.sql = "%s".join(self.pieces)
        self.widens = bool({list[int], Condition} & set(kinds.values()))
        # A condition is another one each time.
        self.plans_anew = plans_anew or Condition in kinds.values()
        self.compiler, self.connection = compiler, connection
        selected = compiler.select
        self.converters = {
            place: (needed, column)
            for place, (converters, column) in compiler.get_converters([column for column, _, _ in selected]).items()
            if (needed := [converter for converter in converters if not _is_idle(converter, column)])
        }
        # A query by values_list says here which of its columns are the model's own: no instance is made of them.
        if (info := compiler.klass_info) is not None and issubclass(queryset._iterable_class, ModelIterable):
            self.model = info["model"]
            places = info["select_fields"]
            self.columns = slice(places[0], places[-1] + 1)
            self.names = [column.target.attname for column, _, _ in selected[self.columns]]
            self.annotations = tuple(compiler.annotation_col_map.items())
            # The stubs are ahead of Django 5.2, which has three arguments.
            self.related = get_related_populators(info, selected, DEFAULT_DB_ALIAS)  # type: ignore[call-arg]

    def fetch(self, values: dict[str, Given]) -> list[Sequence[Any]]:
        params = [
            constant if name is None else _adapted(values[name], self.connection) for name, constant in self.params
        ]
        sql = self.sql
        if self.widens:
            sql, params = self._widened(params)
        with self.connection.cursor() if self.plans_anew else _cursor(self.connection) as cursor:
            cursor.execute(sql, params)
            return cursor.fetchall()

    def _widened(self, params: list[Any]) -> tuple[str, list[Any]]:
        """The SQL with as many places as the lists have values, and with the conditions; and all their values."""
        sql, flat = [self.pieces[0]], list[Any]()
        for param, piece in zip(params, self.pieces[1:], strict=True):
            if isinstance(param, Condition):
                sql.append(param.sql)
                flat += param.values
            elif isinstance(param, list):
                sql.append(", ".join(["%s"] * len(param)) or "NULL")
                flat += param
            else:
                sql.append("%s")
                flat.append(param)
            sql.append(piece)
        return "".join(sql), flat

    def convert(self, rows: list[Sequence[Any]]) -> list[Sequence[Any]]:
        return list(self.compiler.apply_converters(rows, self.converters)) if self.converters else rows

    def instance(self, row: Sequence[Any]) -> Any:
        made = self.model.from_db(DEFAULT_DB_ALIAS, self.names, row[self.columns])
        for populator in self.related:
            populator.populate(row, made)
        for name, place in self.annotations:
            setattr(made, name, row[place])
        return made


def _with_constants(pieces: list[str], params: list[tuple[str | None, Any]], connection: Any) -> tuple[list[str], Any]:
    """The SQL between the places of values, with its constants written out, and what is left of the params.

    PostgreSQL keeps a plan only where one that knows no param seems as good as those that know them all: constants
    among the params made it plan the navigation of every page anew, at twice the cost of running it.
    """
    from psycopg import sql as literals

    written, left = [pieces[0]], []
    for piece, (name, constant) in zip(pieces[1:], params, strict=True):
        if name is None:
            literal = literals.Literal(constant).as_string(connection.connection)
            written[-1] += literal.replace("%", "%%") + piece
        else:
            written.append(piece)
            left.append((name, constant))
    return written, left


def _is_idle(converter: Any, column: Any) -> bool:
    """True for Django's own that makes whole numbers of what both databases give as such."""
    return converter is column.convert_value and isinstance(column.output_field, models.IntegerField)


def _stand_in(kind: type[Given], place: int) -> tuple[Any, Any]:
    """What a query is built with instead of a value, and what of it is found among the compiled values."""
    if kind is int:
        return (number := _FIRST_NUMBER + place), number
    if kind == list[int]:
        return [_FIRST_NUMBER + place], _FIRST_NUMBER + place
    if kind is datetime:
        return (moment := datetime(1, 1, 1, microsecond=place, tzinfo=UTC)), moment
    text = f"\x01{place}\x01"
    return (RawSQL("%s", [text], models.BooleanField()) if kind is Condition else text), text


def _adapted(value: Any, connection: Any) -> Any:
    return connection.ops.adapt_datetimefield_value(value) if isinstance(value, datetime) else value


Value = TypeVar("Value", int, str)


def numbered(name: str, given: Iterable[Value], places: int, missing: Value) -> dict[str, Value]:
    """Values name0, name1, … for a statement that asks for several; `missing`, which no row has, for what is not given.

    `dict.fromkeys(numbered(name, (), places, 0), int)` says to Prepared that there are such values.
    """
    values = [*given, *[missing] * places]
    return {f"{name}{place}": values[place] for place in range(places)}


def read(sql: str, values: Sequence[Any]) -> list[Sequence[Any]]:
    """All rows of a statement that is said in SQL, for what Django's queries cannot say."""
    with _cursor(connections[DEFAULT_DB_ALIAS]) as cursor:
        cursor.execute(sql, values)
        return cursor.fetchall()


def _cursor(connection: Any) -> Any:
    """A cursor of the connection; on PostgreSQL one that sends values apart, so that it plans a statement once."""
    # Whoever logs queries wants to read them, with their values.
    if connection.vendor != "postgresql" or connection.queries_logged:
        return connection.cursor()
    from django.db.backends.postgresql.base import ServerBindingCursor

    connection.ensure_connection()
    return connection._prepare_cursor(ServerBindingCursor(connection.connection))  # type: ignore[call-arg]


def insert(rows: Sequence[models.Model]) -> None:
    """Insert new rows of one model in one statement and give them their ids; sends no signal, opens no savepoint."""
    if not rows:
        return
    connection = connections[DEFAULT_DB_ALIAS]
    meta: Any = rows[0]._meta
    fields = _columns(type(rows[0]))
    quoted = connection.ops.quote_name
    places = f"({', '.join(['%s'] * len(fields))})"
    sql = (
        f"INSERT INTO {quoted(meta.db_table)} ({', '.join(quoted(field.column) for field in fields)}) "
        f"VALUES {', '.join([places] * len(rows))} RETURNING {quoted(meta.pk.column)}"
    )
    values = [field.get_db_prep_save(field.pre_save(row, True), connection) for row in rows for field in fields]
    with _cursor(connection) as cursor:
        cursor.execute(sql, values)
        ids = cursor.fetchall()
    for row, (key,) in zip(rows, ids, strict=True):
        row.pk = key
        row._state.adding, row._state.db = False, DEFAULT_DB_ALIAS


def insert_with(row: models.Model, parts: Mapping[type[models.Model], Sequence[models.Model]]) -> None:
    """Insert a new row and what hangs on it: of each model the rows, which hold texts and numbers only.

    As `insert` of the row and then of each model's rows, but that on PostgreSQL all of them are one statement, the same
    however many they are: who waits for the lock that the caller holds does not wait for four answers of the database.
    There the parts get no ids.
    """
    connection = connections[DEFAULT_DB_ALIAS]
    if connection.vendor != "postgresql":
        insert([row])
        for rows in parts.values():
            for part in rows:
                setattr(part, _owner(type(part), type(row)).attname, row.pk)
            insert(rows)
        return
    kept: dict[Any, _Family] = connection.__dict__.setdefault("registry_families", {})
    key = (type(row), *parts)
    if key not in kept:
        kept[key] = _Family(type(row), list(parts), connection)
    family = kept[key]
    values = [field.get_db_prep_save(field.pre_save(row, True), connection) for field in family.fields]
    values += [
        json.dumps([{name: getattr(part, name) for name in names} for part in rows])
        for names, rows in zip(family.names, parts.values(), strict=True)
    ]
    with _cursor(connection) as cursor:
        cursor.execute(family.sql, values)
        ((row.pk,),) = cursor.fetchall()
    row._state.adding, row._state.db = False, DEFAULT_DB_ALIAS


def _owner(part: type[models.Model], whole: type[models.Model]) -> Any:
    """The foreign key by which a part hangs on a row of the other model."""
    (owner,) = [field for field in _columns(part) if field.related_model is whole]
    return owner


def _columns(model: type[models.Model]) -> list[Any]:
    """The fields that an INSERT names."""
    meta: Any = model._meta
    return [field for field in meta.local_concrete_fields if not field.primary_key]


class _Family:
    """The one statement by which PostgreSQL inserts a row and its parts; each model's rows are one value, in JSON."""

    def __init__(self, whole: type[models.Model], parts: Sequence[type[models.Model]], connection: Any) -> None:
        quoted = connection.ops.quote_name
        self.fields = _columns(whole)
        meta: Any = whole._meta
        columns = ", ".join(quoted(field.column) for field in self.fields)
        made = (
            f"INSERT INTO {quoted(meta.db_table)} ({columns}) VALUES ({', '.join(['%s'] * len(self.fields))})"
            f" RETURNING {quoted(meta.pk.column)}"
        )
        ways = [f"made AS ({made})"]
        # The attributes of a part that are its values.
        self.names: list[list[str]] = []
        for place, part in enumerate(parts):
            owner = _owner(part, whole)
            fields = [field for field in _columns(part) if field is not owner]
            self.names.append([field.attname for field in fields])
            names = [quoted(field.attname) for field in fields]
            kinds = [f"{name} {field.db_type(connection)}" for name, field in zip(names, fields, strict=True)]
            columns = ", ".join(quoted(field.column) for field in [owner, *fields])
            ways.append(
                f"parts_{place} AS (INSERT INTO {quoted(part._meta.db_table)} ({columns})"
                f" SELECT (SELECT {quoted(meta.pk.column)} FROM made), {', '.join(names)}"
                f" FROM json_to_recordset(%s::json) AS given({', '.join(kinds)}))"
            )
        self.sql = f"WITH {', '.join(ways)} SELECT {quoted(meta.pk.column)} FROM made"


def update(row: models.Model, names: Sequence[str]) -> None:
    """Save these fields of a row; as save(update_fields=names), but for signals. DatabaseError when it is gone."""
    connection = connections[DEFAULT_DB_ALIAS]
    meta: Any = row._meta
    fields = [meta.get_field(name) for name in names]
    quoted = connection.ops.quote_name
    changes = ", ".join(f"{quoted(field.column)} = %s" for field in fields)
    sql = f"UPDATE {quoted(meta.db_table)} SET {changes} WHERE {quoted(meta.pk.column)} = %s"
    values = [field.get_db_prep_save(field.pre_save(row, False), connection) for field in fields]
    with _cursor(connection) as cursor:
        cursor.execute(sql, [*values, row.pk])
        if cursor.rowcount != 1:
            raise DatabaseError(f"The {meta.verbose_name} that was to be saved is not there.")


def note_bulk_load(*loaded: type[models.Model]) -> None:
    """Tell PostgreSQL's planner at once what a bulk load brought; its own look at the tables comes a minute later.

    Until then it takes a group of 16,000 versions for one of ten, and sorts them all for a page. SQLite goes by the
    indexes alone.
    """
    connection = connections[DEFAULT_DB_ALIAS]
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"ANALYZE {', '.join(connection.ops.quote_name(model._meta.db_table) for model in loaded)}")
