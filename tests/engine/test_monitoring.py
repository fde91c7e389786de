"""`monitoring` of a spec on Vertex AI: what is watched, when, and what becomes of it."""

import json
from datetime import datetime, timedelta

import pytest
from google.api_core import exceptions

from reconciler.engine.models import read_models
from reconciler.engine.monitoring.reading import read_monitored
from reconciler.engine.retraining import read_retraining
from reconciler.engine.status import read_status
from reconciler.gcp.vertex import host
from reconciler.render.monitoring import render_monitored
from tests.engine.test_retraining import until
from tests.operating import BUCKET, REGION, spec
from tests.operating_registry import Registered
from tests.operating_tables import fill, table

RUNS_AT = 6
"""Hour of the day, of `MONITORING`."""
FEATURES = {
    "spend": {"type": "number"},
    "plan": {"type": "category", "values": ["basic", "plus"]},
    "email": {"type": "string", "log": False, "monitor": False},
}
MONITORING = {
    "logging": {"table": "ml_logs.churn"},
    "baseline": {"table": "local.ml.training"},
    "schedule": f"0 {RUNS_AT} * * *",
    "skew": {"default": 0.3, "features": {"spend": 0.1}},
    "drift": {"default": 0.25, "against": "2d"},
    "predictionDrift": 0.2,
}


def watched(**which):
    """A service whose predictions are compared.

    Args:
        which: Which model serves, in words of `model`.
    """
    which = which or {"uri": "gs://models/churn/", "version": "7"}
    model = {**which, "framework": "onnx", "features": FEATURES, "prediction": {"name": "churns", "type": "number"}}
    return spec(model=model, monitoring=MONITORING)


def test_the_entry_that_is_watched_is_no_trained_model(operator):
    """What apply made for a monitor is never offered for promotion, whatever a training registered beside it."""
    other = Registered(operator, "churn-boosted")
    other.version("run1", "champion")
    api, place = other.registry.api, other.registry.place
    made = {"displayName": "churn", "labels": {"mlservice-service": "churn", "managed-by": "mlservice"}}
    api.write("POST", f"{place}/models:upload", {"model": made, "modelId": "churn_monitored"}, patience_s=20)

    assert read_models(operator.session(), REGION, "churn", None).model == "churn-boosted"


WANTED = watched()
HERE = f"projects/local/locations/{REGION}"


def vertex(operator):
    return operator.connection.rest(host(REGION), "v1beta1")


def monitors(operator):
    return list(vertex(operator).listed(f"{HERE}/modelMonitors", "modelMonitors"))


def schedules(operator):
    """Schedules by what they compare."""
    found = vertex(operator).listed(f"{HERE}/schedules", "schedules")
    return {each["displayName"].partition(" ")[0]: each for each in found}


def applied(operator, wanted=WANTED):
    report = operator.apply(wanted)
    assert not report.failed, [str(each.error) for each in report.failed]
    assert operator.differences(wanted) == []


def trained_on(operator):
    """Make a baseline, for tests that measure nothing by it."""
    table(operator, "ml.training", {"spend": "FLOAT64", "plan": "STRING"}, [{"spend": 1, "plan": "basic"}])


def logged(at, count, *, spend, plans, churns, version="7"):
    """Rows as the server logs them: one request each, each delivered twice."""
    rows = [
        {
            "request_id": f"{at:%d%H}-{version}-{n}",
            "logging_time": at.isoformat(),
            "service": "churn",
            "model": "churn-boosted",
            "model_version": version,
            "revision": "churn-00001-abc",
            "latency_ms": 3.5,
            "row_index": 0,
            "spend": spend + n % 10,
            "plan": plans[n % len(plans)],
            "churns": churns + (n % 10) / 100,
        }
        for n in range(count)
    ]
    return rows * 2


def now(operator):
    return datetime.fromisoformat(operator.emulator.control("GET", "clock")["now"])


