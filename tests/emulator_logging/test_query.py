"""The language of filters, as its page describes it."""

import time

import pytest

from emulator.apis.logging.query import compiled
from emulator.core.failures import ApiFailure

ENTRY = {
    "logName": "projects/p/logs/run.googleapis.com%2Fstdout",
    "severity": "WARNING",
    "timestamp": "2026-11-26T08:00:00.123456789Z",
    "resource": {"type": "cloud_run_revision", "labels": {"service_name": "churn", "revision_name": "churn-00002"}},
    "labels": {"a.b/c": "x", "team": "Risk", "version": "1.10"},
    "httpRequest": {"responseSize": "20000"},
    "jsonPayload": {
        "message": "model ready",
        "rows": 12.0,
        "ok": True,
        "features": [{"name": "age", "distance": 0.4}, {"name": "plan", "distance": 0.1}],
    },
    "insertId": "7",
}
TRUE = [
    "",
    "severity>=WARNING",
    "severity = warning",
    "severity>300",
    'resource.type="cloud_run_revision" severity<ERROR',
    'resource.type = "CLOUD_RUN_REVISION"',
    'labels."a.b/c"=x',
    "labels.team:ris",
    "jsonPayload.rows>=12",
    "jsonPayload.rows<100",
    "jsonPayload.ok=true",
    "jsonPayload.features.name=plan",
    "jsonPayload.features.distance>0.3",
    "jsonPayload.message:*",
    "NOT jsonPayload.nothing=1",
    "-jsonPayload.nothing:*",
    'jsonPayload.message=~"^model .*y$"',
    'jsonPayload.message!~"MODEL"',
    'log_id("run.googleapis.com/stdout")',
    'logName="projects/p/logs/run.googleapis.com%2Fstdout"',
    'timestamp>="2026-11-26T08:00:00Z" timestamp<"2026-11-26T09:00:00+01:00" OR insertId=7',
    'resource.labels.service_name=("other" OR "churn")',
    "ready",
    '"MODEL ready" AND churn',
    "insertId=8 OR severity=WARNING AND insertId=7",
    "NOT (insertId=8 OR insertId=9)",
    "-- a comment\nseverity=WARNING",
    "labels.version<1.9",
    "httpRequest.responseSize>3000",
    "httpRequest.responseSize!=3000",
]
FALSE = [
    "severity>=ERROR",
    "jsonPayload.nothing!=1",
    "jsonPayload.nothing=1 OR insertId=8",
    'jsonPayload.message=~"MODEL"',
    "jsonPayload.rows>12",
    "severity=WARNING OR insertId=7 AND insertId=8",
    "labels.team=ris",
    'log_id("stdout")',
    "absent",
    "labels.version=1.1",
    "jsonPayload.rows=twelve",
]
WRONG = [
    "severity>=LOUD",
    "severity>=²",
    "a=",
    "(a=b",
    "a=b)",
    'timestamp>"yesterday"',
    'a=~"("',
    "=b",
    "AND",
    "a=b OR",
    'a="b',
]


@pytest.mark.parametrize("text", TRUE)
def test_lets_through(text):
    """What is true of the entry."""
    assert compiled(text)(ENTRY)


@pytest.mark.parametrize("text", FALSE)
def test_holds_back(text):
    """What is not, a comparison with what the entry does not have included."""
    assert not compiled(text)(ENTRY)


@pytest.mark.parametrize("text", [*WRONG, "(" * 5000 + "a=b" + ")" * 5000, "NOT " * 5000 + "a=b", "a=b " * 20_000])
def test_refuses(text):
    """What is no filter, and one without end, is the caller's mistake."""
    with pytest.raises(ApiFailure) as refused:
        compiled(text)
    assert refused.value.code == "INVALID_ARGUMENT"


def test_a_time_without_a_zone_is_utc(monkeypatch):
    """Wherever the emulator runs."""
    with monkeypatch.context() as here:
        here.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        found = compiled('timestamp>"2026-11-26T08:00:00" timestamp<"2026-11-26T08:00:01"')(ENTRY)
    time.tzset()

    assert found
    assert compiled('timestamp>"0001-01-01T00:00:00"')(ENTRY)


def test_a_function_that_nobody_wrote_is_named():
    """It is not taken for true."""
    with pytest.raises(ApiFailure, match="sample"):
        compiled("sample(insertId, 0.1)")
