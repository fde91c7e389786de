"""Who hears of a job: mails at its beginning and of anomalies, a log entry, points of a metric.

Source: model_monitoring.md A.7, E.5. The shape of the log entry is guessed: that of the first version, with the second
one's resource and names. The metric is documented, for scheduled runs only.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from emulator.apis.aiplatform import names
from emulator.apis.aiplatform.monitoring.drift import OBJECTIVES, Measure, Objective
from emulator.apis.aiplatform.monitoring.messages import ModelMonitoringStats
from emulator.apis.aiplatform.monitoring.outlets import Outlets
from emulator.apis.aiplatform.monitoring.stored import JOBS, MONITORS, STATS
from emulator.core.world import World

LOG = "aiplatform.googleapis.com%2Fmodel_monitoring_anomaly"
ENTRY = "type.googleapis.com/google.cloud.aiplatform.logging.ModelMonitoringAnomaliesLogEntry"


def begun(world: World, job: Any) -> None:
    """A job begins."""
    mail(world, job, "began")


def ended(world: World, payload: dict[str, Any]) -> None:
    """A job has ended: tell what it found. Its results are kept by now, so that whoever is woken finds them.

    In a timer of its own: a kill between the two loses nothing, and what is told twice is the same.
    """
    job = JOBS.find(world, payload["job"])
    monitor = None if job is None else MONITORS.find(world, job.name.partition("/modelMonitoringJobs/")[0])
    if monitor is None:
        return
    for objective in OBJECTIVES:
        found = list(measures(world, job, objective))
        points(world, monitor, job, objective, found)
        if anomalous := [each for each in found if each.anomalous]:
            anomalies(world, monitor, job, objective, anomalous)


def measures(world: World, job: Any, objective: Objective) -> Iterator[Measure]:
    """What a job has found of an objective."""
    for _, body in world.store.list(STATS, f"{job.name}/{objective.type}/"):
        stats = ModelMonitoringStats.FromString(body).tabular_stats
        point = stats.data_points[0]
        distance = point.current_stats.distribution_value.distribution_deviation
        threshold = point.threshold_value if point.has_anomaly else None
        yield Measure(stats.stats_name, point.algorithm, distance, threshold)


def anomalies(world: World, monitor: Any, job: Any, objective: Objective, found: Sequence[Measure]) -> None:
    """A job ends, and something is too far."""
    spec = job.model_monitoring_spec.notification_spec
    mail(world, job, f"found {len(found)} anomalies ({objective.type})")
    for each in spec.notification_channel_configs:
        send(world, job, each.notification_channel, f"found {len(found)} anomalies ({objective.type})")
    if spec.enable_cloud_logging:
        outlets(world).log_entry(world, entry(world, monitor, job, objective, found))


def mail(world: World, job: Any, subject: str) -> None:
    """Write to everybody who is named."""
    for address in job.model_monitoring_spec.notification_spec.email_config.user_emails:
        send(world, job, address, subject)


def send(world: World, job: Any, to: str, subject: str) -> None:
    """Tell one."""
    time = job.update_time.ToJsonString()
    outlets(world).notice(world, {"time": time, "to": to, "about": job.name, "subject": subject})


def outlets(world: World) -> Outlets:
    """Where it goes."""
    return world.part(Outlets, Outlets)


def place(job: Any) -> dict[str, str]:
    """The labels that both resources have."""
    return {"resource_container": "/".join(job.name.split("/")[:2]), "location": job.name.split("/")[3]}


def entry(world: World, monitor: Any, job: Any, objective: Objective, found: Sequence[Measure]) -> dict[str, Any]:
    """A `LogEntry` in JSON: one per objective with at least one anomaly."""
    target = job.job_execution_detail.target_datasets
    times = target[0].time_range if target else None
    features = [
        {"featureDisplayName": each.name, "deviation": each.distance, "threshold": each.threshold} for each in found
    ]
    payload = {
        "@type": ENTRY,
        "modelMonitor": monitor.name,
        "modelMonitoringJob": job.name,
        "anomalyObjective": objective.logged,
        "featureAnomalies": features,
        "totalAnomaliesCount": len(found),
    }
    if times is not None and times.HasField("end_time"):
        payload |= {"startTime": times.start_time.ToJsonString(), "endTime": times.end_time.ToJsonString()}
    return {
        "logName": f"projects/{names.project_id(world, job.name)}/logs/{LOG}",
        "resource": {
            "type": "aiplatform.googleapis.com/ModelMonitor",
            "labels": place(job) | {"model_monitor_id": monitor.name.rpartition("/")[2]},
        },
        "severity": "WARNING",
        "timestamp": job.update_time.ToJsonString(),
        "insertId": f"{job.name.rpartition('/')[2]}-{objective.folder}",
        "jsonPayload": payload,
    }


def points(world: World, monitor: Any, job: Any, objective: Objective, found: Sequence[Measure]) -> None:
    """A point per field of a scheduled job: a gauge from 0 to 1."""
    model = monitor.model_monitoring_target.vertex_model.model.rpartition("/")[2]
    for measure in found if job.schedule else ():
        labels = {
            "schedule_id": job.schedule.rpartition("/")[2],
            "feature_name": measure.name,
            "algorithm": measure.algorithm,
        }
        series = {
            "metric": {"type": f"aiplatform.googleapis.com/model_monitoring/{objective.metric}", "labels": labels},
            "resource": {"type": "aiplatform.googleapis.com/Model", "labels": place(job) | {"model": model}},
            "metricKind": "GAUGE",
            "valueType": "DOUBLE",
            "points": [
                {
                    "interval": {"endTime": job.update_time.ToJsonString()},
                    "value": {"doubleValue": measure.distance},
                }
            ],
        }
        outlets(world).point(world, series | {"project": names.project_id(world, job.name)})
