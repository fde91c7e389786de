"""The job over a fleet: shards that die, that are fewer or more than before, that meet."""

import time

import pytest

from tests.engine.fleet import Shards, fleet, world

MANY, FEW = 50, 9


class Story:
    """What a pass has to do: make a whole fleet, or let somebody else call each service of it.

    Attributes:
        wholes: The worlds that passes which nobody killed have made, by who may call.
    """

    def __init__(self, operator, count, *, anew):
        self.operator, self.count, self.anew = operator, count, anew
        self.shards = Shards(operator)
        self.invoker = "a"
        self.shards.furnish()
        self.write()
        self.points = self.shards.points()
        self.wholes = {self.invoker: self.settled()}
        if not anew:
            self.next()
            self.points = self.shards.points()
            self.wholes[self.invoker] = self.settled()

    def write(self):
        self.operator.write(*fleet(self.count, self.invoker))

    def settled(self):
        """The world after one pass more: shards that meet at a grant both list it from the second on."""
        self.shards.finish()
        return world(self.operator)

    def next(self):
        """Bring about that there is all to do."""
        if self.anew:
            self.shards.furnish()
        else:
            self.invoker = {"a": "b", "b": "a"}[self.invoker]
            self.write()

    def is_whole(self):
        whole = self.wholes[self.invoker]
        there = world(self.operator)
        return there == whole or self.settled() == whole


@pytest.mark.slow
@pytest.mark.timeout(8 * 3600)
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("anew", [True, False], ids=["made", "changed"])
def test_whichever_shard_dies_at_whichever_call_the_next_pass_finishes_the_work(operator, anew, when, request):
    """The same world as that of a pass that nobody killed: nothing twice, nothing lost that services share.

    Some calls of a small fleet, other ones for each `when`; `--every-kill` tries them all over fifty services.
    """
    every = request.config.getoption("--every-kill")
    story = Story(operator, MANY if every else FEW, anew=anew)
    some = range(3 + 9 * (when == "after"), story.points, story.points // 2)
    # All of them so that whoever stops half-way has seen every part.
    tried = sorted(range(story.points), key=lambda call: call * 0.618 % 1) if every else some
    reached, taken_over, began = 0, 0, time.monotonic()

    for done, call in enumerate(tried, 1):
        story.next()
        reached += story.shards.killed({"method": "*", "mutating": True, "skip": call, "when": when})

        taken_over += story.shards.finish()

        assert story.is_whole(), call
        told = f"{done} of {len(tried)} calls, {reached} killed, {taken_over} taken over"
        print(f"{told}, {time.monotonic() - began:.0f} s", flush=True)  # noqa: T201 - for who tries them all
    assert len(world(operator)["services"]) == story.count
    request.node.user_properties += [("points", story.points), ("killed", reached), ("taken over", taken_over)]
    assert reached >= int(0.9 * len(tried)) - (when == "after")
    assert taken_over


CREATE = "google.cloud.run.v2.Services/CreateService"


@pytest.fixture
def shards(operator):
    """Two shards over a fleet of eight."""
    made = Shards(operator)
    made.furnish()
    operator.write(*fleet(8))
    return made


def generations(operator):
    """How often each service was written."""
    return {one.name.rpartition("/")[2]: one.generation for one in operator.services()}


@pytest.mark.slow
@pytest.mark.parametrize("count", [3, 1])
def test_another_number_of_shards_in_the_middle_of_a_pass_loses_nobody(operator, shards, count):
    """Who is held by a shard of before is left to it; when it is done everybody was made, and was made once."""
    before = shards.count
    with shards.held({"method": CREATE, "skip": 1}, 1):
        shards.count = count
        shards.finish()
        states = shards.states()

    assert sorted(states) == [f"s{number:03}" for number in range(8)]
    assert all(len(each) == 1 for each in states.values()), states
    assert ["locked"] in states.values()
    # Those of the other shard of before were there already, and are as they should be.
    assert {state for each in states.values() for state in each} <= {"locked", "ok", "changed"}
    assert set(generations(operator).values()) == {1}
    shards.finish()
    assert shards.states() == {name: ["ok"] for name in states}
    assert before != count


@pytest.mark.slow
def test_a_pass_that_lasts_longer_than_the_schedule_is_left_in_peace(operator, shards):
    """The next ones leave what it holds and go on with the rest; nobody is starved, and nobody taken twice."""
    shards.count = 1
    operator.write(*fleet(8)[:4])
    with shards.held({"method": CREATE, "skip": 3}):
        operator.write(*fleet(8))
        told = []
        for _ in range(2):
            assert shards.start(0).wait(timeout=90) == 0
            told.append(shards.states())

    for states, of_the_others in zip(told, ("changed", "ok"), strict=True):
        assert {states[f"s{number:03}"][0] for number in range(4, 8)} == {of_the_others}
        assert {states[f"s{number:03}"][0] for number in range(4)} == {"locked", "ok"}  # `ok`: made before it was held
    assert generations(operator) == dict.fromkeys(told[0], 1)


@pytest.mark.slow
def test_a_schedule_that_fires_twice_makes_everything_once(operator, shards):
    """Two passes over the same services at the same moment."""
    shards.count = 1
    running = [shards.start(0) for _ in range(2)]

    assert [process.wait(timeout=90) for process in running] == [0, 0]

    assert set(generations(operator).values()) == {1}
    shards.finish()
    assert set(map(tuple, shards.states().values())) == {("ok",)}


@pytest.mark.slow
def test_many_shards_write_one_policy_and_lose_no_member(operator, shards):
    """Four shards at once, and every service of theirs publishes to one topic and pushes to one repository."""
    shards.count = 4
    operator.write(*(one | {"metadata": {"name": f"e{number}"}} for number, one in enumerate([fleet(1)[0]] * 8)))

    shards.finish()

    there = world(operator)
    publishers = there["policies"]["projects/local/topics/scores"]["roles/pubsub.publisher"]
    assert len([member for member in publishers if member.startswith("serviceAccount:e")]) == 8
    assert [name.rpartition("/")[2] for name, _ in there["repositories"]] == ["ml"]
    shards.finish()
    assert set(map(tuple, shards.states().values())) == {("ok",)}
