"""Trainings by BigQuery ML, on the emulated BigQuery: a statement, its export, its measures."""

import json
from datetime import UTC, datetime

import pytest
import xgboost

from runtime.retraining.closing import Stage
from runtime.retraining.decision import Event
from runtime.retraining.google import Google
from runtime.retraining.handling import NotStarted
from runtime.retraining.outcome import Evaluation
from runtime.retraining.runs import Run
from runtime.retraining.settings import Settings
from runtime.retraining.trainers.bigquery_ml import BigQueryML
from tests.conftest import HTTP
from tests.operating import BUCKET, REGION

pytestmark = pytest.mark.slow

KEY, OTHER = "0123456789abcdef01234567", "89abcdef0123456701234567"
NOW = datetime(2026, 11, 1, tzinfo=UTC)
EVENT = Event(KEY, "new-rows", NOW)
TREES = "OPTIONS (model_type = 'BOOSTED_TREE_CLASSIFIER', input_label_cols = ['churned'], max_iterations = 3)"
SELECT = " AS SELECT spend, plan, churned FROM ml.churn WHERE spend > CAST(@least AS INT64)"
COMPARED = Evaluation("roc_auc")
ROWS = """
CREATE TABLE ml.churn AS
SELECT x AS spend, IF(MOD(x, 2) = 0, 'basic', 'plus') AS plan, IF(x > 50, 'yes', 'no') AS churned
FROM UNNEST(GENERATE_ARRAY(1, 100)) AS x
"""


class World:
    """BigQuery with a table of customers, and a bucket."""

    def __init__(self, emulator, bucket=BUCKET):
        self.http = emulator.http
        self.post("/bigquery/v2/projects/local/datasets", {"datasetReference": {"datasetId": "ml"}, "location": "EU"})
        self.query(ROWS)
        self.post("/storage/v1/b?project=local", {"name": bucket})

    def post(self, path, body):
        return HTTP.post(self.http + path, json=body).raise_for_status().json()

    def query(self, text):
        found = self.post(
            "/bigquery/v2/projects/local/queries", {"query": text, "useLegacySql": False, "timeoutMs": 60_000}
        )
        assert found["jobComplete"]

    def wait(self, run):
        """Let BigQuery say when a run's first job has ended."""
        HTTP.get(f"{self.http}/bigquery/v2/projects/local/queries/{run.name.rpartition('.')[2]}?timeoutMs=50000")

    def read(self, path):
        name = f"retraining/{REGION}/churn/runs/{path}".replace("/", "%2F")
        answer = HTTP.get(f"{self.http}/storage/v1/b/{BUCKET}/o/{name}?alt=media")
        return answer.content if answer.is_success else None

    def models(self):
        found = HTTP.get(f"{self.http}/bigquery/v2/projects/local/datasets/ml/models").json().get("models", [])
        return [each["modelReference"]["modelId"] for each in found]

    def jobs(self):
        found = HTTP.get(f"{self.http}/bigquery/v2/projects/local/jobs?allUsers=true&projection=full").json()["jobs"]
        return {each["jobReference"]["jobId"]: each for each in found if "-churn-" in each["jobReference"]["jobId"]}


@pytest.fixture
def world(emulator):
    return World(emulator)


@pytest.fixture
def trainer(emulator, monkeypatch):
    """What trains, given words of the function's settings."""
    for name, value in emulator.env.items():
        monkeypatch.setenv(name, value)

    def make(statement=TREES + SELECT, evaluation=COMPARED):
        run = {"bigqueryML": {"model": "local.ml.model", "statement": f" {statement}"}}
        return BigQueryML(
            Settings(
                "churn", "local", REGION, BUCKET, run,
                parameters={"least": "3", "unused": "x"}, evaluation=evaluation, dataset="local.ml.churn",
            ),
            Google(REGION),
        )  # fmt: skip

    return make


def ended(world, trainer, run):
    """Look until a run has ended, as sweeps do, once its model is made."""
    world.wait(run)
    for _ in range(6):  # each look waits for BigQuery itself
        found = trainer.progress(run)
        if found.stage is not Stage.GOING:
            return found
    raise AssertionError("it does not end")


