"""Monitoring jobs of the emulated Vertex AI: what they find, write and tell; how they fail."""

import base64
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from google.api_core import exceptions
from google.protobuf import json_format, text_format
from tensorflow_metadata.proto.v0 import anomalies_pb2, statistics_pb2

from tests.conftest import HTTP
from tests.emulator.clients import both_wires
from tests.emulator_vertex.monitoring import BUCKET, Monitoring, csv, files, objective, state

VECTORS = {case["id"]: case for case in json.loads((Path(__file__).parent / "drift_vectors.json").read_text())["cases"]}
RAW, LABELS = VECTORS["jsd-raw-equal-width"], VECTORS["linf-categorical-unseen"]


def rows(side):
    """One side of two vectors, as a file: what is missing of the shorter column is empty."""
    return csv(
        x=RAW[f"{side}_values"],
        c=[label for label, count in LABELS[side].items() for _ in range(count)],
        p=[0.25, 0.5],
    )


@pytest.fixture
def cloud(emulator):
    """Clients of an empty emulator."""
    return Monitoring(emulator)


@pytest.fixture
def watched(cloud):
    """A monitor with a baseline, and a target beside it."""
    cloud.put("target.csv", rows("target"))
    return cloud.monitor(
        training_dataset=files(cloud.put("base.csv", rows("baseline"))),
        tabular_objective=objective(numeric=0.2, categorical=0.2),
        output_spec={"gcs_base_directory": {"output_uri_prefix": f"gs://{BUCKET}/out"}},
    ).name


TARGET = {"objective_spec": {"target_dataset": files(f"gs://{BUCKET}/target.csv")}}


@both_wires
def test_a_job_finds_how_far_each_field_is(emulator, watched, wire):
    """The distances are the vectors'; what is above its threshold, strictly, is an anomaly; samples are counted."""
    cloud = Monitoring(emulator, wire)
    job = cloud.run(watched, "first", **TARGET)
    found = cloud.stats(watched)

    assert (state(job), job.name.rpartition("/")[2], job.schedule) == ("SUCCEEDED", "first", "")
    assert job.job_execution_detail.baseline_datasets[0].location == f"gs://{BUCKET}/base.csv"
    assert job.job_execution_detail.objective_status["raw-feature-drift"].code == 0
    assert set(found) == {"x", "c"}
    x, c = found["x"][0], found["c"][0]
    assert (x.algorithm, c.algorithm) == ("jensen_shannon_divergence", "l_infinity")
    assert abs(x.current_stats.distribution_value.distribution_deviation - RAW["expected"]) < 1e-6
    assert abs(c.current_stats.distribution_value.distribution_deviation - 0.2) < 1e-12
    assert (x.has_anomaly, c.has_anomaly, x.threshold_value) == (True, False, 0.2)
    assert x.model_monitoring_job == job.name
    shown = json_format.MessageToDict(type(x).pb(x).current_stats.distribution_value.distribution)
    stats = json_format.ParseDict(shown, statistics_pb2.DatasetFeatureStatistics())
    assert stats.num_examples == 60
    common = stats.features[0].num_stats.common_stats
    assert (common.num_non_missing, common.num_missing) == (15, 45)


