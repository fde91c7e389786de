"""Resource Manager v3: projects and their policies."""

from emulator.apis.resourcemanager.projects import API

__all__ = ["API"]
