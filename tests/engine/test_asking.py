"""What a version is asked at its own address before it has any traffic: asked for real, of real containers."""

import json

import pytest

from reconciler.core.rollout.record import ROLLOUT
from tests.operating import spec

CANARY = {"strategy": "Canary", "steps": [{"traffic": 20, "hold": "2m"}]}


def wanted(smoke, *, rollout=CANARY, **env):
    return spec(env=env, rollout={**rollout, "smoke": smoke})


def echo(value, **more):
    """A request that the container answers with one of its variables."""
    return {"requests": [{"path": "/?env=V", "answer": "env.V", "equals": value, **more}]}


def shares(operator):
    """Percent by revision, as it is."""
    return {each.revision: each.percent for each in operator.service().traffic if each.percent}


def newest(operator):
    return operator.service().latest_created_revision.rpartition("/")[2]


def passed(operator, *specs):
    """One pass; what a look says afterwards."""
    report = operator.apply(*specs)
    assert not report.failed, [str(each.error) for each in report.failed]
    return " ".join(note.text for note in operator.plan(*specs).plan.notes if note.text.startswith("rollout"))


@pytest.fixture
def first(operator):
    """The revision of a first version that serves."""
    passed(operator, wanted(echo("1"), V="1"))
    return newest(operator)


def test_a_version_that_answers_as_expected_goes_on(operator, first):
    """It is asked as its caller may, at an address that nobody else uses, and then gets its first traffic."""
    passed(operator, wanted(echo("2"), V="2"))
    assert shares(operator) == {first: 100}

    said = passed(operator, wanted(echo("2"), V="2"))

    assert shares(operator) == {first: 80, newest(operator): 20}, said


@pytest.mark.parametrize(
    ("smoke", "env", "why"),
    [
        pytest.param(echo("2"), {"HELLO_STATUS": "500"}, "GET /: HTTP 500, and 200 is expected", id="fails"),
        pytest.param(echo("3"), {}, "`env.V` of its answer is not what is expected", id="another-answer"),
    ],
)
def test_a_version_that_does_not_is_rejected_before_any_traffic(operator, first, smoke, env, why):
    """It never has a request of anybody's, stays back, and says why without a word of what it answered."""
    asked = wanted(smoke, V="2", **env)
    passed(operator, asked)
    bad = newest(operator)

    for _ in range(3):
        said = passed(operator, asked)
        assert shares(operator) == {first: 100}, said
        assert newest(operator) == bad

    assert f"smoke: {why}" in said or why in said, said
    assert operator.differences(asked) == []


def test_a_version_out_of_reach_is_waited_for_and_not_for_ever(operator, first):
    """What says that it is busy may come: it is no failure before its time is over, and then it is one."""
    asked = wanted({**echo("2"), "within": "5m"}, V="2", HELLO_STATUS="503")
    passed(operator, asked)
    bad = newest(operator)
    said = passed(operator, asked)
    assert "waiting for smoke" in said
    assert operator.differences(asked) == []
    operator.emulator.advance(15 * 60)
    assert "waiting for smoke" in passed(operator, asked)
    assert shares(operator) == {first: 100}

    operator.emulator.advance(6 * 60)
    said = passed(operator, asked)

    assert "out of reach" in said or "for too long" in said, said
    assert shares(operator) == {first: 100}
    assert newest(operator) == bad
    assert "was rejected" in said


def test_who_only_looks_asks_nothing(operator, first):
    """A plan says who will ask; what came of it is kept beside the traffic, and no pass asks again."""
    blue = {"strategy": "BlueGreen", "approval": True}
    asked = wanted(echo("2"), rollout=blue, V="2")
    passed(operator, asked)
    looked = operator.plan(asked).plan
    assert any("the next pass, or an apply, asks it" in note.text for note in looked.notes)
    assert looked.pending == ()

    said = passed(operator, asked)
    kept = dict(operator.service().annotations)[ROLLOUT]
    generation = operator.service().generation
    assert json.loads(kept)["checks"]["smoke"]["passed"] is True
    assert "it waits for `promote`" in said
    passed(operator, asked)

    assert operator.service().generation == generation
    assert shares(operator) == {first: 100}
