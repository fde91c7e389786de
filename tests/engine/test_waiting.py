"""Locks that are renewed or lost, operations that are stuck, revisions that fail: no sleeping, little patience."""

import threading
from dataclasses import replace
from datetime import timedelta

from reconciler.core.errors import LockLost, OperationFailed, OperationTimeout
from reconciler.core.inventory import Lock
from reconciler.engine.apply import Outcome, apply
from reconciler.engine.inventory_store import InventoryStore
from reconciler.engine.planning import make_plan
from reconciler.engine.session import Patience
from reconciler.gcp.connection import Connection
from schemas import load
from tests.operating import BUCKET, HELLO, REGION, spec

KEY = (REGION, "churn")
CREATE = "google.cloud.run.v2.Services/CreateService"


def hurried(operator, *, operation_s=900.0, lock_for_s=300.0, settle_s=600.0):
    """A session with little patience."""
    session = operator.session()
    session.connection = Connection("local", BUCKET, operator.connection.local, patience_s=operation_s)
    session.patience = Patience(lock_for_s, settle_s)
    return session


def planned_by(session, operator, *specs):
    return make_plan(session, load(operator.write(*specs)).services, runtime_image=HELLO)


def errors_of(report):
    return [r.error for r in report.results if r.outcome is Outcome.FAILED]


def test_a_stuck_operation_times_out_by_name_and_the_next_run_waits_for_it(operator):
    """Patience ends with what was waited for, and nothing is written twice: the next plan says wait."""
    operator.emulator.faults({"method": CREATE, "operation": "stuck"})
    session = hurried(operator, operation_s=0.5)

    report = apply(session, planned_by(session, operator, spec()))

    operator.emulator.faults()
    [error] = errors_of(report)
    assert isinstance(error, OperationTimeout)
    assert str(error).startswith(f"cannot create run_service/{REGION}/churn: still going after")
    assert "run again" in error.hint
    assert operator.inventories()[KEY].lock is None
    assert len(operator.services()) <= 1


def test_an_object_that_does_not_settle_is_not_called_done(operator):
    """While Google is still at an earlier change, an apply waits; when its patience ends it fails and says so."""
    session = hurried(operator, settle_s=0.0)
    operator.apply(spec())
    planned = planned_by(session, operator, spec(env={"A": "1"}))
    address = next(a for a in planned.seen if a.kind == "run_service")
    operator.emulator.faults({"method": "google.cloud.run.v2.Services/UpdateService", "operation": "stuck"})
    live = operator.service()
    live.template.containers[0].env.append({"name": "THEIRS", "value": "1"})
    operator.api("google.cloud.run_v2", "services", "Services").update_service(request={"service": live})
    operator.emulator.faults()
    assert operator.service().reconciling

    plan = planned_by(session, operator, spec(env={"A": "1"}))
    report = apply(session, plan)

    [error] = errors_of(report)
    assert isinstance(error, OperationTimeout)
    assert str(address) in str(error)


def test_a_revision_that_fails_leaves_traffic_and_says_why(operator):
    """The report has Google's reason, the old revision serves on, and the next plan says it is not working."""
    operator.apply(spec())
    before = operator.service().latest_ready_revision
    broken = spec(env={"HELLO_EXIT": "3"})

    report = operator.apply(broken)

    [error] = errors_of(report)
    assert isinstance(error, OperationFailed)
    assert "is not ready and cannot serve traffic" in str(error)
    live = operator.service()
    assert [
        t.revision.rpartition("/")[2] or live.latest_ready_revision.rpartition("/")[2] for t in live.traffic_statuses
    ] == [before.rpartition("/")[2]]
    again = operator.apply(broken)
    assert again.exit_code == 1
    assert [str(a) for a in again.unwell] == [f"run_service/{REGION}/churn"]
    assert not operator.apply(spec()).failed, "and an edit mends it"
    assert operator.differences(spec()) == []


def while_it_hangs(operator, session, planned, then):
    """Apply while the service's creation hangs; do `then` in the middle, and let it go on.

    Returns:
        The report, or what was raised.
    """
    operator.emulator.faults({"method": CREATE, "when": "before", "hang": True})
    outcome = []

    def run():
        try:
            outcome.append(apply(session, planned))
        except LockLost as error:
            outcome.append(error)

    running = threading.Thread(target=run)
    running.start()
    until = threading.Event()
    for _ in range(400):
        if operator.emulator.control("GET", "faults")[0]["waiting"]:
            break
        until.wait(0.02)
    then()
    operator.emulator.faults()
    running.join(60)
    return outcome[0]


def lock_of(operator):
    return operator.inventories()[KEY].lock


def test_a_long_apply_renews_its_lock(operator):
    """A change takes longer than the lock lasts; the lock's expiry is pushed out meanwhile."""
    session = hurried(operator, lock_for_s=0.6)
    expiries = set()

    def watch():
        for _ in range(400):
            expiries.add(lock_of(operator).expires)
            if len(expiries) >= 4:
                return
            threading.Event().wait(0.02)

    report = while_it_hangs(operator, session, planned_by(session, operator, spec()), watch)

    assert len(expiries) >= 4
    assert not report.failed
    assert lock_of(operator) is None


def test_a_run_whose_lock_was_taken_over_stops_and_leaves_it(operator):
    """It ends what had started, says that it lost its lock, and does not let go of the other run's."""
    session = hurried(operator, lock_for_s=0.6)
    planned = planned_by(session, operator, spec(access={"invokers": ["user:ann@example.com"]}))
    other = operator.session()

    def take_over():
        store = InventoryStore(other)
        later = Lock(other.holder, other.run_id, other.clock.now() + timedelta(hours=1))
        for _ in range(50):
            held = store.read_all()[KEY]
            try:
                store._write(replace(held, lock=later), "take over the lock of")
            except Exception:  # noqa: BLE001, S112 - it was renewed in this very moment; the next try wins
                continue
            break
        threading.Event().wait(0.5)

    outcome = while_it_hangs(operator, session, planned, take_over)

    assert isinstance(outcome, LockLost)
    assert lock_of(operator).holder == other.holder
    assert "taken over" in str(outcome)