def test_a_job_tells_and_writes(cloud, watched):
    """Alerts, files in TensorFlow's messages, mails, one log entry: each names the feature that moved, none a row."""
    spec = {
        "notification_spec": {
            "enable_cloud_logging": True,
            "email_config": {"user_emails": ["ann@example.com"]},
            "notification_channel_configs": [{"notification_channel": "projects/local/notificationChannels/1"}],
        }
    }
    job = cloud.run(watched, "told", **TARGET, **spec)
    prefix = job.model_monitoring_spec.output_spec.gcs_base_directory.output_uri_prefix
    folder = f"{prefix}/tabular/jobs/told/feature_drift"
    target = statistics_pb2.DatasetFeatureStatisticsList.FromString(cloud.get(f"{folder}/target/statistics"))
    anomalies = text_format.Parse(cloud.get(f"{folder}/anomalies.textproto").decode(), anomalies_pb2.Anomalies())
    answer = cloud.api.search_model_monitoring_alerts(request={"model_monitor": watched})
    alert = next(iter(answer))
    told = cloud.told()

    assert prefix == f"gs://{BUCKET}/out/model_monitoring/churn-1"
    assert [each.path.step[0] for each in target.datasets[0].features] == ["x", "c"]
    assert target.datasets[0].features[1].string_stats.rank_histogram.buckets[0].label == "b"
    assert anomalies.anomaly_info["x"].short_description.startswith("High approximate Jensen-Shannon divergence")
    assert "0.237183" in anomalies.anomaly_info["x"].description
    assert answer.total_number_alerts == 1
    assert (alert.stats_name, alert.objective_type) == ("x", "raw-feature-drift")
    assert alert.anomaly.tabular_anomaly.anomaly_uri == f"{folder}/anomalies.textproto"
    assert alert.anomaly.tabular_anomaly.condition.threshold == 0.2
    assert [(each["to"], each["subject"].split()[0]) for each in told["notices"]] == [
        ("ann@example.com", "began"),
        ("ann@example.com", "found"),
        ("projects/local/notificationChannels/1", "found"),
    ]
    (entry,) = cloud.log_entries('resource.type="aiplatform.googleapis.com/ModelMonitor"')
    assert entry["resource"]["type"] == "aiplatform.googleapis.com/ModelMonitor"
    assert entry["resource"]["labels"]["model_monitor_id"] == "churn-1"
    assert [each["featureDisplayName"] for each in entry["jsonPayload"]["featureAnomalies"]] == ["x"]
    assert cloud.points() == []  # the metric is for scheduled runs


def test_a_sink_wakes_whoever_waits_for_anomalies(cloud, watched):
    """Filtered by resource alone, its message comes when the job is over and its alerts can be read."""
    topic, subscription = "projects/local/topics/wake", "projects/local/subscriptions/wake"

    def call(verb, path, body):
        return HTTP.request(verb, f"{cloud.emulator.http}/{path}", json=body).raise_for_status().json()

    call("PUT", f"v1/{topic}", {})
    call("PUT", f"v1/{subscription}", {"topic": topic})
    wanted = {"name": "wake", "destination": f"pubsub.googleapis.com/{topic}"}
    query = 'resource.type="aiplatform.googleapis.com/ModelMonitor" AND resource.labels.model_monitor_id="churn-1"'
    sink = call("POST", "v2/projects/local/sinks", wanted | {"filter": query})
    binding = {"role": "roles/pubsub.publisher", "members": [sink["writerIdentity"]]}
    call("POST", f"v1/{topic}:setIamPolicy", {"policy": {"bindings": [binding]}})
    job = cloud.run(watched, **TARGET, notification_spec={"enable_cloud_logging": True})
    (message,) = call("POST", f"v1/{subscription}:pull", {"maxMessages": 10})["receivedMessages"]
    woken = json.loads(base64.b64decode(message["message"]["data"]))

    assert woken["jsonPayload"]["modelMonitoringJob"] == job.name
    assert woken["jsonPayload"]["totalAnomaliesCount"] == len(cloud.alerts(watched)) == 1


def test_parts_that_a_job_leaves_out_are_the_monitor_s(cloud, watched):
    """A job's own objective replaces the monitor's, a field's own threshold the default; without one nothing alerts."""
    own = objective(numeric=0.2, feature_alert_conditions={"x": {"threshold": 0.3}}, features=["x"])
    job = cloud.run(watched, objective_spec=TARGET["objective_spec"] | {"tabular_objective": own})
    silent = cloud.run(watched, objective_spec=TARGET["objective_spec"] | {"tabular_objective": objective()})
    divergent = objective(categorical_metric_type="jensen_shannon_divergence", features=["c"])
    other = cloud.run(watched, objective_spec=TARGET["objective_spec"] | {"tabular_objective": divergent})

    (point,) = cloud.stats(watched, model_monitoring_job=job.name)["x"]
    assert (point.has_anomaly, point.threshold_value) == (False, 0.3)
    assert set(cloud.stats(watched, model_monitoring_job=silent.name)) == {"x", "c"}
    assert cloud.alerts(watched) == []
    (point,) = cloud.stats(watched, algorithm="jensen_shannon_divergence", stats_name="c")["c"]
    assert point.model_monitoring_job == other.name
    expected = VECTORS["jsd-categorical-unseen"]["expected"]
    assert abs(point.current_stats.distribution_value.distribution_deviation - expected) < 1e-6


