"""What the function is told by the reconciler: one variable, `MLSERVICE_RETRAINING`, with JSON in it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from runtime.retraining.guards import Guards
from runtime.retraining.outcome import Evaluation

VARIABLE = "MLSERVICE_RETRAINING"


class WrongSettings(ValueError):
    """The function was told something it cannot do. The text names the variable and what is wrong."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What one service's retraining is.

    Args:
        service: Name of the service.
        project: Project id.
        region: Where it trains.
        bucket: Where history, decisions and what trainings make are kept.
        run: How to train: one of `customJob`, `vertexPipeline`, `cloudRunJob`, `bigqueryML`, `webhook`, and its words.
        parameters: Told to the training.
        guards: Limits.
        timeout: Longest a training may take.
        evaluation: The comparison a new model must win; None takes any.
        metrics: The file with the measures, below the run's folder.
        dataset: Rows kept out of training; empty for none.
        model: Id of the registry's model; empty where what a training makes is registered by nobody.
        alias: Alias of the version that serves; empty where the spec follows none.
        moves: Alias that a better model is given; empty where none moves by itself.
        serving: Folder of the model that serves while the registry has none; empty for none.
        topic: Full name of the topic that decisions are told on; empty for none.
        account: E-mail of the account that trainings run as; empty for the project's default.
        rows: Table whose rows `minNewRows` counts; empty for none.
        breaches: Which triggers fire for which findings of monitors: `trigger`, `of`, `consecutive`.
        watched: Monitors that are looked at: `schedules`, the display name of each by what it compares (`skew`,
            `drift`), `least`, the values below which nothing is said of a column, and `columns`, by comparison (`skew`,
            `drift`, `predictiondrift`) the limit of each column that is compared, null for none, and `orders`, the same
            of the distance of order, of each column that has one; None for none.
        performance: How right predictions were is judged: whose, by which labels, when, by which limits (`judging.of`);
            None for not at all.
        triggers: What fires each trigger of the spec, by its name: `schedule`, `storage`, `pubsub` or `breach`; None
            where nobody says, and then any name is one.
    """

    service: str
    project: str
    region: str
    bucket: str
    run: Mapping[str, Mapping[str, Any]]
    parameters: Mapping[str, str] = field(default_factory=dict)
    guards: Guards = field(default_factory=Guards)
    timeout: timedelta = timedelta(hours=6)
    evaluation: Evaluation | None = None
    metrics: str = "metrics.json"
    dataset: str = ""
    model: str = ""
    alias: str = ""
    moves: str = ""
    serving: str = ""
    topic: str = ""
    account: str = ""
    rows: str = ""
    breaches: Sequence[Mapping[str, Any]] = ()
    watched: Mapping[str, Any] | None = None
    performance: Mapping[str, Any] | None = None
    triggers: Mapping[str, str] | None = None

    @property
    def folder(self) -> str:
        """Give what every object of this service's retraining begins with, within the bucket."""
        return f"retraining/{self.region}/{self.service}/"

    def output(self, key: str) -> str:
        """Give the folder that a run writes to, as a `gs://` address with a slash at its end."""
        return f"gs://{self.bucket}/{self.folder}runs/{key}/"

    def metrics_object(self, key: str) -> str:
        """Give the name of a run's metrics file within the bucket."""
        return f"{self.folder}runs/{key}/{self.metrics}"

    def model_object(self, key: str) -> str:
        """Give what the objects of a run's model begin with, within the bucket, with a slash at its end."""
        return f"{self.folder}runs/{key}/model/"

    def model_folder(self, key: str) -> str:
        """Give the folder that a run leaves its model in, as a `gs://` address with a slash at its end."""
        return f"{self.output(key)}model/"

    @classmethod
    def read(cls, environment: Mapping[str, str] = os.environ) -> Settings:
        """Read the variable.

        Raises:
            WrongSettings: It is missing, or is none of this version.
        """
        text = environment.get(VARIABLE)
        if not text:
            raise WrongSettings(f"{VARIABLE} is not set")
        try:
            data = json.loads(text)
            given = {**data, "guards": Guards.from_json(data.get("guards", {}))}
            if "timeout" in data:
                given["timeout"] = timedelta(seconds=data["timeout"])
            if data.get("evaluation"):
                given["evaluation"] = Evaluation(**data["evaluation"])
            return cls(**given)
        except (ValueError, TypeError, AttributeError) as error:
            raise WrongSettings(f"{VARIABLE}: {error}") from error
