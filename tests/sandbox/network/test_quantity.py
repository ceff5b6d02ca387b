from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.errors import InvalidSpec
from sandbox.network.quantity import parse_quantity


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("0", 0),
        ("10M", 10_000_000),
        ("1.5Gi", 1_610_612_736),
        ("1k", 1000),
        ("3e6", 3_000_000),
        ("2E3", 2000),
        ("1E", 10**18),
        ("1500m", 2),
        ("-5", -5),
        (".5k", 500),
    ],
)
def test_amounts(text: str, amount: int) -> None:
    assert parse_quantity(text) == amount


@pytest.mark.parametrize("text", ["", "M", "10 M", "10MB", "1,5", "0x10", "1e", "1e6M", "1e999", "9" * 65])
def test_what_is_none(text: str) -> None:
    with pytest.raises(InvalidSpec, match="is no quantity"):
        parse_quantity(text)


@given(st.text(alphabet="0123456789.eEkKMGTPi+-m"))
def test_everything_is_read_or_refused(text: str) -> None:
    with suppress(InvalidSpec):
        parse_quantity(text)
