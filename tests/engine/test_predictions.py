"""Predictions of two versions, compared while both have traffic: one query for all services of a dataset."""

from datetime import timedelta

import pytest

from tests.operating import spec
from tests.operating_tables import fill

ROLLOUT = {
    "strategy": "Canary",
    "steps": [{"traffic": 20, "hold": "2m"}],
    "gates": {"predictionDrift": 0.1, "minRequests": 1},
}
MINUTES = 12


def wanted(name="churn", kind="number", **env):
    model = {
        "uri": "gs://acme-models/churn/1/",
        "features": {"age": {"type": "number"}},
        "prediction": {"name": "score", "type": kind},
    }
    return spec(name, model=model, monitoring={"logging": {"table": f"ml_logs.{name}"}}, rollout=ROLLOUT, env=env)


class Stage:
    """Services that log into one dataset."""

    def __init__(self, operator):
        self.operator = operator

    def passed(self, *specs):
        """One pass; what a look says afterwards."""
        report = self.operator.apply(*specs)
        assert not report.failed, [str(each.error) for each in report.failed]
        return " ".join(note.text for note in self.operator.plan(*specs).plan.notes if note.text.startswith("rollout"))

    def newest(self, name="churn"):
        return self.operator.service(name).latest_created_revision.rpartition("/")[2]

    def shares(self, name="churn"):
        return {each.revision: each.percent for each in self.operator.service(name).traffic if each.percent}

    def predict(self, revision, predictions, *, name="churn", minutes=MINUTES, row_index=0):
        """Rows of the log, one after another over the coming minutes."""
        now = self.operator.session().clock.now()
        rows = [
            {
                "request_id": f"{revision} {place} {now.isoformat()}",
                "logging_time": (now + timedelta(minutes=minutes * place / len(predictions))).isoformat(),
                "service": name,
                "revision": revision,
                "row_index": row_index,
                "score": each,
            }
            for place, each in enumerate(predictions)
        ]
        fill(self.operator, f"ml_logs.{name}", rows)

    def later(self, minutes=MINUTES + 4):
        self.operator.emulator.advance(60 * minutes)

    def begun(self, spread, **how):
        """A version with its first traffic, after one that answered so many things."""
        self.passed(wanted(V="1", **how))
        first = self.newest()
        self.predict(first, spread(200))
        self.later()
        self.passed(wanted(V="2", **how))
        self.later(2)
        said = self.passed(wanted(V="2", **how))
        new = self.newest()
        assert self.shares() == {first: 80, new: 20}, said
        self.later(1)  # whole minutes count, since its first traffic
        return first, new


@pytest.fixture
def stage(operator):
    return Stage(operator)


def numbers(count):
    """As many of each tenth."""
    return [place * 7 % count / count for place in range(count)]


def classes(count):
    """Of three classes most are of one."""
    return ["no", "no", "no", "maybe", "yes"] * (count // 5)


@pytest.mark.parametrize(
    ("kind", "spread", "other"),
    [
        pytest.param("number", numbers, lambda count: [0.5] * count, id="stuck-at-one-number"),
        pytest.param("category", classes, lambda count: ["yes"] * count, id="one-class-alone"),
    ],
)
def test_a_version_that_predicts_otherwise_goes_back(stage, kind, spread, other):
    """It has no errors and is fast; what it predicts is too different, surely so, and it stays back."""
    first, new = stage.begun(spread, kind=kind)
    stage.predict(first, spread(400))
    stage.predict(new, other(100))
    stage.later()

    said = stage.passed(wanted(V="2", kind=kind))

    assert stage.shares() == {first: 100}, said
    assert "predictions: " in said, said
    assert "bits apart" in said


def test_a_version_that_predicts_alike_goes_on(stage):
    """With too few predictions it waits, and says how many are lacking; further rows of a request are not counted."""
    first, new = stage.begun(numbers)
    stage.predict(first, numbers(400))
    stage.predict(new, numbers(60))
    stage.predict(new, numbers(400), row_index=1)
    stage.later()
    said = stage.passed(wanted(V="2"))
    assert "60 of 110 predictions" in said, said
    assert stage.shares() == {first: 80, new: 20}
    stage.predict(first, numbers(1200))
    stage.predict(new, numbers(300))
    stage.later()

    said = stage.passed(wanted(V="2"))

    assert stage.shares() == {new: 100}, said


def test_a_log_without_a_past_is_neither_good_nor_bad(stage):
    """Nothing fixes bins: it waits, and says so."""
    stage.begun(lambda count: numbers(count // 10))
    stage.later()

    said = stage.passed(wanted(V="2"))

    assert "metrics are missing" in said
    assert "20 of 100 predictions before the rollout" in said


def test_one_query_reads_all_services_of_a_dataset(stage):
    """However many are on their way; what is wrong with one of them is not said of another."""
    names = ("churn", "fraud", "leads")
    stage.passed(*(wanted(name, V="1") for name in names))
    firsts = {name: stage.newest(name) for name in names}
    for name in names:
        stage.predict(firsts[name], numbers(200), name=name)
    stage.later()
    newer = [wanted(name, V="2") for name in names]
    stage.passed(*newer)
    stage.later(2)
    stage.passed(*newer)
    stage.predict(firsts["fraud"], numbers(400), name="fraud")
    stage.predict(stage.newest("fraud"), [0.5] * 100, name="fraud")
    stage.later()
    stage.operator.emulator.control("DELETE", "calls")
    stage.operator.plan(*newer)
    queries = [count for method, count in stage.operator.emulator.calls().items() if "jobs.query" in method]
    assert queries == [1]

    stage.passed(*newer)

    assert stage.shares("fraud") == {firsts["fraud"]: 100}
    assert len(stage.shares("churn")) == len(stage.shares("leads")) == 2
