"""Numbers that stand side by side are told apart by what is shown of them."""

from __future__ import annotations

import pytest

from registry.web import wording


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        ([0.99996, 1.0, None], ["0.99996", "1.00000"]),
        ([0.94781, 0.94782], ["0.94781", "0.94782"]),
        ([1234.1, 1234.2], ["1,234.1", "1,234.2"]),
        ([0.5, 0.5], ["0.5", "0.5"]),
        ([-0.5, 0.5], ["−0.5", "0.5"]),
        ([0.30000001, 0.3], ["0.30000001", "0.30000000"]),
        ([0.1 + 0.2, 0.3], ["0.3", "0.3"]),  # the noise of floating point is the same value
        ([3e-7 + 1e-17, 3e-7], ["3e−7", "3e−7"]),
    ],
)
def test_values_side_by_side_are_told_apart(values: list[float | None], texts: list[str]) -> None:
    digits = wording.digits_for(values, apart=True)
    assert [wording.number(v, digits) for v in values if v is not None] == texts
