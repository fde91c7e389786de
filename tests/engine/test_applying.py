"""A whole plan carried out: order, lanes, locks and inventories. Toys are the objects; inventories are real."""

import threading
import time
from dataclasses import replace
from datetime import timedelta

import pytest

from reconciler.core import errors
from reconciler.core.address import GLOBAL, Address
from reconciler.core.decide import Owner
from reconciler.core.inventory import Entry, Inventory, Lock
from reconciler.core.kind import Kinds
from reconciler.core.plan import Plan
from reconciler.core.planned import Planned, decide_all
from reconciler.core.wants import Wants
from reconciler.engine.apply import Outcome, apply
from reconciler.engine.inventory_store import InventoryStore
from reconciler.engine.session import Patience, Session
from reconciler.engine.waiting import apply_when_free
from tests.clocks import FakeClock
from tests.operating import REGION
from tests.toys import KINDS, TOY, Cloud, ToyClient, toy, unavailable

KEY = (REGION, "churn")
UPLOAD = {"method": "storage.objects.insert"}


class Bench:
    """Toys with real inventories."""

    def __init__(self, operator, kinds=KINDS):
        # From the time of the bucket on, by which locks last; what passes there meanwhile is a moment.
        self.operator, self.cloud, self.clock = operator, Cloud(), FakeClock(operator.session().clock.now())
        self.kinds = Kinds.of(*(replace(kind, connect=lambda _, kind=kind: kind.connect(self.cloud)) for kind in kinds))

    def session(self, run="run-1"):
        return Session(self.operator.connection, self.kinds, self.operator.pool, self.clock, "tester", run, Patience())

    def inventory(self):
        return InventoryStore(self.session()).read_all().get(KEY)

    def plan(self, *wants):
        """Plan toys for one service."""
        session = self.session()
        inventory = self.inventory() or Inventory("churn", REGION)
        made = {want.address: want for want in wants}
        addresses = {*made, *inventory.entries}
        owners = {address: Owner(("churn",), inventory.entries.get(address)) for address in addresses}
        seen = session.observe({a: o.entry.server_name if o.entry else "" for a, o in owners.items()})
        changes = decide_all(self.kinds, Wants(made), seen, owners)
        plan = Plan.of(changes, project="local", services=("churn",), deletion={"churn": "Delete"})
        return Planned(plan, made, seen, owners, {KEY: inventory}, {KEY: "Delete"})

    def apply(self, *wants):
        """Plan and apply."""
        return apply(self.session(), self.plan(*wants))


@pytest.fixture
def bench(operator):
    return Bench(operator)


def outcomes(report):
    return {result.change.address.name: result.outcome for result in report.results}


def test_what_needs_a_failed_thing_is_skipped_and_so_is_what_needs_that(bench):
    """A failure stops everything that stands on it, however far up, and nothing else."""
    first, second = (Address("toy", GLOBAL, name) for name in ("first", "second"))
    chain = (toy("first"), toy("second", needs=[first]), toy("third", needs=[second]))
    bench.cloud.faults["create"] = [errors.InvalidRequest("create", "toy/global/first", "no")]
    planned = bench.plan(*chain)

    report = apply(bench.session(), planned)

    assert outcomes(report) == {"first": Outcome.FAILED, "second": Outcome.SKIPPED, "third": Outcome.SKIPPED}
    assert str(report.results[1].error) == "not done: toy/global/first failed"
    assert outcomes(apply(bench.session(), bench.plan(*chain, toy("alone")))) == dict.fromkeys(
        ("first", "second", "third", "alone"), Outcome.DONE
    )


