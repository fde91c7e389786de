"""What is stored, and how each collection answers for a name that is not there."""

from typing import Any

from emulator.apis.aiplatform import names
from emulator.apis.aiplatform.messages import CustomJob, DeleteOperationMetadata, Model, PipelineJob
from emulator.apis.aiplatform.refusals import missing, taken
from emulator.core.api import Api
from emulator.core.failures import ApiFailure
from emulator.core.resources import Collection, timestamp
from emulator.core.world import World

API = Api("aiplatform")


def collection(kind: str, message: Any, plural: str, noun: str, id_pattern: str) -> Collection:
    """The resources of one kind below a region."""
    pattern = f"{names.PLACE}/{plural}/*"

    def absent(_: str) -> ApiFailure:
        return missing(noun)

    def present(name: str) -> ApiFailure:
        return taken(noun, name)

    def key(world: World, name: str) -> str:
        return names.checked(world, name, pattern, id_pattern, noun)

    return Collection(f"aiplatform.{kind}", message, pattern, absent, present, key, names.place)


MODELS = collection("model", Model, "models", "Model", names.MODEL_ID)
VERSIONS = collection("model_version", Model, "models", "Model", rf"(?:{names.MODEL_ID})@[0-9]+")
CUSTOM_JOBS = collection("custom_job", CustomJob, "customJobs", "CustomJob", names.NUMERIC)
PIPELINE_JOBS = collection("pipeline_job", PipelineJob, "pipelineJobs", "PipelineJob", names.PIPELINE_ID)


def deleted(world: World, parent: str) -> Any:
    """The operation of a delete: done in its first answer (recording vertex_custom_job/create-cancel-delete)."""
    return world.operations.done(parent, stamped(world, DeleteOperationMetadata()))


def stamped(world: World, metadata: Any) -> Any:
    """An operation's metadata with its times."""
    now = timestamp(world.clock.now())
    metadata.generic_metadata.create_time.CopyFrom(now)
    metadata.generic_metadata.update_time.CopyFrom(now)
    return metadata
