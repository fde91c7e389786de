"""What an apply leaves on record and in its report: toys, with real inventories."""

import base64
import json
import zlib
from dataclasses import replace

import pytest

from reconciler.core import errors, exits
from reconciler.core.address import GLOBAL, Address
from reconciler.core.inventory import Entry, Inventory
from reconciler.core.kind import always
from reconciler.core.plan import Action
from reconciler.core.reference import Ref
from reconciler.engine.apply import NOT_BEFORE, apply
from reconciler.engine.inventory_store import PACKED, InventoryStore
from reconciler.engine.waiting import OVERTAKEN, apply_when_free
from tests.engine.test_applying import KEY, Bench
from tests.operating import BUCKET, REGION
from tests.toys import NAMED, TOY, ToyClient, toy

EDITED = "the spec or what it names changed"
MEDDLED = "config drift: changed outside mlservice"
ONE, TWO = (Address("toy", GLOBAL, name) for name in ("one", "two"))
REFUSED = errors.InvalidRequest("create", "toy", "no")


@pytest.fixture
def bench(operator):
    return Bench(operator)


def reason(bench, *wants, of=ONE):
    """Why the next plan would write a toy."""
    [change] = [change for change in bench.plan(*wants).plan.changes if change.address == of]
    assert change.action is Action.UPDATE
    return change.reason


def meddle(bench, name, **fields):
    """Somebody writes a toy."""
    mark, now, version = bench.cloud.objects[name]
    bench.cloud.objects[name] = (mark, replace(now, **fields), version)


def listed(bench):
    """Names of what the inventory lists."""
    return {address.name for address in bench.inventory().entries}


def test_who_moved_is_known_of_what_an_interrupted_run_made(bench):
    """It was made and not recorded; the next run finds it whole, and from then on it was applied."""
    planned = bench.plan(toy())
    InventoryStore(bench.session("run-0")).take(planned.inventories[KEY].claim([Entry(ONE)]))
    bench.session().client(bench.kinds.by_name["toy"]).create(toy())
    bench.clock.advance(400)

    bench.apply(toy())

    entry = bench.inventory().entries[ONE]
    assert (entry.uid, bool(entry.changed)) == ("uid 1", True)
    assert reason(bench, toy(size=2)) == EDITED
    meddle(bench, "one", size=3)
    assert reason(bench, toy(size=2)) == MEDDLED


def test_who_moved_is_known_of_what_refers_to_something_new(bench):
    """What other objects tell has values when it is written, and it is those that were applied."""
    second = toy("two", url=Ref(ONE, "url"))

    bench.apply(toy(), second)

    assert bench.cloud.objects["two"][1].url == "https://one"
    assert reason(bench, toy(), replace(second, fields=replace(second.fields, size=2)), of=TWO) == EDITED
    meddle(bench, "two", size=3)
    assert reason(bench, toy(), second, of=TWO) == MEDDLED


@pytest.mark.parametrize("url", ["", Ref(ONE, "url")], ids=["values", "what-another-tells"])
def test_a_write_that_google_took_and_called_failed_is_nobody_elses(bench, url):
    """Its fields are there, so the next change to them is the spec's."""
    want = toy("two", url=url)
    bench.apply(toy(), want)
    bench.cloud.faults["lost:update"] = [errors.OperationFailed("update", "toy", "it does not start")]
    bigger = replace(want, fields=replace(want.fields, size=2))

    assert [r.change.address for r in bench.apply(toy(), bigger).failed] == [TWO]

    assert reason(bench, toy(), want, of=TWO) == EDITED


def test_a_creation_that_failed_late_is_nobody_elses(bench):
    """It was made with what another object tells, and the answer was a refusal: what is there is of our making."""
    second = toy("two", url=Ref(ONE, "url"))
    bench.cloud.faults["lost:create"] = [None, REFUSED]

    assert [r.change.address for r in bench.apply(toy(), second).failed] == [TWO]

    assert bench.cloud.objects["two"][1].url == "https://one"
    assert reason(bench, toy(), replace(second, fields=replace(second.fields, size=2)), of=TWO) == EDITED


