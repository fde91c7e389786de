"""What a second look finds: objects that settle, somebody else's writes, steps, and what is as broken as before."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from reconciler.core import errors
from reconciler.core.address import GLOBAL, Address
from reconciler.core.decide import Owner, decide
from reconciler.core.inventory import Entry
from reconciler.core.kind import Kinds, Roles, always, never
from reconciler.core.plan import Action, Plan
from reconciler.core.planned import Planned
from reconciler.core.reference import Ref
from reconciler.core.sense import Sense
from reconciler.core.stamp import Stamp
from reconciler.engine.converge import ATTEMPTS, converge
from schemas.sections.management import Adopt
from tests.engine.test_converging import PATIENCE, Bench
from tests.toys import TOY, ToyClient, toy, unavailable

CONFLICT = errors.Conflict("update", "toy", "it moved")
BROKEN = errors.OperationFailed("update", "toy", "it does not start")
ONE = Address("toy", GLOBAL, "one")


class OddClient(ToyClient):
    """A client of toys that settle late, do not work, take on little, and keep their stamps: as their cloud says."""

    def __init__(self, cloud):
        super().__init__(cloud)
        for name, value in {
            "unsettled": 0,
            "problem": "",
            "stamps": [],
            "written": [],
            "takes": None,
            "writers": 0,
        }.items():
            setattr(cloud, name, getattr(cloud, name, value))

    def seen(self, address, name):
        cloud = self.cloud
        cloud.unsettled -= 1
        mark, fields, (made, times) = cloud.objects[name]
        cloud.objects[name] = (mark, fields, (made, times + cloud.writers))
        return replace(super().seen(address, name), settled=cloud.unsettled < 0, problem=cloud.problem)

    def create(self, want):
        self.cloud.stamps.append(want.stamp)
        super().create(want)

    def update(self, want, seen, changes):
        self.cloud.stamps.append(want.stamp)
        self.cloud.written.append([change.path for change in changes])
        if self.cloud.takes is not None:
            want = replace(want, fields=replace(seen.fields, size=seen.fields.size + self.cloud.takes))
        super().update(want, seen, changes)


def odd(pool, **more):
    """A cloud of one odd toy, which is there."""
    bench = Bench(pool, Kinds.of(replace(TOY, connect=OddClient, **more)))
    bench.converge(toy())
    bench.clock.slept.clear()
    bench.cloud.calls.clear()
    return bench


def meanwhile(bench, **fields):
    """Somebody writes the toy just before the run does, whose write is refused."""

    def written():
        mark, now, (made, times) = bench.cloud.objects["one"]
        bench.cloud.objects["one"] = (mark, replace(now, **fields), (made, times + 1))

    bench.cloud.before["update"] = written
    bench.cloud.faults["update"] = [CONFLICT]


def test_what_google_is_still_at_work_on_is_waited_for_and_then_written(pool):
    """An earlier change is being applied: it ends first."""
    bench = odd(pool)
    bench.cloud.unsettled = 5

    seen = bench.converge(toy(size=2))

    assert seen.fields.size == 2
    assert bench.cloud.calls == ["observe"] * 6 + ["update", "observe"]


def test_what_does_not_settle_is_left_when_patience_ends(pool):
    """Google carries on; it is said what to do, and nothing is written over an unfinished change."""
    bench = odd(pool)
    bench.cloud.unsettled = 1000

    with pytest.raises(errors.OperationTimeout, match="cannot change toy/global/one: an earlier change") as failed:
        bench.converge(toy(size=2))

    assert "run again" in failed.value.hint
    assert PATIENCE.settle_s < bench.clock.monotonic() <= PATIENCE.settle_s + 13
    assert bench.cloud.calls.count("update") == 0


def test_what_is_not_new_is_not_waited_for(bench):
    """Something unknown that this run does not make will not become known by waiting."""
    planned = bench.plan(toy(needs=[Address("toy", GLOBAL, "old")]))
    bench.cloud.faults["create"] = [errors.NotReadyYet("create", "x", "no such account")] * 100

    with pytest.raises(errors.NotReadyYet):
        bench.carry_out(planned)

    assert bench.clock.monotonic() < 1


@pytest.fixture
def bench(pool):
    return Bench(pool)


def sensing(sense, **more):
    """Ways in which a kind looks at a fresh decision."""
    return {"sense": lambda agreed, now: sense if agreed.address == now.address else Sense.SAME, **more}


def progress(want, seen):
    """Say where it is, by what is wanted and what is there."""
    return f"from {seen.fields.size} to {want.fields.size} at {want.fields.url}"


@pytest.mark.parametrize(
    ("more", "became"),
    [
        ({"progress": progress, "consequence": lambda *_: "it starts anew"}, "from 5 to 2 at https://other"),
        ({"progress": lambda *_: "", "consequence": lambda *_: "it starts anew"}, "it starts anew"),
        ({"consequence": lambda *_: "it starts anew"}, "it starts anew"),
        ({}, "config drift: changed outside mlservice"),
    ],
    ids=["by-its-progress", "without-progress", "by-its-consequence", "by-its-reason"],
)
def test_what_became_something_else_is_told_whether_it_was_written_or_not(pool, more, became):
    """Somebody wrote it meanwhile: what risks more is not written, what risks less is, and both are told."""
    for sense, size in ((Sense.BOLDER, 5), (Sense.SAFER, 2)):
        bench = odd(pool, **sensing(sense, **more))
        other = bench.converge(toy("other"))
        planned = bench.plan(toy(size=2, url=Ref(other.address, "url")))
        owner = replace(planned.owners[ONE], entry=Entry(ONE, digest="of another day"))
        meanwhile(bench, size=5)

        with pytest.raises(errors.Overtaken) as told:
            bench.carry_out(replace(planned, owners={ONE: owner}), {other.address: other}.get)

        done = "this was written instead" if sense is Sense.SAFER else "nothing was written; next would be"
        assert str(told.value).startswith("toy/global/one: ")
        assert str(told.value).endswith(f"{done}: {became}")
        assert bench.cloud.objects["one"][1].size == size


def test_what_is_gone_meanwhile_becomes_something_else_too(pool):
    """Nothing is there whose progress could be told: it would have to be made."""
    bench = odd(pool, **sensing(Sense.BOLDER, progress=progress))
    planned = bench.plan(toy(size=2))
    bench.cloud.before["update"] = bench.cloud.objects.clear
    bench.cloud.faults["update"] = [CONFLICT]

    with pytest.raises(errors.Overtaken, match="nothing was written; next would be: not there yet"):
        bench.carry_out(planned)


@pytest.mark.parametrize(("sense", "written"), [(Sense.DONE, False), (Sense.SAME, True)])
def test_what_is_as_agreed_is_no_surprise(pool, sense, written):
    """What is done already is left, what is still to be done is done."""
    bench = odd(pool, **sensing(sense))
    planned = bench.plan(toy(size=2))
    meanwhile(bench, size=5)

    seen = bench.carry_out(planned)

    assert seen.fields.size == bench.cloud.objects["one"][1].size == (2 if written else 5)


def test_what_somebody_else_did_instead_is_told_where_nothing_is_left_to_write(pool):
    """It is as the spec wants it, and yet became something else than was agreed to."""
    bench = odd(pool, **sensing(Sense.SAFER))
    planned = bench.plan(toy(size=2))
    meanwhile(bench, size=2)

    with pytest.raises(errors.Overtaken, match=r"^toy/global/one: .* nothing was written; next would be: it stays as"):
        bench.carry_out(planned)


def test_a_write_that_changes_nothing_about_what_is_broken_has_ended_well(pool):
    """Google calls every write to what does not work failed; what it did is what counts."""
    bench = odd(pool)
    bench.cloud.problem = "no memory"
    planned = bench.plan(toy(size=2))
    bench.cloud.faults["lost:update"] = [BROKEN]

    seen = bench.carry_out(planned)

    assert (seen.fields.size, seen.problem) == (2, "no memory")


@pytest.mark.parametrize(
    ("before", "after", "fault"),
    [("", "no memory", "lost:update"), ("no memory", "no disk", "lost:update"), ("no memory", "no memory", "update")],
    ids=["it-worked", "for-another-reason", "not-written"],
)
def test_a_write_that_breaks_something_has_failed(pool, before, after, fault):
    """It worked before, or does not work for another reason now, or was not written at all."""
    bench = odd(pool)
    bench.cloud.problem = before
    planned = bench.plan(toy(size=2))
    bench.cloud.faults[fault] = [BROKEN]
    bench.cloud.problem = after

    with pytest.raises(errors.OperationFailed):
        bench.carry_out(planned)


def test_what_cannot_be_made_where_nothing_was_has_failed(pool):
    """There is no state of before that it could be as broken as."""
    bench = odd(pool)
    planned = bench.plan(toy("two"))
    bench.cloud.problem = "no memory"
    bench.cloud.faults["lost:create"] = [BROKEN]

    with pytest.raises(errors.OperationFailed):
        bench.carry_out(planned)


def test_what_is_made_anew_and_broken_as_before_has_failed(pool):
    """The object of before is gone; that this one does not work either is no success."""
    bench = odd(pool)
    bench.cloud.problem = "no memory"
    planned = bench.plan(toy(place="there"))
    bench.cloud.faults["lost:create"] = [BROKEN]

    with pytest.raises(errors.OperationFailed):
        bench.carry_out(planned)


def test_what_goes_in_steps_goes_one_step(pool):
    """A plan shows one step and a run makes one; what does not go in steps is written until it is there."""
    for in_steps, size in ((True, 2), (False, 4)):
        bench = odd(pool)
        bench.cloud.takes = 1

        seen = bench.converge(replace(toy(size=4), asked=SimpleNamespace(in_steps=in_steps)))

        assert seen.fields.size == bench.cloud.objects["one"][1].size == size


def test_what_does_not_take_on_what_is_written_is_named(pool):
    """A number of tries, and then the fields that still differ."""
    bench = odd(pool)
    bench.cloud.takes = 0

    with pytest.raises(errors.NotConverged) as failed:
        bench.converge(toy(size=2))

    assert str(failed.value) == "toy/global/one did not take on what was written: size"
    assert bench.cloud.calls.count("update") == ATTEMPTS


def test_what_somebody_writes_all_the_time_is_given_up(pool):
    """Before every write it has changed again, and the API would let us undo that: it is left, and said."""
    bench = odd(pool, fenced=False)
    bench.cloud.writers = 1

    with pytest.raises(errors.Conflict, match="cannot update toy/global/one: somebody changed it since"):
        bench.converge(toy(size=2))

    assert bench.cloud.calls.count("update") == 0


def test_what_is_not_permitted_names_the_roles_of_its_kind(pool):
    """Whoever reads it knows what to ask for."""
    bench = odd(pool, roles=Roles(write=("roles/toys.editor",)))
    bench.cloud.faults["update"] = [errors.NotPermitted("update", "toy", "no", permission="toys.update")]

    with pytest.raises(errors.NotPermitted) as refused:
        bench.converge(toy(size=2))

    assert "roles/toys.editor" in refused.value.hint


def test_a_look_that_fails_for_a_moment_is_taken_again(pool):
    """Between two tries nothing may be known of the object, and nothing is written; a lasting refusal ends it."""
    bench = odd(pool)
    planned = bench.plan(toy(size=2))
    bench.cloud.calls.clear()
    bench.cloud.faults |= {"update": [CONFLICT], "observe": [unavailable()]}

    assert bench.carry_out(planned).fields.size == 2
    assert bench.cloud.calls == ["update", "observe", "observe", "update", "observe"]

    planned = bench.plan(toy(size=3))
    bench.cloud.faults |= {"update": [CONFLICT], "observe": [errors.NotPermitted("read", "toy", "no")]}
    with pytest.raises(errors.NotPermitted):
        bench.carry_out(planned)


@pytest.mark.parametrize("exact", [True, False], ids=["saved", "shown"])
def test_a_saved_plan_writes_what_it_names_and_nothing_else(pool, exact):
    """Somebody changed another field meanwhile: what was shown a moment ago is made whole, what was saved is stale."""
    bench = odd(pool)
    planned = bench.plan(toy(size=2), exact=exact)
    meanwhile(bench, env={"A": "1"}, url="https://elsewhere")

    if not exact:
        assert bench.carry_out(planned).fields.url == ""
        assert bench.cloud.written == [["size"], ["size", "url"]]
        return
    with pytest.raises(errors.StalePlan, match="toy/global/one: somebody changed url meanwhile") as stale:
        bench.carry_out(planned)
    assert "the saved plan" in str(stale.value)
    assert bench.cloud.objects["one"][1].size == 1


@pytest.mark.parametrize(("exact", "what"), [(True, "the saved plan is stale"), (False, "not what was shown")])
def test_nothing_is_made_anew_that_the_plan_did_not_say(bench, exact, what):
    """It was to be made, and somebody made it meanwhile, otherwise than can be changed in place."""
    planned = bench.plan(toy(place="there"), exact=exact)
    theirs = toy(place="elsewhere")
    bench.cloud.before["create"] = lambda: bench.cloud.objects.update(one=("churn", theirs.fields, (9, 0)))
    bench.cloud.faults["create"] = [CONFLICT]

    with pytest.raises(errors.StalePlan, match="it would have to be made anew") as stale:
        bench.carry_out(planned)

    assert what in str(stale.value)
    assert bench.cloud.objects["one"][1].place == "elsewhere"


def test_what_is_gone_when_it_is_to_be_made_anew_is_made(bench):
    """The first try got as far as deleting it."""
    bench.converge(toy())
    planned = bench.plan(toy(place="there"))
    bench.cloud.faults["create"] = [unavailable()]

    seen = bench.carry_out(planned)

    assert (seen.fields.place, bench.cloud.calls.count("delete")) == ("there", 1)


def test_what_would_be_kept_goes_where_the_plan_deletes_it(pool):
    """With its service an object goes that stays otherwise, also where the first try was not answered."""
    bench = odd(pool, retained=always)
    kind = replace(bench.session.kinds.by_name["toy"], retained=never)
    there, owner = bench.session.observe_one(ONE), Owner(("churn",), Entry(ONE))
    plan = Plan.of([decide(kind, None, there, owner)], project="acme", services=("churn",))
    bench.cloud.faults["delete"] = [unavailable()]

    bench.carry_out(Planned(plan, {}, {ONE: there}, {ONE: owner}, {}))

    assert bench.cloud.objects == {}


def test_what_is_written_says_what_it_comes_from(pool):
    """The commit and the run are the session's, the specs are the plan's."""
    bench = odd(pool)
    bench.session.stamp = Stamp(commit="0123456789")
    for want in (toy(size=2), toy("two")):
        planned = bench.plan(want)
        bench.carry_out(replace(planned, plan=replace(planned.plan, spec_digest="of the specs")))

    assert bench.cloud.stamps[1:] == [Stamp("0123456789", run="run-1", specs="of the specs")] * 2


def test_what_is_adopted_as_it_is_is_not_written(pool):
    """It becomes ours by the inventory alone."""
    bench = odd(pool)
    there, owner = bench.session.observe_one(ONE), Owner(("churn",), adopt=Adopt.ALWAYS)
    change = decide(TOY, toy(), there, owner)
    plan = Plan.of([change], project="acme", services=("churn",))
    bench.cloud.calls.clear()

    seen = bench.carry_out(Planned(plan, {ONE: toy()}, {ONE: there}, {ONE: owner}, {}))

    assert change.action is Action.UPDATE
    assert seen.fields == there.fields
    assert set(bench.cloud.calls) == {"observe"}


@pytest.mark.parametrize("holders", [None, lambda *_: [], lambda *_: (_ for _ in ()).throw(unavailable())])
def test_a_refused_deletion_is_told_in_googles_words_where_nothing_is_known_to_hold_it(pool, holders):
    """Nothing keeps it, or what does cannot be asked."""
    bench = odd(pool, holders=holders)
    bench.cloud.faults["delete"] = [errors.InvalidRequest("delete", "toy", "it is used", hint="in Google's words")]

    with pytest.raises(errors.InvalidRequest) as refused:
        bench.converge(toy(place="there"))

    assert refused.value.hint == "in Google's words"


def test_an_unanswered_creation_is_tried_at_once_where_the_name_is_ours(bench):
    """Only what the server names could be made twice; nothing else waits for lists."""
    bench.cloud.faults["create"] = [unavailable()]

    converge(bench.session, planned := bench.plan(toy()), planned.plan.changes[0])

    assert bench.clock.monotonic() < 1
    assert list(bench.cloud.objects) == ["one"]