def started(trainer, key=KEY, live=""):
    run = Run(key, "new-rows", NOW, live=live)
    return Run(key, "new-rows", NOW, live=live, name=trainer.start(run, EVENT))


def test_a_statement_trains_exports_and_measures(world, trainer):
    """A model of the run's own; its booster and its measures are where those of every training are."""
    way = trainer()
    assert way.find(KEY) is None
    run = started(way)
    assert run.name == f"local:EU.mlservice-{REGION}-churn-{KEY}"
    assert (way.find(KEY), way.start(run, EVENT)) == (run.name, run.name)

    assert ended(world, way, run).stage is Stage.SUCCEEDED

    assert world.models() == [f"model_{KEY}"]
    assert len(xgboost.Booster(model_file=bytearray(world.read(f"{KEY}/model/model.bst"))).get_dump()) == 6
    measures = json.loads(world.read(f"{KEY}/metrics.json"))
    assert measures.keys() == {"precision", "recall", "accuracy", "f1_score", "log_loss", "roc_auc"}
    assert measures["roc_auc"] == 1
    first = world.jobs()[f"mlservice-{REGION}-churn-{KEY}"]
    assert first["configuration"]["labels"] == {"mlservice-run": f"run-{KEY}", "mlservice-service": "churn"}
    assert [each["name"] for each in first["configuration"]["query"]["queryParameters"]] == ["least"]
    way.cancel(run)  # what has ended stays as it is
    assert (ended(world, way, run).stage, len(world.jobs())) == (Stage.SUCCEEDED, 3)


def test_the_model_that_serves_is_measured_on_the_same_rows(world, trainer):
    """Where an earlier run made it and it is there still; else its measures are left out."""
    way = trainer()
    ended(world, way, started(way))
    folder = f"gs://{BUCKET}/retraining/{REGION}/churn/runs/{KEY}/model/"
    again = started(way, OTHER, live=folder)
    assert ended(world, way, again).stage is Stage.SUCCEEDED
    assert json.loads(world.read(f"{OTHER}/metrics.json"))["live"]["roc_auc"] == 1

    third = "f" * 24
    world.query(f"DROP MODEL ml.model_{KEY}")
    assert ended(world, way, started(way, third, live=folder)).stage is Stage.SUCCEEDED
    assert "live" not in json.loads(world.read(f"{third}/metrics.json"))
    assert ended(world, trainer(evaluation=None), started(way, "e" * 24)).stage is Stage.SUCCEEDED
    assert world.read(f"{'e' * 24}/metrics.json") is None


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        (TREES.replace("TREE_CLASSIFIER", "TREE_REGRESSOR") + SELECT, "must be a number"),
        (TREES + " AS SELECT * FROM ml.nothing", "Not found: Table local:ml.nothing"),
        ("OPTIONS (model_type = 'LOGISTIC_REG', input_label_cols = ['churned'])" + SELECT, "SavedModel"),
    ],
)
def test_what_fails_says_why_in_the_words_of_bigquery(world, trainer, statement, words):
    """Of the statement, and of the export that follows it."""
    way = trainer(statement)
    found = ended(world, way, started(way))
    assert found.stage is Stage.FAILED
    assert words in found.why
    assert world.read(f"{KEY}/metrics.json") is None


def test_a_dataset_that_is_not_there_starts_nothing(world, trainer):
    """It is said at once; a run whose job was forgotten is gone."""
    way = trainer()
    run = started(way)
    world.wait(run)
    HTTP.delete(f"{world.http}/bigquery/v2/projects/local/jobs/{run.name.rpartition('.')[2]}/delete").raise_for_status()
    assert way.progress(run).stage is Stage.GONE

    HTTP.delete(f"{world.http}/bigquery/v2/projects/local/datasets/ml?deleteContents=true").raise_for_status()
    with pytest.raises(NotStarted, match=r"cannot look at dataset local\.ml"):
        way.start(run, EVENT)
