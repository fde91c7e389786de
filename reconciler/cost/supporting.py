"""What goes with a service: the prediction log, its comparisons, triggers, trainings, images, logs and the network."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from reconciler.cost.amounts import MONTH_S, NOTHING, Amounts
from reconciler.cost.lines import Line, Pricing
from reconciler.cost.load import Load
from reconciler.cost.prices import Price, Prices
from reconciler.cost.shape import Instances, Shape, Training
from reconciler.cost.usage import Usage

GIB, TIB = Decimal(1024**3), Decimal(1024**4)
_LEAST_BYTES = 1000
"""Of a request to publish. https://cloud.google.com/pubsub/pricing: at least 1 kB."""
_LEAST_QUERY = Decimal(10_000_000)
"""Bytes of a query, at least, for each table. https://cloud.google.com/bigquery/pricing: 10 MB."""
_FUNCTION = Instances(cpu_millis=1000, memory_mib=512)
"""What the retraining function has."""
_SWEEPS_PER_HOUR = 6
_WITH_ACCELERATORS = ("a2-", "a3-", "a4-", "a4x-", "g2-", "g4-")
"""Machine types that have accelerators: a price of one, `a2-highgpu-1g` or `g2-standard-4`, is with them.

Source:
    https://cloud.google.com/compute/docs/accelerator-optimized-machines.
"""
_FEE = Decimal("0.15")
"""Vertex AI's management fee on Spot capacity, of Compute Engine's on-demand price; nothing is taken off it.

Source:
    https://cloud.google.com/vertex-ai/pricing, custom-trained models.
"""
_MONITORING = Price(
    "vertex.monitoring.v2", "Vertex AI", "Model Monitoring v2", "run", NOTHING, "2026-10-08",
    "https://cloud.google.com/vertex-ai/pricing: free while in Preview", "medium",
)  # fmt: skip


def publishing(pricing: Pricing, messages: Amounts, message_bytes: Decimal) -> list[Line]:
    """Price messages to a topic whose subscription writes them to a table, one message per request to publish.

    Args:
        pricing: Prices of the region.
        messages: How many.
        message_bytes: Of each.

    Source:
        https://cloud.google.com/pubsub/pricing: publishing is basic throughput; delivery to BigQuery has its own
        price, in which what BigQuery takes for writing is included.
    """
    sent = messages.times(max(message_bytes, Decimal(_LEAST_BYTES)) / TIB)
    return [
        pricing.line("publishing", "pubsub.throughput.basic", sent),
        pricing.line("delivery", "pubsub.throughput.bigquery", messages.times(message_bytes / TIB)),
    ]


def predictions(pricing: Pricing, shape: Shape, usage: Usage, load: Load) -> Iterator[Line]:
    """Price the prediction log, and what compares it."""
    if shape.log_rate is None:
        return
    messages = load.predictions.times(shape.log_rate)
    each = usage.rows_per_request * usage.row_bytes
    yield from publishing(pricing, messages, each)
    kept = messages.times(each * shape.log_kept_s / MONTH_S / GIB)
    yield pricing.line("table", "bigquery.storage.active", kept)
    if shape.comparisons:
        per_second = messages.times(each / MONTH_S)
        least = shape.comparisons * _LEAST_QUERY
        yield pricing.line(
            "queries",
            "bigquery.query",
            per_second.times(shape.looked_s).each(lambda read: max(read, least) / TIB),
        )


def trainings_of(training: Training, usage: Usage) -> Amounts:
    """Give how many trainings there are in a month.

    Args:
        training: How, and what the guards let through.
        usage: How many are declared.
    """
    told = usage.trainings_per_month
    expected = min(training.scheduled + training.others if told is None else told, training.most)
    return Amounts(min(training.scheduled, expected), expected, training.most)


