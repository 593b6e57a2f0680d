"""Which errors of the two databases are outages, made by the databases themselves, and what people are told."""

import sqlite3
from contextlib import closing

import psycopg
import pytest
from django.db import InterfaceError, InternalError, OperationalError, ProgrammingError, connection, transaction
from django.test import Client

from registry.accounts.sessions import SessionStore
from registry.catalog.models import ModelPackageGroup
from registry.outages import AWAY, COMMITTED_AT, FULL, LOCKED, Outage, outage_of
from tests.factories import PASSWORD, make_group, make_user


def as_django(error: Exception) -> Exception:
    """The error as Django hands it on."""
    try:
        with connection.wrap_database_errors:
            raise error
    except Exception as wrapped:
        return wrapped


def sqlite_says(file, *, meanwhile: str, statement: str, first: str = "") -> Outage | None:
    """What a statement on a SQLite file fails with, while `meanwhile` runs in another connection."""
    with closing(sqlite3.connect(file, isolation_level=None)) as other, closing(
        sqlite3.connect(file, isolation_level=None, timeout=0.05)
    ) as ours:  # fmt: skip
        other.execute("CREATE TABLE IF NOT EXISTS t (a)")
        other.execute(meanwhile)
        if first:
            ours.execute(first)
        with pytest.raises(sqlite3.Error) as raised:
            ours.execute(statement)
        return outage_of(as_django(raised.value))


@pytest.mark.sqlite_only
@pytest.mark.parametrize(
    ("meanwhile", "first", "statement", "expected"),
    [
        ("BEGIN IMMEDIATE", "", "BEGIN IMMEDIATE", Outage(LOCKED)),
        ("BEGIN EXCLUSIVE", "", "SELECT * FROM t", Outage(LOCKED)),
        ("SELECT 1", "PRAGMA max_page_count = 2", "INSERT INTO t VALUES (randomblob(99999))", Outage(FULL)),
        ("SELECT 1", "PRAGMA query_only = on", "INSERT INTO t VALUES (1)", Outage(AWAY)),
        # Faults of ours, and no outage.
        ("SELECT 1", "", "SELECT * FROM nothing", None),
        ("SELECT 1", "", "SELEKT 1", None),
    ],
)
def test_what_sqlite_says(tmp_path, meanwhile, first, statement, expected):
    assert sqlite_says(tmp_path / "x.sqlite3", meanwhile=meanwhile, first=first, statement=statement) == expected


@pytest.mark.sqlite_only
def test_a_file_that_cannot_be_opened_is_away(tmp_path):
    with pytest.raises(sqlite3.Error) as raised:
        sqlite3.connect(tmp_path / "no" / "x.sqlite3")
    assert outage_of(as_django(raised.value)) == Outage(AWAY)


@pytest.mark.postgresql_only
@pytest.mark.parametrize(
    ("state", "kind", "expected"),
    [
        (psycopg.errors.DiskFull, OperationalError, Outage(FULL)),
        (psycopg.errors.LockNotAvailable, OperationalError, Outage(LOCKED)),
        (psycopg.errors.DeadlockDetected, OperationalError, Outage(LOCKED)),
        (psycopg.errors.QueryCanceled, OperationalError, Outage(LOCKED)),
        (psycopg.errors.AdminShutdown, OperationalError, Outage(AWAY)),
        (psycopg.errors.CannotConnectNow, OperationalError, Outage(AWAY)),
        (psycopg.errors.TooManyConnections, OperationalError, Outage(AWAY)),
        (psycopg.errors.ReadOnlySqlTransaction, InternalError, Outage(AWAY)),
        (psycopg.OperationalError, OperationalError, Outage(AWAY)),
        (psycopg.InterfaceError, InterfaceError, Outage(AWAY)),
        (psycopg.errors.UndefinedTable, ProgrammingError, None),
        (psycopg.errors.InFailedSqlTransaction, InternalError, None),
    ],
)
def test_what_postgresql_says(state, kind, expected):
    error = as_django(state("said"))
    assert type(error) is kind
    assert outage_of(error) == expected


@pytest.mark.postgresql_only
@pytest.mark.django_db(transaction=True)
def test_a_commit_that_breaks_is_undecided_and_what_breaks_before_is_not():
    kill = "SELECT pg_terminate_backend(pg_backend_pid())"
    with pytest.raises(OperationalError) as before, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(kill)
    assert outage_of(before.value) == Outage(AWAY)
    connection.close()
    options = connection.get_connection_params()
    with pytest.raises((OperationalError, InterfaceError)) as at_commit, transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            (pid,) = cursor.fetchone()
        with psycopg.connect(**options, autocommit=True) as other:
            other.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
    connection.close()
    assert outage_of(at_commit.value) == Outage(AWAY, undecided=True)


