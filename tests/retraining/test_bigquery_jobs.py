"""Jobs of BigQuery that fail for reasons that pass, exports that nobody serves, measures that are written once."""

import json
from datetime import UTC, datetime
from types import SimpleNamespace
from urllib.parse import unquote, urlsplit

import pytest
import requests

from runtime.retraining.closing import Stage
from runtime.retraining.google import Google, Refused, Unavailable
from runtime.retraining.outcome import Evaluation
from runtime.retraining.runs import Run
from runtime.retraining.settings import Settings
from runtime.retraining.trainers.bigquery_ml import BigQueryML

KEY, LIVE = "0123456789abcdef01234567", "89abcdef0123456701234567"
JOB = f"mlservice-europe-west1-churn-{KEY}"
SETTINGS = Settings(
    "churn", "local", "europe-west1", "bucket",
    {"bigqueryML": {"model": "local.ml.model", "statement": " AS SELECT 1"}},
    evaluation=Evaluation("roc_auc"), dataset="local.ml.kept",
)  # fmt: skip
MODEL = SETTINGS.model_object(KEY)
RUN = Run(KEY, "weekly", datetime(2026, 11, 1, tzinfo=UTC), name=f"local:EU.{JOB}", live=SETTINGS.model_folder(LIVE))


class World:
    """BigQuery, whose jobs end at once as the test says, and a bucket."""

    def __init__(self, **fails):
        self.fails = {f"{JOB}{end.replace('_', '-')}": reason for end, reason in fails.items()}
        self.begun, self.stopped, self.rows_read = [JOB], [], 0
        self.objects = {f"{MODEL}model.bst": b"x"}

    def address(self, service):
        return f"https://{service}"

    def call(self, what, method, url, *, params=None, json=None, data=b"", headers=None):
        del headers
        parts = urlsplit(url)
        last = unquote(parts.path.rpartition("/")[2])
        if parts.netloc == "storage":
            return self.stored(parts.path, last, params or {}, data if method == "POST" else None)
        if method == "POST" and last == "jobs":
            self.begun.append(json["jobReference"]["jobId"])
            return {}
        if method == "POST":
            self.stopped.append(parts.path.split("/")[-2])
            return {}
        if "/queries/" in parts.path:
            return self.rows(last)
        if last not in self.begun:
            raise Refused(what, 404, "not found", "notFound")
        failed = {"errorResult": {"reason": self.fails[last], "message": "no"}} if self.fails.get(last) else {}
        return {"status": {"state": "DONE", **failed}}

    def rows(self, name):
        self.rows_read += 1
        return {"schema": {"fields": [{"name": "roc_auc"}]}, "rows": [{"f": [{"v": f"0.{len(name)}"}]}]}

    def stored(self, path, last, params, written):
        if written is not None:
            assert params["ifGenerationMatch"] == "0"
            self.objects[params["name"]] = written
            return {}
        if path.endswith("/o"):
            return {"items": [{"name": name} for name in self.objects if name.startswith(params["prefix"])]}
        if last not in self.objects:
            raise Refused(path, 404, "not found", "notFound")
        return {"generation": "1", "size": str(len(self.objects[last]))}

    def answer(self, what, method, url, **more):
        del what, method, more
        return SimpleNamespace(content=self.objects[unquote(url.rpartition("/")[2])])

    def looked(self):
        return BigQueryML(SETTINGS, self).progress(RUN)

    def measures(self):
        return json.loads(self.objects[SETTINGS.metrics_object(KEY)])


@pytest.mark.parametrize("end", ["", "_export", "_measure", "_live"])
def test_a_job_that_failed_for_a_reason_that_passes_is_begun_again(end):
    """At the next look, under an id of its own, whose answer is the one that is read."""
    world = World(**{end: "backendError", f"{end}_2": "quotaExceeded"})

    stages = []
    while Stage.SUCCEEDED not in stages:
        stages.append(world.looked().stage)
        assert len(stages) < 5

    name = JOB + end.replace("_", "-")
    assert set(stages[:-1]) <= {Stage.GOING}
    assert [each for each in world.begun if each in {name, f"{name}-2", f"{name}-3"}] == [
        name,
        f"{name}-2",
        f"{name}-3",
    ]
    told = {"roc_auc": float(f"0.{len(JOB + '-measure') + 2 * (end == '_measure')}")}
    assert world.measures() == told | {"live": {"roc_auc": float(f"0.{len(JOB + '-live') + 2 * (end == '_live')}")}}


def test_a_job_is_begun_three_times_at_most():
    """Then the run failed, with BigQuery's words."""
    world = World(_export="backendError", _export_2="jobInternalError", _export_3="rateLimitExceeded")
    stages = [world.looked().stage for _ in range(3)]

    assert stages == [Stage.GOING, Stage.GOING, Stage.FAILED]
    assert len(world.begun) == 4


@pytest.mark.parametrize(
    ("reason", "stage"),
    [("notFound", Stage.SUCCEEDED), ("invalidQuery", Stage.SUCCEEDED), ("accessDenied", Stage.FAILED)],
)
def test_the_live_model_is_left_out_only_where_it_cannot_be_measured(reason, stage):
    """It is gone, or knows other columns; what is not allowed is a fault, and no comparison with older numbers."""
    world = World(_live=reason)
    assert world.looked().stage is stage
    assert stage is Stage.FAILED or "live" not in world.measures()


@pytest.mark.parametrize(
    ("objects", "words"),
    [
        ({f"{MODEL}saved_model.pb": b"x"}, "BigQuery exported no model.bst"),
        ({f"{MODEL}model.bst": b"x", f"{MODEL}transform/saved_model.pb": b"x"}, "made with TRANSFORM"),
    ],
)
def test_an_export_that_nobody_serves_fails_the_training(objects, words):
    """With the reason, and nothing more is begun."""
    world = World()
    world.objects = objects
    found = world.looked()

    assert (found.stage, words in found.why) == (Stage.FAILED, True)
    assert world.begun == [JOB, f"{JOB}-export"]


def test_measures_are_written_once():
    """What was judged by them does not change, and the next look asks BigQuery for no rows."""
    world = World()
    world.looked()
    before, read = dict(world.objects), world.rows_read
    assert world.looked().stage is Stage.SUCCEEDED
    assert (world.objects, world.rows_read) == (before, read)


def test_whatever_runs_is_stopped():
    """Also what was begun again."""
    world = World()
    BigQueryML(SETTINGS, world).cancel(RUN)

    assert {JOB, f"{JOB}-2", f"{JOB}-export", f"{JOB}-measure-3", f"{JOB}-live"} <= set(world.stopped)


@pytest.mark.parametrize(
    ("status", "reason", "error"),
    [
        (403, "rateLimitExceeded", Unavailable), (403, "quotaExceeded", Unavailable), (429, "", Unavailable),
        (403, "backendError", Unavailable), (403, "accessDenied", Refused), (404, "notFound", Refused),
        (400, "invalidQuery", Refused), (403, None, Refused),
    ],
)  # fmt: skip
def test_a_limit_that_passes_is_no_refusal(status, reason, error):
    """Google answers 403 to what is not allowed and to what comes too often: its word for it tells them apart."""
    answer = requests.Response()
    answer.status_code = status
    told = {"error": {"message": "no", "errors": [{"reason": reason}]}} if reason is not None else ["no"]
    answer._content = json.dumps(told).encode()
    google = Google("europe-west1")
    google.__dict__["_session"] = SimpleNamespace(request=lambda *_, **__: answer)

    with pytest.raises(error) as found:
        google.call("try", "GET", "https://nowhere")

    assert error is Unavailable or found.value.reason == (reason or "")
