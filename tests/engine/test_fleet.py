"""The job over a fleet: shards that die, that are fewer or more than before, that meet."""

import time

import pytest

from tests.engine.fleet import Shards, fleet, world

MANY, FEW = 50, 9


@pytest.mark.slow
@pytest.mark.timeout(4 * 3600)
@pytest.mark.parametrize("when", ["before", "after"])
def test_whichever_shard_dies_at_whichever_call_the_next_pass_finishes_the_work(operator, when, request):
    """The same world as that of a pass that nobody killed: nothing twice, nothing lost that services share.

    Some calls of a small fleet, other ones for each `when`; `--every-kill` tries them all over fifty services.
    """
    every = request.config.getoption("--every-kill")
    shards = Shards(operator)
    specs = fleet(MANY if every else FEW)
    operator.write(*specs)
    shards.furnish()
    points = shards.points()
    assert shards.run() == [0, 0], shards.log()  # shards that meet at a grant both list it from the second pass on
    whole = world(operator)
    assert len(whole["services"]) == len(specs)
    tried = range(points) if every else range(3 + 9 * (when == "after"), points, points // 3)
    reached, taken_over, began = 0, 0, time.monotonic()

    for call in tried:
        shards.furnish()
        reached += shards.killed({"method": "*", "mutating": True, "skip": call, "when": when})

        codes = shards.run()

        assert codes == [0, 0], (call, shards.log())
        taken_over += any("taking over" in line["message"] for line in shards.log())
        there = world(operator)
        if there != whole:
            assert shards.run() == [0, 0], shards.log()
            there = world(operator)
        assert there == whole, call

    assert operator.differences(*specs) == []
    told = {"points": points, "tried": len(tried), "killed": reached, "taken over": taken_over}
    request.node.user_properties += [*told.items(), ("seconds", round(time.monotonic() - began))]
    print(told, f"{time.monotonic() - began:.0f} s")  # noqa: T201 - for who tries them all
    assert reached >= int(0.9 * len(tried)) - (when == "after")
    assert taken_over
