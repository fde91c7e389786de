"""BigQuery ML: a `CREATE MODEL` statement trains, `EXPORT MODEL` leaves the model where every training does.

A run is up to four jobs, one after the other, whose ids are made of its key: the model, its export, what `ML.EVALUATE`
says of it, and of the model that serves, where an earlier run made that and its rows are the same. Each is begun by
whoever finds the one before it ended; one that was begun is found by its id. One that failed for a reason that passes
(BigQuery is too busy, or not well) is begun again at the next look, under an id with a number behind, twice at most.

Every run makes a model of its own, called as the statement calls it with the key behind: two runs at once do not write
over each other, and what was exported is what was measured. Older ones are the user's to drop.

Source: https://cloud.google.com/bigquery/docs/reference/standard-sql/bigqueryml-syntax-export-model and -evaluate.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any

from runtime.retraining import bigquery
from runtime.retraining.bigquery import Jobs
from runtime.retraining.closing import Progress, Stage
from runtime.retraining.decision import Event
from runtime.retraining.google import Bucket, Google, Refused
from runtime.retraining.handling import NotStarted
from runtime.retraining.runs import Run
from runtime.retraining.settings import Settings
from runtime.retraining.vertex import RUN_LABEL, SERVICE_LABEL, label_of

EXPORT, MEASURE, MEASURE_LIVE = "-export", "-measure", "-live"
"""Ends of the ids of a run's further jobs."""
_AGAIN = ("", "-2", "-3")
"""Ends of the ids of a job that is begun again."""
_NOT_THERE = frozenset({"notFound", "invalidQuery"})
"""Reasons for which an earlier model is not measured: it is gone, or knows other columns."""
BOOSTER = "model.bst"
_JOB = re.compile(r"(?P<project>.+):(?P<location>[\w-]+)\.(?P<id>[\w-]+)")


