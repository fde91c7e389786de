"""The one place that picks an action."""

from dataclasses import dataclass, field

import pytest

from reconciler.core.address import Address
from reconciler.core.decide import Owner, applied_digest, decide
from reconciler.core.diff import plain
from reconciler.core.errors import NotOurs
from reconciler.core.inventory import Entry
from reconciler.core.kind import Kind
from reconciler.core.objects import Desired, Observed
from reconciler.core.plan import Action
from schemas.sections.management import Adopt, Prune

HERE = Address("thing", "europe-west1", "churn")


@dataclass(frozen=True)
class Thing:
    size: int = 1
    place: str = "here"
    env: dict[str, str] = field(default_factory=dict)


KIND = Kind(
    "thing",
    "Thing",
    Thing,
    desired=lambda *_: iter(()),
    connect=lambda _: None,
    immutable=frozenset({"place"}),
    keyed=frozenset({"env"}),
    loss=lambda _: "it is gone",
    spec_paths={"scaling.size": "size"},
)
ENTRY = Entry(HERE, uid="u1")
OURS = Owner(("churn",), ENTRY)


def want(**fields):
    return Desired(HERE, Thing(**fields), "churn")


def seen(*, mark="churn", uid="u1", settled=True, **fields):
    return Observed(HERE, Thing(**fields), uid=uid, mark=mark, settled=settled)


@pytest.mark.parametrize(
    ("wanted", "found", "owner", "action"),
    [
        pytest.param(want(), None, Owner(("churn",)), Action.CREATE, id="absent-is-created"),
        pytest.param(want(), None, OURS, Action.CREATE, id="ours-that-vanished-is-created"),
        pytest.param(want(), seen(), OURS, Action.NO_OP, id="equal-is-left"),
        pytest.param(want(size=2), seen(), OURS, Action.UPDATE, id="edited-is-updated"),
        pytest.param(want(place="there"), seen(), OURS, Action.REPLACE, id="immutable-is-replaced"),
        pytest.param(want(size=2), seen(settled=False), OURS, Action.WAIT, id="unsettled-is-waited-for"),
        pytest.param(None, seen(), OURS, Action.DELETE, id="owned-and-unwanted-is-pruned"),
        pytest.param(None, seen(mark="", uid="u2"), OURS, None, id="a-strangers-of-our-name-is-never-pruned"),
        pytest.param(None, seen(), Owner(("churn",)), None, id="unlisted-is-never-pruned"),
        pytest.param(None, seen(), Owner(("churn",), ENTRY, prune=Prune.NEVER), None, id="prune-never-keeps"),
        pytest.param(None, None, OURS, None, id="nothing-wanted-nothing-there"),
        pytest.param(want(size=2), seen(mark=""), OURS, Action.UPDATE, id="same-uid-is-ours-without-its-mark"),
        pytest.param(
            want(size=2),
            seen(mark="", uid=""),
            Owner(("churn",), ENTRY, Adopt.ALWAYS),
            Action.UPDATE,
            id="adopt-always-takes-over",
        ),
    ],
)
def test_decide(wanted, found, owner, action):
    """What is wanted, what is there and whose it is settle the action."""
    change = decide(KIND, wanted, found, owner)

    assert (change and change.action) == action


@pytest.mark.parametrize(
    ("found", "owner"),
    [
        pytest.param(seen(mark=""), Owner(("churn",)), id="made-by-hand"),
        pytest.param(seen(mark="other"), Owner(("churn",)), id="another-services"),
        pytest.param(seen(mark="", uid="u2"), OURS, id="made-anew-by-a-stranger"),
        pytest.param(seen(mark="churn"), Owner(("churn",)), id="marked-but-not-in-the-inventory"),
        pytest.param(seen(mark="", size=9), Owner(("churn",), None, Adopt.IF_IDENTICAL), id="identical-only"),
    ],
)
def test_what_is_not_ours_is_refused(found, owner):
    """An object of the same name that is not ours is refused, and adopting is named as the way."""
    with pytest.raises(NotOurs) as refusal:
        decide(KIND, want(), found, owner)

    assert "adopt" in refusal.value.hint


def test_keys_of_others_stay_out_of_the_plan():
    """A key that someone else added to a map is no difference; one of ours that changed or went is."""
    owner = Owner(("churn",), Entry(HERE, uid="u1", keys={"env": frozenset({"A", "OLD"})}))
    there = seen(env={"A": "1", "OLD": "x", "THEIRS": "y"})

    change = decide(KIND, want(env={"A": "2"}), there, owner)

    assert [(c.path, c.before, c.after) for c in change.changes] == [("env.A", "1", "2"), ("env.OLD", "x", None)]


def test_what_others_decide_is_left():
    """A field named in externallyOwned keeps its live value, whatever the spec says."""
    owner = Owner(("churn",), ENTRY, external=frozenset({"scaling.size"}))

    assert decide(KIND, want(size=5), seen(size=9), owner).action is Action.NO_OP


@pytest.mark.parametrize(
    ("live", "reason"),
    [({"size": 1}, "the spec or what it names changed"), ({"size": 3}, "config drift")],
    ids=["spec", "live"],
)
def test_the_reason_says_who_moved(live, reason):
    """The digest of what was last applied tells an edited spec from config drift."""
    owner = Owner(("churn",), Entry(HERE, uid="u1", digest=applied_digest(plain(Thing(size=1)))))

    assert reason in decide(KIND, want(size=2), seen(**live), owner).reason
