"""A subtly wrong version of a real model is caught by what was asked before, and by nobody's request."""

import json
import shutil
import time
from pathlib import Path

import httpx
import pytest

from reconciler.cli.context import runtime_image
from reconciler.engine.apply import apply
from reconciler.engine.planning import make_plan
from reconciler.gcp.bigquery import HOST, VERSION
from schemas import load
from tests.operating import spec
from tests.specs.test_examples import token_for

IRIS = Path(__file__).resolve().parents[2] / "specs" / "iris"
NAMES = ("sepal_length", "sepal_width", "petal_length", "petal_width")
SWAPPED = ("sepal_length", "sepal_width", "petal_width", "petal_length")
ROWS = 30
WITHIN_S = 60


def wanted(names=NAMES, **env):
    """The model, its columns in some order: that is how features come to be swapped."""
    model = {
        "uri": "./model",
        "version": "1",
        "features": {name: {"type": "number"} for name in names},
        "prediction": {"name": "species", "type": "string"},
    }
    replay = {"rows": 100, "agreement": 0.95, "perSecond": 200}
    rollout = {"strategy": "Canary", "steps": [{"traffic": 20, "hold": "1h"}], "smoke": {}, "replay": replay}
    found = spec("iris", model=model, env=env, rollout=rollout, monitoring={"logging": {"table": "ml_logs.iris"}})
    del found["spec"]["image"]
    return found


class Service:
    """The model as a service."""

    def __init__(self, operator):
        self.operator = operator
        shutil.copytree(IRIS / "model", operator.folder / "model")

    def plan(self, said, *, tries=False):
        return make_plan(
            self.operator.session(),
            load(self.operator.write(said)).services,
            runtime_image=runtime_image(),
            tries=tries,
        )

    def passed(self, said):
        """One pass; what a look says afterwards."""
        report = apply(self.operator.session(), self.plan(said, tries=True))
        assert not report.failed, [str(each.error) for each in report.failed]
        return " ".join(note.text for note in self.plan(said).plan.notes if note.text.startswith("rollout"))

    def shares(self):
        return {each.revision: each.percent for each in self.operator.service("iris").traffic if each.percent}

    def newest(self):
        return self.operator.service("iris").latest_created_revision.rpartition("/")[2]

    def ask(self, instances):
        """Predictions of whoever serves, each request a row of the log in the end."""
        url = self.operator.service("iris").uri
        headers = {"authorization": f"Bearer {token_for(self.operator, url)}"}
        with httpx.Client(headers=headers, timeout=60, trust_env=False) as client:
            for row in instances:
                client.post(f"{url}/predict", json={"instances": [row]}).raise_for_status()
        deadline = time.monotonic() + WITHIN_S
        while len(self.logged()) < len(instances):
            assert time.monotonic() < deadline, "what was asked is not logged"
            time.sleep(0.1)

    def logged(self):
        """Ids and revisions of the log."""
        query = {"query": "SELECT request_id, revision FROM ml_logs.iris", "useLegacySql": False}
        found = self.operator.connection.rest(HOST, VERSION).post("projects/local/queries", query)
        return [tuple(cell["v"] for cell in row["f"]) for row in found.get("rows", [])]


@pytest.fixture
def service(operator):
    """A first version that was asked a few dozen things."""
    made = Service(operator)
    made.passed(wanted())
    rows = json.loads((IRIS / "rows.json").read_text())["instances"]
    instances = [dict(zip(NAMES, rows[place % len(rows)], strict=True)) for place in range(ROWS)]
    made.ask([{name: value + place % 7 / 10 for name, value in row.items()} for place, row in enumerate(instances)])
    return made


def test_two_swapped_features_are_caught_before_any_traffic(service):
    """It starts, it is healthy, it answers a made row; what was asked before it answers otherwise, and so it goes back.

    A version that answers alike gets its first traffic, and what it was asked is told apart in the log by its ids.
    """
    first = service.newest()
    service.passed(wanted(SWAPPED))
    bad = service.newest()
    assert bad != first

    said = service.passed(wanted(SWAPPED))

    assert service.shares() == {first: 100}, said + str(dict(service.operator.service("iris").annotations))
    assert "was rejected (replay: " in said, said
    assert "is the least that is the same" in said

    service.passed(wanted(V="2"))
    good = service.newest()
    said = service.passed(wanted(V="2"))

    assert service.shares() == {first: 80, good: 20}, said
    deadline = time.monotonic() + WITHIN_S
    while not {bad, good} <= {revision for _, revision in service.logged()}:
        assert time.monotonic() < deadline, "what was replayed is not logged"
        time.sleep(0.1)
    marked = {revision for name, revision in service.logged() if name.startswith("mlservice-replay-")}
    assert marked == {bad, good}
