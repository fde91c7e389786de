"""A pass over many services: what is wrong with one stops no other, and nothing is done that was not ordered."""

from dataclasses import replace
from datetime import timedelta

import pytest

from reconciler.core import errors
from reconciler.core.orders import Freeze, Orders
from reconciler.engine.clock import SystemClock
from reconciler.engine.inventory_store import InventoryStore
from reconciler.engine.passes import Pass
from reconciler.engine.planning import Release, make_plan
from schemas import load_valid
from tests.operating import BUCKET, HELLO, REGION, spec

ALWAYS = (Freeze(0, 0, 6 * 86_400), Freeze(6, 0, 86_400))
RELEASE = Release(HELLO, "latest")
REPOSITORY = {"registry": {"repository": "ml"}}


class Lines:
    """Keeps what a pass tells."""

    def __init__(self):
        self.told = []

    def write(self, severity, message, **keys):
        self.told.append((severity, message, keys))

    def change(self, change, what, seconds):
        """Nothing to keep: the world is looked at."""


@pytest.fixture
def reconcile(operator):
    """Make one pass over specs."""

    def go(*specs, orders=Orders(), dry_run=False):  # noqa: B008 - frozen
        session = operator.session()

        def plan(documents):
            return make_plan(session, documents, runtime_image=HELLO)

        made = Pass(session, orders, plan, Lines(), dry_run)
        made.run(load_valid(operator.write(*specs))[0].services)
        return made

    return go


def states(made):
    return {name: service.state for name, service in made.told.items()}


def names(operator):
    return {service.name.rpartition("/")[2] for service in operator.services()}


def test_a_spec_that_cannot_be_planned_stops_no_other(operator, reconcile):
    """One names an image that is not there; the others are made, and the report says which one and why."""
    missing = "europe-west1-docker.pkg.dev/local/ml/none:1"

    made = reconcile(spec("a"), spec("b", image=missing), spec("c"), spec("d"))

    assert states(made) == {"a": "changed", "b": "refused", "c": "changed", "d": "changed"}
    assert "there is no such tag" in made.told["b"].problems[0]
    assert names(operator) == {"a", "c", "d"}
    assert made.exit_code == 1


def test_a_fault_of_ours_stops_no_other(operator):
    """Whatever this program cannot deal with in one of them: it is named, and where, and the others are made."""
    session, log = operator.session(), Lines()

    def plan(documents):
        if any(each.name == "b" for each in documents):
            raise OverflowError("date value out of range\nline two")
        return make_plan(session, documents, runtime_image=HELLO)

    made = Pass(session, Orders(), plan, log, dry_run=False)
    made.run(load_valid(operator.write(*map(spec, "abc")))[0].services)

    assert states(made) == {"a": "changed", "b": "failed", "c": "changed"}
    assert made.told["b"].problems == ["this is a bug in mlservice: OverflowError: date value out of range line two"]
    assert names(operator) == {"a", "c"}
    assert made.exit_code == 1
    [trace] = [keys["trace"] for _, text, keys in log.told if text == "service left alone"]
    assert "in plan" in trace


def test_somebody_elses_object_stops_no_other(operator, reconcile):
    """A service of that name that is not ours is left; the one beside it is made."""
    services = operator.api("google.cloud.run_v2", "services", "Services")
    theirs = {"template": {"containers": [{"image": HELLO}]}}
    parent = f"projects/local/locations/{REGION}"
    services.create_service(request={"parent": parent, "service_id": "a", "service": theirs}).result(timeout=20)

    made = reconcile(spec("a"), spec("b"))

    assert states(made) == {"a": "refused", "b": "changed"}


def test_what_a_spec_protects_blocks_itself_alone(operator, reconcile):
    """Its repository would be lost, so nothing of it is done; the other one is changed."""
    guarded = {"management": {"deletion": "Protect"}}
    reconcile(spec("a", **REPOSITORY, **guarded), spec("b"))

    made = reconcile(spec("a", **guarded), spec("b", env={"A": "1"}))

    assert states(made) == {"a": "blocked", "b": "changed"}
    assert made.exit_code == 3
    assert reconcile(spec("a", **REPOSITORY, **guarded), spec("b", env={"A": "1"})).changed == 0


def test_more_deletes_than_are_allowed_are_none(operator, reconcile):
    """A pass that would delete more than its limit leaves those services alone, and changes the rest."""
    reconcile(spec("a", **REPOSITORY), spec("b"))

    made = reconcile(spec("a"), spec("b", env={"A": "1"}), orders=Orders(deletes=0))

    assert states(made) == {"a": "blocked", "b": "changed"}
    assert reconcile(spec("a"), spec("b", env={"A": "1"}), orders=Orders(deletes=1)).changed == 1


def test_what_may_cost_more_than_its_limit_is_left_alone(operator, reconcile):
    """It is not made, and the report says what would fit; the one beside it is."""
    limited = {"budget": {"amount": 1, "planLimit": 100}, "scaling": {"maxInstances": 3}}

    made = reconcile(spec("a", **limited), spec("b"))

    assert states(made) == {"a": "blocked", "b": "changed"}
    assert "scaling.maxInstances: 1 would fit" in made.told["a"].problems[0]
    assert (made.exit_code, names(operator)) == (3, {"b"})


def test_a_delete_that_was_not_done_is_not_counted(operator, reconcile):
    """What a lock kept from being done together is done alone, within the same limit."""
    reconcile(spec("a", **REPOSITORY), spec("b"))
    store = InventoryStore(operator.session())
    store.take(store.read_all()[REGION, "b"])

    made = reconcile(spec("a"), spec("b", env={"A": "1"}), orders=Orders(deletes=1))

    assert states(made) == {"a": "changed", "b": "locked"}
    assert made.deleted == 1


