"""Looks at policies, without a server: one that fails is not the last."""

from itertools import pairwise

import pytest

from emulator.apis.monitoring.alerts import watching
from emulator.apis.monitoring.alerts.keeping import POLICIES
from tests.emulator_monitoring.making import PROJECT, policy

NAME = f"{PROJECT}/alertPolicies/1"
DAY_S = 86_400


@pytest.fixture
def world(world):
    """One with a policy."""
    with world.store.transaction():
        kept = type(policy()).pb(policy(name=NAME))
        POLICIES.insert(world, kept)
        watching.begin(world, kept)
    return world


def test_a_policy_whose_look_failed_is_looked_at_again(world, monkeypatch):
    """Without a new point, by time alone: after minutes, then ever later, so that a year is no million of looks."""
    looks, right = [], watching.evaluate
    monkeypatch.setattr(watching, "evaluate", lambda *_: looks.append(world.clock.now()) or 1 / 0)

    world.clock.advance(30 * DAY_S)
    assert POLICIES.get(world, NAME).validity.code == 13
    waits = [(after - before).total_seconds() for before, after in pairwise(looks)]
    assert waits[0] < DAY_S / 24 < DAY_S / 2 < waits[-1]
    assert len(looks) < 60

    monkeypatch.setattr(watching, "evaluate", right)
    world.clock.advance(2 * DAY_S)
    assert POLICIES.get(world, NAME).validity.code == 0
