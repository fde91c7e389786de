"""What of a spec costs money: the sizes and counts that prices are multiplied with, and nothing else of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from reconciler.cost.amounts import MONTH_H, MONTH_S
from reconciler.cost.warm import shares
from schemas.cron import parse_cron
from schemas.instance import Instance
from schemas.sections.resources import ScalingMode

if TYPE_CHECKING:
    from schemas.sections.monitoring import Monitoring
    from schemas.sections.retraining import CustomJob, Retraining, Run
    from schemas.service import MLService, Spec

_PLACES = {"USA": 3}
_EVERYWHERE = 6
"""Places that an uptime check is asked from: three of the United States, three of the rest of the world.

Source:
    https://cloud.google.com/monitoring/uptime-checks, "Regions".
"""
_FOUR_YEARS, _MONTHS, _WEEK = 1461, 12, 7
_DAYS_A_MONTH = MONTH_H / 24
_VERSIONS_KEPT = 10


@dataclass(frozen=True, slots=True)
class Instances:
    """The instances of a Cloud Run service.

    Args:
        cpu_millis: Thousandths of a vCPU each.
        memory_mib: Memory each.
        least: Kept warm.
        most: At once.
        concurrency: Requests each takes at once.
        gpu: Accelerator of each; empty for none.
        zonal: Capacity for the accelerator in a second zone.
        always: CPU outside of requests too: billed by instance instead of by request.
        windows: Where more than `least` are kept warm at times: how many, and for which share of the time.
    """

    cpu_millis: int
    memory_mib: int
    least: int = 0
    most: int = 3
    concurrency: int = 80
    gpu: str = ""
    zonal: bool = False
    always: bool = False
    windows: tuple[tuple[int, Decimal], ...] = ()

    def warm_s(self, left: Callable[[Decimal], Decimal]) -> Decimal:
        """Add up over the month what is left of the seconds of warm instances, at each number of them by its share.

        Args:
            left: What is left of so many seconds, were they kept warm all month.
        """
        if not self.windows:
            return left(self.least * MONTH_S)
        rest = 1 - sum((share for _, share in self.windows), Decimal(0))
        return sum((left(count * MONTH_S) * share for count, share in ((self.least, rest), *self.windows)), Decimal(0))

    @property
    def warmest(self) -> int:
        """Give how many are kept warm at the most."""
        return max([self.least, *(count for count, _ in self.windows)])

    @property
    def by_instance(self) -> bool:
        """Tell whether whole instances are billed; accelerators need that."""
        return self.always or bool(self.gpu)

    @property
    def vcpus(self) -> Decimal:
        """Give the vCPUs of each."""
        return Decimal(self.cpu_millis) / 1000

    @property
    def gib(self) -> Decimal:
        """Give the memory of each in GiB."""
        return Decimal(self.memory_mib) / 1024


@dataclass(frozen=True, slots=True)
class Training:
    """How a model is trained again.

    Args:
        sort: `customJob`, `vertexPipeline`, `cloudRunJob`, `bigqueryML` or `webhook`.
        machine: Compute Engine machine type, where it is known.
        accelerator: As Vertex AI names it; empty for none.
        accelerators: How many.
        spot: On Spot capacity.
        scheduled: Trainings a month that the clock fires.
        others: Other triggers.
        most: Trainings a month that the guards let through.
        timeout_s: Longest a training may take.
    """

    sort: str
    machine: str = ""
    accelerator: str = ""
    accelerators: int = 0
    spot: bool = False
    scheduled: Decimal = Decimal(0)
    others: int = 0
    most: Decimal = Decimal(0)
    timeout_s: int = 6 * 3600

    @property
    def paid(self) -> bool:
        """Tell whether a training costs anything here; what a webhook starts is somebody else's."""
        return self.sort != "webhook"


@dataclass(frozen=True, slots=True)
class Shape:
    """What of a spec costs money.

    Args:
        region: Of everything regional.
        instances: Of the service.
        checks_per_second: Requests of the uptime check, from all places together.
        log_rate: Share of requests whose rows are logged; None without a prediction log.
        log_kept_s: How long they are kept.
        looked_s: Seconds of the prediction log that a month's comparisons read.
        comparisons: Runs of the model monitor in a month.
        jobs: Cloud Scheduler's.
        training: How the model is trained again; None for not at all.
        versions_kept: Of images, in a repository of the spec's; 0 without one.
        scanned: Pushed images are scanned.
        uploaded: The model's folder is kept in our bucket.
    """

    region: str
    instances: Instances
    checks_per_second: Decimal = Decimal(0)
    log_rate: Decimal | None = None
    log_kept_s: int = 0
    looked_s: Decimal = Decimal(0)
    comparisons: Decimal = Decimal(0)
    jobs: int = 0
    training: Training | None = None
    versions_kept: int = 0
    scanned: bool = False
    uploaded: bool = False