def test_what_is_not_there_any_more_is_not_ours_any_more(bench):
    """Somebody deleted what the spec does not want: nothing is left to delete, and a new one of the name is theirs."""
    bench.apply(toy(), toy("two"))
    del bench.cloud.objects["two"]

    bench.apply(toy(size=2))

    assert listed(bench) == {"one"}


def test_what_is_kept_on_purpose_stays_ours(operator):
    """A kind that keeps what no spec wants: it is listed until the service goes, and then forgotten with it."""
    bench = Bench(operator, (TOY, replace(NAMED, retained=always)))
    bench.apply(toy(), toy("two", kind="named"))

    bench.apply(toy(size=2))
    assert listed(bench) == {"one", "two"}

    planned = bench.plan(toy(size=3))
    apply(bench.session(), replace(planned, plan=replace(planned.plan, destroy=True)))
    assert listed(bench) == {"one"}


def test_what_is_only_used_is_on_no_record(bench):
    """A plan looks at somebody else's object too; writing ours makes that one no more ours than it was."""
    bench.apply(toy())
    planned = bench.plan(toy(size=2))
    [change] = planned.plan.changes
    used = replace(change, address=TWO, action=Action.NO_OP, owned=False, uses=())

    apply(bench.session(), replace(planned, plan=replace(planned.plan, changes=(change, used))))

    assert listed(bench) == {"one"}


def test_a_lock_that_is_taken_lets_the_others_go(bench):
    """Of two services one is being changed by somebody: nothing is done to the other, and it is free for others."""
    planned = bench.plan(toy())
    key = (REGION, "other")
    store = InventoryStore(bench.session("run-9"))
    held = store.take(Inventory("other", REGION, {TWO: Entry(TWO)}))
    both = tuple(replace(change, services=("churn", "other")) for change in planned.plan.changes)
    mine = Inventory("churn", REGION, {ONE: Entry(ONE)})
    planned = replace(planned, plan=replace(planned.plan, changes=both), inventories={key: held, KEY: mine})

    with pytest.raises(errors.Locked, match="other is being changed"):
        apply(bench.session(), planned)

    assert bench.inventory().lock is None
    assert store.read_all()[key].lock.run_id == "run-9"
    assert bench.cloud.objects == {}


def faster(bench, *, size=1):
    """Another run was at work since the plan was made."""
    apply(bench.session("run-9"), bench.plan(toy(size=size), toy("theirs", size=size)))


def test_a_plan_that_another_run_overtook_is_made_again_while_it_does_the_same(bench):
    """It is applied then; where nobody can make it again, it is stale, and where it never fits that ends."""
    bench.apply(toy())
    planned, made = bench.plan(toy(size=2)), []
    faster(bench)

    def again():
        made.append(bench.plan(toy(size=2), toy("theirs")))
        return made[-1]

    assert not apply_when_free(bench.session(), planned, again=again).failed
    assert (len(made), bench.cloud.objects["one"][1].size) == (1, 2)
    with pytest.raises(errors.StalePlan, match=r"what there is to do is not .*\n  churn: another run was at work"):
        apply_when_free(bench.session(), planned)
    with pytest.raises(errors.Locked, match="other runs keep changing these services") as hopeless:
        apply_when_free(bench.session(), planned, again=lambda: made.append(planned) or planned)
    assert (len(made), hopeless.value.hint) == (1 + OVERTAKEN, "try again later")


@pytest.mark.parametrize(("exact", "what"), [(True, "the saved plan is stale"), (False, "not what was shown")])
def test_what_was_not_agreed_to_is_not_applied_for_another_runs_sake(bench, exact, what):
    """The plan made again does something else, which nobody has seen: why, what it does, or what it is."""
    bench.apply(toy())
    planned = bench.plan(toy(size=2), toy("three"))
    faster(bench, size=5)

    with pytest.raises(errors.StalePlan) as stale:
        apply_when_free(
            bench.session(), replace(planned, exact=exact), again=lambda: bench.plan(toy(place="there"), toy("three"))
        )

    assert what in str(stale.value)
    assert stale.value.moved == (
        "toy/global/one: deleted and made anew: it is gone",
        "toy/global/theirs: it is gone",
    )
    assert bench.cloud.objects["one"][1].size == 5
    with pytest.raises(errors.StalePlan) as by_its_reason:
        apply_when_free(bench.session(), planned, again=lambda: bench.plan(toy(size=7), toy("theirs", size=5)))
    assert by_its_reason.value.moved == ("toy/global/one: the spec or what it names changed",)


