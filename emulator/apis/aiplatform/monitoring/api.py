"""All of Model Monitoring's behaviours, registered."""

from emulator.apis.aiplatform.monitoring import jobs, monitors, results, schedules, schedules_v1
from emulator.apis.aiplatform.monitoring.stored import API

__all__ = ["API", "jobs", "monitors", "results", "schedules", "schedules_v1"]
