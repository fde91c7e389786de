"""Secrets that containers name: whether they are there, whether the account may read them, and their values.

Secret Manager is asked as any client would ask it, by its own API method.
"""

from collections.abc import Iterator
from typing import Any

from emulator.core.api import Call, Registry
from emulator.core.failures import ApiFailure
from emulator.core.world import World
from emulator.identity import access as access_of
from emulator.processes.model import CannotStartError, Outcome

CHECK_FAILED = "SECRETS_ACCESS_CHECK_FAILED"
ACCESS = "google.cloud.secretmanager.v1.SecretManagerService/AccessSecretVersion"


def check(world: World, project: str, account: str, template: Any) -> Outcome:
    """Check every secret of the environment and of volumes, as Cloud Run does when a revision is deployed.

    Source:
        Both texts from deployments reported in sourcegraph/sourcegraph-public-snapshot PR 59045 and
        terraform-google-modules/terraform-docs-samples PR 168. Where a volume is named is ours.
    """
    problems = []
    for where, secret, version in named(template):
        problem = check_one(world, project, account, secret, version)
        problems += [f"spec.template.spec.{where}: {problem}"] if problem else []
    return Outcome(CHECK_FAILED, "\n".join(problems)) if problems else Outcome()


def named(template: Any) -> Iterator[tuple[str, str, str]]:
    """Each place that names a secret, with the secret and its version."""
    for number, container in enumerate(template.containers):
        for index, variable in enumerate(container.env):
            if variable.HasField("value_source"):
                reference = variable.value_source.secret_key_ref
                where = f"containers[{number}].env[{index}].value_from.secret_key_ref.name"
                yield where, reference.secret, reference.version or "latest"
    for number, volume in enumerate(template.volumes):
        if volume.HasField("secret"):
            for version in [item.version or "latest" for item in volume.secret.items] or ["latest"]:
                yield f"volumes[{number}].secret.secret_name", volume.secret.secret, version


def check_one(world: World, project: str, account: str, named: str, version: str) -> str:
    """Tell what is wrong with one reference; empty when nothing is."""
    secret = full_name(project, named)
    shown = f"{durable(world, secret)}/versions/{version}"
    if not may_read(world, f"{secret}/versions/{version}", account):
        return (
            f"Permission denied on secret: {shown} for Revision service account {account}. The service account used "
            "must be granted the 'Secret Manager Secret Accessor' role (roles/secretmanager.secretAccessor) at the "
            "secret, project or higher level."
        )
    try:
        access(world, secret, version)
    except ApiFailure:
        return f"Secret {shown} was not found"
    return ""


def may_read(world: World, version: str, account: str) -> bool:
    """Tell whether an account may read a secret's version."""
    name = access_of.stored_name(world, version)
    target = access_of.Target(
        name, durable(world, name), "secretmanager.googleapis.com/SecretVersion", "secretmanager.googleapis.com"
    )
    return access_of.may(world, account, "secretmanager.versions.access", target).granted


def secret_value(world: World, project: str, secret: str, version: str) -> str:
    """Read a secret as text for an instance that starts.

    Raises:
        CannotStartError: It cannot be read.
    """
    return secret_payload(world, project, secret, version).decode()


def secret_payload(world: World, project: str, secret: str, version: str) -> bytes:
    """Read a secret for an instance that starts.

    Raises:
        CannotStartError: It cannot be read.
    """
    try:
        return access(world, full_name(project, secret), version)
    except ApiFailure as failure:
        raise CannotStartError(CHECK_FAILED, failure.message) from failure


def access(world: World, secret: str, version: str) -> bytes:
    """Read a version's payload.

    Raises:
        ApiFailure: Secret Manager's.
    """
    from google.cloud.secretmanager_v1.types import service  # noqa: PLC0415 - few services have secrets

    behaviour = world.part(Registry).behaviour(ACCESS)
    if behaviour is None:
        raise ApiFailure("UNIMPLEMENTED", "Secret Manager is not emulated.")
    request = service.AccessSecretVersionRequest.pb()(name=f"{secret}/versions/{version}")
    answer = behaviour(world, request, Call(ACCESS, mutating=False, caller="run"))
    return bytes(answer.payload.data)


def full_name(project: str, secret: str) -> str:
    """Complete a short name; the project may be given by number."""
    return secret if "/" in secret else f"projects/{project}/secrets/{secret}"


def durable(world: World, secret: str) -> str:
    """Write a name with the project's number, as Google's messages do."""
    _, project, *rest = secret.split("/")
    return "/".join(["projects", world.project_number(project), *rest])
