"""Statements compiled once: what they read and write is what Django's own queries and saves do."""

from datetime import datetime, timedelta

import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from registry.catalog.models import Container, CustomerMetadataProperty, Metric, ModelPackage, ModelPackageGroup
from registry.statements import Condition, PlannedAnew, Prepared, insert, insert_with, update

from .factories import make_group, make_version

pytestmark = pytest.mark.django_db


@pytest.fixture
def version():
    return make_version(make_group("churn"), customer_metadata_properties={"a": "1"})


def of_group():
    return Prepared(
        lambda group, version: ModelPackage.objects.filter(group__name=group, version=version).select_related("group"),
        group=str,
        version=int,
    )


def test_a_model_comes_back_as_by_the_query_itself(version):
    expected = ModelPackage.objects.select_related("group").get(pk=version.pk)
    found = of_group().first(group="churn", version=1)
    for row, same in ((found, expected), (found.group, expected.group)):
        for field in row._meta.concrete_fields:
            assert getattr(row, field.attname) == getattr(same, field.attname), field.name


def test_the_second_run_takes_the_new_values_and_one_query(version, django_assert_num_queries):
    prepared = of_group()
    assert prepared.first(group="other", version=1) is None
    with django_assert_num_queries(1):
        found = prepared.first(group="churn", version=1)
    assert found.group.name == "churn"
    assert prepared.first(group="churn", version=2) is None


def test_values_come_in_their_order_and_types(version):
    prepared = Prepared(
        lambda name: ModelPackageGroup.objects.filter(name=name).values_list("created_at", "review_rules", "name"),
        name=str,
    )
    group = version.group
    assert [tuple(row) for row in prepared.rows(name="churn")] == [(group.created_at, {}, "churn")]


def test_lists_are_of_any_length_and_an_empty_one_finds_nothing(version):
    prepared = Prepared(
        lambda keys, name: ModelPackageGroup.objects.filter(pk__in=keys, name__gte=name).order_by("pk"),
        keys=list[int],
        name=str,
    )
    groups = [version.group, make_group("fraud"), make_group("risk")]
    for many in (3, 0, 1, 2):
        assert prepared.all(keys=[group.pk for group in groups[:many]], name="a") == groups[:many]
    assert prepared.all(keys=[group.pk for group in groups], name="d") == groups[1:]


def test_times_are_compared_as_the_database_writes_them(version):
    prepared = Prepared(lambda at: ModelPackageGroup.objects.filter(created_at__lte=at), at=datetime)
    made = version.group.created_at
    assert prepared.all(at=made) == [version.group]
    assert prepared.all(at=made - timedelta(microseconds=1)) == []
    assert prepared.all(at=made.astimezone(timezone.get_fixed_timezone(330))) == [version.group]


def test_a_condition_is_put_in_with_its_values(version):
    prepared = Prepared(
        lambda found, region: ModelPackageGroup.objects.filter(found, region=region).order_by("name"),
        found=Condition,
        region=str,
    )
    fraud = make_group("fraud")
    groups = ModelPackageGroup.objects
    for rows, names in (
        (groups.all(), ["churn", "fraud"]),
        (groups.none(), []),
        (groups.filter(name__in=["fraud", "other"]), ["fraud"]),
        (groups.filter(pk__in=ModelPackage.objects.filter(version=1).values("group")), ["churn"]),
        (groups.exclude(name="100%s").filter(name="churn") | groups.filter(name="fraud"), ["churn", "fraud"]),
    ):
        assert [group.name for group in prepared.all(found=Condition.of(rows), region=fraud.region)] == names
    with pytest.raises(ValueError, match="one table"):
        Condition.of(groups.filter(packages__version=1))


def test_a_value_that_the_query_does_not_use_is_refused():
    with pytest.raises(ValueError, match="does not use region"):
        Prepared(lambda name, region: ModelPackageGroup.objects.filter(name=name), name=str, region=str).all(
            name="churn", region="us-east-1"
        )


def test_hostile_values_are_values(version):
    assert of_group().first(group="churn' OR 1=1 --", version=1) is None
    assert of_group().first(group="\x010\x01", version=1_987_654_322) is None


def test_insert_gives_each_row_its_own_id_in_order(version):
    Container.objects.filter(package=version).delete()
    rows = [Container(package=version, position=place, image=f"image:{place}") for place in range(15)]
    insert(rows)
    assert {row.pk: row.image for row in rows} == dict(Container.objects.values_list("pk", "image"))
    insert([])


