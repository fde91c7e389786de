"""Which functions Google refuses before it builds anything.

Source: constraints.md section 3; the message comments of google-cloud-functions 1.25.0.
"""

import re
from typing import Any

from emulator.apis.functions import runtimes
from emulator.apis.functions.defaults import MEMORY_FIELD, MIB, binary
from emulator.apis.functions.model import PLACE, Function, Ingress, invalid, project_of, service_of, short
from emulator.apis.run.names import check_id as check_service_id
from emulator.apis.run.quantities import cpu_millis, memory_bytes
from emulator.core.failures import ApiFailure
from emulator.core.resources import check_labels, field_of, fits
from emulator.core.texts import is_word
from emulator.core.world import World
from emulator.identity import accounts

ID = re.compile(r"[a-zA-Z][-_a-zA-Z0-9]{2,61}[a-zA-Z0-9]")
"""4 to 63 characters; capitals and underscores as in recording run_service/v2-get-quoted."""
HTTP_TIMEOUT_MOST_S, EVENT_TIMEOUT_MOST_S = 3600, 540
MEMORY_LEAST_MIB, MEMORY_MOST_MIB = 128, 32768
ONE_VCPU, CONCURRENCY_MOST, INSTANCES_MOST, ENVIRONMENT_MOST = 1000, 1000, 1000, 32 << 10
RESERVED = ("FUNCTION_TARGET", "FUNCTION_SIGNATURE_TYPE", "K_SERVICE", "K_REVISION", "K_CONFIGURATION", "PORT")
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
ENTRY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*")
PUBSUB = "google.cloud.pubsub.topic.v1.messagePublished"
STORAGE = tuple(
    f"google.cloud.storage.object.v1.{each}" for each in ("finalized", "deleted", "archived", "metadataUpdated")
)
ABSENT = "Permission 'iam.serviceaccounts.actAs' denied on service account {email} (or it may not exist)."


def check_place(parent: str) -> None:
    """A project and a region.

    Raises:
        ApiFailure: INVALID_ARGUMENT.
    """
    if not fits(PLACE, parent):
        raise invalid(f"Invalid resource name {parent!r}: it must be projects/<project>/locations/<location>.")


def check_id(function_id: str) -> None:
    """The name of a function.

    Raises:
        ApiFailure: INVALID_ARGUMENT.
    """
    if not ID.fullmatch(function_id):
        text = "must be 4 to 63 letters, digits, '-' and '_', begin with a letter and end with a letter or digit"
        raise invalid(f'Invalid function_id "{function_id}": it {text}.')
    check_service_id(short(service_of(f"projects/p/locations/l/functions/{function_id}")))


def check_mask(paths: Any) -> None:
    """A mask names fields of a function.

    Raises:
        ApiFailure: INVALID_ARGUMENT.
    """
    for path in paths:
        if path != "*" and field_of(Function(), path.partition(".")[0]) is None:
            raise invalid(f'Invalid field "{path}" in update_mask.')


def check(world: World, function: Any) -> None:
    """A completed function.

    Raises:
        ApiFailure: INVALID_ARGUMENT naming the field; PERMISSION_DENIED for an account that is not there.
    """
    check_labels(function.labels.items())
    check_build(function.build_config)
    check_service(function.service_config, event=function.HasField("event_trigger"))
    check_unsupported(function)
    check_account(world, function.service_config.service_account_email, project_of(function.name))
    if function.HasField("event_trigger"):
        check_trigger(world, function)


def check_build(build: Any) -> None:
    """Runtime, entry point, and where the source lies."""
    runtimes.check(build.runtime)
    if not ENTRY.fullmatch(build.entry_point):
        raise invalid(f'build_config.entry_point "{build.entry_point}" is not the name of a function.')
    chosen = build.source.WhichOneof("source")
    if chosen is None:
        raise invalid("build_config.source must be set.")
    if chosen != "storage_source":
        raise ApiFailure("UNIMPLEMENTED", f"The emulator builds from storage_source only, not from {chosen}.")
    if not build.source.storage_source.bucket or not build.source.storage_source.object_:
        raise invalid("build_config.source.storage_source needs a bucket and an object.")
    check_environment(build.environment_variables, "build_config")


