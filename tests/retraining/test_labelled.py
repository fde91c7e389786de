"""The question to BigQuery, on the emulated one: which labels count, and how classes and numbers are compared."""

import math
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from runtime.retraining import bigquery
from runtime.retraining.google import Google
from runtime.retraining.watching.labelled import Question
from runtime.retraining.watching.performance import Counted, judge
from tests.conftest import HTTP

pytestmark = pytest.mark.slow

SINCE = datetime(2026, 11, 1, tzinfo=UTC)
UNTIL = SINCE + timedelta(days=1)
LOG = "request_id STRING, logging_time TIMESTAMP, service STRING, model_version STRING, row_index INT64"


class World:
    """A dataset with a log and labels, and the query as the function asks it."""

    def __init__(self, emulator):
        self.root = f"{emulator.http}/bigquery/v2/projects/local"
        HTTP.post(f"{self.root}/datasets", json={"datasetReference": {"datasetId": "ml"}})

    def make(self, name, columns, *rows):
        sql = f"CREATE OR REPLACE TABLE ml.{name} ({columns})"
        values = ", ".join(f"({', '.join(map(literal, row))})" for row in rows)
        for text in (sql, f"INSERT INTO ml.{name} VALUES {values}"):
            asked = {"query": text, "useLegacySql": False, "timeoutMs": 60_000}
            assert HTTP.post(f"{self.root}/queries", json=asked).raise_for_status().json()["jobComplete"]

    def log(self, kind, *predictions, **columns):
        """One request of one row per prediction: `0`, `1`, ..."""
        rows = [(str(n), SINCE, "churn", "7", 0, value) for n, value in enumerate(predictions)]
        self.make("log", f"{LOG}, p {kind}", *rows, *columns.get("more", ()))

    def ask(self, measures, **question):
        told = {"request_id": "id", "value": "label", "version": "7", "column": "p", **question}
        asked = Question("local.ml.log", "local.ml.labels", "churn", **told).query(dict.fromkeys(measures, 0.3))
        window = {"since": SINCE.isoformat(), "until": UNTIL.isoformat()}
        return Counted.of(bigquery.ask(Google("europe-west1"), "local", asked, window, {}))


def literal(value):
    if isinstance(value, datetime):
        return f"TIMESTAMP '{value:%Y-%m-%d %H:%M:%S+00}'"
    if isinstance(value, str):
        return f"'{value}'"
    if isinstance(value, bool) or value is None:
        return {True: "TRUE", False: "FALSE", None: "NULL"}[value]
    return f"CAST('{value!r}' AS FLOAT64)" if isinstance(value, float) else str(value)


@pytest.fixture
def world(emulator, monkeypatch):
    for name, value in emulator.env.items():
        monkeypatch.setenv(name, value)
    return World(emulator)


def shares(found):
    return tuple(int(found.numbers[name]) for name in ("correct", "hits", "false_alarms", "misses"))


def test_each_prediction_and_each_label_counts_once(world):
    """Deliveries that came twice, other services, versions and days, requests of several rows, labels of nobody."""
    odd = [
        ("0", SINCE, "churn", "7", 0, "yes"),  # delivered again
        ("5", SINCE, "other", "7", 0, "no"),
        ("6", SINCE, "churn", "6", 0, "no"),
        ("7", UNTIL, "churn", "7", 0, "no"),
        ("8", SINCE - timedelta(seconds=1), "churn", "7", 0, "no"),
        ("9", SINCE, "churn", "7", 0, "yes"),
        ("9", SINCE, "churn", "7", 1, "yes"),
    ]
    world.log("STRING", "yes", "yes", "no", "no", None, more=odd)
    labels = [("0", "yes"), ("0", "yes"), ("1", "no"), ("2", "yes"), ("3", None), ("4", "no"), ("x", "no")]
    world.make("labels", "id STRING, label STRING", *labels, *((str(n), "yes") for n in range(5, 10)))

    found = world.ask(["accuracy"], kind="string", positive="yes")

    assert (found.predictions, found.labelled, found.contradictory, found.unreadable) == (7, 3, 0, 1)
    assert shares(found) == (1, 1, 1, 1)


def test_of_labels_that_contradict_each_other_the_newest_counts_or_none(world):
    """Where no column tells which is newer both are left out, and said; of two at the same moment as well."""
    world.log("STRING", "yes", "yes", "yes")
    later = SINCE + timedelta(days=3)
    world.make(
        "labels", "id STRING, label STRING, at TIMESTAMP",
        ("0", "no", SINCE), ("0", "yes", later), ("1", "yes", later), ("1", "no", later), ("2", "yes", SINCE),
    )  # fmt: skip

    without, newest = (world.ask(["accuracy"], kind="string", **more) for more in ({}, {"time": "at"}))

    assert (without.labelled, without.contradictory, shares(without)[0]) == (1, 2, 1)
    assert (newest.labelled, newest.contradictory, shares(newest)[0]) == (2, 1, 2)


