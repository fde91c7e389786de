"""Amounts of money, as Google writes them and as specs do."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.gcp.money import BILLION, amount_of, units_and_nanos, written

AMOUNTS = st.decimals(0, 10**12, places=9)


@given(AMOUNTS)
def test_an_amount_survives_the_way_to_google_and_back(amount):
    """To the last billionth; two amounts are alike exactly where they are equal."""
    units, nanos = units_and_nanos(amount)

    assert amount_of(units, nanos) == amount
    assert 0 <= nanos < BILLION
    assert written(amount) == written(amount_of(units, nanos))
    assert Decimal(written(amount)) == amount


@given(AMOUNTS, AMOUNTS)
def test_amounts_are_written_in_one_way(one, other):
    """`900`, `900.0` and `9E+2` are one text."""
    assert (written(one) == written(other)) == (one == other)


@pytest.mark.parametrize("amount", ["-0.01", "0.0000000001", "NaN", "Infinity"])
def test_what_google_cannot_say_is_refused(amount):
    """Rather than rounded."""
    with pytest.raises(ValueError, match="no amount"):
        units_and_nanos(Decimal(amount))