def run_to_come(operator):
    """When schedules run next; never so soon that it passes while the test still makes what is to be measured."""
    if now(operator).hour == RUNS_AT - 1:
        operator.emulator.advance(3600)
    at = now(operator)
    return at.replace(hour=RUNS_AT, minute=0, second=0, microsecond=0) + timedelta(days=1 if at.hour >= RUNS_AT else 0)


def hour_to_come(operator):
    """The next full hour, when it is not near."""
    let_pass(operator, now(operator).replace(minute=5) + timedelta(hours=1))
    return now(operator).replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)


def let_pass(operator, until):
    """Let time pass until a moment."""
    operator.emulator.advance((until - now(operator)).total_seconds())


@pytest.mark.parametrize("begun", ["04:59:58", "05:59:58", "06:00:00"])
def test_no_run_passes_while_a_test_prepares_for_it(operator, begun):
    """An hour at least is left, whenever the suite runs."""
    day = (now(operator) + timedelta(days=1)).date()
    let_pass(operator, datetime.fromisoformat(f"{day}T{begun}+00:00"))

    left = run_to_come(operator) - now(operator)

    assert timedelta(minutes=59) < left <= timedelta(days=1)


def test_skew_and_drift_are_measured_when_it_is_time(operator):
    """Each schedule measures requests by its own limits; deliveries count once, other versions not at all."""
    first_run = run_to_come(operator)
    trained = [{"spend": n % 10, "plan": ("basic", "plus")[n % 2]} for n in range(200)]
    table(operator, "ml.training", {"spend": "FLOAT64", "plan": "STRING"}, trained)
    today, before = first_run - timedelta(hours=3), first_run - timedelta(days=2, hours=3)
    rows = [
        *logged(before, 100, spend=0, plans=("basic", "plus"), churns=0.1),
        *logged(today, 100, spend=50, plans=("basic", "basic", "basic", "plus"), churns=0.8),
        *logged(today, 300, spend=-900, plans=("plus",), churns=0.1, version="6"),
    ]
    applied(operator, WANTED)
    fill(operator, "ml_logs.churn", rows)

    let_pass(operator, first_run + timedelta(minutes=1))

    [monitor] = monitors(operator)
    jobs = list(vertex(operator).listed(f"{monitor['name']}/modelMonitoringJobs", "modelMonitoringJobs"))
    assert [job["state"] for job in jobs] == ["JOB_STATE_SUCCEEDED"] * 2, [
        job["jobExecutionDetail"].get("error") for job in jobs
    ]
    plan = schedules(operator)
    skew, drift = (measured(operator, monitor, plan[which]["name"]) for which in ("skew", "drift"))
    assert {name: point["thresholdValue"] for name, point in skew.items()} == {"spend": 0.1, "plan": 0.3}
    assert {name: point["thresholdValue"] for name, point in drift.items()} == {
        "spend": 0.25,
        "plan": 0.25,
        "churns": 0.2,
    }
    assert skew["spend"]["currentStats"]["distributionValue"]["distributionDeviation"] == 1
    assert skew["plan"]["currentStats"]["distributionValue"]["distributionDeviation"] == 0.25
    assert [name for name, point in skew.items() if point.get("hasAnomaly")] == ["spend"]
    assert sorted(name for name, point in drift.items() if point.get("hasAnomaly")) == ["churns", "spend"]
    assert seen_rows(skew["spend"]) == 100
    assert operator.differences(WANTED) == [], "what a run leaves in a schedule is no difference"


def measured(operator, monitor, schedule):
    """The newest point of every column, of one schedule."""
    asked = {"statsFilter": {"tabularStatsFilter": {"modelMonitoringSchedule": schedule}}}
    found = vertex(operator).post(f"{monitor['name']}:searchModelMonitoringStats", asked)["monitoringStats"]
    return {each["tabularStats"]["statsName"]: each["tabularStats"]["dataPoints"][0] for each in found}


def seen_rows(point):
    [counted] = point["currentStats"]["distributionValue"]["distribution"]["features"]
    return int(counted["numStats"]["commonStats"]["numNonMissing"])