def test_an_objective_that_fails_leaves_the_other(cloud, watched):
    """The baseline has no predictions: features are measured, predictions are not, and the job says so."""
    cloud.put("plain.csv", csv(x=[1, 2, 3], c=["a", "b", "a"]))
    both = objective(prediction_output_drift_spec={})
    spec = {"baseline_dataset": files(f"gs://{BUCKET}/plain.csv"), "tabular_objective": both}
    job = cloud.run(watched, objective_spec=TARGET["objective_spec"] | spec)
    status = job.job_execution_detail.objective_status

    assert state(job) == "PARTIALLY_SUCCEEDED"
    assert status["raw-feature-drift"].code == 0
    assert status["prediction-output-drift"].code == 3
    assert "Column(s) not found in gs://rows/plain.csv: p." in status["prediction-output-drift"].message
    assert set(cloud.stats(watched)) == {"x", "c"}


def table(address, **of):
    """A table of BigQuery as a dataset."""
    return {"columnized_dataset": {"bigquery_source": {"table_uri": address}} | of.pop("columnized", {}), **of}


def query(text, **of):
    """A query as a dataset."""
    return {"columnized_dataset": {"bigquery_source": {"query": text}} | of.pop("columnized", {}), **of}


DAY = files(f"gs://{BUCKET}/timed.csv", timestamp_field="at", time_offset={"window": "1d"})


@pytest.mark.parametrize(
    ("target", "code", "words"),
    [
        pytest.param(files(f"gs://{BUCKET}/none.csv"), 5, "No such object: rows/none.csv", id="no-file"),
        pytest.param(files("gs://nobody-s/x.csv"), 5, "bucket does not exist", id="no-bucket"),
        pytest.param(files(f"gs://{BUCKET}/none*.csv"), 5, "No files found", id="no-match"),
        pytest.param(files(f"gs://{BUCKET}/y.csv"), 3, "not found in gs://rows/y.csv: x, c.", id="no-columns"),
        pytest.param(files(f"gs://{BUCKET}/text.csv"), 3, "not of the field's type", id="another-type"),
        pytest.param(files(f"gs://{BUCKET}/head.csv"), 9, "No data found in the target dataset", id="no-rows"),
        pytest.param(DAY, 9, "No data found in the target dataset gs://rows/timed.csv from ", id="empty-window"),
        pytest.param(files("gs://others/x.csv"), 7, "gcp-sa-vertex-mm", id="not-permitted"),
        pytest.param(table("bq://local.no.such"), 5, "Not found: Dataset local:no", id="no-dataset"),
        pytest.param(query("SELECT 1 AS y"), 3, "Unrecognized name", id="no-such-column"),
        pytest.param(query("SELECT 1 AS x, 'a' AS c LIMIT 0"), 9, "No data found in the target", id="no-result"),
        pytest.param(query("SELECT 'someone@example.com' AS x, 'a' AS c"), 3, "not of the field's type", id="text"),
    ],
)
def test_a_job_that_finds_nothing_fails(cloud, watched, target, code, words):
    """With the reason in the job, and no statistics, no alert, no mail of anomalies."""
    cloud.put("y.csv", csv(y=[1]))
    cloud.put("text.csv", csv(x=["someone@example.com"], c=["a"]))
    cloud.put("head.csv", "x,c\n")
    cloud.put("timed.csv", csv(at=["2020-01-01T00:00:00Z"], x=[1], c=["a"]))
    HTTP.post(f"{cloud.emulator.http}/storage/v1/b?project=elsewhere", json={"name": "others"})
    job = cloud.run(watched, objective_spec={"target_dataset": target})
    detail = job.job_execution_detail

    assert state(job) == "FAILED"
    assert (detail.error.code, detail.objective_status["raw-feature-drift"].code) == (code, code)
    assert words in detail.error.message
    assert "someone@example.com" not in detail.error.message
    assert (cloud.stats(watched), cloud.alerts(watched)) == ({}, [])


