"""What an operator does to itself unasked, decided without an emulator."""

import json
from dataclasses import dataclass, replace

import pytest

from reconciler.core.address import Address
from reconciler.core.diff import FieldChange
from reconciler.core.objects import Desired
from reconciler.core.orders import Orders
from reconciler.core.own import left_paused, may_change
from reconciler.core.plan import Action, Change, Plan
from reconciler.core.planned import Planned

REGION = "europe-west1"
SCHEDULE = Address("scheduler_job", REGION, "m")
SILENT, FAILING = (Address("monitoring_alert_policy", "global", f"m/pass-{name}") for name in ("missing", "failed"))
RESUMED, ON, LATER = ("paused", True, False), ("enabled", False, True), ("schedule", "0 1 * * *", "0 2 * * *")


def said(**orders):
    """What the job of an operator is told."""
    body = {"name": "m", "region": REGION, "environment": "", "drift": "Correct", "deletes": 10}
    return json.dumps(body | {"timeZone": "Etc/UTC", "freeze": [], "runtimeImage": ""} | orders)


@pytest.mark.parametrize(
    ("kind", "path", "after", "may"),
    [
        ("run_job", "image", "b", True),
        ("run_job", "env.MLSERVICE_OPERATOR", said(runtimeImage="b"), True),
        ("run_job", "env.MLSERVICE_OPERATOR", said(deletes=10_000), False),
        ("run_job", "env.MLSERVICE_OPERATOR", "{", False),
        ("run_job", "env.OTHER", said(), False),
        ("run_job", "args[2]", "gs://another/place", False),
        ("run_job", "service_account", "editor@acme.iam.gserviceaccount.com", False),
        ("run_job", "timeout_s", 86_400, False),
        ("scheduler_job", "schedule", "*/20 * * * *", True),
        ("scheduler_job", "account", "editor@acme.iam.gserviceaccount.com", False),
        ("monitoring_alert_policy", "conditions", [{"duration_s": 7200}], True),
        ("monitoring_alert_policy", "documentation", "look at the job", True),
        ("monitoring_alert_policy", "enabled", False, True),
        ("monitoring_alert_policy", "channels", [], False),
        ("monitoring_alert_policy", "labels.mlservice-service", "another", False),
        ("iam_member", "role", "roles/editor", False),
        ("run_service", "service.iapEnabled", True, True),
        ("run_service", "image", "b", True),
        ("run_service", "service_account", "editor@acme.iam.gserviceaccount.com", False),
    ],
)
def test_specs_lift_no_limit_of_the_job_that_reads_them(kind, path, after, may):
    """Who may publish may not order the job to delete more, to run as somebody else or to read elsewhere."""
    change = Change(
        Address(kind, REGION, "m"), Action.UPDATE, ("operator_m",), changes=(FieldChange(path, said(), after),)
    )

    assert may_change(change, Orders.read(said())) == may


@pytest.mark.parametrize(
    ("action", "contradicts", "may"),
    [(Action.DELETE, True, True), (Action.DELETE, False, False), (Action.CREATE, False, False)],
)
def test_it_takes_away_what_its_document_rules_out_and_gives_nothing(action, contradicts, may):
    """Whoever comes in beside those whom the document names goes at once; who is to come in waits for a person."""
    change = Change(Address("iam_member", REGION, "iap:m-page r user:a@b"), action, ("operator_m",))

    assert may_change(replace(change, contradicts=contradicts), Orders()) == may


@dataclass(frozen=True)
class Switched:
    """A schedule, or an alert."""

    paused: bool = False
    enabled: bool = True
    schedule: str = "0 2 * * *"


def updates(said):
    """A plan that changes fields of an operator's objects, from one value to another."""
    changes = [
        Change(address, Action.UPDATE, ("m",), "it differs", "it goes on", tuple(FieldChange(*each) for each in fields))
        for address, fields in said.items()
    ]
    wants = {address: Desired(address, Switched(), "m") for address in said}
    return Planned(Plan.of(changes, project="p", services=("m",)), wants, {}, {}, {})


@pytest.mark.parametrize(
    ("said", "left"),
    [
        ({SCHEDULE: [LATER]}, {SCHEDULE: ["schedule"]}),
        ({SCHEDULE: [("paused", False, True)]}, {SCHEDULE: ["paused"]}),
        ({SCHEDULE: [RESUMED]}, {}),
        ({SCHEDULE: [RESUMED, LATER]}, {SCHEDULE: ["schedule"]}),
        ({SCHEDULE: [RESUMED], SILENT: [ON]}, {}),
        ({SCHEDULE: [RESUMED], FAILING: [ON]}, {FAILING: ["enabled"]}),
        ({SILENT: [ON]}, {SILENT: ["enabled"]}),
    ],
)
def test_what_a_person_paused_is_not_resumed(said, left):
    """Neither is the alert on missing passes switched on, which nobody may have then; all else is done."""
    planned = left_paused(updates(said))

    assert {change.address: [each.path for each in change.changes] for change in planned.plan.pending} == left
    idle = [change for change in planned.plan.changes if change.address not in left]
    assert {(change.action, change.reason, change.consequence) for change in idle} <= {(Action.NO_OP, "", "")}
    kept = planned.wants[SCHEDULE].fields.paused if SCHEDULE in said else False
    assert kept == (RESUMED in said.get(SCHEDULE, ()))
