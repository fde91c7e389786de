"""Everything decided together: whose things are, in which order, and what is remembered."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime

import pytest

from reconciler.core import planned
from reconciler.core.address import GLOBAL, Address
from reconciler.core.coverage import without_effect
from reconciler.core.decide import Owner
from reconciler.core.errors import PlansRefused
from reconciler.core.inventory import Entry, Inventory
from reconciler.core.kind import Kinds, Ownership
from reconciler.core.membership import Membership
from reconciler.core.memory import Memory
from reconciler.core.objects import Existing, Observed, Unwanted
from reconciler.core.plan import Action, Change, Plan
from reconciler.core.reference import Ref
from reconciler.core.wants import Wants, joined
from schemas.sections.management import Adopt, Management, Prune
from tests.toys import KINDS, TOY, Toy, toy

ONE, TWO = Address("toy", GLOBAL, "one"), Address("toy", GLOBAL, "two")
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def owners(*addresses):
    return {address: Owner(("churn",), Entry(address)) for address in addresses}


def there(address, **fields):
    return Observed(address, Toy(**fields), mark="churn", output={"url": f"https://{address.name}"})


def decided(wants, seen):
    """What is decided, by address."""
    changes = planned.decide_all(KINDS, joined(wants), seen, owners(*(w.address for w in wants)))
    return {change.address: change for change in changes}


class TestOrder:
    """What others refer to is decided before them."""

    def test_an_object_to_be_made_has_no_outputs_yet(self):
        """Its creation is in the plan, so what refers to it is open."""
        ref = Ref(TWO, "url")

        changes = decided([toy("one", url=ref), toy("two")], {ONE: there(ONE, url="https://two")})

        assert changes[TWO].action is Action.CREATE
        assert [c.after for c in changes[ONE].changes] == [ref.to_plain()]

    def test_an_object_made_anew_has_no_outputs_yet(self):
        """What it answers now ends with it."""
        ref = Ref(TWO, "url")

        changes = decided([toy("one", url=ref), toy("two", place="there")],
                          {ONE: there(ONE, url="https://two"), TWO: there(TWO)})  # fmt: skip

        assert changes[TWO].action is Action.REPLACE
        assert [c.after for c in changes[ONE].changes] == [ref.to_plain()]

    @pytest.mark.parametrize(
        ("used", "action"),
        [
            pytest.param({ONE}, Action.NO_OP, id="used-by-ours"),
            pytest.param({}, Action.REPLACE, id="by-nothing-that-is-there"),
        ],
    )
    def test_what_our_own_use_keeps_is_not_made_anew(self, used, action):
        """Google refuses to delete it while ours is there, and ours stays while it is: the plan says what helps."""
        kinds = Kinds.of(replace(TOY, holders=lambda *_: [], uses=frozenset({"toy"})))
        wants = joined([toy("one", url=Ref(TWO, "url")), toy("two", place="there")])
        seen = {TWO: there(TWO)} | {address: there(address, url="https://two") for address in used}

        changes = {c.address: c for c in planned.decide_all(kinds, wants, seen, owners(ONE, TWO))}

        assert changes[TWO].action is action
        assert ("delete Toy one; the next run" in changes[TWO].problem) is bool(used)
        assert changes[ONE].action is (Action.NO_OP if used else Action.CREATE)

    def test_a_part_of_what_is_made_anew_is_made_again(self):
        """It goes with the whole, although it is there now."""
        part = replace(toy("one"), within=TWO)

        changes = decided([part, toy("two", place="there")], {ONE: there(ONE), TWO: there(TWO)})

        assert changes[TWO].action is Action.REPLACE
        assert (changes[ONE].action, changes[ONE].needs) == (Action.CREATE, {TWO})

    def test_an_object_that_stays_is_known(self):
        """Nothing differs."""
        changes = decided([toy("one", url=Ref(TWO, "url")), toy("two")],
                          {ONE: there(ONE, url="https://two"), TWO: there(TWO)})  # fmt: skip

        assert {change.action for change in changes.values()} == {Action.NO_OP}
        assert changes[ONE].needs == {TWO}

    def test_a_circle_is_refused_by_name(self):
        """Two objects that need each other can never be made."""
        with pytest.raises(PlansRefused, match="it refers to itself"):
            decided([toy("one", url=Ref(TWO, "url")), toy("two", url=Ref(ONE, "url"))], {})

    def test_every_refusal_is_told(self):
        """One missing thing does not hide the other."""
        with pytest.raises(PlansRefused) as refusal:
            decided([Existing(ONE, "churn"), Existing(TWO, "churn")], {})

        assert [problem.address for problem in refusal.value.problems] == [ONE, TWO]


class TestWants:
    """What several specs say of one object."""

    def test_the_same_wish_twice_is_one_with_two_owners(self):
        """They share it."""
        wants = joined([toy("one", size=2), replace(toy("one", size=2), service="other")])

        assert wants.made[ONE].services == {"churn", "other"}

    def test_different_wishes_are_refused(self):
        """Named by both services."""
        with pytest.raises(PlansRefused, match="churn and other want it to be different"):
            joined([toy("one", size=2), replace(toy("one", size=3), service="other")])

    def test_what_one_makes_another_may_use(self):
        """The user is no owner of it."""
        wants = joined([toy("one"), Existing(ONE, "other")])

        assert wants.services(ONE) == {"churn"}
        assert [c.action for c in planned.decide_all(KINDS, wants, {}, owners(ONE))] == [Action.CREATE]

    def test_requirements_of_several_users_are_joined(self):
        """Each of them must hold."""
        wants = joined([Existing(ONE, "a", {"size": 1}), Existing(ONE, "b", {"place": "here"})])

        assert wants.used[ONE].requires == {"size": 1, "place": "here"}

    def test_wanted_and_ruled_out_is_refused(self):
        """One spec opens what another says is closed."""
        with pytest.raises(PlansRefused, match=r"access\.authentication is IAM in other"):
            joined([toy("one"), Unwanted(ONE, "other", "access.authentication is IAM")])


class TestOwners:
    """The rules of services that share an object are joined carefully."""

    @pytest.mark.parametrize(
        ("adopts", "joint"),
        [
            ([Adopt.ALWAYS, Adopt.NEVER], Adopt.NEVER),
            ([Adopt.ALWAYS, Adopt.IF_IDENTICAL], Adopt.IF_IDENTICAL),
            ([Adopt.ALWAYS, Adopt.ALWAYS], Adopt.ALWAYS),
            ([], Adopt.NEVER),
        ],
    )
    def test_the_most_careful_adoption_counts(self, adopts, joint):
        """One service that does not want it taken over is enough."""
        assert planned._owner(("a",), None, [Management(adopt=adopt) for adopt in adopts]).adopt is joint

    def test_one_never_keeps_it(self):
        """Prune: Never of one service keeps what they share."""
        rules = [Management(prune=Prune.OWNED), Management(prune=Prune.NEVER)]

        assert planned._owner(("a",), None, rules).prune is Prune.NEVER
        assert planned._owner(("a",), None, rules[:1]).prune is Prune.OWNED


@pytest.mark.parametrize(
    ("deletion", "protected"),
    [
        ({"one": "Delete", "two": "Delete"}, False),
        ({"one": "Delete", "two": "Protect"}, True),
        ({"one": "Protect", "two": "Protect"}, True),
    ],
)
def test_what_two_share_goes_when_both_consent(deletion, protected):
    """One of two services that protects it is enough."""
    gone = Change(ONE, Action.DELETE, ("one", "two"), guarded=True)

    assert bool(Plan.of([gone], project="local", services=("one", "two"), deletion=deletion).protected) == protected


def test_what_contradicts_the_spec_waits_for_nothing():
    """Access that must not be ends at once: a rollout that fails would else keep it open."""
    closing = Change(ONE, Action.DELETE, ("churn",), contradicts=True)
    other = Change(TWO, Action.UPDATE, ("churn",))

    assert Plan.of([closing, other], project="local", services=("churn",)).edges(lambda _: ())[ONE] == frozenset()


@dataclass(frozen=True)
class Tries:
    """Remembered of a toy: how often in a row it was small."""

    small: int = 0


def count(before, want, seen, now):
    """Remember how often in a row it was too small."""
    assert now == NOW
    small = seen is not None and seen.fields.size < want.fields.size
    return Tries((before.small if before else 0) + 1) if small else None


class TestMemory:
    """What the object has no room for."""

    KIND = replace(TOY, memory=Memory(Tries, count))

    def remembered(self, before, size):
        kinds = Kinds.of(self.KIND)
        mine = {ONE: Owner(("churn",), Entry(ONE, memory=before))}
        return dict(planned._memories(kinds, {ONE: toy("one", size=5)}, {ONE: there(ONE, size=size)}, mine, NOW))

    def test_it_counts_forgets_and_rests(self):
        """It follows from what was remembered and what is there; without a change there is nothing to write."""
        assert self.remembered({}, 1) == {ONE: {"small": 1}}
        assert self.remembered({"small": 1}, 1) == {ONE: {"small": 2}}
        assert self.remembered({"small": 2}, 5) == {ONE: {}}
        assert self.remembered({}, 5) == {}

    def test_it_is_kept_in_the_inventory(self):
        """It is stored with the entry, and read back."""
        inventory = Inventory("churn", "europe-west1", {ONE: Entry(ONE, server_name="things/1")})

        kept = inventory.remember({ONE: {"small": 2}, TWO: {"small": 1}})

        again = Inventory.from_json(kept.to_json(), generation=0)
        assert again.entries == {ONE: Entry(ONE, server_name="things/1", memory={"small": 2})}


def test_an_object_of_another_project_has_an_address():
    """It is told apart from ours of the same name, in text too."""
    address = Address("secret", GLOBAL, "token", "acme-vault")

    assert str(address) == "//acme-vault/secret/global/token"
    assert Address.parse(str(address)) == address
    assert Address.parse("secret/EU/a/b") == Address("secret", "EU", "a/b")
    for wrong in ("secret", "secret/global", "//acme-vault", "///secret/global/token"):
        with pytest.raises(ValueError, match="is no address"):
            Address.parse(wrong)


def test_an_inventory_of_the_former_kinds_is_read_as_todays():
    """What mlservice 0.1 listed stays ours: callers, roles on the project, access to secrets of other projects."""
    data = {
        "format": 1, "service": "churn", "region": "europe-west1", "serial": 4, "deletion": "Protect", "lock": None,
        "entries": {
            "run_invoker/europe-west1/churn user:ann@example.com": {"digest": "d"},
            "project_role/global/roles/storage.objectViewer serviceAccount:a@b mlservice-models": {},
            "secret_accessor/global/projects/vault/secrets/token serviceAccount:a@b": {},
            "run_service/europe-west1/churn": {"uid": "u"},
        },
    }  # fmt: skip

    entries = Inventory.from_json(data, generation=1).entries

    accessor = "roles/secretmanager.secretAccessor"
    assert set(entries) == {
        Membership("run_service", "churn", "roles/run.invoker", "user:ann@example.com").at("europe-west1"),
        Membership("project", "", "roles/storage.objectViewer", "serviceAccount:a@b", "mlservice-models").at(GLOBAL),
        Membership("secret", "token", accessor, "serviceAccount:a@b").at(GLOBAL, "vault"),
        Address("run_service", "europe-west1", "churn"),
    }
    assert all(Membership.of(a).member for a in entries if a.kind == "iam_member")


@pytest.mark.parametrize(
    ("written", "left"),
    [
        ({"region": "x", "budget": {"amount": 9}}, ["budget"]),
        ({"registry": {"repository": "ml", "scan": {"failOn": "High"}}}, ["registry.scan.failOn"]),
        ({"registry": {"scan": {}}}, []),
        ({"triggers": [{"name": "a", "when": {"pubsub": "t"}}, {"name": "b", "when": {"schedule": "x"}}]},
         ["triggers[1].when.schedule"]),
        ({"env": {"A": "1"}}, []),
    ],
)  # fmt: skip
def test_what_has_no_effect_is_named_as_high_as_all_of_it_has_none(written, left):
    """A whole section in one line; a single word of one that has an effect by its own path."""
    acts_on = {"region", "registry.repository", "registry.scan", "env.*", "triggers.name", "triggers.when.pubsub"}

    assert list(without_effect(written, acts_on)) == left


def test_a_shared_thing_is_ours_when_another_service_of_ours_lists_it():
    """It carries our mark, and another inventory has it; with the mark alone it was handed over, and is nobody's."""
    kinds = Kinds.of(replace(TOY, ownership=Ownership.SHARED))

    wants, found = Wants({ONE: toy("one", size=2)}), {ONE: there(ONE)}
    shared = Owner(("churn",), others={"other": Entry(ONE)})

    [change] = planned.decide_all(kinds, wants, found, {ONE: shared})

    assert change.action is Action.UPDATE
    with pytest.raises(PlansRefused, match="no inventory lists it"):
        planned.decide_all(kinds, wants, found, {ONE: Owner(("churn",))})


