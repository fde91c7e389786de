"""Vertex AI as whoever trains, over plain REST: the import of Google's client takes longer than a function may start.

Source: aiplatform v1, `projects.locations.customJobs` and `.pipelineJobs`
(https://cloud.google.com/vertex-ai/docs/reference/rest).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from runtime.retraining.closing import Progress, Stage
from runtime.retraining.decision import Event
from runtime.retraining.google import MISSING, Google, Refused
from runtime.retraining.handling import NotStarted
from runtime.retraining.runs import Run

RUN_LABEL, SERVICE_LABEL = "mlservice-run", "mlservice-service"
TAKEN = 409
NAME_LONGEST = 128
STAGES = {
    "SUCCEEDED": Stage.SUCCEEDED,
    "FAILED": Stage.FAILED,
    "EXPIRED": Stage.FAILED,
    "PARTIALLY_SUCCEEDED": Stage.FAILED,
    "CANCELLED": Stage.CANCELLED,
}
"""The states that end a job; every other one is on the way."""


@dataclass(frozen=True, slots=True)
class Place:
    """A region of a project, and the way there.

    Args:
        google: Calls with.
        project: Id or number.
        region: Such as `europe-west1`.
    """

    google: Google
    project: str
    region: str

    @property
    def name(self) -> str:
        """The resource name that everything here is below."""
        return f"projects/{self.project}/locations/{self.region}"

    def call(self, verb: str, path: str, body: Any = None, **query: str) -> Any:
        """Call a method; its answer.

        Args:
            verb: Of HTTP.
            path: What follows the version: a resource name, perhaps with a colon and a verb of Google's.
            body: Plain data.
            query: Parameters.

        Raises:
            Refused, Unavailable: Vertex AI said no, or nothing.
        """
        url = f"{self.google.address('aiplatform', regional=True)}/v1/{path}"
        return self.google.call(f"{verb} {path}", verb, url, json=body, params=query)


def label_of(key: str) -> str:
    """Give the label by which a run is found: keys are longer than a label may be, and of other letters."""
    return f"run-{hashlib.sha256(key.encode()).hexdigest()[:40]}"


@dataclass(frozen=True, slots=True)
class Machine:
    """What a training runs on.

    Args:
        kind: Machine type, such as `n1-standard-4`.
        accelerator: Type of accelerator, such as `NVIDIA_TESLA_T4`; empty for none.
        accelerators: How many.
        spot: Whether it may be taken away; Vertex AI then starts the job again.
    """

    kind: str
    accelerator: str = ""
    accelerators: int = 0
    spot: bool = False


@dataclass(frozen=True, slots=True)
class Job:
    """A training as a custom job.

    Args:
        service: Name of the service, a label.
        image: The training container.
        machine: What it runs on.
        output: Folder in Cloud Storage; each run has one of its own below it.
        account: E-mail of the service account that it runs as; empty for Vertex AI's own.
        args: Arguments.
        env: Variables.
        timeout_s: Seconds that it may run.
    """

    service: str
    image: str
    machine: Machine
    output: str
    account: str = ""
    args: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    timeout_s: int = 6 * 3600

    def output_of(self, key: str) -> str:
        """Give the folder of one run, without a slash at the end."""
        return f"{self.output.rstrip('/')}/{label_of(key)}"

    def body(self, key: str, event: Event) -> dict[str, Any]:
        """Give the request that starts a run."""
        own = {"MLSERVICE_RUN": label_of(key), "MLSERVICE_TRIGGER": event.trigger}
        machine: dict[str, Any] = {"machineType": self.machine.kind}
        if self.machine.accelerator:
            machine |= {"acceleratorType": self.machine.accelerator, "acceleratorCount": self.machine.accelerators}
        container = {
            "imageUri": self.image,
            "args": list(self.args),
            "env": [{"name": name, "value": value} for name, value in ({**self.env, **own}).items()],
        }
        scheduling = {"timeout": f"{self.timeout_s}s"} | ({"strategy": "SPOT"} if self.machine.spot else {})
        spec: dict[str, Any] = {
            "workerPoolSpecs": [{"machineSpec": machine, "replicaCount": "1", "containerSpec": container}],
            "scheduling": scheduling,
            "baseOutputDirectory": {"outputUriPrefix": self.output_of(key)},
        }
        if self.account:
            spec["serviceAccount"] = self.account
        name = f"{self.service} retraining: {event.trigger}"[:NAME_LONGEST]
        labels = {RUN_LABEL: label_of(key), SERVICE_LABEL: self.service}
        return {"displayName": name, "labels": labels, "jobSpec": spec}


@dataclass(frozen=True, slots=True)
class CustomJobs:
    """Custom jobs as trainings: found by a label, since Vertex AI gives them their ids.

    Args:
        place: Where.
        job: What is run.
    """

    place: Place
    job: Job

    def find(self, key: str) -> str | None:
        """Give the name of the job that was started for a key; the first, should there be two."""
        wanted = f"labels.{RUN_LABEL}={label_of(key)}"
        found = self.place.call("GET", f"{self.place.name}/customJobs", filter=wanted).get("customJobs", [])
        return str(min(found, key=lambda job: str(job["createTime"]))["name"]) if found else None

    def start(self, key: str, event: Event) -> str:
        """Start a job; its name.

        Raises:
            NotStarted: Vertex AI refused it, and would again.
            Unavailable: It is too busy, or not well.
        """
        try:
            return str(self.place.call("POST", f"{self.place.name}/customJobs", self.job.body(key, event))["name"])
        except Refused as refusal:
            raise NotStarted(str(refusal)) from refusal

    def progress(self, run: Run) -> Progress:
        """Tell how far the job of a run is."""
        return progress(self.place, run.name)

    def cancel(self, run: Run) -> None:
        """Stop the job of a run; one that has ended or is gone is left."""
        cancel(self.place, run.name)


@dataclass(frozen=True, slots=True)
class PipelineJobs:
    """Pipeline jobs as trainings: their ids are ours to choose, so that a run has one whatever happens.

    Args:
        place: Where.
        service: Name of the service, a label.
        spec: The compiled pipeline.
        output: Folder in Cloud Storage; each run has one of its own below it.
        account: E-mail of the service account that it runs as; empty for the project's default.
        parameters: Of the pipeline.
    """

    place: Place
    service: str
    spec: Mapping[str, Any]
    output: str
    account: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def find(self, key: str) -> str | None:
        """Give the name of the pipeline job that was started for a key, if it was."""
        try:
            return str(self.place.call("GET", f"{self.place.name}/pipelineJobs/{label_of(key)}")["name"])
        except Refused as refusal:
            if refusal.status == MISSING:
                return None
            raise

    def start(self, key: str, event: Event) -> str:
        """Start a pipeline job; its name. One that is there already is the one.

        Raises:
            NotStarted: Vertex AI refused it, and would again.
            Unavailable: It is too busy, or not well.
        """
        label = label_of(key)
        body = {
            "displayName": f"{self.service} retraining: {event.trigger}"[:NAME_LONGEST],
            "labels": {RUN_LABEL: label, SERVICE_LABEL: self.service},
            "pipelineSpec": dict(self.spec),
            "runtimeConfig": {
                "gcsOutputDirectory": f"{self.output.rstrip('/')}/{label}",
                "parameterValues": dict(self.parameters),
            },
        } | ({"serviceAccount": self.account} if self.account else {})
        try:
            found = self.place.call("POST", f"{self.place.name}/pipelineJobs", body, pipelineJobId=label)
        except Refused as refusal:
            if refusal.status == TAKEN:
                return f"{self.place.name}/pipelineJobs/{label}"
            raise NotStarted(str(refusal)) from refusal
        return str(found["name"])

    def progress(self, run: Run) -> Progress:
        """Tell how far the pipeline of a run is."""
        return progress(self.place, run.name)

    def cancel(self, run: Run) -> None:
        """Stop the pipeline of a run; one that has ended or is gone is left."""
        cancel(self.place, run.name)


def progress(place: Place, name: str) -> Progress:
    """Tell how far a custom job or a pipeline job is."""
    try:
        found = place.call("GET", name)
    except Refused as refusal:
        if refusal.status == MISSING:
            return Progress(Stage.GONE)
        raise
    state = re.sub(r"^(JOB|PIPELINE)_STATE_", "", str(found.get("state", "")))
    return Progress(STAGES.get(state, Stage.GOING), str(found.get("error", {}).get("message", "")))


def cancel(place: Place, name: str) -> None:
    """Stop a job; one that has ended or is gone is left."""
    try:
        place.call("POST", f"{name}:cancel", {})
    except Refused as refusal:
        if refusal.status not in {400, MISSING}:
            raise
