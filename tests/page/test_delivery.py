"""What counts as a deployment, and what as one that failed."""

import dataclasses
from datetime import timedelta

import pytest

from page.snapshot import Past
from page.views.changes import told_entry
from page.views.delivery import delivery
from reconciler.kinds.run_service.record import OUTSIDE_TEMPLATE, RunService
from tests.page.samples import NOW


def entry(
    hours, *, service="churn", outcome="done", action="update", paths=("image",), kind="run_service", of="changed"
):
    """What one run did, so many hours ago; it took a minute."""
    ended = NOW - timedelta(hours=hours)
    change = {
        "address": f"{kind}/us-central1/{service}",
        "action": action,
        "outcome": outcome,
        "reason": "",
        "error": "",
    }
    change["fields"] = [{"path": path, "before": None, "after": None} for path in paths]
    told = {"service": service, "region": "us-central1", "outcome": of, "changes": [change]}
    return told | {"started": (ended - timedelta(minutes=1)).isoformat(), "ended": ended.isoformat()}


def counted(*entries, services=()):
    """Count them, the newest first."""
    ordered = sorted(entries, key=lambda each: each["ended"], reverse=True)
    return delivery(Past(tuple(ordered), key="x"), services, NOW)


@pytest.mark.parametrize(
    ("more", "deployments"),
    [
        pytest.param({}, 1, id="another-image"),
        pytest.param({"action": "create", "paths": ()}, 1, id="a-new-service"),
        pytest.param({"paths": ("template.labels",)}, 1, id="a-field-below"),
        pytest.param({"paths": ("traffic", "service.annotations.mlservice.dev/rollout")}, 0, id="a-step-of-traffic"),
        pytest.param({"kind": "billing_budget", "paths": ("amount",)}, 0, id="what-is-beside-it"),
        pytest.param({"service": "operator_main", "action": "create"}, 0, id="the-operator"),
        pytest.param({"outcome": "left"}, 0, id="only-told-of"),
    ],
)
def test_a_deployment_makes_another_revision(more, deployments):
    """A canary of four steps is one; what is beside a service is none."""
    assert counted(entry(5, **more))["deployments"] == deployments


def test_fields_that_make_a_revision_are_those_of_its_template():
    """As the reconciler has them, which the page does not import."""
    names = [each.name for each in dataclasses.fields(RunService)]

    assert {name for name in names if not counted(entry(5, paths=(name,)))["deployments"]} == {*OUTSIDE_TEMPLATE}


def test_the_share_that_failed_knows_what_was_taken_back():
    """One of four could not be made, one was rolled back; a budget that could not be made is no failed deployment."""
    trail = [{"action": "rolled back", "since": (NOW - timedelta(hours=2)).isoformat()}, {"action": "", "since": ""}]
    beside = entry(6, kind="billing_budget", outcome="failed", of="partly")

    told = counted(
        entry(1), entry(3), entry(9), entry(20, outcome="failed", of="failed"), beside, services=[{"trail": trail}]
    )

    assert (told["deployments"], told["failureRate"]) == (4, 0.5)
    assert (told["minutesToApply"], told["minutesToRestore"]) == (1.0, 11 * 60.0)


def test_a_young_fleet_is_not_counted_over_a_month():
    """Three deployments in two days are 1.5 a day."""
    assert counted(entry(48), entry(24), entry(1))["deploymentsPerDay"] == 1.5
    assert counted()["failureRate"] is None


def test_books_of_passes_are_not_shown_as_changes():
    """The annotation that says where a rollout is stands in words beside it."""
    told = entry(1, paths=("traffic", "service.annotations.mlservice.dev/rollout"))
    told |= {"decision": "", "reason": "", "problems": [], "leftOut": 0}
    told |= {"by": {"kind": "operator", "name": "", "account": ""}, "source": {"commit": "", "author": ""}}

    assert [field["path"] for field in told_entry(told)["changes"][0]["fields"]] == ["traffic"]
