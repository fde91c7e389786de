"""What a version is asked at its own address before it has any traffic: asked for real, of real containers."""

import json

import pytest

from reconciler.core.rollout.record import ROLLOUT, read
from reconciler.engine.rollouts import standings
from tests.emulator_run.test_traffic import points
from tests.engine.killing import killed_while
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


def answered(operator, revision):
    """How many requests a revision answered, as Cloud Monitoring has it."""
    operator.emulator.advance(310)  # also longer than a lock of a run that is dead
    found = points(operator.emulator, "request_count")
    return sum(point.value.int64_value for resource, _, point in found if resource["revision_name"] == revision)


@pytest.mark.slow
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_pass_that_dies_as_it_writes_what_it_found_is_finished_by_the_next(operator, first, when):
    """What passed is asked again where nobody wrote it down; a bad answer rejects once, and no more comes of it."""
    write = {"method": "google.cloud.run.v2.Services/UpdateService", "when": when}
    bad = wanted(echo("3"), V="2")
    passed(operator, bad)
    refused = newest(operator)
    assert killed_while(operator, write, bad)
    assert (ROLLOUT in operator.service().annotations, shares(operator)) == (True, {first: 100})
    asked = answered(operator, refused)
    passed(operator, bad)
    generation = operator.service().generation
    said = passed(operator, bad)

    [standing] = standings(operator.plan(bad), operator.session().kinds)
    assert [each["why"] for each in standing.to_json()["rejected"]] == [
        "smoke: GET /: `env.V` of its answer is not what is expected"
    ], said
    assert (operator.service().generation, newest(operator), shares(operator)) == (generation, refused, {first: 100})
    assert answered(operator, refused) == asked, "the inventory knew it already"

    good = wanted(echo("4"), rollout={"strategy": "BlueGreen", "approval": True}, V="4")
    passed(operator, good)
    assert killed_while(operator, write, good)
    asked = answered(operator, newest(operator))
    assert bool(read(dict(operator.service().annotations)).record.checks) == (when == "after")

    said = passed(operator, good)

    assert "it waits for `promote`" in said
    assert read(dict(operator.service().annotations)).record.checks["smoke"].passed
    assert (answered(operator, newest(operator)) > asked) == (when == "before")
    assert operator.differences(good) == []
