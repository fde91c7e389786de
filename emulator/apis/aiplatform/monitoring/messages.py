"""Model Monitoring's messages, raw protobuf classes under short names. Only version v1beta1 has them."""

from google.cloud.aiplatform_v1beta1.types import (
    job_state,
    model_monitor,
    model_monitoring_alert,
    model_monitoring_job,
    model_monitoring_service,
    model_monitoring_spec,
    model_monitoring_stats,
    operation,
    schedule,
)

ModelMonitor = model_monitor.ModelMonitor.pb()
ModelMonitoringJob = model_monitoring_job.ModelMonitoringJob.pb()
ModelMonitoringSpec = model_monitoring_spec.ModelMonitoringSpec.pb()
ModelMonitoringInput = model_monitoring_spec.ModelMonitoringInput.pb()
ModelMonitoringAlert = model_monitoring_alert.ModelMonitoringAlert.pb()
ModelMonitoringStats = model_monitoring_stats.ModelMonitoringStats.pb()
StatsDataPoint = model_monitoring_stats.ModelMonitoringStatsDataPoint.pb()
SearchStatsResponse = model_monitoring_service.SearchModelMonitoringStatsResponse.pb()
SearchAlertsResponse = model_monitoring_service.SearchModelMonitoringAlertsResponse.pb()
CreateMetadata = model_monitoring_service.CreateModelMonitorOperationMetadata.pb()
UpdateMetadata = model_monitoring_service.UpdateModelMonitorOperationMetadata.pb()
DeleteMetadata = operation.DeleteOperationMetadata.pb()
JobState = job_state.JobState
Schedule = schedule.Schedule.pb()
ScheduleState = schedule.Schedule.State
DataFormat = model_monitoring_spec.ModelMonitoringInput.ModelMonitoringDataset.ModelMonitoringGcsSource.DataFormat
