"""An alias in Vertex AI Model Registry becomes a version and the folder of its files: the alias moves, they do not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reconciler.core import errors
from reconciler.core.facts import Facts, Lookup, Question
from reconciler.gcp.model_registry import ModelRegistry

if TYPE_CHECKING:
    from reconciler.gcp.connection import Connection
    from schemas import LoadedService, MLService

REGISTRY = "model in the registry"
"""What trainings make and aliases name, as people call it."""
_SHOWN = 10
_ODD = re.compile(r"[\"\\\x00-\x1f\x7f]|/\.\./|(?<!:)//")


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """One version of a model.

    Args:
        number: As the registry counts, such as `8`.
        artifact: Folder of its files, `gs://…/` with a slash at the end.
    """

    number: str
    artifact: str


def registered_name(service: MLService) -> str:
    """Give the id of the service's model in the registry: `model.name`, else the service's own."""
    model = service.spec.model
    return model.name if model and model.name else service.name


def version_of(service: MLService, facts: Facts) -> ModelVersion | None:
    """Give the version that the spec's alias names; None without an alias, and while no version has it."""
    model = service.spec.model
    return facts.find(MODEL_VERSION, _key(service)) if model and model.alias else None


def _key(service: MLService) -> str:
    alias = service.spec.model.alias if service.spec.model else ""
    return f"{service.spec.region}/{registered_name(service)}@{alias}"


def _asks(loaded: LoadedService, facts: Facts) -> Iterator[Question]:
    del facts
    model = loaded.service.spec.model
    if model and model.alias:
        yield Question(_key(loaded.service), "model.alias", optional=model.uri is not None)


def _answer(connection: Connection, question: Question) -> ModelVersion:
    region, _, named = question.key.partition("/")
    model, _, alias = named.partition("@")
    registry = ModelRegistry.of(connection, region)
    try:
        found = registry.version(model, alias)
    except errors.NotFoundError as error:
        if question.optional:
            raise
        raise _no_such(registry, model, alias, region) from error
    number, artifact = str(found.get("versionId", "")), str(found.get("artifactUri", ""))
    if not artifact.startswith("gs://"):
        why = f"alias '{alias}' names version {number} of model '{model}', which has no files in Cloud Storage"
        raise errors.Unanswered(why, hint="upload a version with artifactUri, or name the model by uri and version")
    if _ODD.search(artifact):
        why = f"alias '{alias}' names version {number} of model '{model}', whose folder has a name that nothing reads"
        raise errors.Unanswered(why, hint="upload a version whose artifactUri has no quotes and no backslashes")
    return ModelVersion(number, f"{artifact.rstrip('/')}/")


def _no_such(registry: ModelRegistry, model: str, alias: str, region: str) -> errors.Unanswered:
    """Say whether the model is missing or the alias, and what would do."""
    meanwhile = "until then name what serves meanwhile: `uri` beside `alias`"
    try:
        versions = registry.versions(model)
    except errors.NotFoundError:
        why = f"Vertex AI Model Registry has no model '{model}' in {region}, and so no alias '{alias}' of it"
        return errors.Unanswered(why, hint=f"train one, or give its id in `model.name`; {meanwhile}")
    aliases = sorted({str(each) for version in versions for each in version.get("versionAliases", ())})
    why = f"none of the {len(versions)} versions of model '{model}' in {region} has the alias '{alias}'"
    known = ", ".join(aliases[:_SHOWN]) or "none"
    return errors.Unanswered(
        why, hint=f"give it to one: mlservice models promote (aliases there: {known}); {meanwhile}"
    )


def _assumed(question: Question) -> ModelVersion:
    """Let the alias stand for the version; where its files are nobody knows."""
    return ModelVersion(question.key.rpartition("@")[2], "")


MODEL_VERSION = Lookup(
    "model_version",
    ModelVersion,
    _asks,
    _answer,
    "aiplatform.models.get",
    "aiplatform.googleapis.com",
    assumed=_assumed,
)
