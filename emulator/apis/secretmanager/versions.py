"""Versions of secrets: add, get, access, list, enable, disable, destroy."""

from datetime import UTC
from typing import Any

import google_crc32c
from google.cloud.secretmanager_v1.types import service

from emulator.apis.secretmanager import filters
from emulator.apis.secretmanager.model import (
    API,
    NAME,
    PAYLOAD,
    SECRETS,
    SERVICE,
    VERSIONS,
    SecretVersion,
    canonical,
    touch,
    version_missing,
)
from emulator.apis.standard import Listing, listing_of
from emulator.core.api import Call
from emulator.core.failures import ApiFailure
from emulator.core.paging import Order
from emulator.core.resources import check_etag, timestamp
from emulator.core.world import World

AccessSecretVersionResponse = service.AccessSecretVersionResponse.pb()
MOST = 25_000
PAYLOAD_MOST_BYTES = 65_536
LATEST = "latest"


def payload(world: World, project: str, secret: str, version: str) -> bytes | None:
    """The bytes of a version, by number, alias or `latest`; None where there is none or it is not enabled."""
    try:
        found = resolve(world, f"projects/{project}/secrets/{secret}/versions/{version}")
    except ApiFailure:
        return None
    return world.store.get(PAYLOAD, found.name) if found.state == SecretVersion.ENABLED else None


def number_of(version: Any) -> int:
    """The number that a version is named by."""
    return int(version.name.rpartition("/")[2])


def newest_of(world: World, secret: str) -> Any:
    """The newest version of a secret whatever its state, or None."""
    return max(VERSIONS.all(world, f"{secret}/versions/"), key=number_of, default=None)


def resolve(world: World, name: str) -> Any:
    """The version a name stands for: a number, an alias, or `latest`, the newest whatever its state.

    Raises:
        ApiFailure: NOT_FOUND; "not found or has no versions" is what gcloud prints of the live service.
    """
    match = NAME.fullmatch(name)
    wanted = canonical(world, name, "version")
    parent, _, version = wanted.rpartition("/versions/")
    secret = SECRETS.find(world, parent)
    newest = newest_of(world, parent) if secret is not None else None
    if secret is None or newest is None or match is None:
        raise ApiFailure("NOT_FOUND", f"Secret [{parent}] not found or has no versions.")
    if version == LATEST:
        return newest
    if version in secret.version_aliases:
        version = str(secret.version_aliases[version])
    elif not version.isdigit():
        raise version_missing(wanted)
    return VERSIONS.get(world, f"{parent}/versions/{version}")


@API.method(SERVICE + "AddSecretVersion")
def add_version(world: World, request: Any, _: Call) -> Any:
    """The next number, enabled."""
    sent = request.payload
    check_payload(sent)
    with world.store.transaction():
        secret = SECRETS.get(world, canonical(world, request.parent, "secret"))
        newest = newest_of(world, secret.name)
        number = number_of(newest) + 1 if newest is not None else 1
        version = SecretVersion(name=f"{secret.name}/versions/{number}", state=SecretVersion.ENABLED)
        version.create_time.CopyFrom(timestamp(world.clock.now()))
        version.client_specified_payload_checksum = sent.HasField("data_crc32c")
        fill_replication(version, secret)
        VERSIONS.insert(world, touch(world, version))
        world.store.put(PAYLOAD, version.name, sent.data)
    return version


def check_payload(sent: Any) -> None:
    """Source: hashicorp/terraform-provider-google issue 10475 for an empty one; the field's comment for the rest."""
    if not sent.data:
        raise ApiFailure("INVALID_ARGUMENT", "Field [payload] is required.")
    if len(sent.data) > PAYLOAD_MOST_BYTES:
        raise ApiFailure(
            "INVALID_ARGUMENT", f"The payload is {len(sent.data)} bytes; the most is {PAYLOAD_MOST_BYTES}."
        )
    if sent.HasField("data_crc32c") and sent.data_crc32c != google_crc32c.value(sent.data):
        raise ApiFailure("INVALID_ARGUMENT", "The payload does not match its checksum data_crc32c.")


