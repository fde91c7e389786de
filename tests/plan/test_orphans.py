"""Which services that no spec wants any more may go: decided without an emulator."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.core.orders import Orders
from reconciler.core.orphans import (
    NEVER,
    NO_SPECS,
    NOT_OURS,
    PROTECTED,
    Circumstances,
    Obstacle,
    Orphan,
    Rule,
    in_turn,
    obstacle_of,
    too_many,
    why_stays,
)
from tests.plan.test_orders import SAID

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
WEEK = 7 * 86_400
PRUNES = Rule(prune=True, after_s=WEEK, most=2)


def orphan(name="a", days=8.0, environment="prod", *, protected=False):
    return Orphan("here", name, NOW - timedelta(days=days), 1, environment, protected)


NOT_NOW, NOT_EVER = Obstacle("a freeze"), Obstacle("no specs", lasts=True)


@pytest.mark.parametrize(
    ("one", "rule", "obstacle", "why", "lasts"),
    [
        pytest.param(orphan(), Rule(), None, NEVER, True, id="nobody-ordered-it"),
        pytest.param(orphan(days=6.9), PRUNES, None, "it goes after 2026-11-30 14:24 UTC", False, id="shown-first"),
        pytest.param(orphan(days=-1), PRUNES, None, "it goes after 2026-12-08", False, id="a-clock-that-was-ahead"),
        pytest.param(orphan(environment=None), PRUNES, None, NOT_OURS, True, id="of-somebody-else"),
        pytest.param(orphan(environment="test"), PRUNES, None, "it was applied for environment test", True, id="other"),
        pytest.param(orphan(environment=""), PRUNES, None, "it was applied for environment none", True, id="of-none"),
        pytest.param(orphan(protected=True), PRUNES, None, PROTECTED, True, id="protected"),
        pytest.param(orphan(), PRUNES, NOT_NOW, "a freeze", False, id="not-now"),
        pytest.param(orphan(days=1), PRUNES, NOT_NOW, "it goes after", False, id="not-yet-and-not-now"),
        pytest.param(orphan(), PRUNES, NOT_EVER, "no specs", True, id="never"),
        pytest.param(orphan(days=1), PRUNES, NOT_EVER, "no specs", True, id="not-yet-and-never"),
    ],
)
def test_why_an_orphan_stays(one, rule, obstacle, why, lasts):
    """Each that stays has its reason in words, and says whether that is over by itself."""
    found = why_stays(one, rule, NOW, environment="prod", obstacle=obstacle)

    assert found is not None
    assert (found.why.startswith(why), found.lasts) == (True, lasts)
    assert why_stays(orphan(), PRUNES, NOW, environment="prod") is None


@pytest.mark.parametrize(
    ("said", "why", "lasts"),
    [
        ({"services": False, "current": False}, NO_SPECS, True),
        ({"ours": False, "dry_run": True}, "the specs hold another operator's document", True),
        ({"corrects": False, "frozen": True}, "the operator only reports", True),
        ({"current": False}, "the specs of this pass are not the current ones", False),
        ({"blind": "nothing is known"}, "nothing is known", False),
        ({"frozen": True}, "nothing is changed in a freeze", False),
        ({"dry_run": True}, "this pass only reports", False),
        ({"observes": True}, "the first pass of another version", False),
    ],
)
def test_what_keeps_all_orphans(said, why, lasts):
    """What is never over by itself is said first: nobody waits for what does not come."""
    found = obstacle_of(Circumstances(**said))

    assert found is not None
    assert (found.why.startswith(why), found.lasts) == (True, lasts)
    assert obstacle_of(Circumstances()) is None


@pytest.mark.parametrize(
    ("deletes", "done", "most", "lasts"), [(3, 0, 3, None), (3, 1, 3, False), (4, 0, 3, True), (9, 9, None, None)]
)
def test_more_than_may_be_deleted(deletes, done, most, lasts):
    """One that has too many by itself never goes; the others take their turn."""
    found = too_many(deletes, done, most)

    assert (found and found.lasts) == lasts


ORPHANS = st.lists(
    st.builds(
        orphan,
        st.from_regex(r"\A[a-z]{1,4}\Z"),
        st.floats(-1, 30),
        st.sampled_from(["prod", "test", None]),
        protected=st.booleans(),
    ),
    unique_by=lambda each: each.key,
)
RULES = st.builds(Rule, st.booleans(), st.integers(3600, 20 * 86_400), st.integers(1, 4))


@given(ORPHANS, RULES, st.sampled_from([None, NOT_NOW, NOT_EVER]))
@settings(deadline=None, max_examples=150)
def test_only_what_is_ours_old_enough_and_not_protected_goes(orphans, rule, obstacle):
    """Whatever else is there; a longer time lets go no other ones; the oldest is the first."""

    def gone(rule):
        stays = {o.key: why_stays(o, rule, NOW, environment="prod", obstacle=obstacle) for o in orphans}
        return {key for key, why in stays.items() if not why}

    old = {o.key for o in orphans if NOW - o.since >= timedelta(seconds=rule.after_s)}
    ours = {o.key for o in orphans if o.environment == "prod" and not o.protected}
    assert gone(rule) == (old & ours if rule.prune and not obstacle else set())
    assert gone(Rule(rule.prune, rule.after_s * 2, rule.most)) <= gone(rule)
    since = [each.since for each in in_turn(orphans)]
    assert since == sorted(since)


@pytest.mark.parametrize(
    ("before", "after", "weaker"),
    [
        (None, {"prune": True, "after": WEEK, "most": 3}, True),
        ({"prune": True, "after": WEEK, "most": 3}, {"prune": True, "after": 3600, "most": 3}, True),
        ({"prune": True, "after": WEEK, "most": 3}, {"prune": True, "after": WEEK, "most": 4}, True),
        ({"prune": True, "after": WEEK, "most": 3}, {"prune": True, "after": 2 * WEEK, "most": 1}, False),
        ({"prune": True, "after": WEEK, "most": 3}, {"prune": False, "after": 3600, "most": 100}, False),
        (None, {"prune": False, "after": 3600, "most": 100}, False),
    ],
)
def test_specs_do_not_order_to_prune(before, after, weaker):
    """What lets services go, sooner, or more of them, is a person's to order; what is stricter needs nobody."""
    told, wanted = (Orders.read(json.dumps(SAID | ({"orphans": each} if each else {}))) for each in (before, after))

    assert wanted.weaker_than(told) == weaker
