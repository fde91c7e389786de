"""Durations and quantities, there and back."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import units


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [
        ("2ms", 2),
        ("30s", 30_000),
        ("4m", 240_000),
        ("1h30m", 5_400_000),
        ("90d", 7_776_000_000),
        ("0.5s", 500),
        ("1w", 604_800_000),
    ],
)
def test_durations(text, milliseconds):
    """A number and a unit, or several."""
    assert units.duration_ms(text) == milliseconds


@pytest.mark.parametrize("read", [units.duration_ms, units.memory_mib, units.cpu_millis, units.money])
@pytest.mark.parametrize("text", ["?", "x", "1y", "-1s", "9" * 99, "1 s", "٣s", "NaN", "Infinity", "1_0", "0.0001ms"])
def test_nonsense_is_refused(read, text):
    """ValueError and nothing else, so that the loader can say which value it was."""
    with pytest.raises(ValueError, match=re.escape(text)):
        read(text)


@given(st.integers(0, 10**12))
def test_written_durations_read_the_same(milliseconds):
    """What `to_yaml` writes is what was meant."""
    assert units.duration_ms(units.duration_text(milliseconds)) == milliseconds


@given(st.integers(1, 10**7))
def test_written_quantities_read_the_same(number):
    """The same for memory and CPU."""
    assert units.memory_mib(units.memory_text(number)) == number
    assert units.cpu_millis(units.cpu_text(number)) == number
