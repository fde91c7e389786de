"""What a new version does unasked, decided without an emulator: nothing that the one before would not have done."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.core.address import Address
from reconciler.core.canary import (
    Build,
    Hold,
    Now,
    Past,
    Sight,
    Trace,
    decide_holds,
    observes,
    why_new,
)
from reconciler.core.inventory import Inventory
from reconciler.core.objects import Desired
from reconciler.core.plan import Action, Change, Plan
from reconciler.core.planned import Planned
from reconciler.kinds.iam_role import IamRole

OLD, NEXT = Build("1", "i@1"), Build("2", "i@2")
KEY = ("here", "churn")
NAMES = ("churn", "fraud", "prices")
PLACES = [Address("iam_role", "here", name) for name in ("a", "b", "c", "d")]
SEEN = {"title": "by hand"}


def change(action=Action.UPDATE, *, version="2", observed=SEEN, services=("churn",), address=PLACES[0], **more):
    return Change(address, action, tuple(services), version=version, observed=observed, **more)


def sight(action=Action.NO_OP, wanted="w", version="1", observed=None):
    """What a pass before left of an object."""
    before = {"title": "as wanted"} if observed is None else observed
    return Sight.of(change(action, version=version, observed=before), wanted)


@pytest.mark.parametrize(
    ("made", "wanted", "before", "why"),
    [
        pytest.param(change(), "w", sight(), None, id="changed-by-hand"),
        pytest.param(change(), "other", sight(), Hold.ASKS, id="asks-for-something-else"),
        pytest.param(change(), "other", sight(Action.UPDATE), Hold.ASKS, id="would-have-changed-it-otherwise"),
        pytest.param(change(), "w", sight(Action.UPDATE, observed=SEEN), None, id="would-have-done-it-too"),
        pytest.param(change(Action.REPLACE), "w", sight(Action.UPDATE, observed=SEEN), Hold.DESTROYS, id="replaces"),
        pytest.param(change(Action.DELETE), "", sight(), Hold.ASKS, id="wants-it-gone"),
        pytest.param(change(Action.DELETE), "", sight(wanted=""), Hold.DESTROYS, id="takes-away-what-was-left"),
        pytest.param(change(version="1"), "w", sight(), Hold.READS, id="nobody-wrote-it"),
        pytest.param(change(), "w", sight(observed=SEEN), Hold.READS, id="written-and-our-fields-as-before"),
        pytest.param(change(version=""), "w", sight(version=""), Hold.UNKNOWN, id="no-version-tells"),
        pytest.param(change(Action.CREATE, version="", observed=None), "w", sight(), None, id="deleted-by-hand"),
        pytest.param(change(), "w", None, Hold.NEW, id="never-looked-at"),
        pytest.param(change(Action.DELETE, contradicts=True), "", Sight(), None, id="opened-by-hand"),
    ],
)
def test_the_world_is_told_from_the_version(made, wanted, before, why):
    """What was wanted, seen and left to do before says who moved; in doubt it was the version."""
    assert why_new(made, wanted, before) == why


def planned(*changes, wants=None):
    inventories = {(KEY[0], name): Inventory(name, KEY[0]) for name in NAMES}
    made = {a: Desired(a, IamRole(title, "", ()), "churn") for a, title in (wants or {}).items()}
    return Planned(Plan.of(changes, project="p", services=NAMES), made, {}, {}, inventories)


@pytest.mark.parametrize(
    ("past", "why"),
    [
        pytest.param(Past(), None, id="the-first-pass-of-all"),
        pytest.param(Past(build=OLD, specs="s"), Hold.LEFT_ALONE, id="could-not-be-planned"),
        pytest.param(Past(build=OLD, specs="earlier"), None, id="new-in-the-specs"),
        pytest.param(Past(build=NEXT, specs="s"), None, id="the-same-version"),
        pytest.param(Past(unreadable=True), Hold.FORGOTTEN, id="unreadable"),
        pytest.param(Past({KEY: Trace(OLD, "s")}, OLD, "s"), Hold.NEW, id="a-new-object"),
        pytest.param(Past({KEY: Trace(OLD, "earlier")}, OLD, "earlier"), None, id="the-specs-changed"),
        pytest.param(Past({KEY: Trace(OLD, "earlier")}, OLD, "s"), Hold.LEFT_ALONE, id="refused-with-these-specs"),
        pytest.param(Past({KEY: Trace(NEXT, "s")}, OLD, "s"), None, id="this-version-was-here"),
    ],
)
def test_only_another_version_on_the_same_specs_is_held(past, why):
    """The first pass, a merge and the same version go on; what was left unreadable is no leave to go on."""
    found = decide_holds(planned(change()), past, Now(NEXT, "s"))

    assert found == ({PLACES[0]: why} if why else {})


ACTIONS = st.sampled_from([Action.NO_OP, Action.WAIT, Action.CREATE, Action.UPDATE, Action.REPLACE, Action.DELETE])
CHANGES = st.lists(
    st.builds(
        lambda address, action, services, version, shown: change(
            action, version=version, observed=shown, services=sorted(services), address=address
        ),
        st.sampled_from(PLACES),
        ACTIONS,
        st.sets(st.sampled_from(NAMES), min_size=1),
        st.sampled_from(["", "1", "2"]),
        st.sampled_from([None, SEEN, {"title": "as wanted"}]),
    ),
    unique_by=lambda made: made.address,
)
SIGHTS = st.dictionaries(
    st.sampled_from([str(address) for address in PLACES]),
    st.builds(Sight, st.sampled_from(["", "w"]), st.sampled_from(["", "1"]), st.sampled_from(["", "x"]), ACTIONS),
)
TRACES = st.dictionaries(
    st.sampled_from([(KEY[0], name) for name in NAMES]),
    st.builds(Trace, st.sampled_from([OLD, NEXT]), st.sampled_from(["s", "earlier"]), sights=SIGHTS),
)


@given(CHANGES, TRACES, st.sampled_from([None, OLD, NEXT]))
@settings(deadline=None, max_examples=150)
def test_nothing_is_held_without_need_and_nothing_goes_by_unseen(changes, traces, last):
    """Only what is pending is held; a person, other specs, the same version hold nothing; each change counts alone."""
    whole, past, now = planned(*changes), Past(traces, last, "s"), Now(NEXT, "s")

    held = decide_holds(whole, past, now)

    assert held.keys() <= {each.address for each in whole.plan.pending}
    assert all(held.values())
    assert decide_holds(whole, past, Now(NEXT, "s", confirmed=True)) == {}
    assert decide_holds(whole, past, Now(NEXT, "new")) == {}
    same = {key: Trace(NEXT, trace.specs, sights=trace.sights) for key, trace in traces.items()}
    assert decide_holds(whole, Past(same, NEXT, "s"), now) == {}
    for each in whole.plan.pending:
        alone = decide_holds(planned(each), past, now)
        assert alone == {a: why for a, why in held.items() if a == each.address}


@given(CHANGES)
@settings(deadline=None, max_examples=100)
def test_what_the_world_did_alone_is_never_held(changes):
    """The version before had nothing to do; since then somebody wrote or made objects: all of it is mended."""
    moved = [each for each in changes if not each.destroys and each.version == "2" and each.observed == SEEN]
    whole = planned(*moved)
    sights = {str(address): sight(wanted="") for address in PLACES}
    past = Past({(KEY[0], name): Trace(OLD, "s", sights=sights) for name in NAMES}, OLD, "s")

    assert decide_holds(whole, past, Now(NEXT, "s")) == {}
    assert observes([KEY], past, NEXT)
    assert not observes([KEY], past, OLD)
