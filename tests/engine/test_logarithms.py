"""`monitoring.logarithmic`: what equal buckets cannot tell of a heavy tail is found by its logarithm."""

import numpy as np
import pytest

from reconciler.engine.monitoring.calibrating import calibrate
from reconciler.engine.monitoring.reading import read_monitored
from reconciler.engine.monitoring.running import intended
from reconciler.gcp.vertex import host
from reconciler.kinds.vertex_model_monitor.logarithms import selected
from reconciler.render.monitoring import render_monitored
from reconciler.render.monitoring_page import render_page
from schemas import SpecError
from tests.conftest import HTTP
from tests.operating import REGION, spec
from tests.operating_tables import fill, parquet, table, upload

HERE = f"projects/local/locations/{REGION}"
FEATURES = {"amount": {"type": "number"}, "visits": {"type": "integer"}, "plan": {"type": "string"}}
MONITORING = {
    "logging": {"table": "ml_logs.churn"},
    "baseline": {"uri": "gs://acme-data/train.parquet"},
    "skew": {"default": 0.3},
    "predictionDrift": 0.2,
}
NAMES = ["amount", "visits", "p"]
WINDOW, TRAINED = 1_000, 10_000


def watched(**monitoring):
    model = {"uri": "gs://models/churn/", "version": "7", "framework": "onnx", "features": FEATURES}
    model["prediction"] = {"name": "p"}
    return spec(model=model, monitoring=MONITORING | monitoring)


NEAR = 0.03
BY_VALUE, BY_LOGARITHM = watched(), watched(logarithmic=NAMES, skew={"default": NEAR})


def vertex(operator):
    return operator.connection.rest(host(REGION), "v1beta1")


def monitor(operator):
    [found] = vertex(operator).listed(f"{HERE}/modelMonitors", "modelMonitors")
    return found


def schedule(operator, which):
    found = vertex(operator).listed(f"{HERE}/schedules", "schedules")
    [ours] = [each for each in found if each["displayName"].startswith(f"{which} of churn")]
    return ours


def objective(operator, which="skew"):
    job = schedule(operator, which)["createModelMonitoringJobRequest"]["modelMonitoringJob"]
    return job["modelMonitoringSpec"]["objectiveSpec"]


def heavy(random, count):
    """Log-normal amounts, and as many whole numbers."""
    return random.lognormal(0, 1, count), np.ceil(100 * random.lognormal(0, 1, count)).astype(int)


def asked(operator, amounts, visits):
    """Requests of the last minutes, as the server logs them."""
    at = operator.session().clock.now().isoformat()
    about = {"logging_time": at, "service": "churn", "model": "churn", "model_version": "7", "revision": "r"}
    rows = [
        {**about, "request_id": f"r{n}", "row_index": 0, "amount": amount, "visits": int(count), "plan": "a", "p": 0.5}
        for n, (amount, count) in enumerate(zip(amounts, visits, strict=True))
    ]
    fill(operator, "ml_logs.churn", rows)


def applied(operator, wanted):
    report = operator.apply(wanted)
    assert not report.failed, [str(each.error) for each in report.failed]
    assert operator.differences(wanted) == []


def measured(operator):
    """What the run of the next hour measures, by column; and everything that is told of the service."""
    operator.emulator.advance(3600)
    found = read_monitored(operator.session(), "churn", None, last=9).to_json()
    skew = next(each for each in found["comparisons"] if each["which"] == "skew")
    return found, {each["name"]: each for each in skew["columns"]}


def calibrated(operator):
    found = calibrate(operator.session(), "churn", None, false_alarms=0.1, days=1)
    return next(each for each in found if each.which == "skew")


def beyond(columns):
    """The columns that Model Monitoring tells of."""
    return {name for name, each in columns.items() if each["distance"] > each["limit"]}


def test_a_heavy_tail_that_moved_is_found_by_its_logarithm(operator):
    """Times 1.5 at 1,000 rows: by value within a limit that calm windows need, by logarithm the only one beyond it."""
    random = np.random.default_rng(7)
    amounts, visits = heavy(random, TRAINED)
    trained = {"amount": amounts, "visits": visits, "plan": ["a"] * TRAINED}
    upload(operator, "train.parquet", parquet(trained))
    applied(operator, BY_VALUE)
    amounts, visits = heavy(random, WINDOW)
    asked(operator, [*1.5 * amounts, 0.0, -3.0], [*visits, 1, 1])

    _, by_value = measured(operator)
    before = calibrated(operator)
    changes = {each.address.name.partition("/")[2]: each for each in operator.plan(BY_LOGARITHM).plan.pending}
    applied(operator, BY_LOGARITHM)
    found, by_logarithm = measured(operator)

    assert beyond(by_value) == set(), "it is missed"
    assert by_value["visits"]["distance"] > 3 * NEAR, "and with less of a limit one that did not move would be found"
    assert beyond(by_logarithm) == {"amount"}
    assert before.positive & by_value.keys() == {"visits"}, "of amounts some have no logarithm, and of plans all"
    assert (calibrated(operator).windows, calibrated(operator).breaches) == (2, (0, 0)), "by value it were one"
    [now, earlier] = found["comparisons"][0]["history"]
    assert (now["distances"].keys(), earlier["distances"].keys()) == ({"amount", "visits", "plan"}, {"plan"})
    assert by_logarithm["amount"]["rows"] == WINDOW, "what has no logarithm counts as missing"
    assert (
        "compared by the logarithm: " in render_monitored(found, now=operator.session().clock.now(), every=False).plain
    )
    assert changes.keys() == {"", "skew", "drift"}
    assert {each.consequence for each in changes.values()} == {
        "compares amount, visits by the logarithm from now on: limits of before are of another scale",
        "compares amount, p, visits by the logarithm from now on: limits of before are of another scale",
    }


