"""IAM policies of secrets."""

from typing import Any

from emulator.apis.secretmanager.model import API, SECRETS, SERVICE, canonical
from emulator.core.api import Call
from emulator.core.world import World
from emulator.identity import iam_policy


def policy_name(world: World, secret: str) -> str:
    """The key of a secret's policy: its name by project id, as the shared policy code knows a project's accounts."""
    number = secret.split("/")[1]
    return secret.replace(number, world.project_id(number) or number, 1)


def resource(world: World, request: Any) -> str:
    """The policy's key, if the secret is there."""
    secret = SECRETS.get(world, canonical(world, request.resource, "secret"))
    return policy_name(world, secret.name)


@API.method(SERVICE + "GetIamPolicy")
def get_iam_policy(world: World, request: Any, _: Call) -> Any:
    """The secret's policy."""
    return iam_policy.get_policy(world, resource(world, request), request)


@API.method(SERVICE + "SetIamPolicy")
def set_iam_policy(world: World, request: Any, _: Call) -> Any:
    """Replace the secret's policy."""
    return iam_policy.set_policy(world, resource(world, request), request)


@API.method(SERVICE + "TestIamPermissions")
def granted_permissions(world: World, request: Any, _: Call) -> Any:
    """Which of the permissions the caller has."""
    resource(world, request)
    return iam_policy.test_permissions(request)
