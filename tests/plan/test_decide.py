"""The one place that picks an action."""

import json
from dataclasses import dataclass, field, replace

import pytest

from reconciler.core.address import Address
from reconciler.core.decide import Owner, applied_digest, decide, decide_existing, decide_unwanted
from reconciler.core.diff import plain
from reconciler.core.errors import Differs, Missing, NotOurs
from reconciler.core.inventory import Entry
from reconciler.core.kind import Kind
from reconciler.core.objects import Desired, Existing, Observed, Unwanted
from reconciler.core.paid import NOTHING
from reconciler.core.plan import Action
from reconciler.core.record import revive
from reconciler.core.reference import Ref
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
    paid=NOTHING,
    immutable=frozenset({"place"}),
    keyed=frozenset({"env"}),
    loss=lambda *_: "it is gone",
    spec_paths={"scaling.size": "size"},
)


@dataclass(frozen=True)
class Link:
    url: str | Ref


LINKED = Kind("link", "Link", Link, desired=lambda *_: iter(()), connect=lambda _: None, paid=NOTHING)
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
    owner = Owner(("churn",), Entry(HERE, uid="u1", digest=applied_digest(Thing, plain(Thing(size=1)))))

    assert reason in decide(KIND, want(size=2), seen(**live), owner).reason


def test_our_keys_of_a_map_that_others_own_stay_known():
    """A map in externallyOwned keeps every value; our keys in it stay ours, so that a later edit can take them out."""
    owner = Owner(("churn",), Entry(HERE, uid="u1", keys={"env": frozenset({"OLD"})}), external=frozenset({"env"}))
    kind = replace(KIND, spec_paths={"env": "env"})
    there = seen(env={"OLD": "live", "NEW": "live", "THEIRS": "x"})

    change = decide(kind, want(env={"NEW": "spec"}), there, owner)

    assert change.action is Action.NO_OP
    assert change.desired["env"] == {"OLD": "live", "NEW": "live"}


def test_a_strangers_object_is_refused_even_while_it_is_being_changed():
    """Somebody else is just making an object of our name: that is no earlier change of ours to wait for."""
    with pytest.raises(NotOurs):
        decide(KIND, want(), seen(mark="", uid="u9", settled=False), Owner(("churn",)))


def test_what_is_adopted_is_waited_for():
    """An object that we may take over and that is being changed is not written meanwhile."""
    change = decide(KIND, want(), seen(mark="", uid="u9", settled=False), Owner(("churn",), None, Adopt.ALWAYS))

    assert change.action is Action.WAIT


class TestReferences:
    """A value that another object tells: compared when known, a change when not."""

    OTHER = Address("thing", "global", "other")
    REF = Ref(OTHER, "url", "{}/events")

    def decide(self, there, outputs):
        return decide(LINKED, Desired(HERE, Link(self.REF), "churn"), there, OURS, outputs)

    def test_known_and_equal_is_no_difference(self):
        """Nothing differs, and the other object is a dependency."""
        change = self.decide(Observed(HERE, Link("https://x/events"), mark="churn"), lambda _: {"url": "https://x"})

        assert change.action is Action.NO_OP
        assert change.needs == {self.OTHER}

    def test_known_and_moved_is_a_difference(self):
        """The other object answers elsewhere now."""
        change = self.decide(Observed(HERE, Link("https://x/events"), mark="churn"), lambda _: {"url": "https://y"})

        assert [(c.path, c.before, c.after) for c in change.changes] == [
            ("url", "https://x/events", "https://y/events"),
        ]

    def test_unknown_is_a_difference_whose_end_is_open(self):
        """The other object is still to be made: what was there is replaced by what nobody knows yet, as one value."""
        change = self.decide(Observed(HERE, Link("https://x/events"), mark="churn"), lambda _: {})

        assert [(c.path, c.before, c.after) for c in change.changes] == [
            ("url", "https://x/events", self.REF.to_plain()),
        ]

    def test_unknown_is_kept_in_what_is_to_be_made(self):
        """A creation holds the reference, and so does a saved plan."""
        change = self.decide(None, lambda _: {})

        assert revive(Link, json.loads(json.dumps(change.desired))) == Link(self.REF)


class TestExisting:
    """What a spec uses and somebody else makes."""

    USE = Existing(HERE, "churn", requires={"place": "here"}, hint="make it")
    USER = Owner(("churn",))

    def test_as_it_should_be_is_used_and_not_claimed(self):
        """It is in the plan as something that is used; nothing is written, nothing is ours."""
        change = decide_existing(KIND, self.USE, seen(mark="", size=7), self.USER)

        assert (change.action, change.owned, change.uses) == (Action.NO_OP, False, ("place",))

    def test_missing_is_refused(self):
        """With what to do about it."""
        with pytest.raises(Missing, match="uses it and it does not exist") as refusal:
            decide_existing(KIND, self.USE, None, self.USER)
        assert refusal.value.hint == "make it"

    def test_unfit_is_refused_with_the_field(self):
        """What is wrong with it is said."""
        with pytest.raises(Differs, match="place is 'there', not 'here'"):
            decide_existing(KIND, self.USE, seen(place="there"), self.USER)

    def test_what_another_spec_makes_in_the_same_run_is_there(self):
        """It need not exist yet, but it must become what is needed."""
        assert decide_existing(KIND, self.USE, None, self.USER, coming=want()) is None
        with pytest.raises(Differs):
            decide_existing(KIND, self.USE, None, self.USER, coming=want(place="there"))


def test_what_contradicts_the_spec_goes_whoever_made_it():
    """It is deleted though no inventory lists it, and says which words of the spec it contradicts."""
    never = Unwanted(HERE, "churn", "access.authentication is IAM")

    change = decide_unwanted(KIND, never, seen(mark="other", uid="u9"), Owner(("churn",)))

    assert (change.action, change.contradicts) == (Action.DELETE, True)
    assert "access.authentication is IAM" in change.reason
    assert decide_unwanted(KIND, never, None, Owner(("churn",))) is None


def test_what_a_delete_loses_depends_on_what_is_there():
    """An empty thing needs no consent; a full one does, and says what goes."""
    kind = replace(KIND, loss=lambda there, _: f"{there.fields.size} are lost" if there.fields.size else "")

    empty, full = (decide(kind, None, seen(size=size), OURS) for size in (0, 3))

    assert (empty.guarded, empty.consequence) == (False, "")
    assert (full.guarded, full.consequence) == (True, "3 are lost")


def test_a_servers_name_makes_an_object_ours_without_its_mark():
    """Somebody removed our label; the name on record still says that it is ours."""
    owner = Owner(("churn",), Entry(HERE, server_name="things/7"))
    there = replace(seen(mark="", uid=""), server_name="things/7")

    assert decide(KIND, want(size=2), there, owner).action is Action.UPDATE
    with pytest.raises(NotOurs):
        decide(KIND, want(size=2), replace(there, server_name="things/8"), owner)
