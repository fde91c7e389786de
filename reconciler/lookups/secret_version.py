"""A secret's version becomes its number: `latest` moves, and instances started later would read another one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from reconciler.core import errors
from reconciler.core.facts import Facts, Lookup, Question
from reconciler.core.membership import split_secret
from reconciler.gcp.calls import CALL_TIMEOUT_S, READING, calling

if TYPE_CHECKING:
    from reconciler.gcp.connection import Connection
    from schemas import LoadedOperator, LoadedService
    from schemas.sections.environment import SecretRef
    from schemas.sections.mounts import Mount


def _key(reference: SecretRef) -> str:
    return f"{reference.secret}:{reference.version}"


def version_of(reference: SecretRef, facts: Facts) -> str:
    """Give the version as it is written into a template: its number, where it is pinned."""
    pinned = facts.find(SECRET_VERSION, _key(reference)) if reference.pin else None
    return pinned or reference.version


def _asks(loaded: LoadedService, facts: Facts) -> Iterator[Question]:
    del facts
    for variable, reference in loaded.service.spec.secrets.items():
        yield Question(_key(reference), f"secrets.{variable}")
    yield from _mounted("mounts", loaded.service.spec.mounts)
    for name, each in loaded.service.spec.sidecars.items():
        for variable, reference in each.secrets.items():
            yield Question(_key(reference), f"sidecars.{name}.secrets.{variable}")
        yield from _mounted(f"sidecars.{name}.mounts", each.mounts)


def _mounted(where: str, mounts: Mapping[str, Mount]) -> Iterator[Question]:
    for path, mount in mounts.items():
        for file, version in (mount.items or {"": "latest"}).items() if mount.secret else ():
            place = f"{where}.{path}.items.{file}" if file else f"{where}.{path}.secret"
            yield Question(f"{mount.secret}:{version}", place)


def _operates(loaded: LoadedOperator, facts: Facts) -> Iterator[Question]:
    del facts
    git = loaded.operator.spec.specs.git
    if git and git.token:
        yield Question(_key(git.token), "specs.git.token")


def _answer(connection: Connection, question: Question) -> str:
    """Ask Secret Manager, also about a number: a revision with a version that cannot be read never starts."""
    secret, _, version = question.key.rpartition(":")
    project, name = split_secret(secret, connection.project)
    whole = f"projects/{project or connection.project}/secrets/{name}"
    api: Any = connection.client("google.cloud.secretmanager_v1", "secret_manager_service", "SecretManagerService")
    try:
        with calling("resolve", f"secret {secret}"):
            request = {"name": f"{whole}/versions/{version}"}
            found = api.get_secret_version(request=request, retry=READING, timeout=CALL_TIMEOUT_S)
    except errors.NotFoundError as error:
        hint = f"make it: gcloud secrets create {secret} --data-file=-"
        why = f"it has no version '{version}', or does not exist"
        raise errors.NotFoundError("resolve", f"secret '{secret}'", why, hint=hint) from error
    number = str(found.name.rpartition("/")[2])
    if found.state.name != "ENABLED":
        hint = f"name another version, or: gcloud secrets versions enable {number} --secret={secret}"
        why = f"version '{version}' is number {number}, which is {found.state.name.lower()}"
        raise errors.NotFoundError("resolve", f"secret '{secret}'", why, hint=hint)
    return number


SECRET_VERSION = Lookup(
    "secret_version", str, _asks, _answer, "secretmanager.versions.get", "secretmanager.googleapis.com", _operates
)
