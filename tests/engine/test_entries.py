"""What of a run goes into history: what was changed, and what newly keeps something from being changed."""

from types import SimpleNamespace

import pytest

from reconciler.core import errors
from reconciler.core.address import GLOBAL, Address
from reconciler.core.diff import FieldChange
from reconciler.core.plan import Action, Change, Plan
from reconciler.core.told import told_change
from reconciler.engine.apply import Outcome, Report, Result
from reconciler.engine.entries import Circumstances, of_apply, of_orphans, of_pass
from reconciler.engine.ledger import Service
from schemas.kept.report import ServiceReport

HERE = "europe-west1"
ABOUT = Circumstances("acme", "prod", "2026-11-28T01:00:00+00:00", "2026-11-28T01:02:00+00:00", {"who": "ann"},
                      {"commit": "c0ffee"})  # fmt: skip


def change(name="one", services=("churn",), reason="the spec changed"):
    """An update of a toy."""
    return Change(Address("toy", GLOBAL, name), Action.UPDATE, services, reason, changes=(FieldChange("size", 1, 2),))


def told(outcome="done", name="one"):
    """What is told of one."""
    return told_change(change(name), outcome, seconds=1.5, error="" if outcome == "done" else "no quota")


def service(state="ok", *changes, problems=()):
    """What became of a service in a pass."""
    return Service(HERE, state, list(problems), list(changes))


def entries(now, before=None, *, alone=False):
    """What a pass adds to the history of one service; before, the one before told of it."""
    kept = {} if before is None else {"churn": ServiceReport.model_validate(before.to_json())}
    return list(of_pass({"churn": now}, SimpleNamespace(services=kept), ABOUT, alone=alone))


def test_an_entry_says_who_did_what_when_and_from_what():
    """Everything that is known of it, in plain data."""
    [entry] = entries(service("changed", told()))

    assert entry == {
        "project": "acme",
        "service": "churn",
        "region": HERE,
        "environment": "prod",
        "started": ABOUT.started,
        "ended": ABOUT.ended,
        "outcome": "changed",
        "decision": "1 change: 1 update",
        "reason": "the spec changed",
        "problems": [],
        "changes": [told()],
        "by": {"who": "ann"},
        "source": {"commit": "c0ffee"},
    }


REFUSED = service("blocked", told("skipped"), problems=["no consent"])
OTHER_OBJECT = told("skipped", "two")
OTHER_FIELD = {**told("skipped"), "fields": [{"path": "place", "before": 1, "after": 2}]}


@pytest.mark.parametrize(
    ("now", "before", "outcomes"),
    [
        pytest.param(service(), None, [], id="nothing-was-to-be-done"),
        pytest.param(service("changed", told()), REFUSED, ["changed"], id="changed"),
        pytest.param(service("failed", told(), told("failed", "two")), None, ["partly"], id="changed-in-part"),
        pytest.param(service("ok", told(), told("failed", "two")), None, ["ok"], id="well-in-the-end"),
        pytest.param(REFUSED, None, ["blocked"], id="first-seen"),
        pytest.param(REFUSED, service(), ["blocked"], id="newly-kept-from-it"),
        pytest.param(REFUSED, REFUSED, [], id="as-before"),
        pytest.param(service("blocked", told("skipped"), problems=["over its limit"]), REFUSED, ["blocked"], id="why"),
        pytest.param(service("failed", told("skipped"), problems=["no consent"]), REFUSED, ["failed"], id="how"),
        pytest.param(service("blocked", problems=["no consent"]), REFUSED, ["blocked"], id="less-to-do"),
        pytest.param(service("blocked", told("failed"), problems=["no consent"]), REFUSED, ["blocked"], id="tried"),
        pytest.param(service("blocked", OTHER_OBJECT, problems=["no consent"]), REFUSED, ["blocked"], id="what"),
        pytest.param(service("blocked", OTHER_FIELD, problems=["no consent"]), REFUSED, ["blocked"], id="which-field"),
        pytest.param(service(), REFUSED, ["ok"], id="not-kept-from-it-any-more"),
        pytest.param(service(), service("changed"), [], id="still-well"),
        pytest.param(service("locked"), REFUSED, [], id="somebody-else-writes-it"),
        pytest.param(service("waiting", problems=["not yet"]), None, [], id="it-waits"),
        pytest.param(service("waiting", problems=["not yet"]), REFUSED, [], id="it-waits-now"),
    ],
)  # fmt: skip
def test_a_pass_adds_what_is_new(now, before, outcomes):
    """What it did, and what another pass than the one before would have told."""
    assert [entry["outcome"] for entry in entries(now, before)] == outcomes


