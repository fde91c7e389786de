"""`mlservice monitor` after a day of requests: what was measured, what is said of it, and what is wrong."""

import json
from datetime import timedelta

import pytest

from tests.engine.test_monitoring import WANTED, fill, let_pass, logged, run_to_come, table
from tests.operating import BUCKET, REGION, spec

MONITORING = {**WANTED["spec"]["monitoring"], "minSamples": 50}
WATCHED = {**WANTED, "spec": {**WANTED["spec"], "monitoring": MONITORING}}
READS_SERVICES = [f"google.cloud.run.v2.Services/{each}" for each in ("GetService", "ListServices")]
"""Of one version nobody needs to ask who serves, which takes a role."""
CREATES = "google.cloud.aiplatform.v1beta1.ModelMonitoringService/CreateModelMonitoringJob"


@pytest.fixture
def measured(operator):
    """A service whose monitors ran once: `spend` moved, `plan` did not, drift had nothing to compare with."""
    run = run_to_come(operator)
    trained = [{"spend": n % 10, "plan": ("basic", "plus")[n % 2]} for n in range(200)]
    table(operator, "ml.training", {"spend": "FLOAT64", "plan": "STRING"}, trained)
    assert not operator.apply(WATCHED, spec("plain")).failed
    fill(
        operator, "ml_logs.churn", logged(run - timedelta(hours=3), 100, spend=50, plans=("basic", "plus"), churns=0.1)
    )
    let_pass(operator, run + timedelta(minutes=1))
    return run


def remember(operator, *windows):
    """What the retraining function would have said of windows."""
    told = [{"sort": "skew", "job": f"j{n}", **each} for n, each in enumerate(windows)]
    blob = operator.connection.storage.bucket(BUCKET).blob(f"retraining/{REGION}/churn/windows.json")
    blob.upload_from_string(json.dumps({"format": 1, "windows": told}))


def runs_on_demand(shell, operator):
    """What is started is told and shown, whatever becomes of another; it is no window."""
    would = shell("monitor", "run", "churn", "--local", "--dry-run")
    ran = shell("monitor", "run", "churn", "--which", "skew", "--local")
    calibrated = shell("monitor", "calibrate", "churn", "--local", "--false-alarms", "0.05")
    assert (would.code, ran.code, calibrated.code) == (0, 0, 0)
    assert "skew: 2 features, from 50 values on\n" in would.out
    assert "  against all of local.ml.training\ndrift: 2 features and 1 predictions" in would.out
    assert "skew: succeeded after" in ran.err
    assert "1 of 2 columns too far: spend 1, limit 0.1" in ran.out
    assert "skew  1 window that tells something since" in calibrated.out, "what ran on demand is no window"
    assert "too few for any limit: 38 windows tell of 5.00%" in calibrated.out

    operator.emulator.faults({"method": CREATES, "status": "INVALID_ARGUMENT", "skip": 1, "times": 1})
    part = shell("monitor", "run", "churn", "--local", "--output", "json")
    started = shell("monitor", "run", "churn", "--local", "--wait", "0s", "--output", "json")
    assert (part.code, started.code) == (1, 0)
    assert [each["which"] for each in part.json["comparisons"]] == ["skew"]
    assert part.json["comparisons"][0]["finding"] == "Breach"
    assert f"skew: started job {part.json['comparisons'][0]['job']}" in part.err
    assert "cannot start a monitoring job" in part.err, "the other one was refused"
    assert all(each["unmeasured"]["going"] for each in started.json["comparisons"])
    assert {each["which"] for each in started.json["comparisons"]} == {"skew", "drift", "predictiondrift"}


def test_what_was_measured_is_shown_judged_and_nothing_personal(shell, operator, measured):
    """By people and by programs; who asks for it learns of a breach by the exit code."""
    spend = {"name": "spend", "finding": "Breach"}
    days = [(measured - timedelta(days=back)).isoformat() for back in (2, 1, 0)]
    moved = [{"at": day, "finding": "Breach", "reason": "spend", "columns": [spend]} for day in days[1:]]
    remember(operator, {"at": days[0], "finding": "Calm", "reason": "", "columns": []}, *moved)

    operator.emulator.faults(*({"method": each, "status": "PERMISSION_DENIED"} for each in READS_SERVICES))
    text = shell("monitor", "churn", "--local")
    operator.emulator.faults()
    whole = shell("monitor", "churn", "--local", "--all", "--last", "3")
    told = shell("monitor", "churn", "--local", "--output", "json", "--fail-on-breach")

    assert (text.code, whole.code, told.code) == (0, 0, 1)
    assert f"skew  breach since {days[1][:10]} 06:00 UTC (1 d ago), 2 windows in a row" in text.out
    [row] = [line.split() for line in text.out.splitlines() if line.startswith("    spend ")]
    assert row[:9] == ["spend", "breach", "1.000", "0.1", "0.145", "100", "200", "0.0%", "0.0%"]
    assert "1 calm, the farthest plan: 0 of 0.3; --all shows it" in text.out
    assert "│█▅        │        ▅█│" in text.out
    told_of_drift = f"the job for {days[2][:10]} 06:00 UTC measured nothing: no rows in the earlier window"
    assert told_of_drift in text.out, "drift has no earlier window yet"
    assert "plan    calm " in whole.out
    skew, drift, answers = told.json["comparisons"]
    assert [each["finding"] for each in (skew, drift, answers)] == ["Breach", "NoWindow", "NoWindow"]
    assert {each["name"]: (each["finding"], each["distance"]) for each in skew["columns"]} == {
        "spend": ("Breach", 1.0),
        "plan": ("Calm", 0.0),
    }
    assert skew["columns"][0]["since"] == skew["since"] == days[1]
    assert skew["minSamples"] == 50
    assert skew["columns"][1]["histogram"] == {
        "bins": ["basic", "plus"],
        "baseline": [0.5, 0.5],
        "serving": [0.5, 0.5],
    }
    assert "email" not in text.out + whole.out + told.out

    paged = shell("monitor", "churn", "--local", "--html", "churn.html")
    assert (paged.code, "wrote churn.html" in paged.err) == (0, True)
    assert '<th scope="row">spend</th>' in (shell.folder / "churn.html").read_text()

    runs_on_demand(shell, operator)

    plain, unknown = shell("monitor", "plain", "--local"), shell("monitor", "nobody", "--local")
    assert (plain.code, unknown.code) == (64, 64)
    assert "nothing of plain is compared" in plain.err
    assert "docs/how-to/watch-a-model.md" in plain.err
    assert "services applied here: churn, plain" in unknown.err
