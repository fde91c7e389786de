"""Every kind, each after the kinds its objects need. A new kind is one file and one line here."""

from __future__ import annotations

from reconciler.core.kind import Kinds
from reconciler.kinds import (
    artifact_repository,
    bigquery_dataset,
    bigquery_table,
    functions_function,
    iam_member,
    iam_role,
    iam_workload_identity_pool,
    iam_workload_identity_pool_provider,
    model_artifact,
    monitoring_alert_policy,
    monitoring_notification_channel,
    pubsub_subscription,
    pubsub_table_subscription,
    pubsub_topic,
    run_job,
    run_service,
    scheduler_job,
    service_account,
    storage_notification,
    vertex_model,
    vertex_model_monitor,
    vertex_schedule,
)

KINDS = Kinds.of(
    artifact_repository.KIND,
    bigquery_dataset.KIND,
    bigquery_table.KIND,
    service_account.KIND,
    iam_role.KIND,
    iam_workload_identity_pool.KIND,
    iam_workload_identity_pool_provider.KIND,
    pubsub_topic.KIND,
    iam_member.KIND,
    model_artifact.KIND,
    run_service.KIND,
    run_job.KIND,
    functions_function.KIND,
    pubsub_subscription.KIND,
    pubsub_table_subscription.KIND,
    storage_notification.KIND,
    scheduler_job.KIND,
    monitoring_notification_channel.KIND,
    monitoring_alert_policy.KIND,
    vertex_model.KIND,
    vertex_model_monitor.KIND,
    vertex_schedule.KIND,
)
