"""What jobs found, as the API tells it: data points, alerts, and the two searches.

Source: model_monitoring.md A.8; comments of the search requests. How the server writes `distribution` in JSON is not
known: here by protobuf's own mapping.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC
from typing import Any

from google.protobuf import json_format

from emulator.apis.aiplatform.monitoring import tfdv
from emulator.apis.aiplatform.monitoring.drift import Measure, Objective
from emulator.apis.aiplatform.monitoring.messages import (
    ModelMonitoringAlert,
    ModelMonitoringStats,
    SearchAlertsResponse,
    SearchStatsResponse,
    StatsDataPoint,
)
from emulator.apis.aiplatform.monitoring.monitors import SERVICE
from emulator.apis.aiplatform.monitoring.stored import ALERTS, API, MONITORS, STATS
from emulator.core.api import Call
from emulator.core.paging import Order, Place, page_of
from emulator.core.resources import timestamp
from emulator.core.world import World


def keep(world: World, job: Any, objective: Objective, points: Iterable[tuple[Measure, Any, Any]], folder: str) -> None:
    """Keep what a job found: measures, each with the statistics of baseline and target.

    Args:
        world: Where.
        job: Which.
        objective: Of which objective.
        points: Pairs of measure and statistics.
        folder: Where the objective's files are, or nothing.
    """
    now = timestamp(world.clock.now())
    for measure, baseline, target in points:
        point = StatsDataPoint(model_monitoring_job=job.name, schedule=job.schedule, algorithm=measure.algorithm)
        point.create_time.CopyFrom(now)
        point.has_anomaly = measure.anomalous
        if measure.threshold is not None:
            point.threshold_value = measure.threshold
        fill(point.current_stats, target, measure.distance)
        fill(point.baseline_stats, baseline, 0.0)
        found = ModelMonitoringStats()
        found.tabular_stats.stats_name, found.tabular_stats.objective_type = measure.name, objective.type
        found.tabular_stats.data_points.append(point)
        key = f"{job.name}/{objective.type}/{measure.name}"
        world.store.put(STATS, key, found.SerializeToString())
        if measure.anomalous:
            world.store.put(ALERTS, key, alert(job, objective, measure, now, folder).SerializeToString())


def fill(value: Any, statistics: Any, distance: float) -> None:
    """Write one side of a data point."""
    json_format.ParseDict(json_format.MessageToDict(statistics), value.distribution_value.distribution)
    value.distribution_value.distribution_deviation = distance


def alert(job: Any, objective: Objective, measure: Measure, now: Any, folder: str) -> Any:
    """An alert for a field that is too far from its baseline."""
    made = ModelMonitoringAlert(stats_name=measure.name, objective_type=objective.type)
    made.alert_time.CopyFrom(now)
    made.anomaly.model_monitoring_job, made.anomaly.algorithm = job.name, measure.algorithm
    tabular, info = made.anomaly.tabular_anomaly, tfdv.anomaly(measure)
    tabular.anomaly_uri = f"{folder}/anomalies.textproto" if folder else ""
    tabular.summary = info.short_description
    json_format.ParseDict(json_format.MessageToDict(info), tabular.anomaly)
    tabular.trigger_time.CopyFrom(now)
    tabular.condition.threshold = measure.threshold or 0.0
    return made


@API.method(SERVICE + "SearchModelMonitoringStats")
def search_stats(world: World, request: Any, _: Call) -> Any:
    """Per field and objective its data points, the newest first."""
    monitor = MONITORS.get(world, MONITORS.key(world, request.model_monitor))
    asked = request.stats_filter.tabular_stats_filter
    groups: dict[tuple[str, str], Any] = {}
    for _name, body in world.store.list(STATS, f"{monitor.name}/"):
        stats = ModelMonitoringStats.FromString(body).tabular_stats
        point = stats.data_points[0]
        if of_stats(asked, stats, point) and within(request, "time_interval", point.create_time):
            key = stats.objective_type, stats.stats_name
            groups.setdefault(key, ModelMonitoringStats()).tabular_stats.MergeFrom(stats)
    for group in groups.values():
        newest_first(group.tabular_stats)
    found, token = page_of(request, groups.values(), BY_STATS)
    return SearchStatsResponse(monitoring_stats=found, next_page_token=token)


def of_stats(asked: Any, stats: Any, point: Any) -> bool:
    """Whether a filter lets a data point through."""
    return all(
        not wanted or wanted == held
        for wanted, held in (
            (asked.stats_name, stats.stats_name),
            (asked.objective_type, stats.objective_type),
            (asked.algorithm, point.algorithm),
        )
    ) and all(
        not wanted or same_resource(wanted, held)
        for wanted, held in (
            (asked.model_monitoring_job, point.model_monitoring_job),
            (asked.model_monitoring_schedule, point.schedule),
        )
    )


def same_resource(asked: str, held: str) -> bool:
    """Whether two names are of one resource: projects have a number and an id, and some callers give the id alone."""
    return asked.split("/")[2:] == held.split("/")[2:] if "/" in asked else asked == held.rpartition("/")[2]


def newest_first(stats: Any) -> None:
    """Sort the data points of a field; of one moment by job."""
    points = sorted(stats.data_points, key=lambda each: (each.create_time.ToNanoseconds(), each.model_monitoring_job))
    del stats.data_points[:]
    stats.data_points.extend(reversed(points))
    stats.SetInParent()


def within(request: Any, field: str, when: Any) -> bool:
    """Whether a time is in the interval of a request: with its start, without its end."""
    interval, at = getattr(request, field), when.ToDatetime(UTC)
    after = not interval.HasField("start_time") or interval.start_time.ToDatetime(UTC) <= at
    return after and (not interval.HasField("end_time") or at < interval.end_time.ToDatetime(UTC))


@API.method(SERVICE + "SearchModelMonitoringAlerts")
def search_alerts(world: World, request: Any, _: Call) -> Any:
    """Alerts, the newest first, and how many there are in all."""
    monitor = MONITORS.get(world, MONITORS.key(world, request.model_monitor))
    found = [*alerts(world, monitor.name, lambda each: of_alert(request, each))]
    shown, token = page_of(request, found, LAST_FIRST)
    return SearchAlertsResponse(model_monitoring_alerts=shown, total_number_alerts=len(found), next_page_token=token)


def alerts(world: World, monitor: str, wanted: Callable[[Any], bool]) -> Iterator[Any]:
    """The alerts of a monitor that are wanted."""
    for _name, body in world.store.list(ALERTS, f"{monitor}/"):
        found = ModelMonitoringAlert.FromString(body)
        if wanted(found):
            yield found


def when_made(found: Any) -> Place:
    """By what alerts are sorted."""
    return found.alert_time.ToNanoseconds(), found.objective_type, found.stats_name, found.model_monitoring_job


LAST_FIRST = Order(when_made, (True,) * 4)
BY_STATS = Order(lambda found: (found.tabular_stats.objective_type, found.tabular_stats.stats_name))


def of_alert(request: Any, found: Any) -> bool:
    """Whether a request lets an alert through."""
    job = request.model_monitoring_job
    return (
        request.stats_name in ("", found.stats_name)
        and request.objective_type in ("", found.objective_type)
        and (not job or same_resource(job, found.anomaly.model_monitoring_job))
        and within(request, "alert_time_interval", found.alert_time)
    )
