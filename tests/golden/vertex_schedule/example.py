"""A schedule against training data, of whose jobs somebody else gets mail."""

from dataclasses import replace

from reconciler.core.address import Address
from reconciler.gcp.vertex import host
from reconciler.kinds.vertex_model_monitor import Limits, Objective, Rows
from reconciler.kinds.vertex_schedule import MonitoringSchedule
from tests.conformance.example import Example

MONITOR = "churn-12345678"
REQUEST = "createModelMonitoringJobRequest"
SPEC = f"{REQUEST}.modelMonitoringJob.modelMonitoringSpec"
MAIL = {"userEmails": ["theirs@acme.example"]}


def api(operator, version="v1beta1"):
    return operator.connection.rest(host(operator.at.region), version)


def read(operator):
    monitor = operator.at.name(MONITOR)
    found = api(operator).listed(f"{operator.at.here}/schedules", "schedules")
    [schedule] = [each for each in found if each[REQUEST]["parent"].endswith(f"/{monitor}")]
    return schedule


def prepare(operator):
    model, monitor = operator.at.name("churn_monitored"), operator.at.name(MONITOR)
    body = {"model": {"displayName": "churn", "labels": dict(operator.at.labels)}, "modelId": model}
    api(operator, "v1").write("POST", f"{operator.at.here}/models:upload", body, patience_s=60)
    fields = [{"name": "spend", "dataType": "float"}, {"name": "plan", "dataType": "categorical"}]
    target = {"model": f"{operator.at.here}/models/{model}", "modelVersionId": "1"}
    watched = {
        "displayName": "churn",
        "modelMonitoringTarget": {"vertexModel": target},
        "modelMonitoringSchema": {
            "featureFields": fields,
            "predictionFields": [{"name": "churns", "dataType": "float"}],
        },
    }
    path = f"{operator.at.here}/modelMonitors"
    api(operator).write("POST", path, watched, patience_s=60, modelMonitorId=monitor)


def meddle(operator):
    live = read(operator)
    live[REQUEST]["modelMonitoringJob"]["modelMonitoringSpec"]["notificationSpec"]["emailConfig"] = MAIL
    api(operator).patch(live["name"], live, mask=REQUEST)


def theirs(operator):
    spec = read(operator)[REQUEST]["modelMonitoringJob"]["modelMonitoringSpec"]
    return spec["notificationSpec"].get("emailConfig") == MAIL


def runs(operator, name, value):
    api(operator).patch(read(operator)["name"], {name: value}, mask=name)


def named_jobs(operator):
    live = read(operator)
    api(operator).patch(live["name"], {REQUEST: {**live[REQUEST], "modelMonitoringJobId": "theirs"}}, mask=REQUEST)


def limits(default, **columns):
    return Limits("jensen_shannon_divergence", "l_infinity", default, default, columns)


def examples(at):
    """Give the examples of a place."""
    mark = f"[mlservice:{at.name('churn')}]"
    table = f"{at.project}.ml_logs.churn"
    logged = Rows(query=f"SELECT * FROM `{table}`", time_column="logging_time", window="24h")
    monitor = at.name(MONITOR)
    example = Example(
        address=Address("vertex_schedule", at.region, f"{monitor}/skew"),
        fields=MonitoringSchedule(
            display_name=f"skew of churn. {mark}",
            monitor=monitor,
            cron="TZ=Etc/UTC 0 6 * * *",
            at_once=1,
            job="skew of churn",
            objective=Objective(limits(0.3, spend=0.1), None),
            baseline=Rows(files="gs://acme/train.csv", format="CSV"),
            target=logged,
            log=True,
            paused=False,
        ),
        owner=at.name("churn"),
        edits=(
            {"cron": "TZ=Europe/Paris 30 6 * * *"},
            {"display_name": f"skew, still. {mark}"},
            {"at_once": 2},
            {"job": "another"},
            {"objective": Objective(None, limits(0.2))},
            {"baseline": replace(logged, offset="168h")},
            {"target": replace(logged, window="48h")},
            {"log": False},
            {"paused": True},
            {"paused": True, "cron": "TZ=Etc/UTC 0 7 * * *"},
        ),
        read=read,
        places={
            "display_name": ["displayName"],
            "monitor": [f"{REQUEST}.parent"],
            "cron": ["cron"],
            "at_once": ["maxConcurrentRunCount"],
            "job": [f"{REQUEST}.modelMonitoringJob.displayName"],
            "objective": [f"{SPEC}.objectiveSpec.tabularObjective"],
            "baseline": [f"{SPEC}.objectiveSpec.baselineDataset"],
            "target": [f"{SPEC}.objectiveSpec.targetDataset"],
            "log": [f"{SPEC}.notificationSpec.enableCloudLogging"],
            "paused": ["state"],
        },
        written_by_google=frozenset({"updateTime", "nextRunTime", "lastPauseTime", "lastResumeTime", "catchUp"}),
        prepare=prepare,
        unmarked={"display_name": "skew of theirs"},
        meddle=meddle,
        theirs=theirs,
        by_hand={
            name: lambda operator, name=name, value=value: runs(operator, name, value)
            for name, value in {
                "startTime": "2100-01-01T00:00:00Z",
                "endTime": "2100-01-01T00:00:00Z",
                "maxRunCount": "3",
                "allowQueueing": True,
            }.items()
        }
        | {"modelMonitoringJobId": named_jobs},
    )
    return (example,)
