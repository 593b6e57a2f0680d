"""Every column of every table follows from the log, or it is said why not."""

from django.apps import apps
from django.contrib.auth.models import Group

from registry.catalog.replay import FOLLOWS, NOT_LOGGED


def test_every_column_of_every_table_has_a_row_that_says_how_it_follows_from_the_log():
    models = [Group, *(model for app in ("catalog", "accounts") for model in apps.get_app_config(app).get_models())]
    tables = {model.__name__: model for model in models}
    assert tables.keys() == FOLLOWS.keys() | NOT_LOGGED.keys(), "a table without a row, or a row without a table"
    for name, rows in FOLLOWS.items():
        columns = {field.attname for field in tables[name]._meta.local_concrete_fields}
        assert columns == rows.keys(), f"{name}: a column without a row, or a row without a column"
        assert all(rows.values()), name