def fill_replication(version: Any, secret: Any) -> None:
    """Where the value lies, as the secret's replication says."""
    kind = secret.replication.WhichOneof("replication")
    if kind == "automatic":
        version.replication_status.automatic.SetInParent()
    for replica in secret.replication.user_managed.replicas if kind == "user_managed" else ():
        version.replication_status.user_managed.replicas.add(location=replica.location)


@API.method(SERVICE + "GetSecretVersion")
def get_version(world: World, request: Any, _: Call) -> Any:
    """One version, without its value."""
    return resolve(world, request.name)


@API.method(SERVICE + "AccessSecretVersion")
def access_version(world: World, request: Any, _: Call) -> Any:
    """The value of an enabled version.

    Source of the refusal: external-secrets/external-secrets issue 4042.
    """
    version = resolve(world, request.name)
    if version.state != SecretVersion.ENABLED:
        raise in_state(version)
    data = world.store.get(PAYLOAD, version.name) or b""
    answer = AccessSecretVersionResponse(name=version.name)
    answer.payload.data, answer.payload.data_crc32c = data, google_crc32c.value(data)
    return answer


def in_state(version: Any) -> ApiFailure:
    """The version's state does not allow it."""
    state = SecretVersion.State.Name(version.state)
    return ApiFailure("FAILED_PRECONDITION", f"Secret Version [{version.name}] is in {state} state.")


@API.method(SERVICE + "EnableSecretVersion")
def enable_version(world: World, request: Any, _: Call) -> Any:
    """The value can be read again."""
    return change_state(world, request, SecretVersion.ENABLED)


@API.method(SERVICE + "DisableSecretVersion")
def disable_version(world: World, request: Any, _: Call) -> Any:
    """The value is kept but not given."""
    return change_state(world, request, SecretVersion.DISABLED)


@API.method(SERVICE + "DestroySecretVersion")
def destroy_version(world: World, request: Any, _: Call) -> Any:
    """The value is gone; with a `version_destroy_ttl` it is disabled first and gone after that."""
    with world.store.transaction():
        version = stored(world, request)
        secret = SECRETS.get(world, version.name.rpartition("/versions/")[0])
        if not secret.HasField("version_destroy_ttl"):
            return destroy(world, version)
        when = world.clock.now() + secret.version_destroy_ttl.ToTimedelta()
        version.state = SecretVersion.DISABLED
        version.scheduled_destroy_time.CopyFrom(timestamp(when))
        world.clock.call_at(when, destroy_later, {"name": version.name})
        VERSIONS.save(world, touch(world, version))
    return version


def change_state(world: World, request: Any, state: int) -> Any:
    """Enable or disable; either calls a scheduled destruction off."""
    with world.store.transaction():
        version = stored(world, request)
        version.state = state
        version.ClearField("scheduled_destroy_time")
        VERSIONS.save(world, touch(world, version))
    return version


def stored(world: World, request: Any) -> Any:
    """The version to be changed. Aliases work in reads only (comment of `Secret.version_aliases`).

    Raises:
        ApiFailure: It is not there, was destroyed, or has another etag.
    """
    version = VERSIONS.get(world, canonical(world, request.name, "version"))
    check_etag(request.etag, version.etag)
    if version.state == SecretVersion.DESTROYED:
        raise in_state(version)
    return version


def destroy(world: World, version: Any) -> Any:
    """Drop the value for good."""
    world.store.delete(PAYLOAD, version.name)
    version.state = SecretVersion.DESTROYED
    version.ClearField("scheduled_destroy_time")
    version.destroy_time.CopyFrom(timestamp(world.clock.now()))
    VERSIONS.save(world, touch(world, version))
    return version


def destroy_later(world: World, payload: dict[str, Any]) -> None:
    """A scheduled destruction, if it was not called off."""
    with world.store.transaction():
        version = VERSIONS.find(world, payload["name"])
        if version is None or not version.HasField("scheduled_destroy_time"):
            return
        if version.scheduled_destroy_time.ToDatetime(tzinfo=UTC) <= world.clock.now():
            destroy(world, version)


LISTING = Listing(MOST, MOST, Order(lambda each: (number_of(each), each.name), (True,)), filters.matching)
"""Newest first: comment of `ListSecretVersionsResponse.versions`."""
API.behaviours[SERVICE + "ListSecretVersions"] = listing_of(VERSIONS, LISTING)
