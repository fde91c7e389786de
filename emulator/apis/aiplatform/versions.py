"""A model and its versions as they are kept: the model's own fields once, each version under its number.

Which of the two a label of an upload belongs to is not documented: here those of the first upload are the model's,
those of a new version are that version's. A read shows both merged (comment of `UpdateModelRequest`), here with the
version's in front.
"""

import re
from typing import Any

from emulator.apis.aiplatform.messages import Model
from emulator.apis.aiplatform.refusals import missing
from emulator.apis.aiplatform.stored import MODELS, VERSIONS
from emulator.core.failures import ApiFailure
from emulator.core.resources import etag_of, timestamp
from emulator.core.world import World

DEFAULT = "default"
COUNT = "aiplatform.model_count"
"""How many versions a model ever had: ids are never used again."""
OWN = ("display_name", "description", "create_time", "update_time")
"""Fields that a model has once, whatever the version."""


def split(name: str) -> tuple[str, str]:
    """A model's name, and the version or alias that follows the `@`; empty for none, also for `@-`."""
    head, _, version = name.partition("@")
    return head, "" if version == "-" else version


def is_number(version: str) -> bool:
    """Whether a version is named by its number; an alias is none."""
    return re.fullmatch(r"[0-9]{1,18}", version) is not None


def number(version: Any) -> int:
    """The number of a version as it is stored."""
    return int(version.name.rpartition("@")[2])


def all_of(world: World, model: str) -> list[Any]:
    """A model's versions, oldest first."""
    return sorted(VERSIONS.all(world, f"{model}@"), key=number)


def by_alias(world: World, model: str, alias: str) -> Any:
    """The version with an alias, or None."""
    return next((each for each in all_of(world, model) if alias in each.version_aliases), None)


def find(world: World, name: str) -> tuple[Any, Any]:
    """A model and the version that a name means: by number, by alias, else the default one.

    Raises:
        ApiFailure: NOT_FOUND, INVALID_ARGUMENT.
    """
    head, wanted = split(name)
    model = MODELS.get(world, MODELS.key(world, head))
    if is_number(wanted):
        version = VERSIONS.find(world, f"{model.name}@{int(wanted)}")
    else:
        version = by_alias(world, model.name, wanted or DEFAULT)
    if version is None:
        raise missing("Model version")
    return model, version


def shown(model: Any, version: Any) -> Any:
    """A version with what it has of its model."""
    message = Model()
    message.CopyFrom(version)
    message.name = model.name
    for field in OWN:
        message.ClearField(field)
    for field in ("display_name", "description"):
        setattr(message, field, getattr(model, field))
    message.create_time.CopyFrom(model.create_time)
    message.update_time.CopyFrom(model.update_time)
    for key, value in model.labels.items():
        if key not in version.labels:
            message.labels[key] = value
    message.etag = etag_of(message)
    return message


def default_shown(world: World, model: Any) -> Any:
    """A model as lists show it: with its default version."""
    return shown(model, by_alias(world, model.name, DEFAULT))


def give(world: World, version: Any, aliases: list[str]) -> None:
    """Let a version have aliases, which another one of its model then has no longer. Does not save the version."""
    model = split(version.name)[0]
    for other in all_of(world, model):
        kept = [alias for alias in other.version_aliases if alias not in aliases]
        if other.name != version.name and len(kept) < len(other.version_aliases):
            other.version_aliases[:] = kept
            touch(world, other)
            VERSIONS.save(world, other)
    version.version_aliases[:] = sorted({*version.version_aliases, *aliases})


def touch(world: World, version: Any) -> None:
    """Note that a version has changed."""
    version.version_update_time.CopyFrom(timestamp(world.clock.now()))


def reserve(world: World, model: str) -> int:
    """The number of a model's next version."""
    taken = counted(world, model) + 1
    world.store.put(COUNT, model, str(taken).encode())
    return taken


def counted(world: World, model: str) -> int:
    """How many versions a model ever had; more than 0 while its first one is being uploaded, too."""
    return int(world.store.get(COUNT, model) or b"0")


def forget(world: World, model: str) -> None:
    """Remove a model with every version, and let its id be used again."""
    for version in all_of(world, model):
        VERSIONS.remove(world, version.name)
    world.store.delete(COUNT, model)
    world.store.delete(MODELS.kind, model)


def refuse_last(versions: list[Any], version: Any) -> None:
    """Only a version that another one can stand in for may go (comment of `ModelService.DeleteModelVersion`).

    Raises:
        ApiFailure: FAILED_PRECONDITION.
    """
    if len(versions) == 1:
        text = "Deleting the only version of a Model is not allowed. Use DeleteModel to delete the Model."
        raise ApiFailure("FAILED_PRECONDITION", text)
    if DEFAULT in version.version_aliases:
        text = f"The Model version {version.version_id} is the default version: make another one the default first."
        raise ApiFailure("FAILED_PRECONDITION", text)
