"""Whether pushed images are scanned: the project has the Container Scanning API enabled, and the repository wants it.

What the user asks for (`enablement_config`) and what is (`enablement_state`) are two fields. Source: kinds.md 6;
recording gcloud-docker-crud for the reason of a project without the API; the other reason's words are ours.
"""

from typing import Any

from google.cloud.artifactregistry_v1.types import repository as types

from emulator.core.callbacks import resolve
from emulator.core.resources import timestamp
from emulator.core.world import World
from emulator.images import Image
from emulator.wire import switched_off

HOST = "containerscanning.googleapis.com"
SCANNER = "emulator.apis.containeranalysis.scanning"
Config = types.Repository.VulnerabilityScanningConfig.pb()
NOT_ENABLED = f"API {HOST} is not enabled."
NOT_WANTED = "Vulnerability scanning is disabled in the repository's configuration."
NOT_VIRTUAL = "Vulnerability scanning is not supported for virtual repositories."
NOT_DOCKER = "Vulnerability scanning is not supported for repositories of this format."


def settle(world: World, repository: Any) -> None:
    """Write what is, after either has changed."""
    scanning, project = repository.vulnerability_scanning_config, repository.name.split("/")[1]
    before = scanning.enablement_state
    why = ""
    if repository.mode == types.Repository.Mode.VIRTUAL_REPOSITORY:
        scanning.enablement_state, why = Config.EnablementState.SCANNING_UNSUPPORTED, NOT_VIRTUAL
    elif repository.format_ != types.Repository.Format.DOCKER:
        scanning.enablement_state, why = Config.EnablementState.SCANNING_UNSUPPORTED, NOT_DOCKER
    elif switched_off.is_off(world, world.project_id(project) or project, HOST):
        scanning.enablement_state, why = Config.EnablementState.SCANNING_DISABLED, NOT_ENABLED
    elif scanning.enablement_config == Config.EnablementConfig.DISABLED:
        scanning.enablement_state, why = Config.EnablementState.SCANNING_DISABLED, NOT_WANTED
    else:
        scanning.enablement_state = Config.EnablementState.SCANNING_ACTIVE
    scanning.enablement_state_reason = why
    if scanning.enablement_state != before or not scanning.HasField("last_enable_time"):
        scanning.last_enable_time.CopyFrom(timestamp(world.clock.now()))


def pushed(world: World, repository: Any, image: Image) -> None:
    """An image was pushed: it is scanned where that is on."""
    if repository.vulnerability_scanning_config.enablement_state == Config.EnablementState.SCANNING_ACTIVE:
        resolve(f"{SCANNER}:begin")(world, image.name)


def pulled(world: World, image: Image) -> None:
    """An image was pulled: what was found in it is kept up to date for longer."""
    if world.store.get("containeranalysis.used", image.name) is not None:
        resolve(f"{SCANNER}:use")(world, image.name)
