"""Secrets: create, get, list, update, delete, expire."""

import re
from datetime import UTC
from typing import Any

from emulator.apis.secretmanager import filters
from emulator.apis.secretmanager.model import API, PAYLOAD, SECRETS, SERVICE, VERSIONS, Secret, canonical, touch
from emulator.apis.secretmanager.policy import POLICIES, policy_name
from emulator.apis.standard import Listing, standard
from emulator.core.api import Call
from emulator.core.failures import ApiFailure
from emulator.core.paging import NEWEST_FIRST
from emulator.core.resources import apply_mask, check_etag, check_labels, timestamp
from emulator.core.world import World
from emulator.identity import iam_policy

MOST = 25_000
FIXED = ("name", "replication", "create_time", "etag", "tags", "secret_type", "policy_member")
"""Immutable or output only, by the message comments."""
ALIAS = re.compile(r"(?!(latest|NEW)$)[A-Za-z][A-Za-z0-9_-]{0,62}")
ALIASES_MOST = 50
CENTURY_S = 876_000 * 3600
SPANS_S = {"ttl": (60, CENTURY_S), "expire_time": (0, CENTURY_S), "version_destroy_ttl": (86_400, 1000 * 86_400)}
"""Shortest and longest times, in seconds."""


@API.method(SERVICE + "CreateSecret")
def create_secret(world: World, request: Any, _: Call) -> Any:
    """A secret without versions."""
    if not re.fullmatch(r"[a-zA-Z0-9_-]{1,255}", request.secret_id):
        # Not seen on the live service word for word; the format is the field's comment.
        message = f"The provided Secret ID [{request.secret_id}] does not match the expected format [[a-zA-Z_0-9]+]"
        raise ApiFailure("INVALID_ARGUMENT", message)
    secret = Secret()
    secret.CopyFrom(request.secret)
    secret.name = f"{canonical(world, request.parent, 'project')}/secrets/{request.secret_id}"
    if "/locations/" not in secret.name and not secret.replication.WhichOneof("replication"):
        raise ApiFailure("INVALID_ARGUMENT", "Field [secret.replication] is required.")
    secret.create_time.CopyFrom(timestamp(world.clock.now()))
    check(world, secret)
    SECRETS.insert(world, touch(world, secret))
    return secret


def check(world: World, secret: Any) -> None:
    """Refuse what Google refuses, and what this emulator does not do; arrange for the end of its life."""
    check_labels(secret.labels.items())
    if secret.topics or secret.HasField("rotation"):
        raise ApiFailure("UNIMPLEMENTED", "Rotation and topics of secrets are not emulated.")
    check_aliases(world, secret)
    if secret.HasField("version_destroy_ttl"):
        check_span("version_destroy_ttl", secret.version_destroy_ttl.seconds)
    schedule_expiry(world, secret)


def check_span(field: str, seconds: int) -> None:
    """Refuse a time that is too short or too long.

    Source: cloud.google.com/secret-manager/docs (secret expiration; delayed destruction); the words are ours.
    """
    least, most = SPANS_S[field]
    if not least <= seconds <= most:
        raise ApiFailure("INVALID_ARGUMENT", f"Field [{field}] must be between {least} and {most} seconds.")


def schedule_expiry(world: World, secret: Any) -> None:
    """Turn a TTL into a time, and have the secret deleted then."""
    now = world.clock.now()
    if secret.HasField("ttl"):
        check_span("ttl", secret.ttl.seconds)
        secret.expire_time.CopyFrom(timestamp(now + secret.ttl.ToTimedelta()))
    if secret.HasField("expire_time"):
        check_span("expire_time", secret.expire_time.seconds - int(now.timestamp()))
        world.clock.call_at(secret.expire_time.ToDatetime(tzinfo=UTC), expire, {"name": secret.name})


def check_aliases(world: World, secret: Any) -> None:
    """An alias names a version that is there."""
    if len(secret.version_aliases) > ALIASES_MOST:
        raise ApiFailure("INVALID_ARGUMENT", f"A secret has at most {ALIASES_MOST} version aliases.")
    for alias, number in secret.version_aliases.items():
        if not ALIAS.fullmatch(alias):
            raise ApiFailure("INVALID_ARGUMENT", f"Invalid version alias [{alias}].")
        if VERSIONS.find(world, f"{secret.name}/versions/{number}") is None:
            raise ApiFailure(
                "INVALID_ARGUMENT", f"Version alias [{alias}] names version [{number}], which is not there."
            )


@API.method(SERVICE + "UpdateSecret")
def update_secret(world: World, request: Any, _: Call) -> Any:
    """Change the masked fields; the replication and the name stay for ever."""
    if not request.update_mask.paths:
        raise ApiFailure("INVALID_ARGUMENT", "Field [update_mask] is required.")
    with world.store.transaction():
        secret = SECRETS.get(world, canonical(world, request.secret.name, "secret"))
        check_etag(request.secret.etag, secret.etag)
        apply_mask(secret, request.secret, request.update_mask.paths, keep=FIXED)
        check(world, secret)
        SECRETS.save(world, touch(world, secret))
    return secret


def forget_contents(world: World, secret: Any) -> None:
    """The versions of a deleted secret and their values go too."""
    for version in VERSIONS.all(world, f"{secret.name}/versions/"):
        VERSIONS.remove(world, version.name)
        world.store.delete(PAYLOAD, version.name)


def expire(world: World, payload: dict[str, Any]) -> None:
    """Delete a secret whose time has come; one that was given more time, or is gone, stays as it is."""
    with world.store.transaction():
        secret = SECRETS.find(world, payload["name"])
        if secret is None or not secret.HasField("expire_time"):
            return
        if secret.expire_time.ToDatetime(tzinfo=UTC) <= world.clock.now():
            iam_policy.forget(world, policy_name(world, secret.name))
            SECRETS.remove(world, secret.name)
            forget_contents(world, secret)


LISTING = Listing(MOST, MOST, NEWEST_FIRST, filters.matching)
"""Comment of `ListSecretsResponse.secrets`."""
standard(API, SERVICE, "Secret", SECRETS, listing=LISTING, deleted=forget_contents, policies=POLICIES)
