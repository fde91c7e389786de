"""A service's retraining on the emulator: a job that trains, a bucket, and messages as Pub/Sub pushes them."""

import base64
import json
import time
from datetime import UTC, datetime

import pytest

from runtime.retraining.function import act
from runtime.retraining.google import Google
from runtime.retraining.settings import VARIABLE, Settings
from tests.operating import BUCKET, REGION, Operator

JOB = "us-docker.pkg.dev/cloudrun/container/job:latest"
PLACE = f"projects/local/locations/{REGION}"


def until(condition):
    """Wait for what other processes do; Cloud Run runs the job beside us."""
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.05)


def pushed(number="1", *, at=None, **attributes):
    """A message in the envelope that Pub/Sub pushes."""
    moment = (at or datetime.now(UTC)).isoformat()
    message = {
        "messageId": number,
        "publishTime": moment,
        "attributes": attributes,
        "data": base64.b64encode(b"{}").decode(),
    }
    return json.dumps({"message": message, "subscription": "projects/local/subscriptions/churn-retrain"}).encode()


class Retraining:
    """Deliveries to the function of one service, and what is in the world afterwards."""

    def __init__(self, emulator, pool, folder):
        self.operator = Operator(emulator, pool, folder)
        self.storage = self.operator.connection.storage
        self.operator.connection.state.make()
        self.told = {
            "service": "churn", "project": "local", "region": REGION, "bucket": BUCKET,
            "run": {"cloudRunJob": {"name": "train"}},
            "guards": {"cooldown": 3600, "max_per_day": 5},
        }  # fmt: skip

    def job(self, **environment):
        """Make the job that trains."""
        container = {"image": JOB, "env": [{"name": k, "value": v} for k, v in environment.items()]}
        wanted = {"template": {"template": {"containers": [container], "max_retries": 0}}}
        jobs = self.operator.api("google.cloud.run_v2", "jobs", "Jobs")
        jobs.create_job(request={"parent": PLACE, "job": wanted, "job_id": "train"}).result(timeout=20)

    def deliver(self, body, trigger="", **told):
        """Give the function a message; its answer and status."""
        settings = Settings.read({VARIABLE: json.dumps(self.told | told)})
        return act(trigger, body, settings, Google(REGION))

    def executions(self):
        """Everything the job was run for."""
        executions = self.operator.api("google.cloud.run_v2", "executions", "Executions")
        return list(executions.list_executions(request={"parent": f"{PLACE}/jobs/train"}))

    def kept(self, name):
        """An object of the service's retraining, as JSON; None where there is none."""
        blob = self.storage.bucket(BUCKET).get_blob(f"retraining/{REGION}/churn/{name}")
        return None if blob is None else json.loads(blob.download_as_bytes())

    def decisions(self):
        """Every decision that was kept."""
        blobs = self.storage.list_blobs(BUCKET, prefix=f"retraining/{REGION}/churn/decisions/")
        return [json.loads(blob.download_as_bytes()) for blob in blobs]


@pytest.fixture
def retraining(emulator, operator, tmp_path, monkeypatch):
    """A service that nothing was retrained of yet."""
    for name, value in emulator.env.items():
        monkeypatch.setenv(name, value)
    return Retraining(emulator, operator.pool, tmp_path)
