"""A Cloud Run job that exists already is run: an execution per training.

Source: Cloud Run Admin API v2, `projects.locations.jobs.run` (overrides of one execution) and
    `projects.locations.jobs.executions`; kinds.md 3.3 and 3.4.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from runtime.retraining.closing import Progress, Stage
from runtime.retraining.decision import Event
from runtime.retraining.google import MISSING, Google, Refused
from runtime.retraining.handling import NotStarted
from runtime.retraining.runs import Run
from runtime.retraining.settings import Settings
from runtime.retraining.trainers.told import RUN, arguments, variables

_PAGES = 20
_PAGE = 100


class CloudRunJob:
    """Runs the job that `retraining.run.cloudRunJob` names.

    An execution has no name of ours, so it carries its key in its environment, by which it is found.
    """

    def __init__(self, settings: Settings, google: Google) -> None:
        self._settings = settings
        self._google = google
        self._root = f"{google.address('run')}/v2/"
        self._job = (
            f"projects/{settings.project}/locations/{settings.region}/jobs/{settings.run['cloudRunJob']['name']}"
        )

    def find(self, key: str) -> str | None:
        """Look through the executions, the latest first."""
        for execution in self._executions():
            containers = execution.get("template", {}).get("containers", [])
            given = [each for container in containers for each in container.get("env", [])]
            if {"name": RUN, "value": key} in [{"name": e.get("name"), "value": e.get("value")} for e in given]:
                return str(execution["name"])
        return None

    def _executions(self) -> Iterator[Mapping[str, Any]]:
        token = ""
        for _ in range(_PAGES):
            params = {"pageSize": str(_PAGE), "pageToken": token}
            answer = self._google.call("list executions", "GET", f"{self._root}{self._job}/executions", params=params)
            yield from answer.get("executions", ())
            token = answer.get("nextPageToken", "")
            if not token:
                return

    def start(self, run: Run, event: Event) -> str:
        """Run the job with the key in its environment."""
        settings = self._settings
        told = {
            "args": arguments(settings.run["cloudRunJob"].get("args", []), settings.parameters),
            "env": [{"name": name, "value": value} for name, value in variables(settings, run, event).items()],
        }
        overrides = {"containerOverrides": [{name: value for name, value in told.items() if value}]}
        try:
            answer = self._google.call(
                f"run {self._job}", "POST", f"{self._root}{self._job}:run", json={"overrides": overrides}
            )
        except Refused as refusal:
            raise NotStarted(str(refusal)) from refusal
        return str(answer["metadata"]["name"])

    def progress(self, run: Run) -> Progress:
        """Read the execution's counts and what its conditions say."""
        try:
            found = self._google.call(f"look at {run.name}", "GET", f"{self._root}{run.name}")
        except Refused as refusal:
            if refusal.status == MISSING:
                return Progress(Stage.GONE)
            raise
        if not found.get("completionTime"):
            return Progress(Stage.GOING)
        if found.get("cancelledCount"):
            return Progress(Stage.CANCELLED)
        if found.get("failedCount") or not found.get("succeededCount"):
            return Progress(Stage.FAILED, _why(found))
        return Progress(Stage.SUCCEEDED)

    def cancel(self, run: Run) -> None:
        """Cancel the execution; one that has ended, or is gone, is left."""
        try:
            self._google.call(f"cancel {run.name}", "POST", f"{self._root}{run.name}:cancel", json={})
        except Refused as refusal:
            if refusal.status not in {400, MISSING, 409}:
                raise


def _why(execution: Mapping[str, Any]) -> str:
    said = [
        each.get("message", "") for each in execution.get("conditions", []) if each.get("state") == "CONDITION_FAILED"
    ]
    return next((text for text in said if text), f"{execution.get('failedCount', 0)} of its tasks failed")