def test_insert_writes_what_save_writes(version):
    now = timezone.now()
    made = [
        ModelPackageGroup(
            region="us-east-1", name=name, created_at=now, updated_at=now, created_by={"IamIdentity": {"Arn": "a"}}
        )
        for name in ("one", "two")
    ]
    insert(made[:1])
    made[1].save()
    stored = {group.name: group for group in ModelPackageGroup.objects.filter(name__in=["one", "two"])}
    for field in ModelPackageGroup._meta.concrete_fields:
        if field.name not in ("id", "name"):
            assert getattr(stored["one"], field.attname) == getattr(stored["two"], field.attname), field.name


def test_insert_with_writes_a_row_and_its_parts_as_inserts_do(version):
    def made(number):
        package = ModelPackage(group=version.group, region=version.region, version=number, created_at=timezone.now())
        values = ["", "a'b \\ \" %s {} \u00e4\U0001f600\n", "x" * 4]
        pairs = [CustomerMetadataProperty(key=f"k{n}", value=f"{v}.", slot=n) for n, v in enumerate(values)]
        metrics = [
            Metric(name=name, value=value, standard_deviation=spread, source="typed")
            for name, value, spread in [("a", 0.1 + 0.2, None), ("b", -1e-308, 1e308), ("c", 5, 0.0)]
        ]
        return package, {CustomerMetadataProperty: pairs, Container: [], Metric: metrics}

    def told(model, package):
        names = [f.attname for f in model._meta.concrete_fields if f.name not in ("id", "package")]
        return list(model.objects.filter(package=package).order_by("id").values_list(*names))

    package, parts = made(2)
    insert_with(package, parts)
    same, by_hand = made(3)
    insert([same])
    for model, rows in by_hand.items():
        for row in rows:
            row.package = same
        insert(rows)
        assert told(model, package) == told(model, same), model
    assert package.pk == ModelPackage.objects.get(group=version.group, version=2).pk
    assert told(Metric, package)[0][1] == 0.1 + 0.2


def test_insert_with_refuses_what_a_column_does_not_hold(version):
    package = ModelPackage(group=version.group, region=version.region, version=2, created_at=timezone.now())
    with pytest.raises(DatabaseError), transaction.atomic():
        insert_with(package, {CustomerMetadataProperty: [CustomerMetadataProperty(key="k" * 200, value="v", slot=0)]})
    assert version.group.packages.count() == 1


def test_update_saves_the_named_fields_and_nothing_else(version):
    version.stage, version.model_card, version.description = "Staging", {"ModelCardStatus": "Draft"}, "not saved"
    update(version, ["stage", "model_card"])
    version.refresh_from_db()
    assert (version.stage, version.model_card, version.description) == ("Staging", {"ModelCardStatus": "Draft"}, "")


def test_update_of_a_row_that_is_gone_is_an_error():
    now = timezone.now()
    group = ModelPackageGroup(pk=987, region="us-east-1", name="gone", created_at=now, updated_at=now)
    with pytest.raises(DatabaseError):
        update(group, ["name"])


def test_constants_are_what_they_are(version):
    words = 'it\'s 100%sure \\ %% of "it"'
    group = make_group("quoted", description=words)
    prepared = Prepared(
        lambda names: ModelPackageGroup.objects.filter(pk__in=names, description=words, deleted_at=None),
        names=list[int],
    )
    assert prepared.all(names=[group.pk, version.group_id]) == [group]


@pytest.mark.postgresql_only
def test_postgresql_is_told_constants_with_the_statement():
    plain = Prepared(
        lambda name: ModelPackageGroup.objects.filter(name=name, description="of no group", version_count__gt=7),
        name=str,
    )
    assert plain.all(name="churn") == []
    compiled = plain._compiled()
    assert ([name for name, _ in compiled.params], compiled.sql.count("%s")) == (["name"], 1)
    assert "= 'of no group'" in compiled.sql


def test_compiled_once_a_connection(version):
    built = []

    def build(name):
        built.append(name)
        return ModelPackageGroup.objects.filter(name=name)

    prepared = Prepared(build, name=str)
    assert [prepared.first(name="churn").name for _ in range(3)] == ["churn"] * 3
    assert len(built) == 1
    assert prepared in connection.registry_statements


@pytest.mark.postgresql_only
@pytest.mark.parametrize(("kind", "kept"), [(Prepared, 1), (PlannedAnew, 0)])
def test_postgresql_keeps_a_plan_but_where_values_decide_it(version, kind, kept):
    statement = kind(lambda name: ModelPackageGroup.objects.filter(description="", name__gt=name), name=str)
    for name in ("a", "b", "z"):
        assert len(statement.all(name=name)) == (name < "churn")
    with connection.cursor() as cursor:
        cursor.execute("SELECT COUNT(*) FROM pg_prepared_statements WHERE statement LIKE '%%\"name\" > $%%'")
        assert cursor.fetchone() == (kept,)
