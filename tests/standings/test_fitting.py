"""How much of a fleet is kept where not all of it can be."""

import json

import pytest

from reconciler.core.standings.fitting import LARGEST, fitted, size_of
from schemas.kept import Standings
from tests.page.samples import STATES, fleet


@pytest.fixture(scope="module")
def told():
    """What is known of a service in each state, hostile words among it."""
    made = fleet(2 * len(STATES), seed=4).standings.services
    return [each.to_json() for each in (*made, *fleet(len(STATES), seed=4, hostile=True).standings.services)]


def test_two_thousand_services_are_within_the_bound_and_what_is_of_now_stays(told):
    """Old decisions and windows go, and are counted; where it is and what it needs is there of each."""
    many = [{**told[number % len(told)], "name": f"s{number:04}"} for number in range(2000)]
    sizes = {id(each): size_of(each) for each in told}

    kept = fitted(many, LARGEST, lambda each: sizes.get(id(each)) or size_of(each))

    assert sum(map(size_of, many[: len(told)])) * 2000 / len(told) > LARGEST, "it would not fit as it is"
    assert sum(map(size_of, kept)) <= LARGEST
    for before, after in zip(many, kept, strict=True):
        for key in ("name", "needsYou", "rollout", "cost", "budget", "signals", "state"):
            assert after[key] == before[key]
        assert not before["trail"] or after["trail"][-1]["until"] == before["trail"][-1]["until"]
    assert any(each["leftOut"] for each in kept)


def test_what_is_small_stays_whole_beside_what_is_large(told):
    """The largest lose; and nothing goes where all fit."""
    small, large = sorted(told, key=size_of)[:10], sorted(told, key=size_of)[-10:]
    most = sum(map(size_of, (*small, *large))) * 2 // 3

    kept = fitted([*small, *large], most)

    assert kept[:10] == small
    assert sum(map(size_of, kept)) <= most
    assert fitted(told, sum(map(size_of, told))) == told


@pytest.mark.parametrize("most", [2_000, 6_000, 20_000, 60_000])
def test_what_is_left_is_a_document_still(told, most):
    """However little room there is, it can be read; the newest windows and decisions are what stays."""
    whole = max(told, key=size_of)

    [kept] = fitted([whole], most)

    head = fleet(0).standings.to_json()
    read = Standings.read(json.loads(json.dumps(head | {"services": [kept]}))).services[0].to_json()
    assert read == kept
    windows = kept["monitoring"]["windows"]
    assert windows == [] or windows[-1]["at"] == whole["monitoring"]["windows"][-1]["at"]
    assert kept["leftOut"] > 0 or size_of(whole) <= most


def test_what_goes_of_one_service_is_counted():
    """Of everything the newest stays, and of columns the worst; a service that lost something before says so still."""
    columns = [{"name": f"c{number}"} for number in range(9)]
    windows = [{"which": which, "at": number, "columns": columns} for number in range(5) for which in ("skew", "drift")]
    whole = {
        "trail": [
            {"action": "moved", "phase": "Step", "step": number, "percent": 0, "version": "v", "wait": ""}
            for number in range(30)
        ],
        "versions": [*range(30)],
        "pending": [],
        "monitoring": {"windows": windows, "shapes": {"skew": {"c0": 1, "c8": 2}, "drift": {}}, "source": "7"},
        "retraining": {"decisions": [*range(30)], "runs": [*range(10)], "frozen": ""},
        "leftOut": 5,
    }

    [less] = fitted([whole], 8, lambda service: len(service["trail"]))
    [more] = fitted([whole], 20, lambda service: len(service["trail"]))

    assert [each["step"] for each in less["trail"]] == [*range(22, 30)]
    assert (less["versions"], less["pending"]) == ([0, 1, 2], [])
    assert less["retraining"] == {"decisions": [0, 1, 2], "runs": [0, 1, 2], "frozen": ""}
    kept = less["monitoring"]["windows"]
    assert [(each["which"], each["at"]) for each in kept] == [(each["which"], each["at"]) for each in windows[4:]]
    assert {len(each["columns"]) for each in kept} == {5}
    assert (less["monitoring"]["shapes"], less["monitoring"]["source"]) == ({}, "7")
    assert less["leftOut"] == 5 + 22 + 4 + 27 + 7
    assert more["monitoring"]["shapes"] == {"skew": {"c0": 1}}
    assert len(more["monitoring"]["windows"]) == len(windows)
    assert more["leftOut"] == 5 + 10 + 24 + 4
    bare = {"trail": whole["trail"]}
    assert fitted([bare], 8, lambda service: len(service["trail"])) == [{"trail": less["trail"], "leftOut": 22}]