def test_a_window_is_read_before_the_job_s_creation(cloud, watched):
    """One day before the moment the job was made, from JSON Lines of several files."""
    now = datetime.now(UTC)
    for number, hours in enumerate((1, 23, 25)):
        at = (now - timedelta(hours=hours)).isoformat()
        cloud.put(f"log/{number}.jsonl", json.dumps({"at": at, "x": hours, "c": "a"}) + "\n")
    target = files(f"gs://{BUCKET}/log/*.jsonl", "JSONL", timestamp_field="at", time_offset={"window": "1d"})
    job = cloud.run(watched, objective_spec={"target_dataset": target})
    (point,) = cloud.stats(watched)["x"]
    shown = json_format.MessageToDict(type(point).pb(point).current_stats.distribution_value.distribution)
    read = job.job_execution_detail.target_datasets[0].time_range

    assert shown["numExamples"] == "2"
    assert (shown["features"][0]["numStats"]["min"], shown["features"][0]["numStats"]["max"]) == (1, 23)
    assert read.end_time.ToDatetime() - read.start_time.ToDatetime() == timedelta(days=1)


def test_what_cannot_be_compared_is_not_measured(cloud, watched):
    """Nothing but NaN or nothing at all on one side: no data point, no alert, and the job succeeds."""
    cloud.put("nan.csv", csv(x=["nan", "nan"], c=["a", "b"]))
    job = cloud.run(watched, objective_spec={"target_dataset": files(f"gs://{BUCKET}/nan.csv")})

    assert state(job) == "SUCCEEDED"
    assert set(cloud.stats(watched)) == {"c"}


def test_jobs_are_listed_and_deleted(cloud, watched):
    """The newest first, by state; a deleted one takes what it found with it; an id is taken once."""
    first, second = cloud.run(watched, "one", **TARGET), cloud.run(watched, "two", **TARGET)
    listed = [job.name for job in cloud.api.list_model_monitoring_jobs(parent=watched)]
    failed = list(
        cloud.api.list_model_monitoring_jobs(request={"parent": watched, "filter": 'state="JOB_STATE_FAILED"'})
    )
    points = cloud.stats(watched)["x"]
    with pytest.raises(exceptions.AlreadyExists):
        cloud.run(watched, "one", **TARGET)
    cloud.api.delete_model_monitoring_job(name=second.name).result(timeout=20)

    assert (listed, failed) == ([second.name, first.name], [])
    assert [each.model_monitoring_job for each in points] == [second.name, first.name]
    assert [each.model_monitoring_job for each in cloud.stats(watched)["x"]] == [first.name]
    with pytest.raises(exceptions.NotFound, match="The ModelMonitoringJob does not exist"):
        cloud.api.get_model_monitoring_job(name=second.name)


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        pytest.param({}, "target_dataset; Message: It is required", id="no-target"),
        pytest.param(
            {"target_dataset": files("gs://b/x", "TF_RECORD")}, "format; Message: Use CSV or JSONL", id="format"
        ),
        pytest.param({"target_dataset": files("b/x")}, "not a Cloud Storage path", id="no-address"),
        pytest.param({"target_dataset": {"vertex_endpoint_logs": {}}}, "reference models", id="endpoint-logs"),
        pytest.param(
            {"target_dataset": files("gs://b/x", time_offset={"window": "1d"})}, "timestamp_field", id="no-time-column"
        ),
        pytest.param(
            {"target_dataset": files("gs://b/x", timestamp_field="t", time_offset={"window": "30m"})},
            '"30m" is not a number followed by h, d or w',
            id="window",
        ),
        pytest.param(
            TARGET["objective_spec"] | {"tabular_objective": {"feature_attribution_spec": {}}},
            "Feature attribution is not supported",
            id="attribution",
        ),
        pytest.param(
            TARGET["objective_spec"] | {"tabular_objective": objective(features=["q"], numeric_metric_type="psi")},
            '"q" is not in the schema.\t2.Field',
            id="all-at-once",
        ),
    ],
)
def test_a_job_that_makes_no_sense_is_refused(cloud, watched, spec, words):
    """At once, field by field, and no job is made."""
    with pytest.raises(exceptions.InvalidArgument) as refused:
        cloud.run(watched, objective_spec=spec)

    assert words in refused.value.message
    assert list(cloud.api.list_model_monitoring_jobs(parent=watched)) == []


