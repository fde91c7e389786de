"""References and nested records: what is found, filled and read back at any depth."""

from dataclasses import dataclass, field

import pytest

from reconciler.core.address import GLOBAL, Address
from reconciler.core.membership import Membership, split_secret
from reconciler.core.naming import fingerprint
from reconciler.core.record import revive
from reconciler.core.reference import Ref, filled, holds_ref, refs
from reconciler.core.secrecy import HIDDEN, masked

TOPIC = Address("pubsub_topic", GLOBAL, "scores")
REF = Ref(TOPIC, "name")
HELD = {
    "in-a-map": {"topic": REF},
    "in-a-list": ["plain", [REF]],
    "in-a-set": frozenset({REF}),
    "in-a-tuple-of-maps": ({"a": 1}, {"b": (REF,)}),
}


@dataclass(frozen=True)
class Part:
    name: str


@dataclass(frozen=True)
class Whole:
    parts: frozenset[Part] = frozenset()
    named: dict[str, Part] = field(default_factory=dict)


@pytest.mark.parametrize("held", HELD.values(), ids=HELD)
def test_a_reference_is_found_and_filled_wherever_it_stands(held):
    """In maps, lists, sets and tuples, one within another."""
    assert list(refs(held)) == [REF]
    known = filled(held, {TOPIC: {"name": "projects/p/topics/scores"}}.__getitem__)
    assert list(refs(known)) == []
    assert "projects/p/topics/scores" in str(known)


def test_plain_data_holds_a_reference_at_any_depth():
    """In a map and in a list; what only looks like one is none."""
    there = REF.to_plain()
    assert holds_ref({"a": [1, {"b": there}]})
    assert holds_ref([[there]])
    assert not holds_ref({"a": [1, {"b": {**there, "more": ""}}]})


def test_a_set_of_records_is_read_back():
    """Its items are records again, and so are the values of a map."""
    assert revive(Whole, {"parts": [{"name": "a"}], "named": {"b": {"name": "b"}}}) == Whole(
        frozenset({Part("a")}), {"b": Part("b")}
    )


def test_a_list_of_secrets_is_hidden_item_by_item():
    """What stands in a list is judged by the list's own path; a number stays a number."""
    assert masked("", {"env": {"TOKEN": ["hunter2", "hunter3"]}, "ports": [80]}) == {
        "env": {"TOKEN": [HIDDEN, HIDDEN]},
        "ports": [80],
    }


def test_a_secret_of_another_project_keeps_its_project():
    """One of our own needs none to be told."""
    assert split_secret("token", "here") == ("", "token")
    assert split_secret("projects/here/secrets/token", "here") == ("", "token")
    assert split_secret("projects/there/secrets/token", "here") == ("there", "token")


def test_an_address_that_is_no_membership_is_named():
    """An inventory's entry may be anybody's text."""
    with pytest.raises(ValueError, match="'iam_member/global/one-word' names no member's role"):
        Membership.of(Address("iam_member", GLOBAL, "one-word"))


def test_a_fingerprint_is_short_and_does_not_depend_on_order():
    """Names in the cloud contain it: were it longer tomorrow, each of them would be made anew."""
    assert fingerprint({"a": 1, "b": 2}) == fingerprint({"b": 2, "a": 1}) == "43258cff783f"
