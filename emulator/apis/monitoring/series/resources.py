"""Monitored resources that series may be of, and the labels of each.

Source: https://cloud.google.com/monitoring/api/resources. Google knows many more; these are the ones that programs
write custom metrics for, and those of the emulated APIs.
"""

LABELS: dict[str, tuple[str, ...]] = {
    "aiplatform.googleapis.com/Model": ("resource_container", "location", "model"),
    "cloud_run_job": ("project_id", "job_name", "location"),
    "cloud_run_revision": ("project_id", "service_name", "revision_name", "location", "configuration_name"),
    "cloud_scheduler_job": ("project_id", "location", "job_id"),
    "gce_instance": ("project_id", "instance_id", "zone"),
    "generic_node": ("project_id", "location", "namespace", "node_id"),
    "generic_task": ("project_id", "location", "namespace", "job", "task_id"),
    "global": ("project_id",),
    "k8s_cluster": ("project_id", "location", "cluster_name"),
    "k8s_container": ("project_id", "location", "cluster_name", "namespace_name", "pod_name", "container_name"),
    "k8s_node": ("project_id", "location", "cluster_name", "node_name"),
    "k8s_pod": ("project_id", "location", "cluster_name", "namespace_name", "pod_name"),
    "pubsub_subscription": ("project_id", "subscription_id"),
    "pubsub_topic": ("project_id", "topic_id"),
    "uptime_url": ("project_id", "host", "check_id"),
}
SHOWN = {
    "cloud_run_job": "Cloud Run Job",
    "cloud_run_revision": "Cloud Run Revision",
    "generic_node": "Generic Node",
    "generic_task": "Generic Task",
    "global": "Global",
}
"""What people call them, where that is not the type itself."""
WRITABLE = frozenset(
    {"gce_instance", "generic_node", "generic_task", "global", *(k for k in LABELS if k.startswith("k8s_"))}
)
"""Those that programs may write custom metrics for.

Source: https://cloud.google.com/monitoring/custom-metrics/creating-metrics, "Monitored resource types".
"""