ORDERED = watched(skew={"order": 0.12})


def test_a_heavy_tail_that_moved_is_found_by_its_order(operator):
    """As above, by value, with no limit but that: the verdict names the one that moved, and by what."""
    random = np.random.default_rng(7)
    amounts, visits = heavy(random, TRAINED)
    upload(operator, "train.parquet", parquet({"amount": amounts, "visits": visits, "plan": ["a"] * TRAINED}))
    applied(operator, ORDERED)
    amounts, visits = heavy(random, WINDOW)
    asked(operator, 1.5 * amounts, visits)

    found, columns = measured(operator)

    assert {name: each["finding"] for name, each in columns.items()} == {
        "amount": "Breach",
        "visits": "Calm",
        "plan": "NoLimit",
    }
    assert all(each["distance"] < 0.3 and "limit" not in each for each in columns.values())
    assert columns["amount"]["order"]["distance"] == pytest.approx(0.161, abs=0.04)
    assert columns["amount"]["order"]["limit"] == 0.12
    assert "order" not in columns["plan"]
    skew = next(each for each in found["comparisons"] if each["which"] == "skew")
    assert skew["finding"] == "Breach"
    assert "amount by order 0.1" in skew["reason"]
    shown = render_monitored(found, now=operator.session().clock.now(), every=False).plain
    assert "      by order  breach " in shown
    assert "by order" in render_page(found, now=operator.session().clock.now())


def test_both_sides_are_asked_for_logarithms_and_hands_are_seen(operator):
    """A table becomes a query of its columns; whole numbers are none any more; what somebody edits is put back."""
    table(operator, "ml.training", {"amount": "FLOAT64", "visits": "INT64", "plan": "STRING"}, [{"amount": 1}])
    wanted = watched(baseline={"table": "ml.training"}, logarithmic=["visits"])
    applied(operator, wanted)

    taken = "IF(`visits` > 0 AND NOT IS_NAN(`visits`), LN(`visits`), NULL) AS `visits`"
    source = {"query": f"SELECT `amount`, {taken}, `plan` FROM `local.ml.training`"}
    found = objective(operator)
    assert monitor(operator)["trainingDataset"]["columnizedDataset"]["bigquerySource"] == source
    assert found["baselineDataset"]["columnizedDataset"]["bigquerySource"] == source
    assert taken in found["targetDataset"]["columnizedDataset"]["bigquerySource"]["query"]
    types = {each["name"]: each["dataType"] for each in monitor(operator)["modelMonitoringSchema"]["featureFields"]}
    assert types == {"amount": "float", "visits": "float", "plan": "string"}

    [would] = intended(operator.session(), "churn", None, ["skew"])
    assert (would.baseline, would.by_logarithm) == ("all of local.ml.training", ("visits",))

    live = schedule(operator, "skew")
    spec_ = live["createModelMonitoringJobRequest"]["modelMonitoringJob"]["modelMonitoringSpec"]["objectiveSpec"]
    logged = spec_["targetDataset"]["columnizedDataset"]["bigquerySource"]
    logged["query"] = logged["query"].replace(taken, "`visits`")
    vertex(operator).patch(live["name"], live, mask="createModelMonitoringJobRequest")

    [change] = operator.plan(wanted).plan.pending
    assert change.consequence.startswith("compares visits by the logarithm from now on")
    applied(operator, wanted)
    assert objective(operator) == found

    back = {each.consequence for each in operator.plan(watched(baseline={"table": "ml.training"})).plan.pending}
    assert back == {"compares visits by the value from now on: limits of before are of another scale"}


def test_of_a_list_there_is_no_logarithm(operator):
    """A baseline with lists in such a column is refused by the plan: its query would fail at every run."""
    rest = operator.connection.rest("bigquery.googleapis.com", "bigquery/v2")
    table(operator, "ml.training", {"visits": "INT64", "plan": "STRING"}, [{"visits": 1}])
    fields = [{"name": "amount", "type": "FLOAT64", "mode": "REPEATED"}, {"name": "visits", "type": "INT64"}]
    made = {"tableReference": {"tableId": "lists"}, "schema": {"fields": [*fields, {"name": "plan", "type": "STRING"}]}}
    rest.post("projects/local/datasets/ml/tables", made)
    fill(operator, "ml.lists", [{"amount": [1.5], "visits": 1}])

    with pytest.raises(SpecError) as refused:
        operator.plan(watched(baseline={"table": "ml.lists"}, logarithmic=["amount", "visits"]))

    said = 'BigQuery table local.ml.lists has lists in column "amount", and of a list there is no logarithm'
    assert [each.summary for each in refused.value.problems] == [said]


def test_what_has_no_logarithm_is_missing(operator):
    """0 and below, null, and NaN, whatever an engine takes that for; of whole numbers as well."""
    rows = [{"x": 1, "n": 1}, {"x": 0, "n": 0}, {"x": -1, "n": -1}, {"x": "NaN", "n": None}]
    table(operator, "ml.odd", {"x": "FLOAT64", "n": "INT64"}, rows)
    query = f"SELECT {selected('xn', frozenset('xn'))} FROM ml.odd ORDER BY x IS NULL"

    asked = {"query": query, "useLegacySql": False}
    answer = HTTP.post(f"{operator.emulator.http}/bigquery/v2/projects/local/queries", json=asked).json()

    found = [[cell["v"] for cell in row["f"]] for row in answer["rows"]]
    assert found == [["0.0", "0.0"], [None, None], [None, None], [None, None]]
