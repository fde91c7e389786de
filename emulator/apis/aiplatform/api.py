"""All of Vertex AI's behaviours, registered."""

from emulator.apis.aiplatform import custom_jobs, models, pipeline_jobs
from emulator.apis.aiplatform.stored import API

__all__ = ["API", "custom_jobs", "models", "pipeline_jobs"]
