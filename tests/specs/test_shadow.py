"""What users ask shows what a new version is worth, before one of them is answered by it: a real model, real copies."""

import json
import shutil
import time
from pathlib import Path

import httpx
import pytest

from reconciler.cli.context import runtime_image
from reconciler.core.rollout.record import ROLLOUT
from reconciler.engine.apply import apply
from reconciler.engine.planning import make_plan
from schemas import load
from tests.operating import spec
from tests.specs.test_examples import token_for

IRIS = Path(__file__).resolve().parents[2] / "specs" / "iris"
NAMES = ("sepal_length", "sepal_width", "petal_length", "petal_width")
ROW = [5.1, 3.5, 1.4, 0.2]
WITHIN_S = 60


def wanted(most=100, **env):
    """A version of the model that refuses rows whose first value is greater than it takes."""
    features = {name: {"type": "number"} for name in NAMES}
    features["sepal_length"] |= {"max": most}
    model = {
        "uri": "./model",
        "version": "1",
        "features": features,
        "prediction": {"name": "species", "type": "string"},
    }
    rollout = {
        "strategy": "Canary",
        "steps": [{"traffic": 20, "hold": "1h"}],
        "shadow": {"percent": 100, "for": "2m"},
        "gates": {"errorRate": 0.05, "minRequests": 100},
    }
    found = spec("iris", model=model, env=env, rollout=rollout)
    del found["spec"]["image"]
    return found


class Service:
    """The model as a service that lets in only whom it knows."""

    def __init__(self, operator):
        self.operator = operator
        shutil.copytree(IRIS / "model", operator.folder / "model")

    def passed(self, said):
        """One pass; what a look says afterwards."""
        report = apply(self.operator.session(), self.plan(said, tries=True))
        assert not report.failed, [str(each.error) for each in report.failed]
        return " ".join(note.text for note in self.plan(said).plan.notes if note.text.startswith("rollout"))

    def plan(self, said, *, tries=False):
        return make_plan(
            self.operator.session(),
            load(self.operator.write(said)).services,
            runtime_image=runtime_image(),
            tries=tries,
        )

    def shares(self):
        return {each.revision: each.percent for each in self.operator.service("iris").traffic if each.percent}

    def tags(self):
        return {each.tag: each.revision for each in self.operator.service("iris").traffic if each.tag}

    def newest(self):
        return self.operator.service("iris").latest_created_revision.rpartition("/")[2]

    def copied(self, minutes=2, count=8, value=ROW[0]):
        """Users ask, in so many minutes, until so many copies were answered in each; then it can be seen."""
        url = self.operator.service("iris").uri
        headers = {"authorization": f"Bearer {token_for(self.operator, url)}"}
        with httpx.Client(headers=headers, timeout=60, trust_env=False) as client:
            for _ in range(minutes):
                self.operator.emulator.advance(60)
                before, until = self.compared(), time.monotonic() + WITHIN_S
                while self.compared() < before + count:
                    assert time.monotonic() < until, self.operator.emulator.control("GET", "logs?service=iris")
                    client.post(f"{url}/predict", json={"instances": [[value, *ROW[1:]]]}).raise_for_status()
        self.operator.emulator.advance(4 * 60)

    def compared(self):
        """How many copies were answered, as servers log it."""
        logs = self.operator.emulator.control("GET", "logs?service=iris")
        return sum("shadow compared" in line for lines in logs.values() for line in lines)


@pytest.fixture
def service(operator):
    """A first version, whose server copies requests to whoever has the tag."""
    made = Service(operator)
    made.passed(wanted())
    return made


def test_what_users_ask_is_copied_and_judged_before_any_traffic(service):
    """A version that refuses what the one before answers goes back, without a request of anybody's; a good one goes on.

    Nobody's answer is another one meanwhile, and the service lets in nobody but its own account and its callers.
    """
    first = service.newest()
    service.passed(wanted(most=5))
    bad = service.newest()
    said = service.passed(wanted(most=5))
    assert (service.shares(), service.tags()["shadow"]) == ({first: 100}, bad), said
    assert "it gets copies of requests" in said or "no copies come" in said, said
    service.copied()

    said = service.passed(wanted(most=5))

    assert service.shares() == {first: 100}, said
    assert "was rejected (errors: 100 % errors or refusals of" in said, said
    assert "shadow" not in service.tags()

    service.passed(wanted(V="2"))
    good = service.newest()
    service.passed(wanted(V="2"))
    assert service.tags()["shadow"] == good
    service.copied()
    said = service.passed(wanted(V="2"))

    assert service.shares() == {first: 80, good: 20}, said
    assert "shadow" not in service.tags()
    record = json.loads(service.operator.service("iris").annotations[ROLLOUT])
    assert record["served"] == record["since"] > record["started"]
