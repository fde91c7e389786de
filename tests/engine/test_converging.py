"""One object brought to what a plan wants: faults, lost answers and other people, in milliseconds."""

import threading
from dataclasses import replace

import pytest

from reconciler.core import errors
from reconciler.core.address import GLOBAL, Address
from reconciler.core.decide import Owner, decide
from reconciler.core.inventory import Entry
from reconciler.core.kind import Kinds
from reconciler.core.objects import Holder
from reconciler.core.plan import Action, Plan
from reconciler.core.planned import Planned
from reconciler.core.reference import Ref
from reconciler.engine.converge import ATTEMPTS, converge
from reconciler.engine.pool import Pool
from reconciler.engine.session import Patience, Session
from tests.clocks import FakeClock
from tests.toys import KINDS, NAMED, TOY, Cloud, toy, unavailable

PATIENCE = Patience(settle_s=60, propagate_s=30, appear_s=5)


class Bench:
    """A toy cloud and a session in it."""

    def __init__(self, pool, kinds=KINDS):
        self.cloud, self.clock = Cloud(), FakeClock()
        self.session = Session(self.cloud, kinds, pool, self.clock, "tester", "run-1", PATIENCE)

    def plan(self, want, *, server_name="", exact=False):
        """Decide about one object that is ours."""
        address = want.address
        kind = self.session.kinds.of_address(address)
        seen = self.session.observe_one(address, server_name)
        owner = Owner(("churn",), Entry(address, server_name=server_name))
        change = decide(kind, want, seen, owner)
        plan = Plan.of([change], project="acme", services=("churn",))
        there = {address: seen} if seen else {}
        return Planned(plan, {address: want}, there, {address: owner}, {}, exact=exact)

    def converge(self, want, **how):
        """Plan and carry out."""
        return self.carry_out(self.plan(want, **how))

    def carry_out(self, planned, done=lambda _: None):
        [change] = planned.plan.changes
        return converge(self.session, planned, change, done)


@pytest.fixture
def bench(pool):
    return Bench(pool)


def test_a_lost_answer_is_found_to_have_been_heard(bench):
    """The write happened and its answer did not come: the next look sees it, and nothing is written again."""
    bench.cloud.faults["lost:create"] = [unavailable()]

    seen = bench.converge(toy(size=3))

    assert seen.fields.size == 3
    assert bench.cloud.calls.count("create") == 1


def test_what_was_written_is_looked_at_at_once(bench):
    """A write that went well needs no pause."""
    bench.converge(toy())
    bench.converge(toy(size=3))

    assert bench.clock.slept == []


def test_pauses_grow_and_end(bench):
    """A call that always fails is tried a bounded number of times, waiting longer each time; the failure is told."""
    bench.cloud.faults["create"] = [unavailable() for _ in range(20)]

    with pytest.raises(errors.Unavailable):
        bench.converge(toy())

    assert bench.cloud.calls.count("create") == ATTEMPTS
    floors = [0.7 * min(10.0, 0.2 * 2**n) for n in range(ATTEMPTS)]
    assert all(pause >= floor for pause, floor in zip(bench.clock.slept, floors, strict=True))
    assert all(pause <= floor / 0.7 * 1.3 for pause, floor in zip(bench.clock.slept, floors, strict=True))


def test_what_is_new_is_waited_for_as_long_as_google_takes(bench):
    """An account made in this run is unknown for a while: no number of tries ends that, only its time."""
    account = Address("toy", GLOBAL, "account")
    want = toy(needs=[account])
    planned = bench.plan(want)
    made = replace(planned.plan.changes[0], address=account)
    planned = replace(planned, plan=Plan.of([*planned.plan.changes, made], project="acme", services=("churn",)))
    bench.cloud.faults["create"] = [errors.NotReadyYet("create", "x", "no such account")] * 100

    with pytest.raises(errors.NotReadyYet):
        converge(bench.session, planned, next(c for c in planned.plan.changes if c.address == want.address))

    assert bench.clock.monotonic() > PATIENCE.propagate_s
    assert bench.cloud.calls.count("create") > 1