@pytest.mark.parametrize(
    ("orders", "state"),
    [(Orders(correct=False), "reported"), (Orders(freeze=ALWAYS), "frozen")],
    ids=["report", "freeze"],
)
def test_what_is_not_to_be_changed_is_told(operator, reconcile, orders, state):
    """A pass that reports, and one in a freeze, say what they would do, and do nothing."""
    made = reconcile(spec("a"), orders=orders)

    assert states(made) == {"a": state}
    assert {change["outcome"] for change in made.told["a"].changes} == {"left"}
    assert names(operator) == set()


def test_a_freeze_by_a_clock_that_is_not_known_changes_nothing(operator, reconcile):
    """It may be now."""
    made = reconcile(spec("a"), orders=Orders(freeze=ALWAYS[:1], time_zone="Mars/Olympus_Mons"))

    assert states(made) == {"a": "failed"}
    assert "Mars/Olympus_Mons" in made.told["a"].problems[0]
    assert names(operator) == set()


@pytest.mark.parametrize(
    ("error", "state", "code"),
    [(errors.Unavailable("read", "it", "gone"), "failed", 1), (errors.Locked("held"), "locked", 0)],
    ids=["failed", "locked"],
)
def test_an_operator_that_could_not_look_at_itself_says_so(operator, error, state, code):
    """The pass fails, unless another run is just at work on it: the job comes again."""

    def plan(documents, *, beside):
        raise error

    body = {"apiVersion": "mlservice/v1", "kind": "Operator", "metadata": {"name": "m"}, "spec": {"region": REGION}}
    [own] = load_valid(operator.write(body))[0].operators
    made = Pass(operator.session(), Orders(name="m"), plan, Lines())
    made.run_own(own, ())

    assert states(made) == {"operator_m": state}
    assert made.exit_code == code


def test_a_service_that_somebody_changes_now_is_left_for_the_next_pass(operator, reconcile):
    """Its lock is held elsewhere; the other one does not wait for it."""
    reconcile(spec("a"), spec("b"))
    store = InventoryStore(operator.session())
    held = store.take(store.read_all()[REGION, "a"])

    made = reconcile(spec("a", env={"A": "1"}), spec("b", env={"A": "1"}))

    assert states(made) == {"a": "locked", "b": "changed"}
    store.release(replace(held))
    assert states(reconcile(spec("a", env={"A": "1"}), spec("b", env={"A": "1"}))) == {"a": "changed", "b": "ok"}


def test_services_that_others_hold_are_left_all_at_once(operator, reconcile):
    """One plan to see who holds what, one of the rest: not one for each half, and each half of that."""
    names = "abcdefgh"
    reconcile(*map(spec, names))
    store = InventoryStore(operator.session())
    for name in "aceg":
        store.take(store.read_all()[REGION, name])

    made = reconcile(*(spec(name, env={"A": "1"}) for name in names))

    assert states(made) == {name: "locked" if name in "aceg" else "changed" for name in names}
    assert [message for _, message, _ in made.log.told].count("plan made") == 2


@pytest.mark.parametrize("wrong_s", [-3600, -240, 240, 3600])
def test_a_lock_lasts_by_the_clock_of_the_bucket(operator, reconcile, wrong_s):
    """Whoever took it had a clock that is wrong by minutes: it is not taken from him earlier, nor held for longer."""
    reconcile(spec("a"))
    right = operator.session()
    theirs = replace(right, clock=SystemClock(right.clock.ahead + timedelta(seconds=wrong_s)))
    InventoryStore(theirs).take(InventoryStore(right).read_all()[REGION, "a"])

    operator.emulator.advance(200)
    assert states(reconcile(spec("a", env={"A": "1"}))) == {"a": "locked"}
    operator.emulator.advance(101)
    assert states(reconcile(spec("a", env={"A": "1"}))) == {"a": "changed"}


def test_a_clock_that_is_minutes_fast_takes_nobodys_lock(operator, reconcile):
    """A lock is renewed when a third of its time is gone: our own clock may be wrong by what is left of it then."""
    reconcile(spec("a"))
    session = operator.session()
    store = InventoryStore(session)
    held = store.take(store.read_all()[REGION, "a"])
    for _ in range(3):
        operator.emulator.advance(100)
        fast = operator.session()
        fast = replace(fast, clock=SystemClock(fast.clock.ahead + timedelta(seconds=180)))
        with pytest.raises(errors.Locked):
            InventoryStore(fast).take(InventoryStore(fast).read_all()[REGION, "a"])
        held = store.renew(held)


def test_what_another_shard_makes_in_this_moment_is_nobody_else_s(operator):
    """Its objects are there before its inventory is seen: the operator is planned alone, and does not look at them."""
    operator.apply(spec())
    session = operator.session()
    document = {"apiVersion": "mlservice/v1", "kind": "Operator", "metadata": {"name": "mlservice"}}
    specs = load_valid(operator.write(spec(), document | {"spec": {"region": REGION}}))[0]
    inventory = operator.connection.storage.bucket(BUCKET).blob(f"inventory/{REGION}/churn.json")

    def plan(documents, *, beside):
        kept = inventory.download_as_bytes()
        inventory.delete()
        try:
            return make_plan(session, documents, runtime_image=HELLO, release=RELEASE, beside=beside)
        finally:
            inventory.upload_from_string(kept)

    made = Pass(session, Orders(), plan, Lines())
    made.run_own(specs.operators[0], specs.services)

    assert (states(made), made.exit_code) == ({"operator_mlservice": "needs a person"}, 0)
