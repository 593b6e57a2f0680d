"""Which tables a backup holds, with which columns, and how each column is asked for on either database."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.apps import apps
from django.apps.registry import Apps
from django.db import models

# All other tables are in a backup: one that comes later is in it unless it is named here.
LEFT_OUT = {
    "sessions.Session": "who is signed in signs in again",
    "accounts.SignInFailure": "counts of the last minutes",
    "accounts.BadSignatures": "counts of the last minutes",
    "account.EmailConfirmation": "links that let in whoever has them",
    "contenttypes.ContentType": "made by migrate, under other ids",
    "auth.Permission": "made by migrate, under other ids",
}
# Filled by migrate: what it put there makes way for what the backup has.
MADE_BY_MIGRATE = ("auth_group_permissions", "auth_group")
# Kept by triggers: they are compared after a restore, not written.
KEPT_BY_TRIGGERS = ("events_chainhead",)

_KINDS = {
    "integer": "AutoField BigAutoField SmallAutoField IntegerField BigIntegerField SmallIntegerField "
    "PositiveIntegerField PositiveBigIntegerField PositiveSmallIntegerField",
    "text": "CharField TextField SlugField",
    "boolean": "BooleanField",
    "float": "FloatField",
    "time": "DateTimeField",
    "json": "JSONField",
    "uuid": "UUIDField",
    "binary": "BinaryField",
}
_KIND = {name: kind for kind, names in _KINDS.items() for name in names.split()}
# Rows of these have other ids in each database; what points to them is written by their names.
NAMED = {
    "content type": "SELECT {t}.app_label || '.' || {t}.model FROM django_content_type {t} WHERE {t}.id = {column}",
    "permission": (
        "SELECT {t}.app_label || '.' || {t}.model || '.' || p.codename FROM auth_permission p "
        "JOIN django_content_type {t} ON {t}.id = p.content_type_id WHERE p.id = {column}"
    ),
}


def quoted(name: str) -> str:
    """A name as SQL of both databases takes it; ValueError for one that no table of ours has."""
    if not name.isidentifier():
        raise ValueError(f"{name!r} is no name of a table or column")
    return f'"{name}"'


@dataclass(frozen=True)
class Column:
    """A column and the kind of its values: one of _KINDS, or of NAMED."""

    name: str
    kind: str

    def select(self, vendor: str) -> str:
        """The expression that gives its canonical value, but for booleans and JSON."""
        name, on_sqlite = quoted(self.name), vendor == "sqlite"
        match self.kind:
            case "float":
                # SQLite keeps whole numbers without a point and knows no -0.0.
                return f"{name} + 0.0"
            case "time" if on_sqlite:
                return f"replace(substr({name} || '.000000', 1, 26), ' ', 'T') || 'Z'"
            case "time":
                return f"""to_char({name} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"""
            case "json":
                return name if on_sqlite else f"{name}::text"
            case "uuid":
                return name if on_sqlite else f"replace({name}::text, '-', '')"
            case "binary":
                return f"iif({name} IS NULL, NULL, lower(hex({name})))" if on_sqlite else f"encode({name}, 'hex')"
            case "content type" | "permission":
                return f"({NAMED[self.kind].format(t='t', column=f'o.{name}')})"
        return name


@dataclass(frozen=True)
class Table:
    """A table as a backup has it: rows in the order of the key, columns in that of their names, the key first."""

    name: str
    key: str
    columns: tuple[Column, ...]

    @cached_property
    def kinds(self) -> list[str]:
        return [column.kind for column in self.columns]

    @cached_property
    def is_numbered(self) -> bool:
        """True where the database gives the keys."""
        return self.key == "id" and self._key_kind == "integer"

    @cached_property
    def _key_kind(self) -> str:
        return next(column.kind for column in self.columns if column.name == self.key)

    def select(self, vendor: str) -> str:
        """The query for all rows."""
        values = ", ".join(column.select(vendor) for column in self.columns)
        # Texts have as many orders as there are languages; the one of their bytes is the same everywhere.
        collation = ' COLLATE "C"' if vendor == "postgresql" and self._key_kind == "text" else ""
        return f"SELECT {values} FROM {quoted(self.name)} o ORDER BY o.{quoted(self.key)}{collation}"

    def describe(self) -> dict[str, Any]:
        """What the manifest says of it."""
        return {
            "name": self.name,
            "key": self.key,
            "columns": [[column.name, column.kind] for column in self.columns],
        }

    @classmethod
    def described(cls, told: dict[str, Any]) -> Table:
        """The table that a manifest tells of."""
        return cls(told["name"], told["key"], tuple(Column(name, kind) for name, kind in told["columns"]))


def kept_tables(registry: Apps = apps) -> list[Table]:
    """All tables that a backup holds, what is pointed to before what points to it."""
    return [_table(model) for model in _in_order(_kept_models(registry))]


def _kept_models(registry: Apps) -> list[type[models.Model]]:
    return sorted(
        (
            model
            for model in registry.get_models(include_auto_created=True)
            if model._meta.managed and not model._meta.proxy and model._meta.label not in LEFT_OUT
        ),
        key=lambda model: model._meta.db_table,
    )


def _in_order(found: list[type[models.Model]]) -> Iterator[type[models.Model]]:
    waiting = list(found)
    while waiting:
        # A tree that points to itself or a circle is no matter: foreign keys are asked at the end of the transaction.
        free = [model for model in waiting if not _pointed_to(model) & {*waiting} - {model}] or waiting[:1]
        yield from free
        waiting = [model for model in waiting if model not in free]


def _pointed_to(model: type[models.Model]) -> set[Any]:
    return {field.related_model for field in model._meta.local_concrete_fields if field.is_relation}


def _table(model: type[models.Model]) -> Table:
    meta: Any = model._meta
    columns = [Column(field.column, _kind(field)) for field in meta.local_concrete_fields]
    # Not in the order of the model, which is another one after other migrations.
    columns.sort(key=lambda column: (column.name != meta.pk.column, column.name))
    return Table(meta.db_table, meta.pk.column, tuple(columns))


def _kind(field: Any) -> str:
    while field.is_relation:
        label = field.related_model._meta.label
        if label in {"contenttypes.ContentType", "auth.Permission"}:
            return "permission" if label == "auth.Permission" else "content type"
        field = field.target_field
    name = field.get_internal_type()
    if name not in _KIND:
        raise TypeError(f"{field}: backups do not know how to write a {name} the same on both databases")
    return _KIND[name]
