"""What the dashboard of a service shows: rules, each of which says of a spec which tiles it wants.

Source:
    Metrics of Cloud Run, their kinds and labels: model_monitoring.md E.1. Without `resource.type`, requests count
    twice: they are written on instances too. Percentiles are of merged distributions (E.2). Distances: E.5.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

from reconciler.core import measures as metrics
from reconciler.core.address import GLOBAL, Address
from reconciler.core.naming import mark_labels
from reconciler.core.objects import Desired
from reconciler.core.reference import Ref
from reconciler.kinds import pubsub_subscription, pubsub_topic, vertex_model_monitor, vertex_schedule
from reconciler.kinds.functions_function.performance import wanted_performance
from reconciler.kinds.monitoring_dashboard.costs import costs
from reconciler.kinds.monitoring_dashboard.record import AREA, LIMIT, LINE, NAME, TEXT, Dashboard, Shown
from reconciler.kinds.vertex_model_monitor.wanted import columns, target_of

if TYPE_CHECKING:
    from reconciler.core.facts import Facts
    from schemas import MLService

Tile = tuple[str, tuple[Shown, ...]]
_REVISION, _CLASS, _STATE = "resource.label.revision_name", "metric.label.response_code_class", "metric.label.state"
_MINUTE_S, _HOUR_S = 60, 3600


def address_of(service: MLService) -> Address:
    """Give the address of a service's dashboard. Dashboards are global and services regional.

    No two meet: a region is always the last two words.
    """
    return Address(NAME, GLOBAL, f"{service.name}-{service.spec.region}")


def desired(service: MLService, facts: Facts) -> Iterator[Desired[Dashboard]]:
    """Want one where the spec watches the service, and does not say that it wants none."""
    monitoring = service.spec.monitoring
    if monitoring is None or not monitoring.dashboard:
        return
    fields = Dashboard(
        display_name=f"{service.name} in {service.spec.region}",
        tiles=dict(tile for rule in RULES for tile in rule(service, facts)),
        labels={**service.labels, **mark_labels(service.name)},
    )
    yield Desired(address_of(service), fields, service.name)


def _of_run(service: MLService, metric: str, *more: str) -> str:
    """Give the filter of one of Cloud Run's metrics."""
    parts = (
        f'metric.type="run.googleapis.com/{metric}"',
        'resource.type="cloud_run_revision"',
        f'resource.label.service_name="{service.name}"',
        f'resource.label.location="{service.spec.region}"',
        *more,
    )
    return " AND ".join(parts)


def _series(text: str, filter_: str | Ref, aligner: str, reducer: str, *groups: str, how: str = LINE) -> Shown:
    return Shown(how, text, filter_, aligner, reducer, groups, period_s=_MINUTE_S)


def _limit(text: str, at: float) -> Shown:
    return Shown(LIMIT, text, limit=at)


def about(service: MLService, facts: Facts) -> Iterator[Tile]:
    """Say what the page is, and whose."""
    del facts
    text = (
        f"`{service.name}` in {service.spec.region}, kept by mlservice: tiles may be moved; what they show comes from"
        f" the spec. `mlservice status {service.name}` and `mlservice why {service.name}` say what was done, and why."
    )
    yield f"About {service.name}", (Shown(TEXT, text),)


def requests(service: MLService, facts: Facts) -> Iterator[Tile]:
    """Show what is asked and what comes of it."""
    del facts
    count = _of_run(service, "request_count")
    yield (
        "Requests per second, by revision",
        (_series("${resource.labels.revision_name}", count, "RATE", "SUM", _REVISION, how=AREA),),
    )
    yield (
        "Requests per second, by response class",
        (_series("${metric.labels.response_code_class}", count, "RATE", "SUM", _CLASS, how=AREA),),
    )
    failed = _of_run(service, "request_count", 'metric.label.response_code_class="5xx"')
    share = Shown(LINE, "share of 5xx", failed, "RATE", "SUM", over=count, period_s=_MINUTE_S)
    yield "Share of requests that fail", (share, *_promised_share(service))


def _promised_share(service: MLService) -> Iterator[Shown]:
    slo = service.spec.monitoring.slo if service.spec.monitoring else None
    if slo and slo.availability is not None:
        yield _limit("promised at most", round(1 - slo.availability, 9))


def latency(service: MLService, facts: Facts) -> Iterator[Tile]:
    """Show how long answers take. Cloud Run measures without cold starts."""
    del facts
    taken = _of_run(service, "request_latencies")
    slo = service.spec.monitoring.slo if service.spec.monitoring else None
    promised = slo.latency_p95_ms if slo else None
    lines = [_series(f"p{nth}", taken, "DELTA", f"PERCENTILE_{nth}") for nth in ("50", "95", "99")]
    limits = [_limit("p95 promised at most", float(promised))] if promised is not None else []
    yield "Latency in ms", (*lines, *limits)
    yield (
        "Latency in ms, p95 by revision",
        (_series("${resource.labels.revision_name}", taken, "DELTA", "PERCENTILE_95", _REVISION), *limits),
    )