def hours_of(training: Training, usage: Usage) -> Amounts:
    """Give hours of a month's trainings, each of which is ended at its timeout."""
    runs = trainings_of(training, usage)
    each = Decimal(min(usage.training_duration_s, training.timeout_s)) / 3600
    return Amounts(runs.floor * each, runs.expected * each, runs.worst * training.timeout_s / 3600)


def retraining(pricing: Pricing, training: Training, usage: Usage) -> Iterator[Line]:
    """Price trainings, and the function that starts and watches them."""
    sweeps = Amounts.same(_SWEEPS_PER_HOUR * MONTH_S / 3600)
    for line in pricing.by_request(_FUNCTION, sweeps, Amounts(), sweeps):
        if not line.quantity.zero:
            yield Line(f"function.{line.key}", line.quantity, line.price, line.family)
    hours = hours_of(training, usage)
    if training.sort == "customJob":
        yield machine(pricing, training, hours)
        if training.accelerators and not training.machine.startswith(_WITH_ACCELERATORS):
            family = f"vertex.train.gpu.{training.accelerator.removeprefix('NVIDIA_TESLA_').lower()}"
            yield pricing.line("accelerators", family, hours.times(training.accelerators))
    elif training.sort == "vertexPipeline":
        yield pricing.line("pipelineRuns", "vertex.pipelines.run", trainings_of(training, usage))
        yield pricing.line("pipelineSteps", "vertex.train.pipeline-steps", hours)
    elif training.paid:
        yield pricing.line("training", f"vertex.train.{training.sort}", hours)


def machine(pricing: Pricing, training: Training, hours: Amounts) -> Line:
    """Price the hours of a training's machine, on demand or on Spot capacity."""
    if not training.spot:
        return pricing.line("training", f"vertex.train.{training.machine}", hours)
    family = f"vertex.spot.{training.machine}"
    return Line("training", hours, spot_price(pricing.prices, training.machine, pricing.region), family)


def spot_price(prices: Prices, machine_type: str, region: str) -> Price | None:
    """Give the price of an hour of Spot capacity for training: as read, else Compute Engine's with the fee.

    Args:
        prices: All prices.
        machine_type: Compute Engine's.
        region: Google Cloud region.
    """
    if found := prices.find(f"vertex.spot.{machine_type}", region):
        return found
    spot = prices.find(f"gce.spot.{machine_type}", region)
    full = prices.find(f"gce.ondemand.{machine_type}", region)
    if spot is None or full is None:
        return None
    name, source = f"vertex.spot.{machine_type}.{region}", f"{spot.source}, with the management fee of 15 %"
    return Price(
        name, "Vertex AI custom training", f"{machine_type}, Spot", "hour", spot.usd + full.usd * _FEE,
        spot.as_of, source, "low", volatile=True,
    )  # fmt: skip


def kept(pricing: Pricing, shape: Shape, usage: Usage) -> Iterator[Line]:
    """Price images, their scans, and model folders that we keep."""
    if shape.versions_kept:
        stored = shape.versions_kept * Decimal(usage.image_size_mib) / 1024
        yield pricing.line("images", "artifactregistry.storage", Amounts.same(stored))
    if shape.scanned:
        pushed = usage.images_per_month
        yield pricing.line("scans", "artifactregistry.scan", Amounts.same(pushed))
    if shape.uploaded:
        yield pricing.line("models", "gcs.standard", Amounts.same(1))


def around(pricing: Pricing, shape: Shape, usage: Usage, load: Load) -> Iterator[Line]:
    """Price the jobs of Cloud Scheduler, what Cloud Run logs of requests, and answers that leave Google's network."""
    if shape.jobs:
        yield pricing.line("scheduler", "scheduler.job", Amounts.same(shape.jobs))
    yield pricing.line("logs", "logging.ingest", load.requests.times(usage.log_bytes / GIB))
    yield pricing.line("network", "egress.internet.default", load.predictions.times(usage.answer_bytes / GIB))
    if shape.comparisons:
        yield Line("comparisons", Amounts.same(shape.comparisons), _MONITORING, _MONITORING.id)