@pytest.mark.parametrize(
    ("means", "then"), [({"before": frozenset({"toy"})}, Outcome.DONE), ({"uses": frozenset({"toy"})}, Outcome.SKIPPED)]
)
def test_a_delete_that_follows_a_failed_one_goes_on_unless_that_one_may_use_it(operator, means, then):
    """Some deletes come first for tidiness alone: what can go goes all the same. What may still be used stays."""
    bench = Bench(operator, (TOY, replace(TOY, name="lead", **means)))
    bench.apply(toy("first"), toy("second", kind="lead"))
    bench.cloud.faults["delete"] = [errors.InvalidRequest("delete", "lead/global/second", "no")]

    report = bench.apply()

    assert outcomes(report) == {"second": Outcome.FAILED, "first": then}
    assert set(outcomes(bench.apply()).values()) == {Outcome.DONE}
    assert bench.cloud.objects == {}


class Crowded(ToyClient):
    """Tells when two writes run at once."""

    LOCK = threading.Lock()

    def create(self, want):
        free = self.LOCK.acquire(blocking=False)
        threading.Event().wait(0.02)  # long enough for another writer to come in, if one may
        if free:
            self.LOCK.release()
        super().create(want)
        self.cloud.calls.append("alone" if free else "crowded")


def test_writes_of_one_lane_go_one_after_the_other_across_kinds(operator):
    """Two kinds write one configuration of Google's: never at the same time."""
    lane = lambda _: "one configuration"  # noqa: E731 - shared by both kinds
    one, two = (replace(TOY, name=name, connect=Crowded, lane=lane) for name in ("one", "two"))
    bench = Bench(operator, Kinds.of(one, two))
    planned = bench.plan(*(toy(f"toy-{n}", kind=kind) for kind in ("one", "two") for n in range(4)))

    apply(bench.session(), planned)

    assert bench.cloud.calls.count("alone") == 8
    assert "crowded" not in bench.cloud.calls


def test_each_apply_that_changes_something_counts(bench):
    """The serial grows by one, and only with what was written."""
    bench.apply(toy())
    first = bench.inventory().serial
    bench.apply(toy())
    assert bench.inventory().serial == first
    bench.apply(toy(size=2))

    assert bench.inventory().serial == first + 1


@pytest.mark.parametrize("nth", [1, 2], ids=["taking-the-lock", "letting-it-go"])
def test_a_lost_answer_to_any_write_of_an_inventory_is_known_again(bench, nth):
    """The bucket is there; the answer to the n-th write of the inventory is lost: the run goes on and ends well."""
    bench.apply(toy("before"))
    bench.operator.emulator.faults({**UPLOAD, "status": "UNAVAILABLE", "when": "after", "skip": nth - 1, "times": 1})

    report = bench.apply(toy("before"), toy("after"))

    assert [rule["applied"] for rule in bench.operator.emulator.control("GET", "faults")] == [1]
    bench.operator.emulator.faults()
    assert not report.failed
    assert bench.inventory().lock is None
    assert {address.name for address in bench.inventory().entries} == {"before", "after"}


def test_what_the_server_named_is_on_record(bench):
    """The name is kept with the entry, and by it the object is found when its mark is gone."""
    bench.apply(toy("mine", kind="named"))
    [entry] = bench.inventory().entries.values()
    assert entry.server_name == "channels/1"
    _, fields, version = bench.cloud.objects["channels/1"]
    bench.cloud.objects["channels/1"] = ("", fields, version)

    assert not bench.apply(toy("mine", kind="named", size=2)).failed

    assert list(bench.cloud.objects) == ["channels/1"]


def test_a_run_that_died_between_the_creation_and_the_record_leaves_one(bench):
    """The inventory says "about to make", the object carries our mark: the next run finds it and makes no second."""
    planned = bench.plan(toy("mine", kind="named"))
    store = InventoryStore(bench.session())
    store.take(planned.inventories[KEY].claim([Entry(Address("named", GLOBAL, "mine"))]))
    bench.session().client(bench.kinds.by_name["named"]).create(toy("mine", kind="named"))
    bench.clock.advance(400)

    assert not bench.apply(toy("mine", kind="named")).failed

    assert list(bench.cloud.objects) == ["channels/1"]
    assert bench.inventory().entries[Address("named", GLOBAL, "mine")].server_name == "channels/1"


