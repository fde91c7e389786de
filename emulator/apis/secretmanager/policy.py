"""Where the IAM policies of secrets are kept."""

from emulator.apis.secretmanager.model import SECRETS, secret_of
from emulator.core.api import Policies
from emulator.core.world import World


def policy_name(world: World, secret: str) -> str:
    """The key of a secret's policy: its name by project id, as the shared policy code knows a project's accounts."""
    stored = secret_of(world, secret)
    number = stored.split("/")[1]
    return stored.replace(number, world.project_id(number) or number, 1)


POLICIES = Policies(SECRETS.pattern, policy_name)
