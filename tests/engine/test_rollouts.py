"""Rollouts end to end: passes over real services, real requests to them, and what Cloud Monitoring says of those."""

import re

import httpx
import pytest

from tests.operating import spec

CANARY = {
    "strategy": "Canary",
    "steps": [{"traffic": 20, "hold": "2m"}, {"traffic": 50, "hold": "2m"}],
    "gates": {"errorRate": 0.05, "minRequests": 40},
}


class Stage:
    """A service with a rollout, its callers, and its passes."""

    def __init__(self, operator):
        self.operator = operator
        self.dropped = 0

    def wanted(self, **env):
        return spec(env=env, rollout=CANARY, access={"authentication": "Public"})

    def pass_(self, **env):
        """One pass; gives what it said of the rollout."""
        planned = self.operator.plan(self.wanted(**env))
        report = self.operator.apply(self.wanted(**env))
        self.report = report
        return [note.text for note in planned.plan.notes if note.text.startswith("rollout")]

    def ask(self, count=40, minutes=3):
        """So many requests, and then so many minutes go by."""
        url = self.operator.service().uri
        with httpx.Client() as client:
            codes = [client.get(url).status_code for _ in range(count)]
        self.operator.emulator.advance(60 * minutes)
        return codes

    def shares(self):
        """Percent by revision, newest first, as it is."""
        live = self.operator.service()
        found = {}
        for each in live.traffic:
            name = each.revision or "latest"
            found[name] = found.get(name, 0) + each.percent
        return {name: share for name, share in found.items() if share}

    def newest(self):
        return self.operator.service().latest_created_revision.rpartition("/")[2]


@pytest.fixture
def stage(operator):
    """A service whose first version serves."""
    made = Stage(operator)
    made.pass_(V="1")
    made.ask(20)
    return made


def test_a_good_version_walks_to_all(stage):
    """Pass by pass: no traffic, 20, 50, all; the plan says each time where it is; afterwards it is empty."""
    first = stage.newest()
    stage.pass_(V="2")
    new = stage.newest()
    assert stage.shares() == {first: 100}
    walked, said = [], []
    for _ in range(12):
        said += stage.pass_(V="2")
        walked.append(stage.shares().get(new, 0))
        if stage.shares().get(new) == 100 or stage.shares() == {"latest": 100}:
            break
        codes = stage.ask()
        assert set(codes) == {200}
    assert [share for place, share in enumerate(walked) if share not in walked[:place]] == [20, 50, 100], (walked, said)
    stage.ask(5)
    stage.pass_(V="2")
    assert stage.operator.differences(stage.wanted(V="2")) == []
    assert any(re.search(r"step 1.* of .* requests|hold", text) for text in said), said


def test_a_bad_version_goes_back_and_stays_back(stage):
    """Half of what it got failed: rolled back with its reason, ten passes long, and a better one goes on."""
    first = stage.newest()
    stage.pass_(V="2", HELLO_STATUS="500")
    bad = stage.newest()
    said = []
    for _ in range(8):
        said += stage.pass_(V="2", HELLO_STATUS="500")
        if stage.shares().get(bad) is None and len(said) > 2:
            break
        stage.ask(60)
    assert stage.shares() == {first: 100}, said
    for _ in range(10):
        said = stage.pass_(V="2", HELLO_STATUS="500")
        assert stage.shares() == {first: 100}
        assert stage.newest() == bad
    assert any("errors" in text for text in said), said

    stage.pass_(V="3")
    assert stage.newest() != bad
    stage.pass_(V="3")
    assert stage.shares()[stage.newest()] == 20
