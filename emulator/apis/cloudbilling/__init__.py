"""Cloud Billing v1: who pays for a project, and what Google's services cost."""

from emulator.apis.cloudbilling import catalog
from emulator.apis.cloudbilling.projects import API

__all__ = ["API", "catalog"]