def loaded(emulator, name, side, *, days_ago):
    """Put one side of the vectors into a table, every row of one time; an older row is in each as well."""
    base = f"{emulator.http}/bigquery/v2/projects/local/datasets"
    HTTP.post(base, json={"datasetReference": {"datasetId": "ml"}})
    fields = [("x", "FLOAT"), ("c", "STRING"), ("p", "FLOAT"), ("at", "TIMESTAMP")]
    schema = {"fields": [{"name": each, "type": kind} for each, kind in fields]}
    HTTP.post(f"{base}/ml/tables", json={"tableReference": {"tableId": name}, "schema": schema}).raise_for_status()
    labels = [label for label, count in LABELS[side].items() for _ in range(count)]
    now = datetime.fromisoformat(emulator.control("GET", "clock")["now"])
    at = (now - timedelta(days=days_ago)).isoformat()
    numbers = RAW[f"{side}_values"]
    rows_ = [
        {"x": numbers[n] if n < len(numbers) else None, "c": labels[n] if n < len(labels) else None, "at": at}
        for n in range(max(len(labels), len(numbers)))
    ]
    rows_.append({"x": -1e9, "c": "of old", "at": (now - timedelta(days=300)).isoformat()})
    sent = {"rows": [{"json": row} for row in rows_]}
    answer = HTTP.post(f"{base}/ml/tables/{name}/insertAll", json=sent).raise_for_status().json()
    assert not answer.get("insertErrors"), answer


def test_tables_and_queries_give_what_files_give(cloud, watched):
    """The same distances, of the rows of the window alone, whatever the case of a column's name; the agent reads."""
    cloud.run(watched, "files", **TARGET)
    wanted = {name: points[0].current_stats for name, points in cloud.stats(watched).items()}
    loaded(cloud.emulator, "training", "baseline", days_ago=40)
    loaded(cloud.emulator, "served", "target", days_ago=0.5)
    window = {"columnized": {"timestamp_field": "at"}, "time_offset": {"window": "1d"}}

    job = cloud.run(
        watched,
        "tables",
        objective_spec={
            "baseline_dataset": query(
                "SELECT * EXCEPT (x), x AS X FROM `local.ml`.training WHERE c != 'of old' OR c IS NULL;"
            ),
            "target_dataset": table("bq://local.ml.served", **window),
        },
    )

    assert state(job) == "SUCCEEDED", job
    found = {name: points[0].current_stats for name, points in cloud.stats(watched).items()}
    assert {name: each.distribution_value.distribution_deviation for name, each in found.items()} == pytest.approx(
        {name: each.distribution_value.distribution_deviation for name, each in wanted.items()}
    )
    made = HTTP.get(f"{cloud.emulator.http}/bigquery/v2/projects/local/jobs?allUsers=true").json()["jobs"]
    assert {each["user_email"].partition("@")[2] for each in made} == {"gcp-sa-vertex-mm.iam.gserviceaccount.com"}
