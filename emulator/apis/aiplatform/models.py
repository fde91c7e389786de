"""The methods of models and versions, but for uploads.

Source: `google.cloud.aiplatform.v1.ModelService`; kinds.md 7.1; recordings vertex_model/*.
"""

from typing import Any

from emulator.apis.aiplatform import filters, lists, names, uploads, versions
from emulator.apis.aiplatform.labels import check_display_name, check_labels
from emulator.apis.aiplatform.refusals import invalid, malformed, refuse
from emulator.apis.aiplatform.stored import API, MODELS, VERSIONS, deleted
from emulator.core.api import Call
from emulator.core.failures import ApiFailure
from emulator.core.resources import apply_mask, check_etag, timestamp
from emulator.core.world import World

SERVICE = "google.cloud.aiplatform.v1.ModelService/"
OF_MODEL, OF_VERSION = frozenset({"display_name", "description"}), frozenset({"version_description"})
MODEL_FIELDS = {
    "model": filters.Field(lambda model: model.name.rpartition("/")[2]),
    "display_name": filters.text("display_name"),
    "labels": filters.LABELS,
    "base_model_name": filters.Field(lambda _: "", frozenset({"="})),  # nothing here comes from a model garden
}


@API.method(SERVICE + "GetModel")
def get_model(world: World, request: Any, _: Call) -> Any:
    """A model with its default version, or with the one that the name asks for by number or alias."""
    return versions.shown(*versions.find(world, request.name))


@API.method(SERVICE + "ListModels")
def list_models(world: World, request: Any, _: Call) -> Any:
    """Models of a region, each with its default version (kinds.md 2.1)."""
    found = MODELS.read(MODELS.below(world, names.place(world, request.parent)))
    shown = [versions.default_shown(world, model) for model in found]
    return lists.answer(request, shown, MODEL_FIELDS, ("display_name", "create_time", "update_time"))


@API.method(SERVICE + "ListModelVersions")
def list_model_versions(world: World, request: Any, _: Call) -> Any:
    """Versions of a model, each under a name with its number; they are ordered by their own times."""
    model = MODELS.get(world, MODELS.key(world, versions.split(request.name)[0]))
    found = []
    for version in versions.all_of(world, model.name):
        shown = versions.shown(model, version)
        shown.name = version.name
        shown.create_time.CopyFrom(version.version_create_time)
        shown.update_time.CopyFrom(version.version_update_time)
        found.append(shown)
    return lists.answer(request, found, {"labels": filters.LABELS}, ("create_time", "update_time"))


@API.method(SERVICE + "MergeVersionAliases")
def merge_version_aliases(world: World, request: Any, _: Call) -> Any:
    """Give aliases to a version and take some away (`-golden`). What another version had moves."""
    if not request.version_aliases:
        raise invalid(("version_aliases", "At least one alias is required."))
    taken = [alias[1:] for alias in request.version_aliases if alias.startswith("-")]
    given = [alias for alias in request.version_aliases if not alias.startswith("-")]
    refuse(("version_aliases", text) for text in uploads.aliases_wrong([*given, *taken]))
    with world.store.transaction():
        model, version = versions.find(world, numbered(request.name))
        if versions.DEFAULT in taken and versions.DEFAULT not in given:
            text = "The default alias cannot be removed: give it to another version, it then leaves this one."
            raise ApiFailure("FAILED_PRECONDITION", text)
        cancelled = {*given} & {*taken}
        versions.give(world, version, [alias for alias in given if alias not in cancelled])
        kept = [each for each in version.version_aliases if each not in taken or each in cancelled]
        version.version_aliases[:] = kept
        versions.touch(world, version)
        VERSIONS.save(world, version)
    return versions.shown(model, version)


def numbered(name: str) -> str:
    """A name that says its version by number.

    Raises:
        ApiFailure: INVALID_ARGUMENT: it does not.
    """
    if not versions.is_number(versions.split(name)[1]):
        raise malformed("Model version")
    return name


@API.method(SERVICE + "UpdateModel")
def update_model(world: World, request: Any, _: Call) -> Any:
    """Change what a model or one of its versions says of itself; the name decides which (comment of the request)."""
    paths, of_version = list(request.update_mask.paths), bool(versions.split(request.model.name)[1])
    check_mask(paths, of_version=of_version)
    with world.store.transaction():
        model, version = versions.find(world, request.model.name)
        check_etag(request.model.etag, versions.shown(model, version).etag)
        changed = version if of_version else model
        apply_mask(changed, request.model, paths)
        refuse([*check_display_name(model.display_name, "model.display_name"), *check_labels(changed.labels, "labels")])
        if of_version:
            versions.touch(world, version)
            VERSIONS.save(world, version)
        else:
            model.update_time.CopyFrom(timestamp(world.clock.now()))
            MODELS.save(world, model)
    return versions.shown(model, version)


def check_mask(paths: list[str], *, of_version: bool) -> None:
    """Refuse a mask that is empty, names what is fixed, or what belongs to the other of the two.

    Raises:
        ApiFailure: INVALID_ARGUMENT, FAILED_PRECONDITION.
    """
    if not paths:
        raise invalid(("update_mask", "The update mask is required."))
    fields = {path.partition(".")[0] for path in paths}
    if fixed := fields - OF_MODEL - OF_VERSION - {"labels"}:
        raise invalid(*(("update_mask", f'"{field}" cannot be updated.') for field in sorted(fixed)))
    if fields & (OF_MODEL if of_version else OF_VERSION):
        text = "The fields of a Model and those of a Model version are updated separately, each under its own name."
        raise ApiFailure("FAILED_PRECONDITION", text)


@API.method(SERVICE + "DeleteModel")
def delete_model(world: World, request: Any, _: Call) -> Any:
    """Gone at once, with every version: nothing can be deployed here."""
    with world.store.transaction():
        model = MODELS.get(world, MODELS.key(world, request.name))
        versions.forget(world, model.name)
    return deleted(world, model.name)


@API.method(SERVICE + "DeleteModelVersion")
def delete_model_version(world: World, request: Any, _: Call) -> Any:
    """Gone at once; its number is not used again."""
    with world.store.transaction():
        model, version = versions.find(world, numbered(request.name))
        versions.refuse_last(versions.all_of(world, model.name), version)
        VERSIONS.remove(world, version.name)
    return deleted(world, model.name)
