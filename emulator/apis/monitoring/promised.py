"""Where services and their objectives lie."""

from google.cloud.monitoring_v3.types import service

from emulator.core.failures import ApiFailure
from emulator.core.resources import Collection, by_id

SERVICES = Collection(
    "monitoring.service",
    service.Service.pb(),
    "projects/*/services/*",
    missing=lambda name: ApiFailure("NOT_FOUND", f"Could not find service {name}."),
    taken=lambda name: ApiFailure("ALREADY_EXISTS", f"Service {name} already exists."),
    key=by_id,
    place=by_id,
)
OBJECTIVES = Collection(
    "monitoring.slo",
    service.ServiceLevelObjective.pb(),
    "projects/*/services/*/serviceLevelObjectives/*",
    missing=lambda name: ApiFailure("NOT_FOUND", f"Could not find service level objective {name}."),
    taken=lambda name: ApiFailure("ALREADY_EXISTS", f"Service level objective {name} already exists."),
    key=by_id,
    place=by_id,
)
