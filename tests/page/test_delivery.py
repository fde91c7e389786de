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
    hours,
    *,
    service="churn",
    outcome="done",
    action="update",
    paths=("image",),
    kind="run_service",
    of="changed",
    commit="",
    written=None,
    uncommitted=False,
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
    told["source"] = {"commit": commit, "author": "", "uncommitted": uncommitted}
    told["source"] |= {"written": None if written is None else (NOW - timedelta(hours=written)).isoformat()}
    return told | {"started": (ended - timedelta(minutes=1)).isoformat(), "ended": ended.isoformat()}


def counted(*entries, services=(), older=0):
    """Count them, the newest first."""
    ordered = sorted(entries, key=lambda each: each["ended"], reverse=True)
    return delivery(Past(tuple(ordered), older=older, key="x"), services, NOW)


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


OF_A = {"commit": "a", "written": 9}


@pytest.mark.parametrize(
    ("entries", "hours"),
    [
        pytest.param([entry(6, **OF_A)], 3, id="from-the-commit-on"),
        pytest.param([entry(6, **OF_A), entry(1, **OF_A)], 3, id="deployed-again"),
        pytest.param([entry(8, outcome="failed", of="failed", **OF_A), entry(6, **OF_A)], 3, id="failed-at-first"),
        pytest.param([entry(6, paths=("traffic",), **OF_A)], None, id="no-deployment"),
        pytest.param([entry(6, service="operator_main", **OF_A)], None, id="the-operator"),
        pytest.param([entry(6), entry(5, written=9)], None, id="no-commit"),
        pytest.param([entry(6, uncommitted=True, **OF_A)], None, id="not-of-that-commit-alone"),
        pytest.param([entry(6, commit="a", written=1)], None, id="written-later"),
        pytest.param([entry(900, commit="a", written=901), entry(6, commit="a", written=901)], None, id="long-ago"),
        pytest.param(
            [entry(6, **OF_A), entry(6, service="eta", **OF_A), entry(4, commit="b", written=11)], 3, id="middle"
        ),
    ],
)
def test_the_lead_time_is_from_a_commit_until_a_service_has_it(entries, hours):
    """The first time that it does; of what nobody can tell there is none, and not 0."""
    assert counted(*entries)["minutesFromCommit"] == (None if hours is None else hours * 60)


def test_a_commit_from_before_all_that_is_known_is_not_counted():
    """An entry that is not read here may be of the same commit."""
    known = [entry(20), entry(6, **OF_A)]

    assert counted(*known, older=3)["minutesFromCommit"] == 180
    assert counted(entry(6, **OF_A), older=3)["minutesFromCommit"] is None


def test_a_young_fleet_is_not_counted_over_a_month():
    """Three deployments in two days are 1.5 a day."""
    assert counted(entry(48), entry(24), entry(1))["deploymentsPerDay"] == 1.5
    assert counted()["failureRate"] is None


def test_books_of_passes_are_not_shown_as_changes():
    """The annotation that says where a rollout is stands in words beside it."""
    told = entry(1, paths=("traffic", "service.annotations.mlservice.dev/rollout"))
    told |= {"decision": "", "reason": "", "problems": [], "leftOut": 0}
    told |= {"by": {"kind": "operator", "name": "", "account": ""}}

    assert [field["path"] for field in told_entry(told)["changes"][0]["fields"]] == ["traffic"]
