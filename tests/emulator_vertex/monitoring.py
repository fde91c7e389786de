"""Model Monitoring through Google's clients, with as little typing as the tests can do with."""

from typing import Any

from google.cloud import aiplatform_v1beta1 as vertex

from tests.conftest import HTTP, Emulator
from tests.emulator.clients import client
from tests.emulator_vertex.cloud import PLACE

BUCKET = "rows"
OVER = ("SUCCEEDED", "FAILED", "PARTIALLY_SUCCEEDED")


class Monitoring:
    """The clients of one emulator."""

    def __init__(self, emulator: Emulator, wire: str = "grpc") -> None:
        self.emulator = emulator
        self.api = client(emulator, vertex.ModelMonitoringServiceClient, wire)
        self.schedules = client(emulator, vertex.ScheduleServiceClient, wire)

    def put(self, name: str, text: str) -> str:
        """Put a file into the bucket; its address."""
        HTTP.post(f"{self.emulator.http}/storage/v1/b?project=local", json={"name": BUCKET})
        url = f"{self.emulator.http}/upload/storage/v1/b/{BUCKET}/o"
        HTTP.post(url, params={"uploadType": "media", "name": name}, content=text.encode()).raise_for_status()
        return f"gs://{BUCKET}/{name}"

    def get(self, address: str) -> bytes:
        """The bytes at an address."""
        bucket, _, name = address.removeprefix("gs://").partition("/")
        url = f"{self.emulator.http}/storage/v1/b/{bucket}/o/{name.replace('/', '%2F')}?alt=media"
        return HTTP.get(url).raise_for_status().content

    def model(self, model_id: str = "churn") -> str:
        """Upload a model that has nothing but a name; its resource name."""
        body = {"model": {"displayName": "Churn"}, "modelId": model_id}
        HTTP.post(f"{self.emulator.http}/v1beta1/{PLACE}/models:upload", json=body).raise_for_status()
        self.emulator.advance(0)
        name = f"{PLACE}/models/{model_id}"
        for _ in range(200):  # its operation may still be at it; a read waits for none
            if HTTP.get(f"{self.emulator.http}/v1beta1/{name}").is_success:
                return name
        raise AssertionError(name)

    def monitor(self, monitor_id: str = "churn-1", **of: Any) -> vertex.ModelMonitor:
        """Make a monitor of a new model, and wait for it."""
        wanted = monitor(self.model(monitor_id), **of)
        request = {"parent": PLACE, "model_monitor": wanted, "model_monitor_id": monitor_id}
        return self.api.create_model_monitor(request=request).result(timeout=20)

    def run(self, parent: str, job_id: str = "", **spec: Any) -> vertex.ModelMonitoringJob:
        """Make a job, and wait for its end."""
        job = {"display_name": "by hand", "model_monitoring_spec": spec}
        request = {"parent": parent, "model_monitoring_job": job, "model_monitoring_job_id": job_id}
        made = self.api.create_model_monitoring_job(request=request)
        return self.ended(made.name)

    def ended(self, name: str) -> vertex.ModelMonitoringJob:
        """A job at its end: `advance` returns when what was due has been done."""
        self.emulator.advance(0)
        found = self.api.get_model_monitoring_job(name=name)
        assert state(found) in OVER, found
        return found

    def stats(self, monitor: str, **filters: Any) -> dict[str, Any]:
        """What was found, by field."""
        request = {"model_monitor": monitor, "stats_filter": {"tabular_stats_filter": filters}}
        found = [each.tabular_stats for each in self.api.search_model_monitoring_stats(request=request)]
        return {each.stats_name: list(each.data_points) for each in found}

    def alerts(self, monitor: str, **asked: Any) -> list[Any]:
        """The alerts."""
        return list(self.api.search_model_monitoring_alerts(request={"model_monitor": monitor, **asked}))

    def log_entries(self, query: str) -> list[Any]:
        """Entries of Cloud Logging."""
        body = {"resourceNames": ["projects/local"], "filter": query}
        answer = HTTP.post(f"{self.emulator.http}/v2/entries:list", json=body).raise_for_status()
        return answer.json().get("entries", [])

    def told(self) -> dict[str, Any]:
        """What jobs told, and nobody takes."""
        return self.emulator.control("GET", "model-monitoring")


def monitor(model: str, **of: Any) -> dict[str, Any]:
    """A monitor of two features and a prediction."""
    return {
        "display_name": "Churn",
        "model_monitoring_target": {"vertex_model": {"model": model, "model_version_id": "1"}},
        "model_monitoring_schema": {
            "feature_fields": [{"name": "x", "data_type": "float"}, {"name": "c", "data_type": "categorical"}],
            "prediction_fields": [{"name": "p", "data_type": "float"}],
        },
        **of,
    }


def files(address: str, sort: str = "CSV", **more: Any) -> dict[str, Any]:
    """A dataset of files; `timestamp_field` is about the dataset, other words are about its time."""
    held = {"gcs_source": {"gcs_uri": address, "format_": sort}, "timestamp_field": more.pop("timestamp_field", "")}
    return {"columnized_dataset": held, **more}


def objective(*, numeric: float | None = None, categorical: float | None = None, **more: Any) -> dict[str, Any]:
    """Drift of features, with thresholds where they are given; other words are about it, or other objectives."""
    spec: dict[str, Any] = {}
    if numeric is not None:
        spec["default_numeric_alert_condition"] = {"threshold": numeric}
    if categorical is not None:
        spec["default_categorical_alert_condition"] = {"threshold": categorical}
    others = {name: more.pop(name) for name in list(more) if name.endswith("_spec")}
    return {"feature_drift_spec": spec | more, **others}


def state(job: Any) -> str:
    """Short name of a job's state."""
    return job.state.name.removeprefix("JOB_STATE_")


def csv(**columns: list[Any]) -> str:
    """A CSV file; shorter columns end in empty cells."""
    most = max(map(len, columns.values()))
    padded = [[*values, *[""] * (most - len(values))] for values in columns.values()]
    return "\n".join([",".join(columns), *(",".join(map(str, row)) for row in zip(*padded, strict=True))]) + "\n"