def test_what_hands_change_is_seen_and_put_back(operator):
    """A schedule paused, or over, a limit raised, a monitor deleted: each is in the plan, and right after apply."""
    run_to_come(operator)  # else one may run within the minute that a schedule has left
    trained_on(operator)
    applied(operator, WANTED)
    plan, [monitor] = schedules(operator), monitors(operator)
    api = vertex(operator)

    api.post(f"{plan['skew']['name']}:pause", {})
    limits = monitor["tabularObjective"]
    limits["featureDriftSpec"]["featureAlertConditions"]["spend"]["threshold"] = 0.9
    api.write("PATCH", monitor["name"], monitor, patience_s=20, updateMask="tabularObjective")

    told = operator.differences(WANTED)
    assert [line.partition(" [")[0] for line in told] == [
        f"update vertex_model_monitor/{REGION}/{monitor['name'].rpartition('/')[2]}",
        f"update vertex_schedule/{REGION}/{monitor['name'].rpartition('/')[2]}/skew",
    ]
    assert "('objective.features.columns.spend', 0.9, 0.1)" in told[0]
    assert "('paused', True, False)" in told[1]
    applied(operator, WANTED)

    soon = (now(operator) + timedelta(minutes=1)).isoformat()
    api.patch(plan["drift"]["name"], {"endTime": soon}, mask="endTime")
    assert schedules(operator)["drift"]["state"] == "COMPLETED", "it would run at the hour"
    assert [line for line in operator.differences(WANTED) if line.startswith("replace vertex_schedule/")]
    applied(operator, WANTED)
    assert schedules(operator)["drift"]["state"] == "ACTIVE"

    api.write("DELETE", monitor["name"], patience_s=20, force="true")
    applied(operator, WANTED)
    assert [each["name"] for each in monitors(operator)] == [monitor["name"]]
    assert schedules(operator).keys() == {"skew", "drift"}


def test_each_version_of_the_registry_has_its_monitor(operator):
    """An alias that moves leaves the monitor of the version before, without schedules; all goes with the service."""
    trained_on(operator)
    registered = Registered(operator)
    registered.version("run1", "champion")
    wanted = watched(alias="champion")
    applied(operator, wanted)
    registered.version("run2", "champion")
    applied(operator, wanted)

    versions = {
        each["modelMonitoringTarget"]["vertexModel"]["modelVersionId"]: each["name"] for each in monitors(operator)
    }
    assert versions.keys() == {"1", "2"}
    of = {each["createModelMonitoringJobRequest"]["parent"] for each in schedules(operator).values()}
    assert of == {versions["2"]}
    assert not operator.destroy("churn").failed
    assert (monitors(operator), schedules(operator)) == ([], {})


def test_the_version_that_serves_is_shown_when_two_have_schedules(operator):
    """An apply that ends before it deletes the schedules of the version before: no monitor gets those of another."""
    trained_on(operator)
    registered = Registered(operator)
    first, wanted = registered.version("run1", "champion"), watched(alias="champion")
    applied(operator, wanted)
    second = registered.version("run2", "champion")
    operator.emulator.faults({"method": "*/DeleteSchedule", "status": "PERMISSION_DENIED", "times": None})
    assert operator.apply(wanted).failed
    operator.emulator.faults()
    assert len(list(vertex(operator).listed(f"{HERE}/schedules", "schedules"))) == 4

    found = read_monitored(operator.session(), "churn", None).to_json()

    assert (found["version"], [each["version"] for each in found["others"]]) == (second, [first])
    plan = {each["name"]: each for each in vertex(operator).listed(f"{HERE}/schedules", "schedules")}
    of = {plan[each["schedule"]["name"]]["createModelMonitoringJobRequest"]["parent"] for each in found["comparisons"]}
    assert {each.rpartition("/")[2] for each in of} == {found["monitor"]}
    [other] = found["others"]
    assert (
        f"monitor {other['monitor']} of churn, version {first} has schedules, too"
        in render_monitored(found, now=now(operator), every=False).plain
    )


