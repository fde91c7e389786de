"""Metrics in Prometheus' text format.

Everything is recorded on the event loop, so nothing locks. What a request took is put down in a list, and sorted into
buckets a few hundred requests at a time. (The usual client library takes a lock and about a microsecond per
observation, and a request has four.)
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from runtime.data.tensors import Array

# Seconds. From 10 µs, as small models answer in less than any usual first bucket.
SECONDS = (
    1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3,
    0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
)  # fmt: skip
ROWS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0)
PHASES = ("decode", "queue", "predict", "encode")
# Values put down before they are sorted: enough to share numpy's calls, few enough to be quick.
FRESH = 2048
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Histogram:
    """Counts per bucket, and the sum."""

    __slots__ = ("_bounds", "_counts", "_sum")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0

    def observe(self, value: float) -> None:
        """Count one value; one on a bound belongs below it."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self._sum += value

    def observe_all(self, values: Array) -> None:
        """Count many values: a few calls of numpy instead of a bisection for each."""
        places = np.searchsorted(self._bounds, values)
        found = np.bincount(places, minlength=len(self._counts)).tolist()
        self._counts = [old + new for old, new in zip(self._counts, found, strict=True)]
        self._sum += float(values.sum())

    def lines(self, name: str, labels: str) -> list[str]:
        """Write the samples: a bucket holds what smaller ones hold, as Prometheus adds nothing up."""
        found, total = [], 0
        for bound, count in zip((*self._bounds, "+Inf"), self._counts, strict=True):
            total += count
            found.append(f'{name}_bucket{{{labels},le="{bound}"}} {total}')
        return [*found, f"{name}_sum{{{labels}}} {exact(self._sum)}", f"{name}_count{{{labels}}} {total}"]


@dataclass(slots=True)
class EndpointMetrics:
    """What is counted for one protocol of one version of a model."""

    model: str
    version: str
    protocol: str
    answers: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    total: Histogram = field(default_factory=lambda: Histogram(SECONDS))
    decode: Histogram = field(default_factory=lambda: Histogram(SECONDS))
    queue: Histogram = field(default_factory=lambda: Histogram(SECONDS))
    encode: Histogram = field(default_factory=lambda: Histogram(SECONDS))
    _fresh: list[float] = field(default_factory=list)

    def predicted(self, decode_s: float, queue_s: float, encode_s: float, total_s: float) -> None:
        """Count what the phases of a request took that came as far as the model."""
        fresh = self._fresh
        fresh += (decode_s, queue_s, encode_s, total_s)
        if len(fresh) >= FRESH:
            self.sort()

    def sort(self) -> None:
        """Sort into buckets what was put down."""
        columns = np.array(self._fresh).reshape(-1, 4).T
        self._fresh.clear()
        for histogram, values in zip((self.decode, self.queue, self.encode, self.total), columns, strict=True):
            histogram.observe_all(values)

    @property
    def labels(self) -> str:
        """The labels of every sample, as they stand between braces."""
        return f'{model_labels(self.model, self.version)},protocol="{self.protocol}"'


@dataclass(slots=True)
class ModelMetrics:
    """What is counted for one version of a model, whatever the protocol."""

    model: str
    version: str
    rows: int = 0
    predict_seconds: Histogram = field(default_factory=lambda: Histogram(SECONDS))
    batch_rows: Histogram = field(default_factory=lambda: Histogram(ROWS))
    batch_requests: Histogram = field(default_factory=lambda: Histogram(ROWS))


@dataclass(slots=True)
class Gauge:
    """A value read when it is asked for. `labels` may be empty."""

    name: str
    text: str
    labels: str
    value: float


def render(endpoints: list[EndpointMetrics], models: list[ModelMetrics], gauges: list[Gauge]) -> str:
    """Write all samples, each name described once before its first."""
    lines = ["# HELP mlservice_requests_total Answers by status.", "# TYPE mlservice_requests_total counter"]
    for e in endpoints:
        e.sort()
        lines += [f'mlservice_requests_total{{{e.labels},code="{c}"}} {n}' for c, n in sorted(e.answers.items())]
    lines += _histogram("mlservice_request_seconds", "From the whole body read to the answer written.")
    for e in endpoints:
        lines += e.total.lines("mlservice_request_seconds", e.labels)
    lines += _histogram("mlservice_phase_seconds", "Where the time of a request goes.")
    for e in endpoints:
        for phase, histogram in (("decode", e.decode), ("queue", e.queue), ("encode", e.encode)):
            lines += histogram.lines("mlservice_phase_seconds", f'{e.labels},phase="{phase}"')
    return "\n".join([*lines, *_model_lines(models), *_gauge_lines(gauges), ""])


def _model_lines(models: list[ModelMetrics]) -> list[str]:
    lines = ["# HELP mlservice_rows_total Rows predicted.", "# TYPE mlservice_rows_total counter"]
    lines += [f"mlservice_rows_total{{{model_labels(m.model, m.version)}}} {m.rows}" for m in models]
    for name, text in (
        ("predict_seconds", "One call of the model."),
        ("batch_rows", "Rows in one call of the model."),
        ("batch_requests", "Requests in one call of the model."),
    ):
        lines += _histogram(f"mlservice_{name}", text)
        for m in models:
            histogram: Histogram = getattr(m, name)
            lines += histogram.lines(f"mlservice_{name}", model_labels(m.model, m.version))
    return lines


def _gauge_lines(gauges: list[Gauge]) -> list[str]:
    lines, seen = [], set()
    for gauge in gauges:
        if gauge.name not in seen:
            kind = "counter" if gauge.name.endswith("_total") else "gauge"
            lines += [f"# HELP {gauge.name} {gauge.text}", f"# TYPE {gauge.name} {kind}"]
            seen.add(gauge.name)
        braced = f"{{{gauge.labels}}}" if gauge.labels else ""
        lines.append(f"{gauge.name}{braced} {exact(gauge.value)}")
    return lines


def exact(value: float) -> str:
    """Write a number with every digit it has: a counter that is rounded stands still, and then leaps."""
    return str(int(value)) if math.isfinite(value) and value == int(value) else repr(float(value))


def _histogram(name: str, text: str) -> list[str]:
    return [f"# HELP {name} {text}", f"# TYPE {name} histogram"]


def model_labels(model: str, version: str) -> str:
    """Write the labels of a model."""
    return f'model="{_escaped(model)}",version="{_escaped(version)}"'


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
