"""The two databases of the tests are what they claim to be."""

import pytest
from django.conf import settings
from django.db import connection


@pytest.mark.django_db
def test_worker_runs_on_the_database_it_names():
    assert connection.vendor == settings.TEST_DB
    assert str(settings.TEST_FOLDER) in str(connection.settings_dict["HOST"] or connection.settings_dict["NAME"])


@pytest.mark.sqlite_only
@pytest.mark.django_db
def test_sqlite_writes_ahead():
    with connection.cursor() as cursor:
        assert cursor.execute("PRAGMA journal_mode").fetchone() == ("wal",)


@pytest.mark.postgresql_only
@pytest.mark.django_db
def test_postgresql_is_pooled():
    assert connection.pool is not None
    assert connection.pool.max_size == 4
