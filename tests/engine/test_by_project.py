"""Several of a project are read with one list, and one that Google refuses spoils no other."""

import pytest

from reconciler.core import errors
from reconciler.core.scanning.places import place_of
from reconciler.engine.by_project import in_halves, read_places
from reconciler.engine.session import Session
from tests.clocks import FakeClock
from tests.toys import KINDS, Cloud

REFUSED = errors.InvalidRequest("list", "images", "no")


def image(project, digit):
    """An image by its digest."""
    return place_of(f"europe-west1-docker.pkg.dev/{project}/ml/scorer@sha256:{digit * 64}")


def test_places_are_read_by_project_a_few_at_once(pool):
    """Each once, in the order of their addresses."""
    session = Session(Cloud(), KINDS, pool, FakeClock(), "tester", "run-1")
    asked = []

    def read(project, uris):
        asked.append((project, [uri[-1] for uri in uris]))
        return {uri: uri[-1].upper() for uri in uris}

    places = [image("acme", digit) for digit in "cabed"] + [image("other", "a"), image("acme", "a")]

    found = read_places(session, places, 2, read)

    assert sorted(asked) == [("acme", ["a", "b"]), ("acme", ["c", "d"]), ("acme", ["e"]), ("other", ["a"])]
    assert found == {place.uri: place.uri[-1].upper() for place in places}


@pytest.mark.parametrize("bad", ["", "a", "c", "e", "ae", "abcde"])
def test_one_that_is_refused_is_found_by_halves(bad):
    """The others are read all the same, and none twice."""
    read_well = []

    def read(asked):
        if set(asked) & set(bad):
            raise REFUSED
        read_well.extend(asked)
        return {each: each.upper() for each in asked}

    found = in_halves(read, lambda error: f"unreadable: {error.why}", "abcde")

    assert found == {each: "unreadable: no" if each in bad else each.upper() for each in "abcde"}
    assert sorted(read_well) == sorted(set("abcde") - set(bad))


def test_what_fails_for_another_reason_is_asked_once():
    """What may not be read may not be read one by one either."""
    asked = []

    def read(these):
        asked.append(these)
        raise errors.NotPermitted("list", "images", "no")

    assert in_halves(read, lambda error: error.why, "abc") == {"a": "no", "b": "no", "c": "no"}
    assert asked == ["abc"]
