"""The language of filters."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.apis.pubsub.filters import FilterError, compiled

HERE = {"a": "b", "empty": "", "x/y": "z", "AND": "1", "-d": "2", "q": 'say "hi"\\'}

CASES = {
    "attributes:a": True,
    "attributes:nothing": False,
    "attributes:empty": True,
    'attributes.empty = ""': True,
    'attributes.nothing = ""': False,
    'attributes.nothing != ""': True,
    'attributes."x/y" = "z"': True,
    'attributes:"x/y"': True,
    'attributes:"AND"': True,
    'hasPrefix(attributes.a,"")': True,
    'hasPrefix(attributes.nothing, "")': False,
    'hasPrefix ( attributes . a , "b" )': True,
    "NOT NOT attributes:a": True,
    "-attributes:nothing": True,
    "- attributes:nothing": True,
    "NOT attributes:a OR attributes:a": True,
    "NOT (attributes:a OR attributes:a)": False,
    "(attributes:a)": True,
    "attributes:a AND NOT attributes:nothing AND attributes:empty": True,
    "(attributes:nothing OR attributes:a) AND attributes:empty": True,
    r'attributes.q = "say \"hi\"\\"': True,
    r'attributes.a = "\x62"': True,
    r'attributes.a = "\142"': True,
    r'attributes.a = "\u0062"': True,
    r'attributes.a = "\U00000062"': True,
    "attributes:a\n\tAND attributes:empty": True,
}


@pytest.mark.parametrize(("text", "passes"), CASES.items(), ids=CASES)
def test_what_a_filter_lets_through(text, passes):
    """By the attributes alone."""
    assert compiled(text)(HERE) is passes


@pytest.mark.parametrize("text", ["", "  ", "\n"])
def test_no_filter_lets_everything_through(text):
    """The empty one is none."""
    assert compiled(text) is None


WRONG = [
    "attributes", "attributes.", "attributes:", "attributes.a", "attributes.a =", "attributes.a = b",
    'attributes.a == "b"', 'attributes.a < "b"', 'a = "b"', "attributes:a attributes:b",
    "attributes:a and attributes:b", "not attributes:a",
    "attributes:a AND", "AND attributes:a", "(attributes:a", "attributes:a)", "()", "hasPrefix(attributes.a)",
    'hasPrefix(attributes:a, "b")', "hasPrefix(attributes.a, b)", "attributes:a AND attributes:b OR attributes:c",
    "attributes:AND", "attributes.a = 'b'", 'attributes.a = "b', "data:a", "$", "attributes:é",
]  # fmt: skip


@pytest.mark.parametrize("text", WRONG)
def test_what_is_no_filter(text):
    """The text says where it goes wrong."""
    with pytest.raises(FilterError, match=r"\w"):
        compiled(text)


WORDS = ["attributes", ":", ".", "a", '"b"', "=", "!=", "(", ")", ",", "AND", "OR", "NOT", "-", "hasPrefix", "é", '"']


@given(st.lists(st.sampled_from(WORDS), max_size=12), st.sampled_from(["", " "]))
def test_any_text_is_a_filter_or_not(words, space):
    """Nothing but a refusal comes of the wrongest text, and what is taken decides about any attributes."""
    try:
        found = compiled(space.join(words))
    except FilterError:
        return
    assert found is None or found({}) in (True, False)


names = st.sampled_from(["a", "b", "c"])
simple = st.one_of(
    names.map(lambda name: (f"attributes:{name}", lambda have: name in have)),
    st.tuples(names, names).map(lambda it: (f'attributes.{it[0]} = "{it[1]}"', lambda have: have.get(it[0]) == it[1])),
    st.tuples(names, names).map(lambda it: (f'attributes.{it[0]} != "{it[1]}"', lambda have: have.get(it[0]) != it[1])),
)
whole = st.recursive(
    simple,
    lambda inner: st.one_of(
        inner.map(lambda one: (f"NOT ({one[0]})", lambda have: not one[1](have))),
        st.tuples(inner, inner).map(
            lambda it: (f"({it[0][0]}) AND ({it[1][0]})", lambda have: it[0][1](have) and it[1][1](have))
        ),
        st.tuples(inner, inner).map(
            lambda it: (f"({it[0][0]}) OR ({it[1][0]})", lambda have: it[0][1](have) or it[1][1](have))
        ),
    ),
    max_leaves=8,
)


@given(whole, st.dictionaries(names, names))
def test_a_filter_means_what_its_parts_mean(made, have):
    """Against Python's own operators."""
    text, meaning = made
    assert compiled(text)(have) is meaning(have)
