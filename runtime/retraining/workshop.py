"""A service's trainings on Google Cloud: what a sweep asks of them, and where they leave what they make."""

from __future__ import annotations

from functools import cached_property

from runtime.retraining import taking
from runtime.retraining.closing import Progress
from runtime.retraining.google import Bucket, Google
from runtime.retraining.handling import Desk
from runtime.retraining.outcome import LONGEST
from runtime.retraining.registry import Registry
from runtime.retraining.runs import Run
from runtime.retraining.settings import Settings
from runtime.retraining.taking import Policy, Taken
from runtime.retraining.trainers import Trainer
from runtime.retraining.verdicts import Live
from runtime.retraining.vertex import Place


def policy_of(settings: Settings) -> Policy:
    """Give what becomes of a better model."""
    return Policy(bool(settings.model), settings.evaluation, settings.alias, settings.moves, settings.serving)


class Shelf:
    """The state bucket, below the run's own folder, and the model registry.

    Args:
        settings: Of the service.
        google: Calls with.
    """

    def __init__(self, settings: Settings, google: Google) -> None:
        self._settings = settings
        self._google = google
        self._bucket = Bucket(google, settings.bucket)

    @cached_property
    def _registry(self) -> Registry:
        settings = self._settings
        place = Place(self._google, settings.project, settings.region)
        return Registry(place, settings.service, settings.model)

    def metrics(self, run: Run) -> bytes | None:
        """Give a run's metrics file, or one byte more of it than it may have; None where there is none."""
        found = self._bucket.read(self._settings.metrics_object(run.key), most=LONGEST)
        return None if found is None else found[0]

    def model(self, run: Run) -> str:
        """Give the folder of the model that a run left; empty where it left none."""
        folder = self._settings.model_folder(run.key)
        below = folder.removeprefix(f"gs://{self._settings.bucket}/")
        return folder if self._bucket.holds(below) else ""

    def named(self, alias: str) -> Live | None:
        """Give the version that an alias names, or that has a number; None where there is none."""
        found = self._registry.version(alias)
        return None if found is None else Live(str(found.get("artifactUri", "")), str(found["versionId"]))

    def register(self, run: Run, artifact: str, about: str) -> str:
        """Make the version of a run, or find it; its number."""
        return self._registry.register(run.key, artifact, about)

    def promote(self, version: str, alias: str) -> None:
        """Let an alias name a version."""
        self._registry.promote(version, alias)


class Workshop:
    """Who watches over trainings, and takes in what they make.

    Args:
        settings: Of the service.
        google: Calls with.
        way: Who trains.
        desk: What events are acted on with.
    """

    def __init__(self, settings: Settings, google: Google, way: Trainer, desk: Desk) -> None:
        self._settings = settings
        self._google = google
        self._way = way
        self._desk = desk

    def progress(self, run: Run) -> Progress:
        """Tell how far a run is."""
        return self._way.progress(run)

    def cancel(self, run: Run) -> None:
        """Stop it."""
        self._way.cancel(run)

    def take_in(self, run: Run) -> Taken | None:
        """Measure, compare, register and promote what it made."""
        return taking.take_in(run, self._desk, Shelf(self._settings, self._google), policy_of(self._settings))
