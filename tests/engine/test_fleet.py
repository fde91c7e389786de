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
    tried = range(story.points) if every else range(3 + 9 * (when == "after"), story.points, story.points // 2)
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