TRAINS = {
    **watched(),
    "spec": {
        **WANTED["spec"],
        "monitoring": {**MONITORING, "minSamples": 50, "schedule": "0 * * * *", "window": "1h"},
        "triggers": [{"name": "moved", "when": {"breach": ["skew"], "consecutive": 2}}],
        "retraining": {
            "run": {"cloudRunJob": {"name": "train"}},
            "guards": {"cooldown": "1m", "maxConcurrent": 5, "maxPerDay": 5},
        },
    },
}
RETRAINING = "projects/local/topics/churn-retrain"


def kept(operator, name):
    """An object of the service's retraining; None where there is none."""
    blob = operator.connection.storage.bucket(BUCKET).blob(f"retraining/{REGION}/churn/{name}")
    try:
        return json.loads(blob.download_as_bytes())
    except exceptions.NotFound:
        return None


def windows(operator):
    """What was said of each window of one sort, the oldest first."""
    judged = (kept(operator, "windows.json") or {"windows": []})["windows"]
    return [(each["finding"], each["reason"]) for each in judged if each["sort"] == "skew"]


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_requests_that_moved_start_one_training_when_they_stay_so(operator):
    """A few rows say nothing, one window is not two; the second one starts it, and the third not another one.

    One in which a column is gone is not calm, whatever else is. The log entry of a breach wakes the function, whatever
    it says.
    """
    operator.make_job()
    first_run = hour_to_come(operator)
    trained = [{"spend": n % 10, "plan": ("basic", "plus")[n % 2]} for n in range(400)]
    table(operator, "ml.training", {"spend": "FLOAT64", "plan": "STRING"}, trained)
    applied(operator, TRAINS)
    rows = [20, 200, 200, 200]
    for hour, count in enumerate(rows):
        at = first_run + timedelta(hours=hour, minutes=-30)
        fill(operator, "ml_logs.churn", logged(at, count, spend=50, plans=("basic", "plus"), churns=0.1))
    gone = logged(
        first_run + timedelta(hours=len(rows), minutes=-30), 200, spend=0, plans=("basic", "plus"), churns=0.1
    )
    fill(operator, "ml_logs.churn", [{**each, "spend": None} for each in gone])

    for hour in range(len(rows) + 1):
        let_pass(operator, first_run + timedelta(hours=hour, minutes=11))
        until(lambda hour=hour: len(windows(operator)) == hour + 1)

    few, *moved, lost = windows(operator)
    assert few == ("NotEnoughData", "20 rows; fewer than 50 tell nothing")
    assert moved == [("Breach", "1 of 2 columns too far: spend 1, limit 0.1")] * 3
    nowhere = "no row has a value of it, of the window or of what it is compared with"
    assert lost == ("NotEnoughData", f"spend not compared: {nowhere}")
    until(lambda: len(kept(operator, "history.json")["runs"]) == 1)
    found = read_retraining(operator.session(), REGION, "churn", last=50)
    held_back = [each["reason"] for each in found.decisions if each["action"] == "Skip"]
    assert sorted(reason.partition(" since")[0] for reason in held_back) == [
        "skew is found without a break",
        "skew was found 1 of 2 times in a row",
    ]
    assert [each["action"] for each in found.decisions if each["action"] != "Skip"] == ["Start"]
    assert [run["trigger"] for run in found.runs] == ["moved"]
    assert operator.differences(TRAINS) == []
    [status] = read_status(operator.session(), ["churn"]).services
    assert status.to_json()["monitoring"][0]["columns"] == ["spend"]
    shown = next(each for each in read_monitored(operator.session(), "churn", None, last=9).comparisons)
    said = [(each.finding, each.reason) for each in reversed(shown.windows)]
    assert said == windows(operator), "the command and the function say the same"
    assert (shown.since, shown.in_a_row) == (shown.windows[3].at.replace("Z", "+00:00"), 3)
    operator.emulator.faults({"method": "*/ListFunctions", "status": "PERMISSION_DENIED", "times": None})
    [unknown] = read_monitored(operator.session(), "churn", None).unreadable
    assert unknown.startswith("whether labels are asked for: cannot list functions_function/")