def shape_of(service: MLService) -> Shape:
    """Give what costs money of a spec."""
    spec = service.spec
    watched = spec.monitoring
    return Shape(
        region=spec.region,
        instances=_instances(spec),
        **(_watched(watched) if watched else {}),
        jobs=sum(trigger.when.schedule is not None for trigger in spec.triggers) + (spec.retraining is not None),
        training=_training(spec, spec.retraining) if spec.retraining else None,
        versions_kept=_versions(spec),
        scanned=bool(spec.registry and spec.registry.scan),
        uploaded=bool(spec.model and spec.model.uri and not spec.model.uri.startswith("gs://")),
    )


def _instances(spec: Spec) -> Instances:
    instance, scaling = Instance.of(spec.resources, spec.sidecars), spec.scaling
    gpu = instance.gpu
    by_hand = scaling.instances if scaling.mode is ScalingMode.MANUAL else None
    least = max(scaling.min_instances, scaling.revision_min_instances) if by_hand is None else by_hand
    return Instances(
        instance.cpu_millis,
        instance.memory_mib,
        least,
        max(scaling.max_instances, scaling.min_instances) if by_hand is None else max(by_hand, 1),
        scaling.concurrency,
        str(gpu.type) if gpu else "",
        bool(gpu and gpu.zonal_redundancy),
        always=spec.resources.cpu_idle is False,
        windows=shares(scaling),
    )


def _versions(spec: Spec) -> int:
    if spec.registry is None:
        return 0
    cleanup = spec.registry.cleanup
    return (cleanup and cleanup.keep_last) or _VERSIONS_KEPT


def _watched(monitoring: Monitoring) -> dict[str, Any]:
    """Give what the prediction log, the monitor and the uptime check come to.

    Skew reads the window of each run, data drift that and the one it is compared with, predictions those of either.
    """
    log, uptime = monitoring.logging, monitoring.uptime
    window, compared = monitoring.window_s, 0
    if monitoring.skew or monitoring.prediction_drift is not None:
        compared += window
    if monitoring.drift:
        compared += window + monitoring.drift.against_s
    runs = runs_per_month(monitoring.schedule) if log and compared else Decimal(0)
    asked = sum(_PLACES.get(str(place), 1) for place in uptime.regions) or _EVERYWHERE if uptime else 0
    return {
        "log_rate": Decimal(str(log.sample_rate)) if log else None,
        "log_kept_s": log.retention_s if log else 0,
        "looked_s": runs * compared,
        "comparisons": runs,
        "checks_per_second": Decimal(asked) / uptime.every_s if uptime else Decimal(0),
    }


def _training(spec: Spec, retraining: Retraining) -> Training:
    guards, whens = retraining.guards, [trigger.when for trigger in spec.triggers]
    limits = [guards.max_per_day * _DAYS_A_MONTH]
    limits += [Decimal(guards.max_per_month)] if guards.max_per_month is not None else []
    limits += [MONTH_S / guards.cooldown_s] if guards.cooldown_s else []
    return Training(
        **_run(retraining.run),
        scheduled=sum((runs_per_month(when.schedule) for when in whens if when.schedule), Decimal(0)),
        others=sum(when.schedule is None for when in whens),
        most=min(limits),
        timeout_s=retraining.timeout_s,
    )


def _run(run: Run) -> dict[str, Any]:
    if run.custom_job:
        return {"sort": "customJob", **_machine(run.custom_job)}
    sorts = {
        "vertexPipeline": run.vertex_pipeline,
        "cloudRunJob": run.cloud_run_job,
        "bigqueryML": run.bigquery_ml,
    }
    return {"sort": next((name for name, said in sorts.items() if said), "webhook")}


def _machine(job: CustomJob) -> dict[str, Any]:
    return {
        "machine": job.machine_type,
        "accelerator": job.accelerator_type or "",
        "accelerators": job.accelerator_count if job.accelerator_type else 0,
        "spot": job.spot,
    }


@lru_cache(maxsize=256)
def runs_per_month(schedule: str) -> Decimal:
    """Count the runs of a schedule in a month of 730 hours, on average over four years where it names days of a month.

    Args:
        schedule: Cron, five fields, already checked.
    """
    cron = parse_cron(schedule)
    runs = len(cron.hours) * len(cron.minutes) * MONTH_H / 24
    if cron.days is None and len(cron.months) == _MONTHS:
        return runs * (_WEEK if cron.weekdays is None else len(cron.weekdays)) / _WEEK
    first = date(2024, 1, 1)
    return runs * sum(cron.runs_on(first + timedelta(days=day)) for day in range(_FOUR_YEARS)) / _FOUR_YEARS
