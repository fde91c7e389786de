"""Whom IAM is enforced for.

Service accounts always are checked: what runs under them here must run under them at Google. So are those for whom
another issuer vouches. The developer of the
laptop, who owns every project, is spared unless `mlservice emulator iam enforce` is on.
"""

from emulator.core.world import DEVELOPER, EMULATOR_ACCOUNT, World
from emulator.identity.callers import is_federated

KIND = "iam.enforcement"
OWNERS = frozenset({DEVELOPER, EMULATOR_ACCOUNT})
"""Who runs the emulator owns its projects."""


def is_account(caller: str) -> bool:
    """Whether an e-mail is a service account's, ours or Google's."""
    return caller.endswith(".gserviceaccount.com")


class Enforcement:
    """The switch. It stays in the store, and is read from memory: each call asks.

    Attributes:
        developer: Whether the developer is checked, too.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self.developer = world.store.get(KIND, KIND) is not None

    def switch(self, *, on: bool) -> None:
        """Check the developer from now on, or no longer."""
        if on:
            self._world.store.put(KIND, KIND, b"")
        else:
            self._world.store.delete(KIND, KIND)
        self.developer = on

    def spares(self, caller: str) -> bool:
        """Whether a caller may do everything."""
        return not self.developer and (caller in OWNERS or not (is_account(caller) or is_federated(caller)))


def enforcement(world: World) -> Enforcement:
    """The switch of a cloud."""
    return world.part(Enforcement, lambda: Enforcement(world))