def check_service(config: Any, *, event: bool) -> None:
    """Size, time, instances, ingress, environment."""
    between("service_config.timeout_seconds", config.timeout_seconds, 1, longest(event=event))
    check_size(config)
    between("service_config.max_instance_count", config.max_instance_count, 1, INSTANCES_MOST)
    between("service_config.min_instance_count", config.min_instance_count, 0, config.max_instance_count)
    if config.ingress_settings not in set(Ingress):
        raise invalid("service_config.ingress_settings is not known.")
    check_environment(config.environment_variables, "service_config")


def longest(*, event: bool) -> int:
    """The longest timeout in seconds: that of events is bounded by their acknowledgement."""
    return EVENT_TIMEOUT_MOST_S if event else HTTP_TIMEOUT_MOST_S


def check_size(config: Any) -> None:
    """Memory, CPU and how many requests at once."""
    memory = memory_bytes(binary(config.available_memory), MEMORY_FIELD)
    if not MEMORY_LEAST_MIB * MIB <= memory <= MEMORY_MOST_MIB * MIB:
        raise invalid(f"{MEMORY_FIELD} must be between 128M and 32Gi, not {config.available_memory}.")
    between(
        "service_config.max_instance_request_concurrency", config.max_instance_request_concurrency, 1, CONCURRENCY_MOST
    )
    cpu = cpu_millis(config.available_cpu, "service_config.available_cpu")
    if config.max_instance_request_concurrency > 1 and cpu < ONE_VCPU:
        raise invalid(
            "Total cpu < 1 is not supported with concurrency > 1. Set service_config.available_cpu to 1 or more."
        )


def check_environment(variables: Any, where: str) -> None:
    """Environment variables."""
    for name, value in variables.items():
        at = f"{where}.environment_variables"
        if not VARIABLE.fullmatch(name):
            raise invalid(f'{at}: "{name}" is not the name of a variable.')
        if where == "service_config" and (name in RESERVED or name.startswith("X_GOOGLE_")):
            raise invalid(f"{at}: The following reserved env names were provided: {name}.")
        if not is_word(value):
            raise invalid(f"{at}: the value of {name} must not contain the character NUL.")
        if len(value.encode()) > ENVIRONMENT_MOST:
            raise invalid(f"{at}: the value of {name} is larger than 32 KiB.")


def check_unsupported(function: Any) -> None:
    """What the emulator would have to ignore, it refuses."""
    config = function.service_config
    for field in ("vpc_connector", "secret_volumes", "binary_authorization_policy"):
        if getattr(config, field):
            raise ApiFailure("UNIMPLEMENTED", f"The emulator does not know service_config.{field}.")
    if function.kms_key_name:
        raise ApiFailure("UNIMPLEMENTED", "The emulator does not know kms_key_name.")


def check_account(world: World, email: str, project: str) -> None:
    """An account that is there.

    Raises:
        ApiFailure: PERMISSION_DENIED.
    """
    accounts.ensure_defaults(world, accounts.project_of(email) or project)
    found = accounts.find(world, email) if accounts.visible(world, email) else None
    if found is None or found.disabled:
        raise ApiFailure("PERMISSION_DENIED", ABSENT.format(email=email))


def check_trigger(world: World, function: Any) -> None:
    """An event that the emulator delivers, and what it is of."""
    trigger, project = function.event_trigger, project_of(function.name)
    if not trigger.event_type:
        raise invalid("event_trigger.event_type must be set.")
    if trigger.pubsub_topic and trigger.event_type != PUBSUB:
        raise invalid(f"event_trigger.pubsub_topic can only be set for events of type {PUBSUB}.")
    if trigger.pubsub_topic and not fits(f"projects/{project}/topics/*", trigger.pubsub_topic):
        raise invalid(
            f"event_trigger.pubsub_topic must be projects/{project}/topics/<topic>, in the function's project."
        )
    filters = {each.attribute: each.value for each in trigger.event_filters}
    if trigger.event_type in STORAGE and not filters.get("bucket"):
        raise invalid("event_trigger.event_filters must name a bucket.")
    if trigger.event_type not in (PUBSUB, *STORAGE):
        raise ApiFailure("UNIMPLEMENTED", f"The emulator does not deliver events of type {trigger.event_type}.")
    check_account(world, trigger.service_account_email, project)


def between(field: str, value: int, least: int, most: int) -> None:
    """Refuse a number outside its bounds, which are allowed themselves."""
    if not least <= value <= most:
        raise invalid(f"{field} must be between {least} and {most}, not {value}.")
