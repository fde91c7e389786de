"""Random stories of events: repeated, reordered, raced, and cut off between any two steps."""

import pytest

from tests.retraining.simulated import breaches, play, unfinished

SHARDS = 4


@pytest.mark.parametrize("shard", range(SHARDS))
def test_no_story_starts_two_trainings_for_one_event_or_more_than_the_guards_allow(shard, request):
    """After every step; and in the end each event has a decision, and no claim is left behind."""
    stories = -(-request.config.getoption("--stories") // SHARDS)
    for seed in range(shard * stories, (shard + 1) * stories):
        for step, (world, events) in enumerate(play(seed)):  # noqa: B007 - the last of them is the end
            assert list(breaches(world)) == [], f"story {seed}, step {step}"
        assert list(unfinished(world, events)) == [], f"story {seed}, its end"
