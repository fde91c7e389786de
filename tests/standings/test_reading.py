"""Decisions that passes kept about a rollout, as `mlservice why` reads and shows them."""

import json

import pytest

from reconciler.core.inventory import Inventory
from reconciler.engine.inventory_store import InventoryStore
from reconciler.engine.reasons import read_reasons
from reconciler.render.decided import render_decided
from tests.operating import REGION, spec
from tests.page.samples import HOSTILE
from tests.standings.passes import MINE, NAME, Passes


def decision(number, wait="", why="", **more):
    at = f"2026-11-26T10:{number:02}:00+00:00"
    told = {"phase": "Step", "step": 1, "percent": 20, "action": "" if wait else "step 1", "wait": wait, "why": why}
    return {"since": at, "until": at, "count": number + 1} | told | more


@pytest.fixture
def passes(operator):
    """The passes of an operator that is installed, and of a service."""
    made = Passes(operator)
    made.make(spec(), MINE)
    InventoryStore(operator.session()).take(Inventory(service=f"operator_{NAME}", region=REGION))
    return made


def test_the_last_decisions_come_first(operator, passes):
    """As many as were asked for; each in a line with where the rollout was and why."""
    said = passes.said()
    said["services"][0]["trail"] = [
        decision(0),
        decision(1, "Hold", "until 10:20"),
        decision(2, "Approval", HOSTILE[9]),
    ]
    passes.blob().upload_from_string(json.dumps(said))

    found = read_reasons(operator.session(), "churn", None, last=2)
    text = render_decided(found.decided.trail).plain

    assert [each["wait"] for each in found.decided.trail] == ["Approval", "Hold"]
    assert [each["wait"] for each in found.to_json()["rollout"]] == ["Approval", "Hold"]
    assert "2026-11-26 10:01  2      Hold      step 1, 20 %  until 10:20" in text
    assert len(text.splitlines()) == 3, "whatever a reason holds, it is one line"


def test_what_a_newer_version_kept_is_named(operator, passes):
    """With what to do about it; all else is told."""
    passes.blob().upload_from_string(b'{"format": "mlservice/standings/v9"}')

    found = read_reasons(operator.session(), "churn", None, last=2)

    assert found.decided.trail == ()
    assert ["upgrade mlservice here" in each for each in found.unreadable] == [True]
    assert found.standing.state == "changed"
