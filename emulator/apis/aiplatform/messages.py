"""Vertex AI's messages, raw protobuf classes under short names."""

from google.cloud.aiplatform_v1.types import (
    accelerator_type,
    custom_job,
    job_state,
    model,
    model_service,
    operation,
    pipeline_job,
    pipeline_state,
)

Model = model.Model.pb()
ModelSourceInfo = model.ModelSourceInfo
UploadModelResponse = model_service.UploadModelResponse.pb()
UploadModelOperationMetadata = model_service.UploadModelOperationMetadata.pb()
DeleteOperationMetadata = operation.DeleteOperationMetadata.pb()
CustomJob = custom_job.CustomJob.pb()
Strategy = custom_job.Scheduling.Strategy
JobState = job_state.JobState
AcceleratorType = accelerator_type.AcceleratorType
PipelineJob = pipeline_job.PipelineJob.pb()
PipelineTaskDetail = pipeline_job.PipelineTaskDetail
PipelineState = pipeline_state.PipelineState