class TestLocks:
    """Who is at work, and how long others wait."""

    def test_it_expires_at_its_moment_and_not_before(self):
        """A lock that ends at twelve is held until twelve, and free from then on."""
        clock = FakeClock()
        lock = Lock("someone", "run-9", clock.now())

        assert lock.expired(clock.now())
        assert not lock.expired(clock.now() - timedelta(microseconds=1))

    def hold(self, bench, seconds):
        lasting = replace(Patience(), lock_for_s=seconds)
        other = replace(bench.session("run-9"), patience=lasting)
        return InventoryStore(other).take(bench.inventory())

    def test_another_runs_lock_is_waited_for_as_long_as_was_said(self, bench):
        """Twenty seconds are twenty seconds, and not a number of tries; then whose lock it is is said."""
        bench.apply(toy())
        self.hold(bench, 300)

        with pytest.raises(errors.Locked, match="run-9"):
            apply_when_free(
                bench.session(), bench.plan(toy(size=2)), again=lambda: bench.plan(toy(size=2)), timeout="20s"
            )

        assert sum(bench.clock.slept) == pytest.approx(20)

    def test_a_saved_plan_waits_as_well(self, bench):
        """A saved plan cannot be made again; it waits its time all the same."""
        bench.apply(toy())
        self.hold(bench, 300)
        planned = bench.plan(toy(size=2))

        with pytest.raises(errors.Locked):
            apply_when_free(bench.session(), planned, timeout="20s")

        assert sum(bench.clock.slept) == pytest.approx(20)

    def test_what_is_free_again_is_applied(self, bench):
        """The other run lets go after a while, having changed nothing of ours: ours goes on."""
        bench.apply(toy())
        held = self.hold(bench, 300)
        sleep = bench.clock.sleep

        def let_go(seconds):
            sleep(seconds)
            if len(bench.clock.slept) == 3:
                InventoryStore(bench.session("run-9")).release(held)

        bench.clock.sleep = let_go
        report = apply_when_free(
            bench.session(), bench.plan(toy(size=2)), again=lambda: bench.plan(toy(size=2)), timeout="60s"
        )

        assert not report.failed
        assert bench.clock.slept == [1.0, 1.0, 1.0]
        assert bench.cloud.objects["one"][1].size == 2

    def test_a_long_run_renews_its_lock(self, bench):
        """While one change takes an hour, the lock is written again and again."""
        written = []

        def an_hour():
            for _ in range(4):
                held, patience = bench.inventory().generation, time.monotonic() + 60
                bench.clock.advance(900)
                while bench.inventory().generation == held and time.monotonic() < patience:
                    time.sleep(0.02)
                written.append(bench.inventory().generation - held)

        bench.cloud.before["create"] = an_hour
        session = replace(bench.session(), patience=replace(Patience(), lock_for_s=0.6))
        report = apply(session, bench.plan(toy()))

        assert not report.failed
        assert all(generations > 0 for generations in written)
        assert len(written) == 4
        assert bench.inventory().lock is None


def test_an_object_that_the_spec_only_uses_now_is_handed_over(bench):
    """It stays, and no inventory lists it any more: a destroy leaves it."""
    bench.apply(toy("mine"), toy("theirs"))
    planned = bench.plan(toy("mine"))
    there = next(change for change in planned.plan.changes if change.address.name == "theirs")
    used = replace(there, action="no-op", owned=False, uses=())
    changes = [used if change is there else change for change in planned.plan.changes]

    apply(bench.session(), replace(planned, plan=replace(planned.plan, changes=tuple(changes)), memories={}))

    assert "theirs" in bench.cloud.objects
    assert [address.name for address in bench.inventory().entries] == ["mine"]


def test_unanswered_writes_are_told_when_patience_ends(bench):
    """Every try fails: the report says so, the lock is gone, and the claim stays for the next run."""
    bench.cloud.faults["create"] = [unavailable() for _ in range(20)]

    [failed] = bench.apply(toy()).failed

    assert isinstance(failed.error, errors.Unavailable)
    assert bench.inventory().lock is None
    assert [address.name for address in bench.inventory().entries] == ["one"]
