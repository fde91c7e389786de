"""A Vertex AI custom job: one container on one machine.

Source: aiplatform v1 `CustomJobSpec`: below `baseOutputDirectory` are the folders that the container is told of as
`AIP_MODEL_DIR` (`model/`), `AIP_CHECKPOINT_DIR` and `AIP_TENSORBOARD_LOG_DIR`; `Scheduling.strategy`; kinds.md 7.3.
"""

from __future__ import annotations

from typing import Any

from runtime.retraining.decision import Event
from runtime.retraining.google import Refused
from runtime.retraining.handling import NotStarted
from runtime.retraining.runs import Run
from runtime.retraining.trainers.on_vertex import VertexJobs
from runtime.retraining.trainers.told import arguments, variables
from runtime.retraining.vertex import RUN_LABEL, label_of

DEFAULT_MACHINE = "n1-standard-4"


class CustomJob(VertexJobs):
    """Starts custom jobs. Vertex AI gives them their ids, so a run's job is found by its label."""

    def find(self, key: str) -> str | None:
        """Give the name of the job that was started for a key; the first, should there be two."""
        wanted = f"labels.{RUN_LABEL}={label_of(key)}"
        found = self._place.call("GET", f"{self._place.name}/customJobs", filter=wanted).get("customJobs", [])
        return str(min(found, key=lambda job: str(job["createTime"]))["name"]) if found else None

    def start(self, run: Run, event: Event) -> str:
        """Start a job; its name.

        Raises:
            NotStarted: Vertex AI refused it, and would again.
            Unavailable: It is too busy, or not well.
        """
        try:
            return str(self._place.call("POST", f"{self._place.name}/customJobs", self.body(run, event))["name"])
        except Refused as refusal:
            raise NotStarted(str(refusal)) from refusal

    def body(self, run: Run, event: Event) -> dict[str, Any]:
        """Give the request that starts a run."""
        settings, wanted = self._settings, self._settings.run["customJob"]
        timeout = {"timeout": f"{int(settings.timeout.total_seconds())}s"}
        pool = {"machineSpec": self._machine(), "replicaCount": "1", "containerSpec": self._container(run, event)}
        spec: dict[str, Any] = {
            "workerPoolSpecs": [pool],
            "scheduling": timeout | ({"strategy": "SPOT"} if wanted.get("spot") else {}),
            "baseOutputDirectory": {"outputUriPrefix": settings.output(run.key)},
            **self._account,
        }
        return {**self._common(run, event), "jobSpec": spec}

    def _machine(self) -> dict[str, Any]:
        wanted = self._settings.run["customJob"]
        machine: dict[str, Any] = {"machineType": wanted.get("machineType", DEFAULT_MACHINE)}
        if wanted.get("acceleratorType"):
            count = wanted.get("acceleratorCount", 1)
            machine |= {"acceleratorType": wanted["acceleratorType"], "acceleratorCount": count}
        return machine

    def _container(self, run: Run, event: Event) -> dict[str, Any]:
        wanted = self._settings.run["customJob"]
        told = {**wanted.get("env", {}), **variables(self._settings, run, event)}
        return {
            "imageUri": wanted["image"],
            "args": arguments(wanted.get("args", []), self._settings.parameters),
            "env": [{"name": name, "value": value} for name, value in told.items()],
        }