def test_where_nobody_keeps_reports_changes_alone_are_kept():
    """Nothing tells news from what was so before; services come by name."""
    both = {"fraud": service("changed", told()), "churn": service("changed", told()), "calm": REFUSED}

    assert entries(REFUSED, alone=True) == []
    assert [each["service"] for each in of_pass(both, None, ABOUT, alone=True)] == ["churn", "fraud"]
    assert [each["service"] for each in of_pass(both, None, ABOUT)] == ["calm", "churn", "fraud"]


def orphan(state, *changes, name="old", reason="nobody wants it"):
    """What became of a service that no spec wants."""
    return {"region": HERE, "name": name, "state": state, "reason": reason, "changes": list(changes)}


def test_what_went_with_nobody_wanting_it_is_told_and_what_could_not_go_once():
    """A failure that was told by the pass before is no news, but where something was done about it."""
    known = SimpleNamespace(orphaned=[SimpleNamespace(**orphan("failed"))])
    found = [
        orphan("pruned", told(), name="gone"),
        orphan("failed", told("failed")),
        orphan("failed", told("failed"), reason="somebody uses it"),
        orphan("failed", told(), told("failed")),
        orphan("kept", told("skipped")),
    ]

    said = [
        (each["service"], each["outcome"], each["reason"], each["problems"]) for each in of_orphans(found, known, ABOUT)
    ]

    assert said == [
        ("gone", "destroyed", "nobody wants it", []),
        ("old", "failed", "somebody uses it", ["somebody uses it"]),
        ("old", "partly", "nobody wants it", ["nobody wants it"]),
    ]
    assert [each["outcome"] for each in of_orphans([orphan("failed")], None, ABOUT)] == ["failed"]
    assert next(iter(of_orphans(found, None, ABOUT)))["region"] == HERE


@pytest.mark.parametrize(
    ("outcomes", "destroy", "became"),
    [
        ([Outcome.DONE, Outcome.DONE], False, "changed"),
        ([Outcome.DONE, Outcome.DONE], True, "destroyed"),
        ([Outcome.DONE, Outcome.FAILED], True, "partly"),
        ([Outcome.SKIPPED, Outcome.FAILED], False, "failed"),
    ],
)
def test_an_apply_adds_an_entry_for_each_service_that_something_was_tried_for(outcomes, destroy, became):
    """With what was tried, how long it took, and why it failed; an object of two services is in both entries."""
    both = [change("one", ("churn", "fraud")), change("two", ("churn",))]
    results = tuple(
        Result(each, how, 1.5, errors.ReconcilerError("no quota") if how is Outcome.FAILED else None)
        for each, how in zip(both, outcomes, strict=True)
    )
    plan = Plan.of(both, project="acme", services=("calm", "churn", "fraud"), destroy=destroy)

    made = list(of_apply(plan, Report(results), ABOUT, [(HERE, name) for name in ("fraud", "churn", "calm")]))

    assert [each["service"] for each in made] == ["churn", "fraud"]
    assert made[0]["outcome"] == became
    assert [(each["outcome"], each["seconds"]) for each in made[0]["changes"]] == [(str(how), 1.5) for how in outcomes]
    failed = [str(each.address) for each, how in zip(both, outcomes, strict=True) if how is Outcome.FAILED]
    assert made[0]["problems"] == [f"{address}: no quota" for address in failed]
    assert [each["error"] for each in made[0]["changes"]] == ["no quota" * (how is Outcome.FAILED) for how in outcomes]
    assert [each["address"] for each in made[1]["changes"]] == ["toy/global/one"]
