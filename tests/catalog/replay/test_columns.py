"""Every column of every table of the catalog follows from the log, or it is said why not."""

from django.apps import apps

from registry.catalog.replay import FOLLOWS, NOT_LOGGED


def test_every_column_of_every_table_has_a_row_that_says_how_it_follows_from_the_log():
    tables = {model.__name__: model for model in apps.get_app_config("catalog").get_models()}
    assert tables.keys() == FOLLOWS.keys() | NOT_LOGGED.keys(), "a table without a row, or a row without a table"
    for name, rows in FOLLOWS.items():
        columns = {field.attname for field in tables[name]._meta.local_concrete_fields}
        assert columns == rows.keys(), f"{name}: a column without a row, or a row without a column"
        assert all(rows.values()), name
