"""The reconciler writes what the retraining function reads, though they share no code."""

from datetime import timedelta
from pathlib import Path

import pytest
import yaml

from reconciler.core.facts import Facts
from reconciler.kinds.functions_function.settings import environment, folder_of
from reconciler.lookups.model_files import MODEL_FILES, ModelFiles
from runtime.retraining.breaches import Watch
from runtime.retraining.events import Here
from schemas import load
from tests.operating import spec

told = pytest.importorskip("runtime.retraining.settings", reason="the function has no settings yet")
RETRAINING = {
    "run": {"customJob": {"image": "europe-west1-docker.pkg.dev/acme/ml/train:1", "machineType": "n1-standard-8"}},
    "timeout": "2h",
    "guards": {
        "cooldown": "6h",
        "maxPerDay": 3,
        "maxConcurrent": 2,
        "openCircuitAfter": {"failures": 5, "pause": "3d"},
    },
}


WAY_BACK = {
    **RETRAINING,
    "evaluation": {
        "metric": "rmse",
        "better": "Lower",
        "minGain": 0.1,
        "metrics": "m.json",
        "dataset": "gs://rows/k.csv",
    },
}
TRIGGERS = [{"name": "on-drift", "when": {"breach": ["slo"], "consecutive": 2}}]
MONITORING = {"slo": {"availability": 0.99}}
WATCHES = {
    "logging": {"table": "logs.churn"}, "baseline": {"table": "acme.ml.train"}, "schedule": "0 6 * * *", "window": "1d",
    "skew": {"features": {"spend": 0.1}, "order": 0.15},
    "drift": {"default": 0.2, "against": "7d"}, "predictionDrift": 0.3, "predictionOrder": 0.2,
}  # fmt: skip


def test_the_function_knows_what_is_compared(tmp_path: Path):
    """A column of which a window tells nothing was not compared: its limit, or none, is told by comparison."""
    features = {"spend": {"type": "number"}, "plan": {"type": "string"}, "mail": {"type": "string", "log": False}}
    model = {"uri": "gs://acme-models/churn", "features": features, "prediction": {"name": "leaves", "type": "number"}}
    triggers = [{"name": "moved", "when": {"breach": ["skew"]}}]
    wanted = spec(model=model, monitoring=WATCHES, triggers=triggers, retraining=RETRAINING)
    (tmp_path / "mlservice.yaml").write_text(yaml.safe_dump(wanted))
    service = load([tmp_path / "mlservice.yaml"]).services[0].service

    read = told.Settings.read(environment(service, service.spec.retraining, Facts("acme", "acme-mlservice")))

    assert read.watched["columns"] == {
        "skew": {"spend": 0.1, "plan": None},
        "drift": {"spend": 0.2, "plan": 0.2},
        "predictiondrift": {"leaves": 0.3},
    }
    assert read.watched["orders"] == {"skew": {"spend": 0.15}, "predictiondrift": {"leaves": 0.2}}, "texts have none"


MOVES = {"Auto": "champion", "PullRequest": "candidate", "Never": ""}


@pytest.mark.parametrize(("promote", "moves"), MOVES.items(), ids=MOVES)
def test_the_function_reads_what_becomes_of_a_model(tmp_path: Path, promote, moves):
    """What is compared, registered and moved, what serves before, and which findings of monitors fire."""
    alias = "" if promote == "PullRequest" else "champion"
    model = {"uri": "gs://acme-models/churn", "name": "churn-model"} | ({"alias": alias} if alias else {})
    wanted = spec(model=model, monitoring=MONITORING, triggers=TRIGGERS, retraining=WAY_BACK | {"promote": promote})
    (tmp_path / "mlservice.yaml").write_text(yaml.safe_dump(wanted))
    service = load([tmp_path / "mlservice.yaml"]).services[0].service

    read = told.Settings.read(environment(service, service.spec.retraining, Facts("acme", "acme-mlservice")))

    assert (read.model, read.alias, read.moves) == ("churn-model", alias, moves)
    assert read.serving == "gs://acme-models/churn/"
    assert read.account == "churn-train@acme.iam.gserviceaccount.com"
    assert read.topic == "projects/acme/topics/churn-events"
    assert (read.evaluation.metric, read.evaluation.lower_is_better, read.evaluation.min_gain) == ("rmse", True, 0.1)
    assert (read.metrics, read.dataset) == ("m.json", "gs://rows/k.csv")
    assert read.triggers == {"on-drift": "breach"}
    [watch] = Here.of(read).watches
    assert watch == Watch("on-drift", frozenset({"slo"}), 2)


