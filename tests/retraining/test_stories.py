"""Random stories of events: repeated, reordered, raced, and cut off between any two steps."""

import random
from datetime import timedelta

import pytest

from runtime.retraining.closing import PATIENCE, Stage
from runtime.retraining.decision import START_PATIENCE, Action, Event
from runtime.retraining.google import Unavailable
from runtime.retraining.guards import Guards
from runtime.retraining.handling import handle
from runtime.retraining.runs import Status
from runtime.retraining.taking import Policy
from tests.retraining.simulated import START, TIMEOUT, Died, World, breaches, play, unfinished

SHARDS = 4


@pytest.mark.parametrize("shard", range(SHARDS))
def test_no_story_starts_two_trainings_for_one_event_or_more_than_the_guards_allow(shard, request):
    """After every step; and in the end each event has a decision, and no claim is left behind."""
    stories = -(-request.config.getoption("--stories") // SHARDS)
    for seed in range(shard * stories, (shard + 1) * stories):
        for step, (world, events) in enumerate(play(seed)):  # noqa: B007 - the last of them is the end
            assert list(breaches(world)) == [], f"story {seed}, step {step}"
        assert list(unfinished(world, events)) == [], f"story {seed}, its end"


class Deaf(World):
    """A world in which whoever trains gives no answer."""

    def start(self, run, _event):
        raise Unavailable(f"cannot start {run.key}: no such host")


class Mute(Deaf):
    """And cannot even be asked what was started."""

    def find(self, _key):
        raise Unavailable("cannot list: no answer")


def unanswered(sort):
    """A world of guards with one event, whose start got no answer."""
    world = sort(Guards(cooldown=timedelta(), max_concurrent=1, failures=1, max_per_day=9), random.Random(0))  # noqa: S311 - no secret
    with pytest.raises(Unavailable):
        handle(Event("one", "weekly", START), world.desk)
    return world


def test_a_start_that_gets_no_answer_says_why_and_ends_within_an_hour():
    """It is told of while it is tried, then it has failed and holds nothing back; the circuit counts it."""
    world = unanswered(Deaf)
    waiting = world.runs()["one"]

    while world.runs()["one"].going and world.now < START + timedelta(days=1):
        world.now += timedelta(minutes=11)
        world.sweep()

    ended = world.runs()["one"]
    assert (waiting.status, waiting.why) == (Status.CLAIMED, "its start got no answer: cannot start one: no such host")
    assert (ended.status, ended.counts) == (Status.FAILED, False)
    assert ended.ended <= START + START_PATIENCE + timedelta(minutes=22)
    assert "no such host" in ended.why
    assert world.decisions["one"]["action"] == Action.NOT_STARTED
    assert handle(Event("two", "weekly", world.now), world.desk).guard == "openCircuitAfter"


def test_a_start_of_which_nobody_can_be_asked_ends_with_what_it_may_have_started():
    """It may be at work: it is closed no sooner than a training would be."""
    world = unanswered(Mute)

    world.now += TIMEOUT
    world.sweep()
    before = world.runs()["one"].status
    world.now += timedelta(days=1)
    world.sweep()

    assert (before, world.runs()["one"].status) == (Status.CLAIMED, Status.FAILED)
    assert "nobody can tell whether it was started" in world.runs()["one"].why


class Dark(World):
    """A world in which trainings start, and nobody may look at them any more."""

    def progress(self, run):
        raise Unavailable(f"cannot look at {run.name}")


def test_a_training_that_nobody_can_look_at_ends_a_day_after_its_timeout():
    """A role that was taken away holds back no training for ever."""
    world = Dark(Guards(cooldown=timedelta(), max_concurrent=1), random.Random(0))  # noqa: S311 - no secret
    handle(Event("one", "weekly", START), world.desk)

    world.now += TIMEOUT
    world.sweep()
    before = world.runs()["one"].status
    world.now += timedelta(days=1)
    world.sweep()

    assert (before, world.runs()["one"].status) == (Status.STARTED, Status.FAILED)
    assert world.runs()["one"].why == "nobody can tell how far it is, or stop it: cannot look at jobs/0"


TAKEN = Policy(registers=True, alias="champion", moves="champion")


def trained(sort):
    """A world in which one training has ended well, and its model is to be promoted."""
    world = sort(Guards(cooldown=timedelta(), max_concurrent=1), random.Random(0), policy=TAKEN)  # noqa: S311 - no secret
    handle(Event("one", "weekly", START), world.desk)
    world.jobs[0].stage = Stage.SUCCEEDED
    return world


class Dying(World):
    """A world whose first instance dies right after it moved the alias."""

    def promote(self, version, alias):
        first = not self.moves
        super().promote(version, alias)
        if first:
            raise Died


def test_an_instance_that_dies_late_after_it_promoted_is_outlasted():
    """Minutes before the last look its lease still holds at the last look, and the next one goes on with it."""
    world = trained(Dying)

    world.now += TIMEOUT + PATIENCE - timedelta(minutes=1)
    world.sweep()
    world.now += timedelta(minutes=2)
    world.sweep()
    held = world.runs()["one"].status
    world.now += timedelta(minutes=11)
    world.sweep()

    assert (held, world.runs()["one"].status) == (Status.STARTED, Status.SUCCEEDED)
    assert world.verdicts["one"]["action"] == Action.PROMOTE
    assert world.aliases == {"champion": 1}


class Silenced(World):
    """A world in which a training ends well, its model is promoted, and nobody can be told of it."""

    def tell(self, decision, event):
        if decision.action is Action.PROMOTE:
            raise Unavailable("cannot publish: no such topic")
        super().tell(decision, event)


def test_what_was_promoted_and_cannot_be_told_is_no_failure():
    """The alias names it: a day after its timeout the run is closed with what was judged, and what was in the way."""
    world = trained(Silenced)

    for _ in range(4):
        world.now += TIMEOUT + timedelta(hours=12)
        world.sweep()

    ended = world.runs()["one"]
    assert world.aliases == {"champion": 1}
    assert ended.status is Status.SUCCEEDED
    assert "the rest could not be done: cannot publish" in ended.why