def test_of_requests_with_one_id_nobody_knows_which_a_label_is_of(world):
    """Each is a prediction, delivered twice or not; none counts, and those whose id has a label are said."""
    later = [(each, SINCE + timedelta(hours=n), "churn", "7", 0, "no") for n in (1, 1, 2) for each in ("0", "1")]
    world.log("STRING", "yes", "yes", "yes", more=later)
    world.make("labels", "id STRING, label STRING", ("0", "yes"), ("2", "yes"))

    found = world.ask(["accuracy"], kind="string")

    assert (found.predictions, found.labelled, found.contradictory, found.unreadable) == (7, 1, 3, 0)
    assert shares(found)[0] == 1


def test_rows_of_a_request_have_labels_of_their_own(world):
    """Where a column says which row a label is of."""
    world.log("STRING", "yes", more=[("0", SINCE, "churn", "7", 1, "no"), ("0", SINCE, "churn", "7", 2, "no")])
    world.make("labels", "id STRING, row INT64, label STRING", ("0", 0, "yes"), ("0", 1, "yes"))

    found = world.ask(["recall"], kind="string", row_index="row", positive="yes")

    assert (found.predictions, found.labelled, shares(found)) == (3, 2, (1, 1, 0, 1))


CLASSES = {
    "probabilities-and-booleans": ("FLOAT64", "BOOL", (True, False, True, None), {"kind": "number", "threshold": 0.5}),
    "probabilities-and-numbers": ("FLOAT64", "INT64", (1, 0, 1, 7), {"kind": "number", "threshold": 0.5}),
    "probabilities-and-words": (
        "FLOAT64", "STRING", ("it\\'s", "no", "it\\'s", None), {"kind": "number", "threshold": 0.5, "positive": "it's"},
    ),
    "booleans": ("BOOL", "STRING", ("True", "0", "TRUE", "maybe"), {"kind": "boolean"}),
    "whole-numbers": ("INT64", "STRING", ("1", "0", "1.0", "two"), {"kind": "integer", "positive": "1"}),
    "numbers-as-floats": ("INT64", "FLOAT64", (1.0, 0.0, 1.0, math.nan), {"kind": "integer", "positive": "1"}),
    "words": ("STRING", "STRING", ("a", "b", "a", None), {"kind": "category", "positive": "a"}),
}  # fmt: skip
PREDICTED = {
    "FLOAT64": (0.9, 0.1, 0.4, 0.5),
    "BOOL": (True, False, False, True),
    "INT64": (1, 0, 0, 1),
    "STRING": "abba",
}


@pytest.mark.parametrize("case", CLASSES.values(), ids=CLASSES)
def test_classes_are_compared_as_the_log_holds_them(world, case):
    """Whatever type the table of labels has; a label that is none of them is not counted, and said."""
    kind, labelled, labels, how = case
    world.log(kind, *PREDICTED[kind])
    world.make("labels", f"id STRING, label {labelled}", *((str(n), label) for n, label in enumerate(labels)))

    found = world.ask(["accuracy", "f1"], **how)

    assert shares(found) == (2, 1, 0, 1)
    assert found.labelled + found.unreadable == sum(label is not None for label in labels)


def test_errors_are_those_that_numpy_finds(world):
    """Means and their spread, of numbers however far; NaN and words are no labels."""
    rng = np.random.default_rng(7)
    predicted, true = rng.normal(10, 3, 60).round(3), rng.normal(11, 3, 60).round(3)
    world.log("FLOAT64", *predicted.tolist(), 1.0, 2.0)
    world.make(
        "labels", "id STRING, label FLOAT64", *((str(n), value) for n, value in enumerate([*true.tolist(), math.nan]))
    )

    found = world.ask(["mae", "rmse", "bias"], kind="number")
    told = {each.name: each.value for each in judge(found, {"mae": 1, "rmse": 1, "bias": 1}, least=1).columns}

    error = predicted - true
    assert (found.predictions, found.labelled, found.unreadable) == (62, 60, 1)
    assert told == pytest.approx({"mae": abs(error).mean(), "rmse": math.sqrt((error**2).mean()), "bias": error.mean()})
    assert found.numbers["spread_plain"] == pytest.approx(error.std(ddof=1))
    cut = error.clip(-3, 3)
    assert found.numbers["beyond_plain"] == (abs(error) > 3).sum() > 0
    assert [found.numbers[f"{name}plain"] for name in ("capped_", "capped_spread_", "excess_")] == pytest.approx(
        [cut.mean(), cut.std(ddof=1), (abs(error) - abs(cut)).mean()]
    )
    assert found.numbers["capped_squared"] == pytest.approx((cut**2).mean())
    world.log("FLOAT64", 1e308, -1e308)
    world.make("labels", "id STRING, label FLOAT64", ("0", -1e308), ("1", 1e308))
    assert world.ask(["rmse"], kind="number").labelled == 2
