"""What custom jobs and pipeline jobs of Vertex AI have in common: how they are posted, watched and cancelled.

Source: aiplatform v1, `projects.locations.customJobs` and `.pipelineJobs`, `JobState`, `PipelineState`.
"""

from __future__ import annotations

import re
from typing import Any

from runtime.retraining.closing import Progress, Stage
from runtime.retraining.decision import Event
from runtime.retraining.google import MISSING, Google, Refused
from runtime.retraining.runs import Run
from runtime.retraining.settings import Settings
from runtime.retraining.vertex import NAME_LONGEST, RUN_LABEL, SERVICE_LABEL, Place, label_of

STAGES = {
    "SUCCEEDED": Stage.SUCCEEDED,
    "FAILED": Stage.FAILED,
    "EXPIRED": Stage.FAILED,
    "PARTIALLY_SUCCEEDED": Stage.FAILED,
    "CANCELLED": Stage.CANCELLED,
}
"""The states that end a job; every other one is on the way."""
_OVER = 400
"""A job that has ended cannot be cancelled."""


class VertexJobs:
    """The jobs of one region.

    Args:
        settings: Of the service that is trained.
        google: Calls with.
    """

    def __init__(self, settings: Settings, google: Google) -> None:
        self._settings = settings
        self._place = Place(google, settings.project, settings.region)

    def _common(self, run: Run, event: Event) -> dict[str, Any]:
        """Give what every job has: a name for people, and the labels by which it is found."""
        name = f"{self._settings.service} retraining: {event.trigger}"[:NAME_LONGEST]
        return {
            "displayName": name,
            "labels": {RUN_LABEL: label_of(run.key), SERVICE_LABEL: self._settings.service},
        }

    @property
    def _account(self) -> dict[str, str]:
        return {"serviceAccount": self._settings.account} if self._settings.account else {}

    def progress(self, run: Run) -> Progress:
        """Tell how far the job of a run is."""
        try:
            found = self._place.call("GET", run.name)
        except Refused as refusal:
            if refusal.status == MISSING:
                return Progress(Stage.GONE)
            raise
        state = re.sub(r"^(JOB|PIPELINE)_STATE_", "", str(found.get("state", "")))
        return Progress(STAGES.get(state, Stage.GOING), str(found.get("error", {}).get("message", "")))

    def cancel(self, run: Run) -> None:
        """Stop the job of a run; one that has ended or is gone is left."""
        try:
            self._place.call("POST", f"{run.name}:cancel", {})
        except Refused as refusal:
            if refusal.status not in {_OVER, MISSING}:
                raise
