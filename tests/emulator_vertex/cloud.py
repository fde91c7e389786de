"""Vertex AI through Google's clients, with as little typing as the tests can do with."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from tests.conftest import Emulator
from tests.emulator.clients import client
from tests.late import Late

vertex = Late("google.cloud.aiplatform_v1")  # seconds, which collecting tests need not take
PLACE = "projects/local/locations/europe-west1"
BUCKET = "models"
IMAGE = "europe-west1-docker.pkg.dev/local/trainers/train:1"
SERVING = "us-docker.pkg.dev/vertex-ai/prediction/sklearn-cpu.1-5:latest"
WITHIN_S = 60


class Vertex:
    """The clients of one emulator."""

    def __init__(self, emulator: Emulator, wire: str = "grpc") -> None:
        self.emulator = emulator
        self.models = client(emulator, vertex.ModelServiceClient, wire)
        self.jobs = client(emulator, vertex.JobServiceClient, wire)
        self.pipelines = client(emulator, vertex.PipelineServiceClient, wire)

    def upload(self, model_id: str = "churn", parent_model: str = "", **model: Any) -> vertex.UploadModelResponse:
        """Upload a model, or a version of `parent_model`, and wait for it."""
        request = {
            "parent": PLACE,
            "model": {"display_name": "Churn", **model},
            **({"parent_model": parent_model} if parent_model else {"model_id": model_id}),
        }
        return self.models.upload_model(request=request).result(timeout=20)

    def put(self, name: str, content: bytes = b"x") -> str:
        """Put an object into the bucket, which is made where it is not there; its folder."""
        httpx.post(f"{self.emulator.http}/storage/v1/b?project=local", json={"name": BUCKET})
        url = f"{self.emulator.http}/upload/storage/v1/b/{BUCKET}/o"
        httpx.post(url, params={"uploadType": "media", "name": name}, content=content).raise_for_status()
        return f"gs://{BUCKET}/{name.rpartition('/')[0]}"

    def get(self, name: str) -> bytes | None:
        """An object of the bucket; None where there is none."""
        answer = httpx.get(f"{self.emulator.http}/storage/v1/b/{BUCKET}/o/{name.replace('/', '%2F')}?alt=media")
        return answer.content if answer.status_code == httpx.codes.OK else None

    def push(self, folder: Path, command: list[str], image: str = IMAGE) -> str:
        """Push a training image: a folder and what is run in it."""
        url = f"{self.emulator.http}/v1/{PLACE}/repositories?repositoryId=trainers"
        httpx.post(url, json={"format": "DOCKER"})
        self.emulator.control("POST", "images", {"image": image, "folder": str(folder), "command": command})
        return image

    def create(self, **of: Any) -> vertex.CustomJob:
        """Create a custom job."""
        return self.jobs.create_custom_job(parent=PLACE, custom_job=job(**of))

    def wait(self, name: str, *states: str) -> vertex.CustomJob:
        """The job once it is in one of the states; any that ends it, where none is given."""
        wanted = states or ("SUCCEEDED", "FAILED", "CANCELLED")
        return until(
            lambda: self.jobs.get_custom_job(name=name),
            lambda found: found.state.name.removeprefix("JOB_STATE_") in wanted,
        )


def until(read: Callable[[], Any], good: Callable[[Any], bool]) -> Any:
    """What is read, once it is good."""
    deadline = time.monotonic() + WITHIN_S
    while not good(found := read()):
        assert time.monotonic() < deadline, found
        time.sleep(0.02)
    return found


def job(image: str = IMAGE, **of: Any) -> dict[str, Any]:
    """A custom job of one worker.

    Args:
        image: Of the container.
        of: `command`, `args`, `env` of the container; `machine` replaces the machine; other words are the job's own,
            `spec` those of its spec.
    """
    env = [{"name": name, "value": value} for name, value in of.pop("env", {}).items()]
    container = {"image_uri": image, "command": of.pop("command", []), "args": of.pop("args", []), "env": env}
    machine = of.pop("machine", {"machine_type": "n1-standard-4"})
    pool = {"machine_spec": machine, "replica_count": 1, "container_spec": container}
    spec = {"worker_pool_specs": [pool], **of.pop("spec", {})}
    return {"display_name": "train", "job_spec": spec, **of}