def test_what_google_refuses_is_not_tried_again(bench):
    """A value that is refused stays refused."""
    bench.cloud.faults["create"] = [errors.InvalidRequest("create", "x", "no")]

    with pytest.raises(errors.InvalidRequest):
        bench.converge(toy())

    assert bench.cloud.calls.count("create") == 1
    assert bench.clock.slept == []


@pytest.mark.parametrize(("exact", "what"), [(True, "the saved plan is stale"), (False, "not what was shown")])
def test_an_object_remade_before_a_replace_is_left(bench, exact, what):
    """Somebody deleted it and made it anew since the plan: what the plan's reader agreed to delete is gone already."""
    bench.converge(toy())
    planned = bench.plan(toy(place="there"), exact=exact)
    assert planned.plan.changes[0].action is Action.REPLACE
    # The first delete fails; meanwhile somebody makes the object anew.
    bench.cloud.faults["delete"] = [unavailable()]

    def made_anew(address):
        mark, fields, _ = bench.cloud.objects["one"]
        bench.cloud.objects["one"] = (mark, fields, (99, 0))
        return address

    sleep = bench.clock.sleep
    bench.clock.sleep = lambda seconds: (sleep(seconds), made_anew(None))

    with pytest.raises(errors.StalePlan, match="made anew by someone else") as stale:
        bench.carry_out(planned)

    assert what in str(stale.value)
    assert "one" in bench.cloud.objects


def test_a_kind_without_etags_is_looked_at_again_before_it_is_written(pool):
    """Where the API would let us undo somebody's write, the engine looks first, and then decides anew."""
    bench = Bench(pool, Kinds.of(replace(TOY, fenced=False)))
    bench.converge(toy(env={"A": "1"}))
    planned = bench.plan(toy(size=2, env={"A": "1"}))
    mark, fields, _ = bench.cloud.objects["one"]
    bench.cloud.objects["one"] = (mark, replace(fields, env={"A": "1", "THEIRS": "x"}), (1, 1))
    bench.cloud.calls.clear()

    bench.carry_out(planned)

    # The stale write is not made; after a fresh look the right one is.
    assert bench.cloud.calls == ["observe", "observe", "observe", "update", "observe"]
    assert bench.cloud.objects["one"][1].size == 2


def test_what_the_server_named_is_looked_at_again_by_its_name(pool):
    """Its mark is gone, and the API has no etags: the name on record is enough to look before the write."""
    bench = Bench(pool, Kinds.of(replace(NAMED, fenced=False)))
    seen = bench.converge(toy(kind="named"))
    _, fields, version = bench.cloud.objects[seen.server_name]
    bench.cloud.objects[seen.server_name] = ("", fields, version)

    bench.converge(toy(kind="named", size=2), server_name=seen.server_name)

    assert bench.cloud.objects[seen.server_name][1].size == 2


def test_references_are_filled_with_what_the_run_brought_about(bench):
    """The other object's output is put in just before the write, and the plan right after it is empty."""
    other = bench.converge(toy("other"))
    ref = Ref(other.address, "url", "{}/events")

    seen = bench.carry_out(bench.plan(toy(url=ref)), {other.address: other}.get)

    assert seen.fields.url == "https://other/events"
    assert bench.cloud.calls.count("create") == 2


def test_references_are_filled_with_what_the_plan_saw(bench):
    """The other object is as it should be, so that this run has nothing to do with it."""
    other = bench.converge(toy("other"))
    planned = bench.plan(toy(url=Ref(other.address, "url")))

    seen = bench.carry_out(replace(planned, seen={other.address: other}))

    assert seen.fields.url == "https://other"


def test_a_record_with_a_hole_is_not_written(bench):
    """The other object does not tell what is needed of it: that is said, and nothing is written."""
    ref = Ref(Address("toy", GLOBAL, "other"), "number")

    with pytest.raises(errors.UnknownOutput, match="needs number of toy/global/other") as unknown:
        bench.converge(toy(url=ref))

    assert "run again" in unknown.value.hint
    assert bench.cloud.objects == {}


