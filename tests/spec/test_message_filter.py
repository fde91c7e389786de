"""Filters of messages: what the spec takes is what Pub/Sub takes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.apis.pubsub.filters import FilterError, compiled
from schemas.checks.message_filter import is_filter

FILTERS = [
    "attributes:kind",
    'attributes.kind = "score"',
    'attributes."acme/kind" != "a \\" b"',
    'hasPrefix(attributes.kind, "sc")',
    "-attributes:test",
    'NOT attributes:test AND (attributes:a OR attributes.b = "")',
    "((attributes:a))",
    "attributes:a OR attributes:b OR NOT NOT attributes:c",
]
OTHERS = [
    "kind = score",
    "attributes.kind",
    "attributes.kind = score",
    "attributes:a AND attributes:b OR attributes:c",
    "(attributes:a",
    "attributes:a attributes:b",
    'data.kind = "score"',
    "attributes:a && attributes:b",
]


@pytest.mark.parametrize("text", FILTERS)
def test_filters(text):
    """Each form."""
    assert is_filter(text)


@pytest.mark.parametrize("text", OTHERS)
def test_what_is_no_filter(text):
    """What people write by mistake."""
    assert not is_filter(text)


WORDS = ["attributes", ":", ".", "a", '"b"', "=", "!=", "(", ")", ",", "AND", "OR", "NOT", "-", "hasPrefix", "é"]
PIECES = ["attributes:a", 'attributes.a = "b"', "(", ")", "AND", "OR", "NOT", "-", 'hasPrefix(attributes.a, "b")']


@given(st.one_of(st.lists(st.sampled_from(WORDS), max_size=10), st.lists(st.sampled_from(PIECES), max_size=10)))
def test_the_spec_and_the_emulator_agree(words):
    """Two readers of one language, written apart."""
    text = " ".join(words)
    try:
        taken = compiled(text) is not None
    except FilterError:
        taken = False

    assert is_filter(text) == taken
