"""A monitor of two columns and a prediction, of whose jobs somebody else gets mail."""

from reconciler.core.address import Address
from reconciler.gcp.vertex import host
from reconciler.kinds.vertex_model_monitor import Limits, ModelMonitor, Objective, Rows
from tests.conformance.example import Example

NAME = "churn-12345678"
MAIL = {"emailConfig": {"userEmails": ["theirs@acme.example"]}}


def name(operator):
    return operator.at.of_region("modelMonitors", NAME)


def api(operator, version="v1beta1"):
    return operator.connection.rest(host(operator.at.region), version)


def read(operator):
    return api(operator).get(name(operator))


def prepare(operator):
    body = {"model": {"displayName": "churn", "labels": dict(operator.at.labels)}, "modelId": model(operator.at)}
    api(operator, "v1").write("POST", f"{operator.at.here}/models:upload", body, patience_s=60)


def model(at):
    return at.name("churn_monitored")


def limits(default, columns=None, numeric="jensen_shannon_divergence", categorical="l_infinity"):
    return Limits(numeric, categorical, default, default, columns or {})


def meddle(operator):
    body = {"notificationSpec": {**read(operator).get("notificationSpec", {}), **MAIL}}
    api(operator).write("PATCH", name(operator), body, patience_s=60, updateMask="notificationSpec")


def examples(at):
    """Give the examples of a place."""
    mark = f"[mlservice:{at.name('churn')}]"
    skew, prediction = limits(0.3, {"spend": 0.1}), limits(0.2)
    example = Example(
        address=Address("vertex_model_monitor", at.region, at.name(NAME)),
        fields=ModelMonitor(
            display_name=f"monitor of churn. {mark}",
            model=model(at),
            model_version="1",
            features={"spend": "float", "plan": "categorical"},
            predictions={"churns": "float"},
            training=Rows(table=f"bq://{at.project}.ml.training"),
            objective=Objective(skew, None),
            log=True,
        ),
        owner=at.name("churn"),
        edits=(
            {"log": False},
            {"display_name": f"Another. {mark}"},
            {"features": {"spend": "integer", "plan": "string", "years": "integer"}},
            {"predictions": {}},
            {"training": Rows(files="gs://acme/train.jsonl", format="JSONL")},
            {"training": None},
            {"objective": Objective(limits(None, {"plan": 0.2}), prediction)},
            {"objective": Objective(None, prediction)},
        ),
        read=read,
        places={
            "display_name": ["displayName"],
            "model": ["modelMonitoringTarget"],
            "model_version": ["modelMonitoringTarget"],
            "features": ["modelMonitoringSchema.featureFields"],
            "predictions": ["modelMonitoringSchema.predictionFields"],
            "training": ["trainingDataset"],
            "objective": ["tabularObjective"],
            "log": ["notificationSpec.enableCloudLogging"],
        },
        written_by_google=frozenset({"updateTime"}),
        prepare=prepare,
        unmarked={"display_name": "theirs"},
        meddle=meddle,
        theirs=lambda operator: read(operator)["notificationSpec"].get("emailConfig") == MAIL["emailConfig"],
    )
    return (example,)