def test_whose_lock_is_taken_over_is_told(bench):
    """Who left it, in which run, and when it ended."""
    bench.apply(toy())
    InventoryStore(bench.session("run-9")).take(bench.inventory())
    ends = bench.inventory().lock.expires
    bench.clock.advance(400)
    said = []

    assert not apply_when_free(bench.session(), bench.plan(toy(size=2)), say=said.append).failed

    assert said == [f"taking over the lock of tester (run run-9), which expired at {ends:%H:%M:%S} UTC"]


def packed(text):
    """What stands in the metadata of an inventory's object."""
    return {PACKED: base64.b64encode(zlib.compress(text.encode())).decode()}


def test_an_inventory_that_cannot_be_read_is_named_with_why(bench):
    """Each by its object, with what is wrong and what helps; the others are read."""
    bench.apply(toy())
    whole = Inventory("far", REGION).to_json()
    broken = {
        "text": ("no JSON", {}, "Expecting value"),
        "part": ("{}", packed(json.dumps({"format": whole["format"]})), "'entries' is missing"),
        "other": (json.dumps(whole), {}, f"it says that it is of far in {REGION}"),
        "damaged": ("{}", {PACKED: "AAAA"}, "its packed form is damaged"),
        "short": ("{}", {PACKED: packed("{}")[PACKED][:-8] + "AA=="}, "its packed form is"),
    }
    bucket = bench.operator.connection.storage.bucket(BUCKET)
    for name, (body, metadata, _) in broken.items():
        blob = bucket.blob(f"inventory/{REGION}/{name}.json")
        blob.metadata = metadata
        blob.upload_from_string(body, "application/json")

    found = InventoryStore(bench.session()).read_all()

    assert list(found) == [KEY]
    for name, (_, _, why) in broken.items():
        error = found.broken[f"inventory/{REGION}/{name}.json"]
        assert str(error).startswith(f"cannot read inventory/{REGION}/{name}.json in the state bucket: {why}")
        assert "older version" in error.hint
    assert sorted(InventoryStore(bench.session()).applied()) == sorted([KEY, *((REGION, name) for name in broken)])


class UnwellClient(ToyClient):
    """A client of toys that do not work, for the reason that their cloud says."""

    def seen(self, address, name):
        return replace(super().seen(address, name), problem=getattr(self.cloud, "problem", ""))


def test_what_does_not_work_is_told_whether_it_was_written_or_not(operator):
    """As wanted and broken, written and as broken as before, mended: three reports."""
    bench = Bench(operator, (replace(TOY, connect=UnwellClient),))
    bench.apply(toy())
    bench.cloud.problem = "no memory"

    idle, written = bench.apply(toy()), bench.apply(toy(size=2))
    planned = bench.plan(toy(size=3))
    bench.cloud.problem = ""
    mended = apply(bench.session(), planned)

    assert (idle.unwell, idle.exit_code) == ({ONE: "no memory"}, exits.FAILED)
    assert (written.unwell, written.exit_code) == ({ONE: f"{NOT_BEFORE}: no memory"}, exits.FAILED)
    assert (mended.unwell, mended.exit_code) == ({}, 0)


def test_progress_tells_each_change_as_it_starts_and_ends(bench):
    """People watch it: what starts, how it ended, and what was not begun for want of something else."""
    told = []
    bench.cloud.faults["create"] = [REFUSED]
    chain = (toy(), toy("two", needs=[ONE]))

    report = apply(
        bench.session(), bench.plan(*chain), progress=lambda change, what, _: told.append((change.address.name, what))
    )

    assert told == [("one", "started"), ("one", "failed"), ("two", "skipped")]
    assert report.exit_code == exits.FAILED
    assert [each["error"] for each in report.to_json()["results"]] == [str(REFUSED), "not done: toy/global/one failed"]
