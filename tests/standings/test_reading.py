"""Decisions that passes kept about a rollout, as `mlservice why` reads and shows them."""

import json

import pytest

from reconciler.core.inventory import Inventory
from reconciler.engine.inventory_store import InventoryStore
from reconciler.engine.kept_standings import document_of, read_waiting
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


def test_one_that_is_damaged_hides_no_other(operator, passes):
    """Of a service that is damaged it is said so; of the others all is told."""
    said = passes.said()
    [mine] = said["services"]
    mine["trail"] = [decision(0)]
    said["services"] = [mine | {"name": "other", "versions": 7}, "nothing", mine]
    passes.blob().upload_from_string(json.dumps(said))

    assert len(read_reasons(operator.session(), "churn", None, last=2).decided.trail) == 1

    said["services"] = [mine | {"versions": 7}]
    passes.blob().upload_from_string(json.dumps(said))
    found = read_reasons(operator.session(), "churn", None, last=2)

    where = f"cannot read {document_of(0)} of the operator {NAME}"
    assert found.decided.unreadable == f"{where}: what it says of churn is damaged"


@pytest.mark.parametrize("newest", [0, 1])
def test_of_what_several_shards_tell_the_newest_counts(operator, passes, newest):
    """A shard that there is no more leaves its document: what it says last is no news."""
    key, said = (REGION, "churn"), passes.said()
    for shard in (0, 1):
        need = {"kind": "paused", "why": f"told by {shard}"}
        [service] = said["services"]
        at = f"20{21 if shard == newest else 20}-11-26T10:00:00+00:00"
        told = said | {"at": at, "services": [service | {"needs": [need], "checked": at}]}
        passes.blob(shard).upload_from_string(json.dumps(told))

    found = read_waiting(operator.session(), NAME, [key, (REGION, "another")])

    assert found == {key: (("paused", f"told by {newest} (as of 2021-11-26 10:00 UTC)"),)}
