"""Which services that no spec wants any more may go: decided without an emulator."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.core.orders import Orders
from reconciler.core.orphans import NEVER, NOT_OURS, PROTECTED, Orphan, Rule, in_turn, why_stays
from tests.plan.test_orders import SAID

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
WEEK = 7 * 86_400
PRUNES = Rule(prune=True, after_s=WEEK, most=2)


def orphan(name="a", days=8.0, environment="prod", *, protected=False):
    return Orphan("here", name, NOW - timedelta(days=days), 1, environment, protected)


@pytest.mark.parametrize(
    ("one", "rule", "obstacle", "why"),
    [
        pytest.param(orphan(), PRUNES, "", "", id="it-goes"),
        pytest.param(orphan(), Rule(), "", NEVER, id="nobody-ordered-it"),
        pytest.param(orphan(days=6.9), PRUNES, "", "it goes after 2026-11-30 14:24 UTC", id="shown-first"),
        pytest.param(orphan(days=-1), PRUNES, "", "it goes after 2026-12-08", id="a-clock-that-was-ahead"),
        pytest.param(orphan(environment=None), PRUNES, "", NOT_OURS, id="of-somebody-else"),
        pytest.param(orphan(environment="test"), PRUNES, "", "applied for environment test", id="other-environment"),
        pytest.param(orphan(environment=""), PRUNES, "", "applied for environment none", id="of-no-environment"),
        pytest.param(orphan(protected=True), PRUNES, "", PROTECTED, id="protected"),
        pytest.param(orphan(), PRUNES, "a freeze", "a freeze", id="not-now"),
    ],
)
def test_why_an_orphan_stays(one, rule, obstacle, why):
    """Each that stays has its reason in words."""
    found = why_stays(one, rule, NOW, environment="prod", obstacle=obstacle)

    assert found == why or (why and found.startswith((why, f"it was {why}")))


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


@given(ORPHANS, RULES, st.sampled_from(["", "not now"]))
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
