"""Google's generated clients that kinds use or will use: each with one call that reads, and a message type."""

from typing import NamedTuple


class Reading(NamedTuple):
    """One client and a call of it that changes nothing.

    Args:
        service: Folder below the package's `services`, such as `projects`.
        method: Such as `get_project`.
        field: Field of its request that takes a resource name.
        message: Module below the package's `types`, and a message in it.
        name: Such as `Projects`, of `ProjectsClient`; empty where it follows from `service`.
    """

    service: str
    method: str
    field: str
    message: str
    name: str = ""

    @property
    def stem(self) -> str:
        """What clients and transports are called: `ConfigServiceV2` for `config_service_v2`."""
        return self.name or "".join(part.capitalize() for part in self.service.split("_"))


_VERTEX = (
    Reading("model_service", "list_models", "parent", "model.Model"),
    Reading("job_service", "list_custom_jobs", "parent", "custom_job.CustomJob"),
    Reading("schedule_service", "list_schedules", "parent", "schedule.Schedule"),
    Reading("pipeline_service", "list_pipeline_jobs", "parent", "pipeline_job.PipelineJob"),
)
_MONITORS = Reading("model_monitoring_service", "list_model_monitors", "parent", "model_monitor.ModelMonitor")
_SUMMARY = "get_vulnerability_occurrences_summary"

PACKAGES = {
    "google.cloud.run_v2": (
        Reading("services", "list_services", "parent", "service.Service"),
        Reading("revisions", "list_revisions", "parent", "revision.Revision"),
        Reading("jobs", "list_jobs", "parent", "job.Job"),
    ),
    "google.cloud.artifactregistry_v1": (
        Reading("artifact_registry", "list_repositories", "parent", "repository.Repository"),
    ),
    "google.cloud.iam_admin_v1": (Reading("iam", "list_service_accounts", "name", "iam.ServiceAccount", "IAM"),),
    "google.cloud.resourcemanager_v3": (Reading("projects", "get_project", "name", "projects.Project"),),
    "google.cloud.secretmanager_v1": (Reading("secret_manager_service", "get_secret", "name", "resources.Secret"),),
    "google.pubsub_v1": (
        Reading("publisher", "get_topic", "topic", "pubsub.Topic"),
        Reading("subscriber", "get_subscription", "subscription", "pubsub.Subscription"),
    ),
    "google.cloud.scheduler_v1": (Reading("cloud_scheduler", "list_jobs", "parent", "job.Job"),),
    "google.cloud.functions_v2": (Reading("function_service", "list_functions", "parent", "functions.Function"),),
    "google.cloud.eventarc_v1": (Reading("eventarc", "list_triggers", "parent", "trigger.Trigger"),),
    "google.cloud.aiplatform_v1": _VERTEX,
    "google.cloud.aiplatform_v1beta1": (*_VERTEX, _MONITORS),
    "google.cloud.monitoring_v3": (
        Reading("alert_policy_service", "list_alert_policies", "name", "alert.AlertPolicy"),
        Reading("metric_service", "list_time_series", "name", "metric.TimeSeries"),
        Reading(
            "notification_channel_service", "list_notification_channels", "name", "notification.NotificationChannel"
        ),
        Reading("service_monitoring_service", "list_services", "parent", "service.ServiceLevelObjective"),
        Reading("uptime_check_service", "list_uptime_check_configs", "parent", "uptime.UptimeCheckConfig"),
    ),
    "google.cloud.monitoring_dashboard_v1": (
        Reading("dashboards_service", "list_dashboards", "parent", "dashboard.Dashboard"),
    ),
    "google.cloud.logging_v2": (
        Reading("config_service_v2", "list_sinks", "parent", "logging_config.LogSink"),
        Reading("metrics_service_v2", "list_log_metrics", "parent", "logging_metrics.LogMetric"),
    ),
    "google.cloud.billing.budgets_v1": (Reading("budget_service", "list_budgets", "parent", "budget_model.Budget"),),
    "google.cloud.binaryauthorization_v1": (
        Reading("binauthz_management_service_v1", "get_attestor", "name", "resources.Attestor"),
        Reading(
            "validation_helper_v1",
            "validate_attestation_occurrence",
            "attestor",
            "service.ValidateAttestationOccurrenceResponse",
        ),
    ),
    "google.cloud.devtools.containeranalysis_v1": (
        Reading("container_analysis", _SUMMARY, "parent", "containeranalysis.VulnerabilityOccurrencesSummary"),
    ),
    "grafeas.grafeas_v1": (Reading("grafeas", "list_occurrences", "parent", "grafeas.Occurrence"),),
    "google.cloud.service_usage_v1": (Reading("service_usage", "get_service", "name", "resources.Service"),),
}
HAND_WRITTEN = ("google.cloud.storage", "google.cloud.bigquery")
"""Nobody generated these: they are imported whole, but for data frames."""