class BigQueryML:
    """Trains by the statement that `retraining.run.bigqueryML` holds.

    Args:
        settings: Of the service; `run.bigqueryML` has `model`, its full name, and `statement`, what follows it.
        google: Calls with. BigQuery's jobs run as whoever begins them: the function's own account.
    """

    def __init__(self, settings: Settings, google: Google) -> None:
        self._settings = settings
        self._google = google
        told = settings.run["bigqueryML"]
        self._model, self._statement = str(told["model"]), str(told["statement"])

    def find(self, key: str) -> str | None:
        """Look for the job that has the id of a key."""
        jobs = self._jobs(key)
        return _name(jobs, self._id(key)) if jobs.look(self._id(key)) is not None else None

    def start(self, run: Run, event: Event) -> str:
        """Begin the job that makes the model; its name.

        Raises:
            NotStarted: There is no such dataset, or BigQuery refused the statement.
            Unavailable: BigQuery is too busy, or not well.
        """
        del event
        try:
            jobs = self._jobs(run.key)
            jobs.begin(self._id(run.key), self._creating(run.key), dict(self._told()))
        except Refused as refusal:
            raise NotStarted(str(refusal)) from refusal
        return _name(jobs, self._id(run.key))

    def progress(self, run: Run) -> Progress:
        """Tell how far a run is, and begin what comes next.

        Raises:
            Refused, Unavailable: BigQuery or Cloud Storage said no, or nothing.
        """
        jobs = self._again(run)
        known = jobs.look(self._id(run.key))
        if known is None or not known.done:
            return Progress(Stage.GONE if known is None else Stage.GOING)
        first = self._latest(jobs, self._id(run.key), self._creating(run.key), dict(self._told()))
        for found in chain((first,), self._rest(jobs, run)):  # one by one: none is begun before that ahead of it ended
            if not found.done:
                return Progress(Stage.GOING)
            if found.why:
                return Progress(Stage.CANCELLED if found.stopped else Stage.FAILED, found.why)
        return Progress(Stage.SUCCEEDED)

    def cancel(self, run: Run) -> None:
        """Stop whichever of a run's jobs runs."""
        jobs = self._again(run)
        for end in ("", EXPORT, MEASURE, MEASURE_LIVE):
            for again in _AGAIN:
                jobs.cancel(self._id(run.key) + end + again)

    def _rest(self, jobs: Jobs, run: Run) -> Iterator[bigquery.Job]:
        """Begin what follows a model, job by job, as whoever asks goes on."""
        where = json.dumps(self._settings.model_folder(run.key).rstrip("/"))
        export = f"EXPORT MODEL {self._named(run.key)} OPTIONS(URI = {where})"
        yield self._latest(jobs, self._id(run.key) + EXPORT, export)
        yield bigquery.Job(done=True, why=self._unserved(run))
        if self._settings.evaluation is None or self._written(run):
            return
        measured = self._latest(jobs, self._id(run.key) + MEASURE, self._measuring(run.key))
        yield measured
        live = self._key_of(run.live)
        beside = None
        if live and self._settings.dataset:
            found = self._latest(jobs, self._id(run.key) + MEASURE_LIVE, self._measuring(live))
            # That model is gone, or knows other columns: then what was recorded of it counts.
            dropped = found.reason in _NOT_THERE
            yield bigquery.Job(found.done) if dropped else found
            beside = None if dropped else found
        self._write(jobs, run, measured, beside)

    def _latest(self, jobs: Jobs, name: str, query: str, parameters: Mapping[str, str] | None = None) -> bigquery.Job:
        """Look at a job after a while; begin it unless it was, and again where it failed for a reason that passes."""
        found = bigquery.Job(done=False)
        for again in _AGAIN:
            known = jobs.wait(name + again)
            if known is None:
                return self._begun(jobs, name + again, query, parameters)
            found = known
            if not found.passing:
                break
        return found

    def _begun(self, jobs: Jobs, name: str, query: str, parameters: Mapping[str, str] | None) -> bigquery.Job:
        """Begin a job, and look at it after a while. One that fails for a reason that passes has the next look."""
        try:
            jobs.begin(name, query, parameters)
        except Refused as refusal:
            return bigquery.Job(done=True, why=str(refusal), reason=refusal.reason)
        found = jobs.wait(name) or bigquery.Job(done=False)
        return bigquery.Job(done=False) if found.passing and not name.endswith(_AGAIN[-1]) else found

    def _unserved(self, run: Run) -> str:
        """Tell why what was exported is none that is served; empty where it is."""
        bucket, folder = Bucket(self._google, self._settings.bucket), self._settings.model_object(run.key)
        if bucket.holds(f"{folder}transform/"):
            return (
                "the model was made with TRANSFORM, of which BigQuery exports a TensorFlow program: that is not served"
            )
        if bucket.read(f"{folder}{BOOSTER}", most=1) is None:
            return f"BigQuery exported no {BOOSTER}: only boosted trees and random forests are served"
        return ""

    def _written(self, run: Run) -> bool:
        """Tell whether the measures were written."""
        bucket = Bucket(self._google, self._settings.bucket)
        return bucket.read(self._settings.metrics_object(run.key), most=1) is not None

    def _write(self, jobs: Jobs, run: Run, measured: bigquery.Job, live: bigquery.Job | None) -> None:
        """Write the measures as every training does, once: what was judged by them does not change."""
        told: dict[str, Any] = dict(bigquery.numbers(jobs.row(measured.name)))
        if live is not None:
            told["live"] = dict(bigquery.numbers(jobs.row(live.name)))
        bucket, name = Bucket(self._google, self._settings.bucket), self._settings.metrics_object(run.key)
        bucket.write(name, json.dumps(told).encode(), generation=0)

    def _creating(self, key: str) -> str:
        """Give the statement that makes a run's model."""
        return f"CREATE OR REPLACE MODEL {self._named(key)}{self._statement}"

    def _measuring(self, key: str) -> str:
        """Give the query that measures a run's model: on the rows kept out, else on those BigQuery kept out itself."""
        rows = ""
        if self._settings.dataset:
            rows = f", (SELECT * FROM `{self._settings.dataset}`)"  # noqa: S608 - a name that was checked
        return f"SELECT * FROM ML.EVALUATE(MODEL {self._named(key)}{rows})"  # noqa: S608 - a name that was checked

    def _told(self) -> Iterator[tuple[str, str]]:
        """Give the spec's parameters that the statement names."""
        for name, value in self._settings.parameters.items():
            if re.fullmatch(r"\w+", name) and re.search(rf"@{name}\b", self._statement):
                yield name, value

    def _named(self, key: str) -> str:
        return f"`{self._model}_{key}`"

    def _id(self, key: str) -> str:
        """Give the id of the job that makes the model of a key."""
        return f"mlservice-{self._settings.region}-{self._settings.service}-{key}"

    def _key_of(self, folder: str) -> str:
        """Give the key of the run that left its model in a folder; empty where none of this service did."""
        found = re.fullmatch(re.escape(self._settings.output("KEY")).replace("KEY", r"(\w+)") + "model/?", folder)
        return found[1] if found else ""

    def _jobs(self, key: str) -> Jobs:
        project, dataset, _ = self._model.rsplit(".", 2)
        location = bigquery.location_of(self._google, project, dataset)
        return Jobs(self._google, self._settings.project, location, self._labels(key))

    def _again(self, run: Run) -> Jobs:
        """Give the place where a run's jobs are, by its name: the dataset may be gone by now."""
        found = _JOB.fullmatch(run.name)
        if found is None:
            return self._jobs(run.key)
        return Jobs(self._google, found["project"], found["location"], self._labels(run.key))

    def _labels(self, key: str) -> dict[str, str]:
        return {RUN_LABEL: label_of(key), SERVICE_LABEL: self._settings.service}


def _name(jobs: Jobs, job: str) -> str:
    """Give a job's name as BigQuery shows it."""
    return f"{jobs.project}:{jobs.location}.{job}"
