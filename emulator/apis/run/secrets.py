"""Secrets that containers name: whether they are there, whether the account may read them, and their values.

Secret Manager is asked as any client would ask it, by its own API method.
"""

from collections.abc import Sequence
from typing import Any

from emulator.core.api import Call, Registry
from emulator.core.failures import ApiFailure
from emulator.core.world import World
from emulator.identity import access as access_of
from emulator.processes.model import CannotStartError, Outcome

CHECK_FAILED = "SECRETS_ACCESS_CHECK_FAILED"
ACCESS = "google.cloud.secretmanager.v1.SecretManagerService/AccessSecretVersion"


def check(world: World, project: str, account: str, containers: Sequence[Any]) -> Outcome:
    """Check every secret of the environment, as Cloud Run does when a revision is deployed.

    Source:
        Both texts from deployments reported in sourcegraph/sourcegraph-public-snapshot PR 59045 and
        terraform-google-modules/terraform-docs-samples PR 168.
    """
    problems = []
    for number, container in enumerate(containers):
        for index, variable in enumerate(container.env):
            if variable.HasField("value_source"):
                where = f"spec.template.spec.containers[{number}].env[{index}].value_from.secret_key_ref.name: "
                problem = check_one(world, project, account, variable.value_source.secret_key_ref)
                problems += [where + problem] if problem else []
    return Outcome(CHECK_FAILED, "\n".join(problems)) if problems else Outcome()


def check_one(world: World, project: str, account: str, reference: Any) -> str:
    """Tell what is wrong with one reference; empty when nothing is."""
    secret = full_name(project, reference.secret)
    shown = f"{durable(world, secret)}/versions/{reference.version or 'latest'}"
    if not may_read(world, f"{secret}/versions/{reference.version or 'latest'}", account):
        return (
            f"Permission denied on secret: {shown} for Revision service account {account}. The service account used "
            "must be granted the 'Secret Manager Secret Accessor' role (roles/secretmanager.secretAccessor) at the "
            "secret, project or higher level."
        )
    try:
        access(world, secret, reference.version or "latest")
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
    """Read a secret for an instance that starts.

    Raises:
        CannotStartError: It cannot be read.
    """
    try:
        payload = access(world, full_name(project, secret), version)
    except ApiFailure as failure:
        raise CannotStartError(CHECK_FAILED, failure.message) from failure
    return payload.decode()


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