class TestNamesByTheServer:
    """What the server names is never made twice, and never lost."""

    def test_its_name_is_kept_from_the_creation_on(self, bench):
        """The name that the creation gave is what it is found by, even without its mark."""
        seen = bench.converge(toy(kind="named"))

        assert seen.server_name == "channels/1"
        _, fields, version = bench.cloud.objects["channels/1"]
        bench.cloud.objects["channels/1"] = ("", fields, version)
        again = bench.plan(toy(kind="named"), server_name="channels/1").plan.changes[0]
        assert again.action is Action.NO_OP

    def test_it_is_found_by_its_name_at_every_look(self, bench):
        """Its mark is gone: after a try that failed it is what it was, and no second one is made."""
        seen = bench.converge(toy(kind="named"))
        _, fields, version = bench.cloud.objects[seen.server_name]
        bench.cloud.objects[seen.server_name] = ("", fields, version)
        bench.cloud.faults["update"] = [unavailable()]

        again = bench.converge(toy(kind="named", size=2), server_name=seen.server_name)

        assert again.fields.size == 2
        assert list(bench.cloud.objects) == [seen.server_name]

    def test_a_lost_answer_makes_no_second_one(self, bench):
        """The answer is lost and lists lag behind: it is looked for until it appears."""
        planned = bench.plan(toy(kind="named"))
        bench.cloud.faults["lost:create"] = [unavailable()]
        bench.cloud.hidden = 10

        seen = bench.carry_out(planned)

        assert seen.server_name == "channels/1"
        assert list(bench.cloud.objects) == ["channels/1"]

    def test_what_never_appears_was_never_made(self, bench):
        """The request was lost, not its answer: after a while it is made, once."""
        planned = bench.plan(toy(kind="named"))
        bench.cloud.faults["create"] = [unavailable()]

        bench.carry_out(planned)

        assert bench.clock.monotonic() >= PATIENCE.appear_s
        assert len(bench.cloud.objects) == 1

    def test_a_twin_goes(self, bench):
        """Two objects of one mark: the one on record stays, the plan names the other, and an apply deletes it."""
        seen = bench.converge(toy(kind="named"))
        bench.cloud.objects["channels/0"] = bench.cloud.objects[seen.server_name]
        planned = bench.plan(toy(kind="named"), server_name=seen.server_name)
        [change] = planned.plan.changes
        assert (change.action, change.twins, change.consequence) == (
            Action.UPDATE, ("channels/0",), "deletes channels/0",
        )  # fmt: skip

        bench.carry_out(planned)

        assert list(bench.cloud.objects) == [seen.server_name]

    def test_deleting_deletes_every_one(self, bench):
        """When it is wanted no more, its twins go as well."""
        seen = bench.converge(toy(kind="named"))
        bench.cloud.objects["channels/9"] = bench.cloud.objects[seen.server_name]
        there = bench.session.observe_one(seen.address, seen.server_name)
        owner = Owner(("churn",), Entry(seen.address, server_name=seen.server_name))
        change = decide(NAMED, None, there, owner)
        plan = Plan.of([change], project="acme", services=("churn",))

        bench.carry_out(Planned(plan, {}, {seen.address: there}, {seen.address: owner}, {}))

        assert bench.cloud.objects == {}


class Guarded(Pool):
    """A pool that says so at once where one of its threads asks it for others."""

    def gather(self, calls):
        assert threading.current_thread() is threading.main_thread()
        return super().gather(calls)


def test_refused_deletions_wait_for_no_thread_but_their_own():
    """Three at once in a pool of two: each names what keeps its object, and waits for no other."""
    held = replace(TOY, holders=lambda _, seen: [Holder(one.address, "alerts/1", "alert", "down") for one in seen])
    with Guarded(2) as pool:
        bench = Bench(pool, Kinds.of(held))
        names = ("one", "two", "three")
        for name in names:
            bench.converge(toy(name))
        bench.cloud.faults["delete"] = [errors.InvalidRequest("delete", "toy", "it is used") for _ in names]
        gone = [bench.plan(toy(name, place="there")) for name in names]

        tasks = [pool.submit(bench.carry_out, each) for each in gone]
        for task in tasks:
            with pytest.raises(errors.InvalidRequest) as refused:
                task.result()
            assert "delete alert down (alerts/1)" in refused.value.hint
            assert str(refused.value) == "cannot delete toy: it is used"
