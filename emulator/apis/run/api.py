"""All of Cloud Run's behaviours, registered."""

from emulator.apis.run import executions, jobs, revisions, services
from emulator.apis.run.writes import API

__all__ = ["API", "executions", "jobs", "revisions", "services"]
