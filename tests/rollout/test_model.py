"""Whatever people, git, Google and dying runs do: what holds of every pass stands in `world.py`."""

import pytest

from tests.rollout.world import story

EACH = 20
"""Stories for each of `--cases`: `--cases 5000` tells 100,000."""


@pytest.mark.timeout(0)  # a hundred thousand stories take a quarter of an hour
def test_no_story_breaks_a_rule_and_each_has_a_way_out(request):
    """Traffic sums to 100, rises a step at a time and never for what was rejected; patience always leads to Steady."""
    for seed in range(EACH * request.config.getoption("--cases")):
        try:
            story(seed).out()
        except AssertionError as error:
            pytest.fail(f"story {seed}: {error}")
