"""Alerts on what monitors measure: a policy per comparison, on the metric that scheduled jobs write.

People are told by these, since they also close; what trains again is the retraining function's own look, which knows
about few rows, about chance, and about one window being not two.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reconciler.core.reference import Ref
from reconciler.kinds import vertex_model_monitor, vertex_schedule
from reconciler.kinds.monitoring_alert_policy.record import BREACH_LABEL, REGION_LABEL, Condition, Step
from reconciler.kinds.monitoring_alert_policy.wanted import Alert
from reconciler.kinds.vertex_model_monitor import wanted as monitors
from reconciler.kinds.vertex_schedule import DRIFT, SKEW
from schemas.cron import parse_cron
from schemas.sections.notifications import Event
from schemas.units import duration_text

if TYPE_CHECKING:
    from reconciler.core.address import Address
    from reconciler.core.facts import Facts
    from reconciler.kinds.vertex_model_monitor import Limits
    from schemas import MLService

MODEL = "aiplatform.googleapis.com/Model"
FEATURES = "aiplatform.googleapis.com/model_monitoring/feature_drift_deviation"
PREDICTIONS = "aiplatform.googleapis.com/model_monitoring/prediction_output_drift_deviation"
"""What scheduled jobs write, a point per column and run (model_monitoring.md E.5)."""
LATE_S = 3600
"""How long after its time a run may end."""
LOOKED_BACK_S = 25 * 3600
"""How far back a condition may look: comment of `Aggregation.alignment_period` in google-cloud-monitoring 2.32.0."""
CLOSE_LEAST_S, CLOSE_MOST_S = 30 * 60, 7 * 86_400
"""How long an incident may stay open without points: constraints.md section 8."""
CONDITIONS_MOST = 6
"""Of a policy (constraints.md section 8)."""
NAMES_LONGEST = 1500
"""Characters of columns' names in a filter, which has 2048."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What is compared, and from which distance on people are told.

    Args:
        breach: What is found, as the function calls it.
        title: Of its policy.
        schedule: Which schedule measures it.
        metric: What that writes.
        limits: Greatest distances.
        columns: What is compared.
    """

    breach: str
    title: str
    schedule: str
    metric: str
    limits: Limits
    columns: Sequence[str]


def distances(service: MLService, facts: Facts) -> Iterator[Alert]:
    """Tell when a comparison finds a column too far; over with the next run that finds it near enough.

    A policy has six conditions, one per limit; of more limits there is another policy.
    """
    found = service.spec.monitoring
    if found is None:
        return
    gap_s = parse_cron(found.schedule).longest_gap_s
    there = vertex_schedule.display_names(service)
    monitor = vertex_model_monitor.address_of(service, facts)
    for comparison in comparisons(service):
        if comparison.schedule not in there:
            continue
        schedule = vertex_schedule.address_of(monitor, comparison.schedule)
        conditions = list(_conditions(comparison, schedule, gap_s))
        for start in range(0, len(conditions), CONDITIONS_MOST):
            some = conditions[start : start + CONDITIONS_MOST]
            yield _alert(service, comparison, some, gap_s, start // CONDITIONS_MOST + 1)


def comparisons(service: MLService) -> Iterator[Comparison]:
    """Give what a spec has limits for."""
    columns, predictions = list(monitors.columns(service)), list(monitors.predictions(service))
    against_training, against_before = monitors.skew(service), monitors.drift(service)
    if against_training.features:
        title = "requests are not like the training data"
        yield Comparison("skew", title, SKEW, FEATURES, against_training.features, columns)
    if against_before.features:
        title = "requests are not like earlier ones"
        yield Comparison("drift", title, DRIFT, FEATURES, against_before.features, columns)
    if against_before.predictions:
        title = "predictions are not like earlier ones"
        yield Comparison("prediction-drift", title, DRIFT, PREDICTIONS, against_before.predictions, predictions)


def _alert(
    service: MLService, comparison: Comparison, conditions: Sequence[Condition], gap_s: int, number: int
) -> Alert:
    region, more = service.spec.region, f"-{number}" if number > 1 else ""
    text = (
        f"A scheduled run measured a distance of `{service.name}` in {region} that is past its limit in the spec:"
        f" {comparison.title}. The label `feature_name` says which column.\n\n"
        "Is what is sent as it was, and is the limit right for so many rows? This is over with the next run that finds"
        f" the column near enough, or {duration_text(close_s(gap_s) * 1000)} after the last one."
    )
    return Alert(
        which=f"{comparison.breach}-{region}{more}",
        title=f"{comparison.title}{f' ({number})' if more else ''}",
        event=str(Event.DRIFT_DETECTED),
        severity="WARNING",
        help=text,
        conditions=tuple(conditions),
        auto_close_s=close_s(gap_s),
        labels={**service.labels, REGION_LABEL: region, BREACH_LABEL: comparison.breach},
    )


def close_s(gap_s: int) -> int:
    """Say how long an incident stays open without points: until the next run has ended, as far as Google waits."""
    return min(max(gap_s + LATE_S, CLOSE_LEAST_S), CLOSE_MOST_S)


def _conditions(comparison: Comparison, schedule: Address, gap_s: int) -> Iterator[Condition]:
    step = Step(min(gap_s + LATE_S, LOOKED_BACK_S), "NEXT_OLDER")
    for name, terms, limit in _told_apart(comparison):
        # Google names the schedule, and nothing else of a point says which service, comparison or version it is of.
        selected = [
            f'metric.type = "{comparison.metric}"',
            f'resource.type = "{MODEL}"',
            f'resource.labels.location = "{schedule.location}"',
            'metric.labels.schedule_id = "{}"',
            *terms,
        ]
        yield Condition(name, Ref(schedule, "id", " AND ".join(selected)), "GT", limit, 0, steps=(step,))


def _told_apart(comparison: Comparison) -> Iterator[tuple[str, list[str], float]]:
    """Give a name, terms of a filter, and the limit of each group of columns that have one limit."""
    groups = _by_limit(comparison.limits, comparison.columns)
    default, own = comparison.limits.default_numeric, list(comparison.limits.columns)
    for limit, columns in groups.items():
        far = f"further than {limit:g}"
        if limit == default and not own:
            yield f"a column is {far}", [], limit
        elif limit == default and len(_one_of(own)) <= NAMES_LONGEST:
            others = [column for column in own if column not in columns]
            terms = [f"NOT metric.labels.feature_name = {_one_of(others)}"] if others else []
            yield f"a column without a limit of its own is {far}", terms, limit
        else:
            parts = list(_pieces(columns))
            for number, some in enumerate(parts, 1):
                who = some[0] if len(columns) == 1 else f"one of {len(columns)} columns"
                name = f"{who} is {far}{f', part {number}' if len(parts) > 1 else ''}"
                yield name, [f"metric.labels.feature_name = {_one_of(some)}"], limit


def _by_limit(limits: Limits, columns: Iterable[str]) -> Mapping[float, Sequence[str]]:
    """Give the columns of each limit, the default's first."""
    default = limits.default_numeric
    found: dict[float, list[str]] = {} if default is None else {default: []}
    for column in columns:
        limit = limits.columns.get(column, default)
        if limit is not None:
            found.setdefault(limit, []).append(column)
    return {limit: some for limit, some in found.items() if some}


def _pieces(columns: Iterable[str]) -> Iterator[list[str]]:
    """Give columns in pieces that a filter can name."""
    piece: list[str] = []
    for column in columns:
        if piece and len(_one_of([*piece, column])) > NAMES_LONGEST:
            yield piece
            piece = []
        piece.append(column)
    if piece:
        yield piece


def _one_of(columns: Iterable[str]) -> str:
    quoted = ", ".join('"' + column.replace("\\", "\\\\").replace('"', '\\"') + '"' for column in columns)
    return f"one_of({quoted})"