@pytest.mark.sqlite_only
def test_other_errors_are_none():
    assert outage_of(None) is None
    assert outage_of(KeyError("database is locked")) is None


@pytest.mark.sqlite_only
def test_the_words_never_claim_what_nobody_knows():
    assert Outage(AWAY).words(saving=True) == (
        "The registry cannot reach its database. Your change was not saved. Try again in a few seconds."
    )
    assert Outage(AWAY).words(saving=False) == "The registry cannot reach its database. Try again in a few seconds."
    assert "not known whether your change was saved" in Outage(AWAY, undecided=True).words(saving=True)
    assert "was not saved" not in Outage(AWAY, undecided=True).words(saving=True)
    assert "Tell an admin" in Outage(FULL).words(saving=True)


# ---------- pages ----------


def away(*_: object, **__: object) -> None:
    raise as_django(connection.Database.OperationalError("unable to reach it"))


@pytest.fixture
def page(as_role):
    client = as_role("admin")
    client.raise_request_exception = False
    return client


@pytest.mark.django_db
def test_a_form_comes_back_in_the_page_and_can_be_sent_again(page, monkeypatch):
    with monkeypatch.context() as broken:
        broken.setattr("registry.catalog.services.create_model_package_group", away)
        answer = page.post("/groups/new/", {"name": "fraud", "region": "us-east-1", "description": 'so "typed" <b>'})
    html = answer.content.decode()
    assert (answer.status_code, answer["Retry-After"]) == (503, "2")
    assert "Your change was not saved. Try again in a few seconds." in html
    assert 'name="description" value="so &#34;typed&#34; &lt;b&gt;"' in html
    assert '<form method="post" action="/groups/new/">' in html
    assert not ModelPackageGroup.objects.filter(name="fraud").exists()


@pytest.mark.django_db
def test_a_password_never_comes_back(monkeypatch):
    make_user("viewer", username="rosa")
    client = Client(raise_request_exception=False)
    with monkeypatch.context() as broken:
        broken.setattr("registry.accounts.throttle.begin", away)
        answer = client.post("/login/", {"login": "rosa", "password": PASSWORD})
    assert answer.status_code == 503
    assert PASSWORD not in answer.content.decode()


@pytest.mark.django_db
def test_what_fails_after_the_change_does_not_say_that_nothing_was_saved(page, monkeypatch):
    make_group("fraud")

    def saved_and_then_away(*args: object, **kwargs: object) -> None:
        # As the engines note it: within the tests' own transaction nothing commits.
        setattr(connection, COMMITTED_AT, float("inf"))
        away()

    with monkeypatch.context() as broken:
        broken.setattr("registry.catalog.services.create_model_package_group", saved_and_then_away)
        answer = page.post("/groups/new/", {"name": "new", "region": "us-east-1"})
    delattr(connection, COMMITTED_AT)
    html = answer.content.decode()
    assert answer.status_code == 503
    assert "It is not known whether your change was saved" in html
    assert "was not saved" not in html


@pytest.mark.django_db(transaction=True)
def test_a_commit_is_noted_by_the_connection():
    before = getattr(connection, COMMITTED_AT, 0.0)
    with transaction.atomic():
        assert getattr(connection, COMMITTED_AT, 0.0) == before
    assert getattr(connection, COMMITTED_AT) > before


# ---------- sessions ----------


@pytest.fixture
def session(db, monkeypatch):
    """A kept session, read again, and a database that takes nothing from now on."""
    made = SessionStore()
    made["_auth_user_id"] = "7"
    made.save()
    found = SessionStore(made.session_key)
    assert found["_auth_user_id"] == "7"
    monkeypatch.setattr("registry.accounts.sessions.SessionStore.create_model_instance", away)
    return found


def test_a_session_that_only_forgets_messages_need_not_be_saved(session, caplog):
    session["_messages"] = "[]"
    session.save()
    assert "its messages stay" in caplog.text


def test_a_session_that_changes_is_not_given_up_silently(session):
    session["_auth_user_id"] = "8"
    with pytest.raises(OperationalError):
        session.save()


def test_a_new_session_is_not_given_up_silently(session):
    with pytest.raises(OperationalError):
        session.cycle_key()


@pytest.mark.sqlite_only
@pytest.mark.django_db
def test_a_locked_database_is_no_session_that_was_ended(monkeypatch):
    """Django takes any error of the database there for a session that somebody ended, which is a 400."""
    made = SessionStore()
    made["_auth_user_id"] = "7"
    made.save()

    def locked(*args: object, **kwargs: object) -> None:
        raise OperationalError("database is locked")

    monkeypatch.setattr("django.contrib.sessions.models.Session.save", locked)
    made["_auth_user_id"] = "8"
    with pytest.raises(OperationalError, match="locked"):
        made.save()
