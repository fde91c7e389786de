"""What each line of an estimate is, what was assumed for it, and where its price was read: in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from reconciler.cost.estimate import Estimate
from reconciler.cost.lines import Line
from reconciler.cost.load import at_once_of
from reconciler.cost.usage import Usage
from schemas.section import yaml_name


@dataclass(frozen=True, slots=True)
class Explained:
    """A line in words.

    Args:
        title: What is paid for.
        assumption: What its quantity follows from.
        price: The price, its day and where it was read.
    """

    title: str
    assumption: str
    price: str


Words = Callable[[Estimate], str]


def explained(line: Line, found: Estimate) -> Explained:
    """Say what a line is.

    Args:
        line: One of the estimate's.
        found: The estimate.
    """
    key = line.key.partition(".")[0]
    title, words = _LINES.get(key, (line.key, lambda _: ""))
    return Explained(title if key == line.key else f"{title}: {_PART[line.key]}", words(found), _price(line, found))


def _price(line: Line, found: Estimate) -> str:
    if line.price is None:
        return f"no price is known of {line.family} in {found.shape.region}"
    price = line.price
    hint = ", changes by the month" if price.volatile else ""
    return f"{price.usd.normalize():f} USD per {price.unit}, {price.as_of}{hint}, {price.source}"


def assumed(found: Estimate) -> list[str]:
    """Name what of the use was assumed and can be declared, as the spec calls it."""
    trained = found.shape.training is not None
    asked = {
        "requests_per_second": True,
        "request_duration_ms": True,
        "requests_at_once": found.usage.instances is None,
        "rows_per_request": found.shape.log_rate is not None,
        "row_bytes": found.shape.log_rate is not None,
        "answer_bytes": True,
        "trainings_per_month": trained,
        "training_duration_s": trained,
        "image_size_mib": bool(found.shape.versions_kept),
        "images_per_month": found.shape.scanned,
    }
    return [
        f"usage.{yaml_name(name)}" for name, matters in asked.items() if matters and name not in found.usage.declared
    ]


def _said(usage: Usage, name: str, words: str) -> str:
    if name in usage.measured:
        return f"{words} (measured)"
    return words if name in usage.declared else f"{words} (assumed)"


def _many(found: Estimate, name: str, unit: str) -> str:
    """Say how much of something there is, and of how much the worst case is where it is another."""
    mine, most = (Decimal(getattr(each, name)) for each in (found.usage, found.usage.most(found.shape.instances.vcpus)))
    said = _said(found.usage, name, f"{mine.normalize():f} {unit}")
    return said if mine == most else f"{said}, worst {most.normalize():f}"


def _requests(found: Estimate) -> str:
    usage = found.usage
    rate = _said(usage, "requests_per_second", f"{usage.requests_per_second.normalize():f} requests/s")
    each = _said(usage, "request_duration_ms", f"{usage.request_duration_ms} ms each")
    clipped = "; more than its instances can answer: the rest is not counted" if found.clipped else ""
    return f"{rate}, {each}{clipped}"


def _busy(found: Estimate) -> str:
    instances, usage = found.shape.instances, found.usage
    most = f"worst: {instances.most} instances busy all month"
    if usage.instances is not None and (instances.by_instance or not (instances.least or instances.windows)):
        return f"{_requests(found)}; {_said(usage, 'instances', f'{usage.instances.normalize():f} instances')}; {most}"
    if instances.by_instance:
        return f"{_requests(found)}; up to 15 min more after each; {most}"
    many = at_once_of(instances, usage).normalize()
    shared = f"{many:f} at once in an instance" if usage.requests_at_once else "by chance"
    return f"{_requests(found)}, {shared}; {most}"


def _worst_requests(found: Estimate) -> str:
    instances = found.shape.instances
    most = found.usage.most(instances.vcpus)
    many = f"{at_once_of(instances, most).normalize():f} of {most.request_duration_ms} ms at once in each"
    return f"{_requests(found)}; worst: {instances.most} instances, {many}"


def _warm(found: Estimate) -> str:
    instances = found.shape.instances
    windows = "".join(
        f", {count} for {(share * 100).quantize(Decimal('0.1'))} % of the time" for count, share in instances.windows
    )
    return f"scaling.minInstances {instances.least}{windows}, while they serve nothing"


def _logged(found: Estimate) -> str:
    rate = found.shape.log_rate or Decimal(0)
    rows = _many(found, "rows_per_request", "rows a request")
    share = f"{(rate * 100).normalize():f} % of requests"
    return f"{share}, {rows}, {_many(found, 'row_bytes', 'bytes each')}"


def _trainings(found: Estimate) -> str:
    training, usage = found.shape.training, found.usage
    if training is None:
        return ""
    told = usage.trainings_per_month
    many = f"{told.normalize():f} a month" if told is not None else f"{training.scheduled:.3g} a month by the clock"
    others = f" and {training.others} more" if told is None and training.others else ""
    each = _said(usage, "training_duration_s", f"{Decimal(usage.training_duration_s) / 3600:.3g} h each")
    on = f", {training.machine}{' on Spot' if training.spot else ''}" if training.machine else ""
    return f"{many}{others}, {each}{on}; worst: {training.most:.4g} of {Decimal(training.timeout_s) / 3600:.3g} h"


def _images(found: Estimate) -> str:
    return f"{found.shape.versions_kept} versions kept, {_many(found, 'image_size_mib', 'MiB each')}"


_LINES: Mapping[str, tuple[str, Words]] = {
    "cpu": ("CPU", _busy),
    "memory": ("memory", _busy),
    "cpuWarm": ("CPU, warm instances", _warm),
    "memoryWarm": ("memory, warm instances", _warm),
    "gpu": ("GPU", _busy),
    "requests": ("requests", _worst_requests),
    "publishing": ("prediction log: publishing", _logged),
    "delivery": ("prediction log: delivery", _logged),
    "table": ("prediction log: BigQuery", lambda e: f"{_logged(e)}, kept {e.shape.log_kept_s / 86_400:g} d"),
    "queries": (
        "comparisons: queries",
        lambda e: f"{e.shape.comparisons:.4g} runs a month over their windows, every byte of a row",
    ),
    "comparisons": ("comparisons: Vertex AI", lambda e: f"{e.shape.comparisons:.4g} runs a month, free in Preview"),
    "function": ("retraining function", lambda _: "looks after trainings every 10 min, 1 s each; a storm costs more"),
    "training": ("training", _trainings),
    "accelerators": ("training: accelerators", _trainings),
    "pipelineRuns": ("training: pipeline runs", _trainings),
    "pipelineSteps": ("training: pipeline steps", lambda _: "the machines of its steps stand in the pipeline"),
    "images": ("images", _images),
    "scans": (
        "scans of images",
        lambda e: _many(e, "images_per_month", "images a month"),
    ),
    "models": ("model folders", lambda _: "1 GiB of uploaded versions (assumed)"),
    "scheduler": ("scheduler jobs", lambda e: f"{e.shape.jobs} jobs, running or not"),
    "logs": ("logs", lambda e: _many(e, "log_bytes", "bytes a request")),
    "network": ("network", lambda e: f"{_many(e, 'answer_bytes', 'bytes an answer')}, to the internet"),
}
_PART = {"function.cpu": "CPU", "function.memory": "memory", "function.requests": "requests"}
NOT_COUNTED = (
    "tax",
    "seconds of starting instances",
    "builds of the retraining function",
    "queries for `monitoring.performance`",
    "a rollout's second version",
    "boot disks of trainings",
    "negotiated prices",
)
"""What no line is for."""