def test_each_service_claims_its_own_before_the_first_write():
    """What it makes, with the keys it wants of a map; not what goes, nor what another service wants."""
    ours = Change(ONE, Action.CREATE, ("churn",), desired={"env": {"A": "1"}})
    theirs = Change(TWO, Action.CREATE, ("fraud",))
    gone = Change(Address("toy", GLOBAL, "three"), Action.DELETE, ("churn",))
    inventories = {("here", name): Inventory(name, "here") for name in ("churn", "fraud")}
    made = planned.Planned(Plan.of([ours, theirs, gone], project="p", services=()), {}, {}, {}, inventories)

    found = planned.claims(KINDS, made)

    assert {key[1]: [(e.address, dict(e.keys)) for e in entries] for key, entries in found.items()} == {
        "churn": [(ONE, {"env": frozenset({"A"})})],
        "fraud": [(TWO, {})],
    }


def test_what_only_uses_an_object_is_for_that_service():
    """And so is what must not be there; an address of nobody is for nobody."""
    wants = Wants(used={ONE: Existing(ONE, "churn")}, unwanted={TWO: Unwanted(TWO, "fraud", "because")})

    assert wants.services(ONE) == {"churn"}
    assert wants.services(TWO) == {"fraud"}
    assert wants.services(Address("toy", GLOBAL, "three")) == frozenset()


def test_what_stands_beside_is_left_out_and_every_one_that_is_planned_stays():
    """Not only what the first of them wants."""
    wants = Wants({ONE: toy("one")}, {TWO: Existing(TWO, "fraud")}, {TWO: Unwanted(TWO, "beside", "because")})

    assert wants.only(["churn", "fraud"]) == Wants(wants.made, wants.used)
    assert wants.only(["churn"]) == Wants(wants.made)
