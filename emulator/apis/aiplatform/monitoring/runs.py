"""What becomes of a monitoring job: it reads, compares, writes and tells.

It runs in a timer, so a restart runs it again.

Source: model_monitoring.md A.3, A.7, B.
"""

import logging
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import Any, TypeVar

from emulator.apis.aiplatform import names
from emulator.apis.aiplatform.monitoring import cloud_storage, drift, results, telling, tfdv
from emulator.apis.aiplatform.monitoring.datasets import Side
from emulator.apis.aiplatform.monitoring.drift import OBJECTIVES, Measure, Objective
from emulator.apis.aiplatform.monitoring.jobs import OVER, own_bucket
from emulator.apis.aiplatform.monitoring.messages import JobState
from emulator.apis.aiplatform.monitoring.stored import JOBS, MONITORS
from emulator.core.failures import CODES, ApiFailure
from emulator.core.resources import timestamp
from emulator.core.world import World

T = TypeVar("T")
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one objective.

    Attributes:
        objective: Which.
        failure: Why nothing did.
        measures: How far each field is.
        baseline: `DatasetFeatureStatistics` of one side.
        target: The same of the other.
    """

    objective: Objective
    failure: ApiFailure | None = None
    measures: Sequence[Measure] = ()
    baseline: Any = None
    target: Any = None


def run(world: World, payload: dict[str, Any]) -> None:
    """Run a job to its end. One that is over, or gone, is left alone."""
    with world.store.transaction():
        job = JOBS.find(world, payload["job"])
        if job is None or job.state in OVER:
            return
        monitor = MONITORS.get(world, job.name.partition("/modelMonitoringJobs/")[0])
        move(world, job, JobState.JOB_STATE_RUNNING)
        telling.begun(world, job)
    outcomes = list(outcomes_of(world, monitor, job))
    failure = attempt(job, lambda: conclude(world, job, outcomes))
    if isinstance(failure, ApiFailure):
        conclude(world, job, [Outcome(each.objective, failure) for each in outcomes])


def outcomes_of(world: World, monitor: Any, job: Any) -> Iterator[Outcome]:
    """What comes of each objective; one that fails stops no other."""
    sides = attempt(job, lambda: sides_of(job))
    for each in OBJECTIVES:
        if asked(job, each):
            yield measured(world, monitor, job, each, sides)


def asked(job: Any, objective: Objective) -> bool:
    """Whether a job has an objective."""
    return bool(job.model_monitoring_spec.objective_spec.tabular_objective.HasField(objective.spec))


def sides_of(job: Any) -> tuple[Side, Side]:
    """Baseline and target, with what is read of them written down in the job."""
    cut_off = (job.schedule_time if job.schedule else job.create_time).ToDatetime(UTC)
    given, detail = job.model_monitoring_spec.objective_spec, job.job_execution_detail
    sides = Side("baseline", given.baseline_dataset, cut_off), Side("target", given.target_dataset, cut_off)
    for side, shown in zip(sides, (detail.baseline_datasets, detail.target_datasets), strict=True):
        side.show(shown.add())
    return sides


def measured(
    world: World, monitor: Any, job: Any, objective: Objective, sides: tuple[Side, Side] | ApiFailure
) -> Outcome:
    """What comes of an objective whose datasets are known, or known to be wrong."""
    if isinstance(sides, ApiFailure):
        return Outcome(objective, sides)
    found = attempt(job, lambda: compare(world, monitor, job, objective, sides))
    return Outcome(objective, found) if isinstance(found, ApiFailure) else found


def attempt(job: Any, work: Callable[[], T]) -> T | ApiFailure:
    """Do a part of a job; whatever goes wrong is a failure that ends the job, or it would run for ever."""
    try:
        return work()
    except ApiFailure as failure:
        return failure
    except sqlite3.ProgrammingError:  # the emulator is stopping: its next start runs the job again
        raise
    except Exception:
        log.exception("monitoring failed", extra={"job": job.name})
        return ApiFailure("INTERNAL", "an internal error of the emulator: see its log")


def compare(world: World, monitor: Any, job: Any, objective: Objective, sides: tuple[Side, Side]) -> Outcome:
    """Measure one objective, and write its files.

    Raises:
        ApiFailure: A dataset cannot be read, results cannot be written.
    """
    spec = getattr(job.model_monitoring_spec.objective_spec.tabular_objective, objective.spec)
    fields = drift.wanted(spec, getattr(monitor.model_monitoring_schema, objective.fields))
    caller = cloud_storage.agent(world, job.name.split("/")[1])
    project = names.project_id(world, job.name)
    baseline, target = (side.profile(world, caller, project, fields) for side in sides)
    found = list(drift.measures(spec, fields, baseline, target))
    shown = (tfdv.statistics(each, fields, side.name) for each, side in zip((baseline, target), sides, strict=True))
    outcome = Outcome(objective, None, found, *shown)
    write(world, job, outcome)
    return outcome


def write(world: World, job: Any, outcome: Outcome) -> None:
    """Write the files of an objective.

    Raises:
        ApiFailure: The account may not, or the bucket is not there.
    """
    caller = cloud_storage.agent(world, job.name.split("/")[1])
    address = folder(job, outcome.objective)
    held, prefix = cloud_storage.bucket(world, caller, address)
    if address.startswith(own_bucket(job.name)):
        held.make(names.project_id(world, job.name), job.name.split("/")[3])
    for side in ("baseline", "target"):
        held.write(f"{prefix}/{side}/statistics", tfdv.listed(getattr(outcome, side)))
    held.write(f"{prefix}/anomalies.textproto", tfdv.anomalies(each for each in outcome.measures if each.anomalous))


def folder(job: Any, objective: Objective) -> str:
    """Where the files of an objective are."""
    prefix = job.model_monitoring_spec.output_spec.gcs_base_directory.output_uri_prefix
    return f"{prefix}/tabular/jobs/{job.name.rpartition('/')[2]}/{objective.folder}"


def conclude(world: World, job: Any, outcomes: Sequence[Outcome]) -> None:
    """Keep what was found, and end the job, if it still is there; then it is told."""
    with world.store.transaction():
        if JOBS.find(world, job.name) is not None:
            end(world, job, outcomes)


def end(world: World, job: Any, outcomes: Sequence[Outcome]) -> None:
    """The same of a job that is there; in a transaction of the caller's."""
    detail = job.job_execution_detail
    job.update_time.CopyFrom(timestamp(world.clock.now()))
    for outcome in outcomes:
        status = detail.objective_status[outcome.objective.type]
        status.Clear()
        status.SetInParent()
        if outcome.failure is not None:
            set_status(status, outcome.failure)
        else:
            keep(world, job, outcome)
    world.clock.call_at(world.clock.now(), telling.ended, {"job": job.name})
    failed = [outcome.failure for outcome in outcomes if outcome.failure is not None]
    if len(failed) == len(outcomes):
        set_status(detail.error, failed[0])
        move(world, job, JobState.JOB_STATE_FAILED)
    else:
        move(world, job, JobState.JOB_STATE_PARTIALLY_SUCCEEDED if failed else JobState.JOB_STATE_SUCCEEDED)


def keep(world: World, job: Any, outcome: Outcome) -> None:
    """Keep the measures of an objective."""
    points = [
        (each, tfdv.of_field(outcome.baseline, each.name), tfdv.of_field(outcome.target, each.name))
        for each in outcome.measures
    ]
    results.keep(world, job, outcome.objective, points, folder(job, outcome.objective))


def set_status(status: Any, failure: ApiFailure) -> None:
    """A failure as a status."""
    status.code, status.message = CODES[failure.code][0], failure.message


def move(world: World, job: Any, state: int) -> None:
    """Show a job in another state."""
    job.state = state
    job.update_time.CopyFrom(timestamp(world.clock.now()))
    JOBS.save(world, job)
