"""Uploads: a new model or a new version of one, checked at once and committed by an operation.

Source: `ModelService.UploadModel`; kinds.md 7.1; recording vertex_model/upload-filter-delete: what the server fills in.
"""

import base64
import re
from collections.abc import Iterator
from typing import Any

from emulator.apis.aiplatform import buckets, names, versions
from emulator.apis.aiplatform.labels import check_display_name, check_labels
from emulator.apis.aiplatform.messages import (
    Model,
    ModelSourceInfo,
    UploadModelOperationMetadata,
    UploadModelResponse,
)
from emulator.apis.aiplatform.refusals import invalid, refuse, taken
from emulator.apis.aiplatform.stored import API, MODELS, VERSIONS, stamped
from emulator.core.api import Call
from emulator.core.failures import ApiFailure
from emulator.core.resources import apply_mask, timestamp
from emulator.core.world import World
from emulator.images.reference import parse

UPLOAD = "google.cloud.aiplatform.v1.ModelService/UploadModel"
ALIAS = re.compile(r"[a-z][a-zA-Z0-9-]{0,126}[a-z0-9]")
OUTPUT = (
    "name", "version_id", "version_create_time", "version_update_time", "create_time", "update_time", "etag",
    "supported_export_formats", "supported_deployment_resources_types", "supported_input_storage_formats",
    "supported_output_storage_formats", "training_pipeline", "deployed_models", "data_stats", "model_source_info",
    "original_model_info", "metadata_artifact", "satisfies_pzs", "satisfies_pzi", "checkpoints",
)  # fmt: skip
"""Only the server writes these."""
INPUTS = ("jsonl", "bigquery", "csv", "tf-record", "tf-record-gzip", "file-list")
OUTPUTS = ("jsonl", "bigquery")
NO_FILES = 'There are no files under "{address}" to copy.'
"""General knowledge, not recorded."""


@API.method(UPLOAD)
def upload_model(world: World, request: Any, _: Call) -> Any:
    """Begin an upload; the operation's answer names model and version."""
    parent = names.place(world, request.parent)
    refuse(findings(request.model))
    with world.store.transaction():
        name = name_of(world, parent, request)
        number = versions.reserve(world, name)
        sent = Model()
        apply_mask(sent, request.model, ["*"], keep=OUTPUT)
        body = base64.b64encode(sent.SerializeToString()).decode()
        metadata = stamped(world, UploadModelOperationMetadata())
        return world.operations.start_task(name, metadata, finish_upload, name, str(number), body)


def name_of(world: World, parent: str, request: Any) -> str:
    """The model that is uploaded to.

    Raises:
        ApiFailure: Its parent model is not there, or its id is taken or malformed.
    """
    if request.parent_model:
        if request.model_id:
            raise invalid(("model_id", "A new version has the ID of its parent model."))
        known = MODELS.get(world, MODELS.key(world, versions.split(request.parent_model)[0]))
        if names.location(known.name) != parent:
            raise invalid(("parent_model", "The parent model is in another location."))
        return str(known.name)
    if request.model_id and (not re.fullmatch(names.MODEL_ID, request.model_id) or request.model_id[0].isdigit()):
        raise invalid(("model_id", f"Invalid model ID {request.model_id!r}: it must match [a-z_][a-z0-9_-]{{0,62}}."))
    name = f"{parent}/models/{request.model_id or names.new_id()}"
    if versions.counted(world, name):
        raise taken("Model", name)
    return name


def findings(model: Any) -> Iterator[tuple[str, str]]:
    """What is wrong with a model that is sent."""
    yield from check_display_name(model.display_name, "model.display_name")
    yield from check_labels(model.labels, "model.labels")
    yield from (("model.version_aliases", text) for text in aliases_wrong(model.version_aliases))
    if model.artifact_uri:
        yield from (("model.artifact_uri", text) for text in buckets.folder(model.artifact_uri))
    if model.HasField("container_spec"):
        yield from container_findings(model.container_spec)


def container_findings(spec: Any) -> Iterator[tuple[str, str]]:
    """What is wrong with the container that would serve (comments of `ModelContainerSpec`)."""
    field = "model.container_spec"
    if not spec.image_uri:
        yield f"{field}.image_uri", "Container image URI is required."
    elif parse(spec.image_uri) is None:
        text = f'"{spec.image_uri}" is not an image of Artifact Registry or Container Registry.'
        yield f"{field}.image_uri", text
    for route in ("predict_route", "health_route"):
        if getattr(spec, route) and not getattr(spec, route).startswith("/"):
            yield f"{field}.{route}", f'"{getattr(spec, route)}" must begin with a slash.'


def aliases_wrong(aliases: Any) -> Iterator[str]:
    """What is wrong with aliases (constraints.md section 1)."""
    for alias in aliases:
        if not ALIAS.fullmatch(alias):
            yield f'Invalid version alias "{alias}": it must match {ALIAS.pattern}.'


def finish_upload(world: World, name: str, number: str, body: str) -> Any:
    """Commit a version; again after a restart, where it finds what it has done.

    Raises:
        ApiFailure: FAILED_PRECONDITION: there is nothing to upload; the model is gone.
    """
    sent = Model.FromString(base64.b64decode(body))
    if VERSIONS.find(world, f"{name}@{number}") is None:
        if sent.artifact_uri and not buckets.holds_files(world, sent.artifact_uri):
            give_up(world, name, number)
            raise ApiFailure("FAILED_PRECONDITION", NO_FILES.format(address=sent.artifact_uri))
        with world.store.transaction():
            commit(world, name, number, sent)
    return UploadModelResponse(model=name, model_version_id=number)


def give_up(world: World, name: str, number: str) -> None:
    """A model whose first upload failed is none: its id may be used again."""
    if number == "1":
        world.store.delete(versions.COUNT, name)


def commit(world: World, name: str, number: str, sent: Any) -> None:
    """Keep a version, and the model with it where it is the first one."""
    first = MODELS.find(world, name) is None
    if first and number != "1":
        raise ApiFailure("FAILED_PRECONDITION", "The Model was deleted while a version of it was being uploaded.")
    now = timestamp(world.clock.now())
    version = Model()
    version.CopyFrom(sent)
    filled(version, number)
    version.name = f"{name}@{number}"
    version.version_create_time.CopyFrom(now)
    version.version_update_time.CopyFrom(now)
    if first:
        MODELS.save(world, born(name, sent, now))
        version.labels.clear()
    del version.version_aliases[:]
    versions.give(world, version, [*sent.version_aliases, *([versions.DEFAULT] if first else [])])
    VERSIONS.save(world, version)


def born(name: str, sent: Any, now: Any) -> Any:
    """A new model: what all its versions share."""
    model = Model(name=name, display_name=sent.display_name, description=sent.description, labels=dict(sent.labels))
    model.create_time.CopyFrom(now)
    model.update_time.CopyFrom(now)
    return model


def filled(version: Any, number: str) -> None:
    """What the server fills in (the recording: a model without container and artefact has it all, too)."""
    version.version_id = number
    version.supported_deployment_resources_types.append(1)  # DEDICATED_RESOURCES
    version.supported_input_storage_formats.extend(INPUTS)
    version.supported_output_storage_formats.extend(OUTPUTS)
    version.supported_export_formats.add(id="custom-trained")
    version.model_source_info.source_type = int(ModelSourceInfo.ModelSourceType.CUSTOM)
