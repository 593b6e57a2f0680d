"""Factories whose objects come from the services, so that no test starts from an impossible state."""

from __future__ import annotations

from typing import Any

import factory

from registry.accounts.access_keys import create_access_key
from registry.accounts.models import AccessKey, Role, User
from registry.accounts.permissions import Actor
from registry.accounts.services import create_user
from registry.catalog import services
from registry.catalog.models import ModelPackage, ModelPackageGroup

PASSWORD = "correct-horse-battery"
REGION = "us-east-1"
IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"


def an_actor(role: Role | str = Role.ADMIN, door: str = "browser") -> Actor:
    """Somebody with that role and no user row."""
    return Actor(name=f"any-{Role(role).value}", role=Role(role), door=door)


class UserFactory(factory.Factory):
    class Meta:
        model = User

    username = factory.Sequence(lambda n: f"user-{n}")
    password = PASSWORD
    role = Role.VIEWER

    @classmethod
    def _create(cls, model_class: type[User], *args: Any, **values: Any) -> User:
        return create_user(actor=Actor.system("test"), **values)


class GroupFactory(factory.Factory):
    class Meta:
        model = ModelPackageGroup

    actor = factory.LazyFunction(an_actor)
    region = REGION
    name = factory.Sequence(lambda n: f"group-{n}")
    description = ""
    tags = ()

    @classmethod
    def _create(cls, model_class: type[ModelPackageGroup], *args: Any, **values: Any) -> ModelPackageGroup:
        return services.create_model_package_group(**values)


def specification(image: str = IMAGE, artifact: str = "s3://models/fraud/model.tar.gz") -> dict[str, Any]:
    """An inference specification of one container."""
    return {"Containers": [{"Image": image, "ModelDataUrl": artifact}]}


class VersionFactory(factory.Factory):
    """The next version of `group` (made where missing); other values are members of services.Registration."""

    class Meta:
        model = ModelPackage

    actor = factory.LazyFunction(an_actor)
    approval_status = "PendingManualApproval"
    inference_specification = factory.LazyFunction(specification)

    @classmethod
    def _create(cls, model_class: type[ModelPackage], *args: Any, **values: Any) -> ModelPackage:
        actor, group = values.pop("actor"), values.pop("group", None) or GroupFactory()
        return services.create_model_package(actor=actor, group=group, registration=services.Registration(**values))


class PackageFactory(factory.Factory):
    """An unversioned package; other values are members of services.Registration."""

    class Meta:
        model = ModelPackage

    actor = factory.LazyFunction(an_actor)
    region = REGION
    name = factory.Sequence(lambda n: f"package-{n}")
    inference_specification = factory.LazyFunction(specification)

    @classmethod
    def _create(cls, model_class: type[ModelPackage], *args: Any, **values: Any) -> ModelPackage:
        where = {name: values.pop(name) for name in ("actor", "region", "name")}
        return services.create_model_package(**where, registration=services.Registration(**values))


def make_user(role: Role | str = Role.VIEWER, **values: Any) -> User:
    """A user who can sign in with PASSWORD."""
    return UserFactory(role=role, **values)


def make_group(name: str | None = None, **values: Any) -> ModelPackageGroup:
    return GroupFactory(**({"name": name} if name else {}), **values)


def make_version(group: ModelPackageGroup | None = None, **values: Any) -> ModelPackage:
    return VersionFactory(group=group, **values)


def make_package(name: str | None = None, **values: Any) -> ModelPackage:
    return PackageFactory(**({"name": name} if name else {}), **values)


def make_key(user: User) -> tuple[AccessKey, str]:
    """An access key of the user, and its secret."""
    return create_access_key(actor=Actor.system("test"), user=user, name="pipeline")
