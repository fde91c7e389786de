"""From a message to a better model: each account has what the spec gives it and nothing more, and a process trains."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from google.api_core.exceptions import NotFound

from reconciler.engine import retraining
from tests.emulator_vertex.cloud import IMAGE, Vertex
from tests.operating import BUCKET, REGION, spec

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

TRAINER = Path(__file__).parent / "trainer"
PLACE = f"projects/local/locations/{REGION}"
WANTED = spec(
    model={"uri": "gs://acme-models/churn/", "alias": "champion"},
    runtime={"startup": {"deadline": "10s"}},
    triggers=[{"name": "new-rows", "when": {"pubsub": "rows"}}],
    retraining={
        "run": {"customJob": {"image": IMAGE, "args": ["--rows=gs://acme-rows/train.csv"], "spot": True}},
        "evaluation": {"metric": "mse", "better": "Lower", "minGain": 0.01, "dataset": "gs://acme-data/kept-out.csv"},
        "guards": {"cooldown": "1m", "maxPerDay": 9},
        "promote": "Auto",
    },
)
GOOD = "x,y\n" + "".join(f"{x},{3 * x + 1}\n" for x in range(20))
POOR = "x,y\n" + "".join(f"{x},{2 * x}\n" for x in range(20))


def until(what):
    """Wait for what other processes do; give it once it is there."""
    deadline = time.monotonic() + 90
    while not (found := what()):
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.1)
    return found


class World:
    """What others make, and what happens."""

    def __init__(self, operator):
        self.operator, self.vertex = operator, Vertex(operator.emulator)
        self.storage = operator.connection.storage
        self.publisher = operator.api("google.pubsub_v1", "publisher", "Publisher")
        self.publisher.create_topic(request={"name": "projects/local/topics/rows"})
        for bucket in ("acme-models", "acme-data", "acme-rows"):
            self.storage.create_bucket(bucket)
        self.put("acme-models", "churn/model.json", '{"slope": 2.5, "intercept": 1}')
        self.put("acme-data", "kept-out.csv", GOOD)
        self.vertex.push(TRAINER, [sys.executable, "train.py"])

    def put(self, bucket, name, text):
        self.storage.bucket(bucket).blob(name).upload_from_string(text)

    def open_rows(self):
        """Let the training read the rows that it trains on: the user's to give, as the spec does not name them."""
        bucket = self.storage.bucket("acme-rows")
        policy = bucket.get_iam_policy(requested_policy_version=3)
        member = "serviceAccount:churn-train@local.iam.gserviceaccount.com"
        policy.bindings.append({"role": "roles/storage.objectViewer", "members": {member}})
        bucket.set_iam_policy(policy)

    def train(self, text):
        """Write rows, and train on them."""
        self.put("acme-rows", "train.csv", text)
        return self.fire(self.vertex.wait)

    def wait_for_pipeline(self, name):
        """Wait for the end of a pipeline."""
        until(lambda: self.vertex.pipelines.get_pipeline_job(name=name).end_time)

    def fire(self, wait):
        """Tell of new rows, let the training end and the sweep look: the run, once it is closed."""
        before = len(self.runs())
        self.publisher.publish(request={"topic": "projects/local/topics/rows", "messages": [{"data": b"new"}]})
        until(lambda: len(self.runs()) > before and self.runs()[0].get("name"))
        run = self.runs()[0]
        wait(run["name"])
        self.operator.emulator.advance(601)
        return until(lambda: (found := self.runs()[0]).get("ended") and found)

    def runs(self):
        """Every run, the latest first."""
        return retraining.read_retraining(self.operator.session(), REGION, "churn", last=1).runs

    def serving(self):
        """Number of the version that the alias names, and the folder of its model."""
        try:
            found = self.vertex.models.get_model(name=f"{PLACE}/models/churn@champion")
        except NotFound:
            return None
        return found.version_id, found.artifact_uri


@pytest.fixture
def world(operator):
    return World(operator)


def test_the_better_model_comes_back_and_a_worse_one_is_refused(world):
    """Two real trainings: the first beats the model that the spec names and is served, the second beats nobody."""
    report = world.operator.apply(WANTED)
    assert not report.failed, [f"{result.change.address}: {result.error}" for result in report.failed]
    assert world.operator.differences(WANTED) == []
    world.open_rows()

    better = world.train(GOOD)
    assert better["why"].startswith(
        "version 1 is champion now: mse 0 against 30.875 on the same rows: better by 30.9"
    ), better
    assert world.serving() == ("1", better["artifact"])
    planned = [line for line in world.operator.differences(WANTED) if "iam_member" not in line]
    assert len(planned) == 1, planned
    assert better["artifact"] in planned[0]
    assert not world.operator.apply(WANTED).failed
    worse = world.train(POOR)

    assert (worse["status"], worse["live"], worse["verdict"]["better"]) == ("Succeeded", better["artifact"], False)
    assert worse["why"].startswith("version 2 is not taken: mse 143.5 against 0 on the same rows: worse by 144"), worse
    assert world.serving() == ("1", better["artifact"])
    kept = world.storage.bucket(BUCKET).get_blob(f"{worse['artifact'].removeprefix(f'gs://{BUCKET}/')}model.json")
    assert kept is not None
    assert world.operator.differences(WANTED) == []


def test_a_pipeline_that_kfp_compiled_comes_back(world, tmp_path):
    """It is read from the bucket, told what it declares, run as the training's account, and its model registered."""
    pytest.importorskip("kfp", reason="pipelines are run by kfp")
    subprocess.run([sys.executable, TRAINER / "pipeline.py", tmp_path / "train.yaml"], check=True, capture_output=True)
    world.put("acme-data", "train.yaml", (tmp_path / "train.yaml").read_text())
    model = {"uri": "gs://acme-models/churn/"}
    way = {"vertexPipeline": {"template": "gs://acme-data/train.yaml", "parameters": {"rows": "4"}}}
    compared = {"metric": "mse", "better": "Lower"}
    wanted = {**WANTED, "spec": WANTED["spec"] | {"model": model, "retraining": {"run": way, "evaluation": compared}}}
    report = world.operator.apply(wanted)
    assert not report.failed, [f"{result.change.address}: {result.error}" for result in report.failed]

    run = world.fire(world.wait_for_pipeline)

    assert run["why"] == "version 1 is candidate now: mse 0.25; no model to compare with", run
    made = world.storage.bucket(BUCKET).blob(f"{run['artifact'].removeprefix(f'gs://{BUCKET}/')}model.json")
    assert json.loads(made.download_as_text()) == {"rows": 4, "after": "gs://acme-models/churn/"}
