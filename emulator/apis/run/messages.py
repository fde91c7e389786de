"""Cloud Run's messages, raw protobuf classes under short names."""

from google.cloud.run_v2.types import (
    condition,
    execution,
    execution_template,
    job,
    k8s_min,
    revision,
    revision_template,
    service,
    task,
    task_template,
    traffic_target,
    vendor_settings,
)

Service = service.Service.pb()
Revision = revision.Revision.pb()
RevisionTemplate = revision_template.RevisionTemplate.pb()
Job = job.Job.pb()
ExecutionReference = job.ExecutionReference.pb()
Execution = execution.Execution.pb()
ExecutionTemplate = execution_template.ExecutionTemplate.pb()
TaskTemplate = task_template.TaskTemplate.pb()
Task = task.Task.pb()
TaskAttemptResult = task.TaskAttemptResult.pb()
Condition = condition.Condition.pb()
Container = k8s_min.Container.pb()
Probe = k8s_min.Probe.pb()
TrafficTarget = traffic_target.TrafficTarget.pb()
TrafficTargetStatus = traffic_target.TrafficTargetStatus.pb()

LATEST = int(traffic_target.TrafficTargetAllocationType.TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST)
REVISION = int(traffic_target.TrafficTargetAllocationType.TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION)
INGRESS_ALL = int(vendor_settings.IngressTraffic.INGRESS_TRAFFIC_ALL)
PRIVATE_RANGES_ONLY = int(vendor_settings.VpcAccess.VpcEgress.PRIVATE_RANGES_ONLY)
GEN1 = int(vendor_settings.ExecutionEnvironment.EXECUTION_ENVIRONMENT_GEN1)
GEN2 = int(vendor_settings.ExecutionEnvironment.EXECUTION_ENVIRONMENT_GEN2)
MANUAL = int(vendor_settings.ServiceScaling.ScalingMode.MANUAL)
GA = 4  # google.api.LaunchStage.GA