def instances(service: MLService, facts: Facts) -> Iterator[Tile]:
    """Show what runs, how busy it is, and the time that is paid for."""
    del facts
    count = _of_run(service, "container/instance_count")
    yield (
        "Instances",
        (
            _series("${metric.labels.state}", count, "MAX", "SUM", _STATE, how=AREA),
            _limit("at most", float(service.spec.scaling.max_instances)),
        ),
    )
    busy = [
        _series(name, _of_run(service, f"container/{name.lower()}/utilizations"), "DELTA", "PERCENTILE_95")
        for name in ("CPU", "memory")
    ]
    yield "CPU and memory in use, p95", tuple(busy)
    if service.spec.resources.gpu:
        # Whether these are gauges or deltas is documented nowhere: aligned by percentile, both can be shown.
        gpu = {"GPU": "container/gpu/utilizations", "its memory": "container/gpu/memory_utilizations"}
        lines = (_series(name, _of_run(service, kind), "PERCENTILE_95", "MAX") for name, kind in gpu.items())
        yield "GPU in use, p95", tuple(lines)
    billed = _of_run(service, "container/billable_instance_time")
    yield "Instance seconds paid for, per second", (_series("billed", billed, "RATE", "SUM"),)


def distances(service: MLService, facts: Facts) -> Iterator[Tile]:
    """Show how far each column moved, beside its limits, from what each schedule compares."""
    monitoring = service.spec.monitoring
    if monitoring is None:
        return
    there = vertex_schedule.display_names(service)
    for which, watched in ((vertex_schedule.SKEW, monitoring.skew), (vertex_schedule.DRIFT, monitoring.drift)):
        if which in there and watched is not None:
            seen = columns(service)  # names of what is not logged are shown nowhere
            limits = _limits(watched.default, {name: at for name, at in watched.features.items() if name in seen})
            against = "training" if which == vertex_schedule.SKEW else "earlier requests"
            yield (
                f"Distance from {against} ({which})",
                (_distance(service, facts, which, "feature_drift_deviation"), *limits),
            )
    if vertex_schedule.DRIFT in there and monitoring.prediction_drift is not None:
        moved = _distance(service, facts, vertex_schedule.DRIFT, "prediction_output_drift_deviation")
        yield "Distance from earlier predictions", (moved, _limit("limit", monitoring.prediction_drift))


def _limits(default: float | None, features: Mapping[str, float]) -> Iterator[Shown]:
    if default is not None:
        yield _limit("limit", default)
    yield from (_limit(f"limit of {name}", most) for name, most in sorted(features.items()))


def _distance(service: MLService, facts: Facts, which: str, metric: str) -> Shown:
    """Give the distances that one schedule measured: a point per column and run."""
    schedule = vertex_schedule.address_of(vertex_model_monitor.address_of(service, facts), which)
    model = target_of(service, facts)[1]
    parts = (
        f'metric.type="aiplatform.googleapis.com/model_monitoring/{metric}"',
        'resource.type="aiplatform.googleapis.com/Model"',
        f'resource.label.location="{service.spec.region}"',
        f'resource.label.model="{model}"',
        'metric.label.schedule_id="{}"',
    )
    selected = Ref(schedule, "id", " AND ".join(parts))
    legend, group = "${metric.labels.feature_name}", ("metric.label.feature_name",)
    return Shown(LINE, legend, selected, "MAX", "MAX", group, period_s=_HOUR_S)


def measures(service: MLService, facts: Facts) -> Iterator[Tile]:
    """Show how right predictions were, by labels that came later: a point per measure and window, beside its limit."""
    del facts
    found = wanted_performance(service)
    if found is None:
        return
    selected = metrics.selected(metrics.VALUE, service.name, service.spec.region)
    legend, group = "${metric.labels.measure}", ("metric.label.measure",)
    lines = Shown(LINE, legend, selected, "MEAN", "MEAN", group, period_s=_HOUR_S)
    limits = [
        _limit(f"{name} {word}", at)
        for word, section in (("at least", found.least), ("at most", found.most))
        for name, at in (section.model_dump(exclude_none=True).items() if section else ())
    ]
    yield "How right predictions were, by their labels", (lines, *limits)


def messages(service: MLService, facts: Facts) -> Iterator[Tile]:
    """Show what waits in the service's subscriptions, and what they gave up."""
    del facts
    names = _subscriptions(service)
    if not names:
        return
    waiting, age, dead = (
        [_of_subscription(what, name, metric, aligner) for what, name in names.items()]
        for metric, aligner in (
            ("num_undelivered_messages", "MEAN"),
            ("oldest_unacked_message_age", "MAX"),
            ("dead_letter_message_count", "DELTA"),
        )
    )
    yield "Messages that wait", tuple(waiting)
    yield "Age of the oldest message that waits, in s", tuple(age)
    yield "Messages given up", tuple(dead)


def _subscriptions(service: MLService) -> dict[str, str]:
    """Name the service's subscriptions, by what they carry."""
    found = {"requests": pubsub_subscription.address_of(service).name} if service.spec.events else {}
    logged = pubsub_topic.of_predictions(service)
    return found | ({"predictions": logged.topic} if logged else {})


def _of_subscription(what: str, name: str, metric: str, aligner: str) -> Shown:
    selected = (
        f'metric.type="pubsub.googleapis.com/subscription/{metric}" AND resource.type="pubsub_subscription"'
        f' AND resource.label.subscription_id="{name}"'
    )
    return _series(what, selected, aligner, "SUM")


RULES: tuple[Callable[[MLService, Facts], Iterator[Tile]], ...] = (
    about,
    requests,
    latency,
    instances,
    costs,
    distances,
    measures,
    messages,
)
"""In the order in which a page is read."""
