"""Who trains: one module per way that `retraining.run` knows.

Each starts a training under a key, finds the one that was started for a key, tells how far it is, and cancels it.
"""

from __future__ import annotations

from typing import Protocol

from runtime.retraining.closing import Progress
from runtime.retraining.decision import Event
from runtime.retraining.google import Google
from runtime.retraining.runs import Run
from runtime.retraining.settings import Settings


class Trainer(Protocol):
    """One way to train."""

    def find(self, key: str) -> str | None:
        """Give the name of the training that was started for a key, if it was."""

    def start(self, run: Run, event: Event) -> str:
        """Start a training for a claimed run; its name.

        Raises:
            NotStarted: It was refused, and would be again.
        """

    def progress(self, run: Run) -> Progress:
        """Tell how far a run is."""

    def cancel(self, run: Run) -> None:
        """Stop it; one that has ended already is left."""


def trainer(settings: Settings, google: Google) -> Trainer:
    """Give the way to train that the spec chose. Its module alone is imported."""
    [way] = settings.run
    if way == "customJob":
        from runtime.retraining.trainers.custom_job import CustomJob  # noqa: PLC0415 - one way to train per process

        return CustomJob(settings, google)
    if way == "vertexPipeline":
        from runtime.retraining.trainers.vertex_pipeline import VertexPipeline  # noqa: PLC0415 - one way per process

        return VertexPipeline(settings, google)
    if way == "cloudRunJob":
        from runtime.retraining.trainers.cloud_run_job import CloudRunJob  # noqa: PLC0415 - one way to train per process

        return CloudRunJob(settings, google)
    if way == "bigqueryML":
        from runtime.retraining.trainers.bigquery_ml import BigQueryML  # noqa: PLC0415 - one way to train per process

        return BigQueryML(settings, google)
    if way == "webhook":
        from runtime.retraining.trainers.webhook import Webhook  # noqa: PLC0415 - one way to train per process

        return Webhook(settings, google)
    raise NotImplementedError(f"retraining.run.{way} is not there yet")
