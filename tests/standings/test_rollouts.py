"""What passes keep of a rollout: each decision with its reason, the ones not to act among them."""

from dataclasses import replace

import httpx

from reconciler.engine.kept_standings import read_waiting
from tests.operating import REGION, spec
from tests.standings.passes import MINE, NAME, ORDERS, Passes

CANARY = {
    "strategy": "Canary",
    "steps": [{"traffic": 20, "hold": "20m", "approval": True}, {"traffic": 50, "hold": "2m"}],
    "gates": {"errorRate": 0.05, "minRequests": 40},
}


def wanted(**env):
    return spec(
        env=env, rollout=CANARY, access={"authentication": "Public"}, monitoring={"slo": {"availability": 0.99}}
    )


def ask(operator, count=60, minutes=3):
    """So many requests, and then so many minutes go by."""
    with httpx.Client(timeout=60, trust_env=False) as client:
        codes = [client.get(operator.service().uri).status_code for _ in range(count)]
    operator.emulator.advance(60 * minutes)
    return codes


def begun(operator, **env):
    """Passes of a service whose second version has its first share."""
    passes = Passes(operator)
    assert passes.make(wanted(V="1"), MINE) == 0
    ask(operator, 20)
    for _ in range(2):
        passes.make(wanted(V="2", **env), MINE)
    return passes


def test_the_trail_says_why_for_each_wait(operator):
    """Data that lack, a hold, an approval: each with what was counted; what is the same again is one, and counted."""
    passes = begun(operator)
    passes.make(wanted(V="2"), MINE)
    operator.emulator.advance(120)  # of the minute in which it began nothing is counted
    for _ in range(2):
        ask(operator, 100, minutes=5)
    for minutes in (0, 20, 5, 5):
        operator.emulator.advance(60 * minutes)
        passes.make(wanted(V="2"), MINE)

    found = passes.of()
    told = [(each.action, each.wait) for each in found.trail]
    assert list(dict.fromkeys(told)) == [
        ("started", ""),
        ("step 1", ""),
        ("", "NotEnoughData"),
        ("", "Hold"),
        ("", "Approval"),
    ], found.trail
    started, moved, lacking, *_, last = found.trail
    assert started.version == moved.version == found.rollout.version
    assert (started.percent, moved.percent, moved.step) == (0, 20, 1)
    assert "requests" in lacking.why
    assert lacking.gates[0].needed > lacking.gates[0].samples
    assert (last.count, last.since < last.until) == (3, True), "what is counted does not change any more"
    assert [(gate.gate, gate.verdict, gate.limit) for gate in last.gates] == [
        ("errors", "Pass", 0.05),
        ("share", "Pass", 0.2),
    ]
    assert all(gate.border > gate.evidence for gate in last.gates)
    assert found.rollout.model_dump(include={"phase", "wait", "step", "of", "steps", "percent"}) == {
        "phase": "Step",
        "wait": "Approval",
        "step": 1,
        "of": 3,
        "steps": (20, 50, 100),
        "percent": 20,
    }
    assert found.needs_you == ("its rollout waits for an approval: mlservice promote churn --step 1",)
    assert [each.kind for each in found.needs] == ["approval"]
    [(sort, told_by_status)] = read_waiting(operator.session(), NAME, [(REGION, "churn")])[REGION, "churn"]
    assert (sort, told_by_status.startswith(f"{found.needs_you[0]} (as of ")) == ("approval", True)
    serving = {each.revision: (each.percent, each.tag, each.state) for each in found.versions}
    assert serving == {
        found.rollout.candidate: (20, "candidate", "serving"),
        found.rollout.stable: (80, "stable", "serving"),
    }
    assert (found.signals.errors, found.signals.slo.availability) == (0, 0.99)
    assert found.signals.requests >= 200
    assert found.url == operator.service().uri


def test_what_is_taken_back_says_so_and_what_helps(operator):
    """The decision, the version with its reason, and what a person may do."""
    bad = {"HELLO_STATUS": "500"}
    passes = begun(operator, **bad)
    for _ in range(6):
        ask(operator)
        passes.make(wanted(V="2", **bad), MINE)
        if passes.of().trail[-1].action == "rolled back":
            break

    found = passes.of()
    assert found.trail[-1].action == "rolled back", found.trail
    assert (found.trail[-1].percent, found.trail[-1].phase) == (0, "RolledBack")
    assert "errors" in found.trail[-1].why
    assert any(gate.verdict == "Fail" for gate in found.trail[-1].gates)
    [rejected] = found.rollout.rejected
    assert [each.rejected for each in found.versions if each.version == rejected.version] == [rejected.why]
    assert any("rolled back" in each and "mlservice retry churn" in each for each in found.needs_you)


def test_a_decision_that_was_not_carried_out_is_none_that_was(operator):
    """A pass that only reports: the version is not made, and the trail says that and why."""
    passes = Passes(operator)
    passes.make(wanted(V="1"), MINE)
    passes.orders = replace(ORDERS, correct=False)
    passes.make(wanted(V="2"), MINE)

    found = passes.of()
    last = found.trail[-1]
    assert (last.action, last.wait, last.percent, len(found.versions)) == ("", "NotCarriedOut", 0, 1), last
    assert "not carried out: left" in last.why
    assert [each.address for each in found.pending] == ["run_service/europe-west1/churn"]
    assert found.state == "reported"