@pytest.mark.parametrize("alias", [{}, {"alias": "champion"}], ids=["no-alias", "alias"])
def test_a_model_beside_the_spec_is_compared_where_it_was_uploaded_to(tmp_path: Path, alias):
    """Also before a version has the alias: it serves until then, and the first training must be better than it."""
    retraining = WAY_BACK | ({"promote": "Auto"} if alias else {})
    (tmp_path / "mlservice.yaml").write_text(
        yaml.safe_dump(spec(model={"uri": "model"} | alias, retraining=retraining))
    )
    service = load([tmp_path / "mlservice.yaml"]).services[0].service
    files = ModelFiles("0123456789abcdef" * 4, {"model.onnx": "0" * 64}, str(tmp_path))
    facts = Facts("acme", "acme-mlservice", answers={(MODEL_FILES.name, "model"): files})

    read = told.Settings.read(environment(service, service.spec.retraining, facts))

    assert read.serving.startswith("gs://acme-mlservice/models/churn/0123456789ab")


def test_a_job_of_the_users_that_nothing_is_compared_of_registers_nothing(tmp_path: Path):
    """It publishes its model itself, as before."""
    (tmp_path / "mlservice.yaml").write_text(yaml.safe_dump(spec(retraining={"run": {"cloudRunJob": {"name": "t"}}})))
    service = load([tmp_path / "mlservice.yaml"]).services[0].service

    read = told.Settings.read(environment(service, service.spec.retraining, Facts("acme", "acme-mlservice")))

    assert (read.model, read.account, read.moves) == ("", "", "")


@pytest.mark.parametrize("compared", [{}, {"evaluation": {"metric": "auroc"}}], ids=["no-evaluation", "evaluation"])
def test_a_webhook_of_which_nothing_is_compared_registers_nothing(tmp_path: Path, compared):
    """Also where the spec follows an alias: nothing tells when its training has left a model."""
    retraining = {"run": {"webhook": {"url": "https://train.acme.example/hook"}}, "promote": "Auto", **compared}
    wanted = spec(model={"uri": "gs://acme-models/churn/", "alias": "champion"}, retraining=retraining)
    (tmp_path / "mlservice.yaml").write_text(yaml.safe_dump(wanted))
    service = load([tmp_path / "mlservice.yaml"]).services[0].service

    read = told.Settings.read(environment(service, service.spec.retraining, Facts("acme", "acme-mlservice")))

    assert read.model == ("churn" if compared else "")


def test_the_function_reads_what_is_written(tmp_path: Path):
    """Every word of the spec arrives, and the folder that the account may write to is the one it writes to."""
    (tmp_path / "mlservice.yaml").write_text(yaml.safe_dump(spec(retraining=RETRAINING)))
    service = load([tmp_path / "mlservice.yaml"]).services[0].service

    read = told.Settings.read(environment(service, service.spec.retraining, Facts("acme", "acme-mlservice")))

    assert (read.service, read.project, read.region, read.bucket) == ("churn", "acme", "europe-west1", "acme-mlservice")
    assert read.run["customJob"]["machineType"] == "n1-standard-8"
    assert (read.guards.cooldown, read.guards.pause) == (timedelta(hours=6), timedelta(days=3))
    assert (read.guards.max_per_day, read.guards.max_concurrent, read.guards.failures) == (3, 2, 5)
    assert read.timeout == timedelta(hours=2)
    assert read.folder == folder_of(service)
