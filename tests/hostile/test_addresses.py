"""Hostile values in every part and every parameter of every address: never a 500, and nothing of another site."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from django.http import QueryDict
from django.test import Client

from tests.hostile_values import FEW, VALUES

from .forms import fault_of, undone
from .places import PART, World, patterns

pytestmark = pytest.mark.django_db

HTMX = {"HX-Request": "true", "HX-Current-URL": "http://testserver/groups/"}
BAD = ["\x00", "9" * 30, "\ud800", "1e309", "\u202e", "-1", "0" * 9 + "1", "..", "%", "x" * 3000]
PARAMETERS_AT_LEAST = 60
Asked = dict[str, set[str]]


@pytest.fixture
def reading(monkeypatch: pytest.MonkeyPatch) -> Callable[[], set[str]]:
    """Hears which parameters are asked for; calling it gives those since the last call."""
    heard: set[str] = set()

    def hear(name: str) -> None:
        real = getattr(QueryDict, name)

        def asked(self: QueryDict, key: str, *more: Any) -> Any:
            if isinstance(key, str):
                heard.add(key)
            return real(self, key, *more)

        monkeypatch.setattr(QueryDict, name, asked)

    for name in ("get", "getlist", "__getitem__", "__contains__", "pop"):
        hear(name)

    def since() -> set[str]:
        found = heard - {"csrfmiddlewaretoken"}
        heard.clear()
        return found

    return since


def parameters(
    client: Client,
    addresses: dict[str, str],
    reading: Callable[[], set[str]],
    ways: Sequence[dict[str, str]] = ({}, HTMX),
) -> Asked:
    """Name of an address -> the parameters that its view asks for, as a page and as a fragment, empty and given."""
    found: Asked = defaultdict(set)
    for name, address in addresses.items():
        for headers in ways:
            more: set[str] = set()
            for _ in ways:
                with undone():
                    client.get(address, dict.fromkeys(more, "1"), headers=headers)
                more |= reading()
            found[name] |= more
    return found


def ask(client: Client, address: str, headers: dict[str, str]) -> str:
    path, _, query = address.partition("?")
    with undone():
        response = client.generic("GET", path, QUERY_STRING=query, headers=headers)
        fault = fault_of(response)
        if response.streaming:
            b"".join(response.streaming_content)
    return fault and f"{path}?{query[:150]}: {fault}"


def tries(asked: Asked, addresses: dict[str, str], values: list[str], *, each: int = 1) -> Iterator[str]:
    """Addresses with one parameter given; all values for filters, one in `each` for the others, other ones in turn."""
    for turn, (name, keys) in enumerate(asked.items()):
        path = addresses[name].partition("?")[0]
        for place, key in enumerate(sorted(keys)):
            step = 1 if key == "q" and not name.startswith("admin:") else each
            for value in values[(turn + place) % step :: step]:
                yield f"{path}?{urlencode({key: value}, errors='surrogatepass')}"
        for value in values[:3]:  # all at once, and under a name that nobody knows
            yield f"{path}?{urlencode(dict.fromkeys([*sorted(keys), value], value), errors='surrogatepass')}"


def test_a_few_values_in_every_parameter(world: World, ada: Client, reading: Any):
    addresses = world.addresses()
    asked = parameters(ada, addresses, reading, [HTMX])
    assert sum(map(len, asked.values())) >= PARAMETERS_AT_LEAST
    assert {"q", "after", "before", "sort", "v", "base", "image", "metric"} <= set().union(*asked.values())
    found = []
    for number, address in enumerate(tries(asked, addresses, ["9" * 30])):
        found.append(ask(ada, address, {} if number % 2 else HTMX))
    # This one is refused before any view is asked.
    found.append(ask(ada, "/groups/?after=%00", {}))
    assert not [fault for fault in found if fault]


@pytest.mark.sqlite_only
def test_what_no_part_of_an_address_may_be(world: World, ada: Client):
    found = []
    for _, path in patterns():
        for number, part in enumerate(PART.findall(path)):
            for value in BAD[(number + len(path)) % 5 :: 5]:
                found.append(ask(ada, world.address(path, **{part: value}), {}))
    for number, address in enumerate(world.admin_addresses().values()):
        for value in ("\x00", "9" * 30, "_5F", "x")[number % 4 :: 4]:
            found.append(ask(ada, f"{address}{quote(value)}/change/", {}))
    assert not [fault for fault in found if fault]


@pytest.mark.hostile
@pytest.mark.parametrize("kind", ["page", "fragment"])
def test_every_value_in_every_parameter(world: World, ada: Client, reading: Any, kind: str):
    addresses = world.addresses() | world.admin_addresses()
    asked = parameters(ada, addresses, reading)
    found, tried = [], 0
    for address in tries(asked, addresses, VALUES, each=10):
        tried += 1
        found.append(ask(ada, address, {} if kind == "page" else HTMX))
    print(f"{tried} addresses asked")
    assert not [fault for fault in found if fault]


@pytest.mark.hostile
def test_every_value_in_every_part_and_header(world: World, ada: Client):
    found = []
    for value in VALUES:
        for _, path in patterns():
            for part in PART.findall(path):
                found.append(ask(ada, world.address(path, **{part: value[:2000]}), {}))
        typed = value.encode("utf-8", "surrogatepass")[:2000].decode("latin-1")
        for name in ("HX-Current-URL", "HX-Target", "HX-Trigger", "User-Agent", "Cookie", "Referer", "Accept", "Range"):
            found.append(ask(ada, "/groups/", {**HTMX, name: typed}))
            found.append(ask(ada, "/groups/us-east-1/fraud/", {name: typed}))
    assert FEW and not [fault for fault in found if fault]
