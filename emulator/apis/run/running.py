"""The data plane of this cloud: made when first needed, with the control plane's answers to what it asks.

Light to import: an emulator that runs nothing loads neither the data plane nor Google's messages.
"""

import threading
from functools import partial
from typing import TYPE_CHECKING

from emulator.apis.run.journal import Journal
from emulator.apis.run.traffic import Traffic
from emulator.core import settings
from emulator.core.callbacks import resolve
from emulator.core.world import World
from emulator.identity.enforcement import OWNERS
from emulator.identity.tokens import Tokens
from emulator.processes.model import Revision, Route
from emulator.processes.undertaker import Undertaker

if TYPE_CHECKING:
    from emulator.processes.frontend import Passed
    from emulator.processes.plane import Plane


BILL = "emulator.apis.billingbudgets.metering:look"
"""What takes down what instances used: budgets stand on Cloud Run, and not the other way round."""


BILLED = "emulator.apis.monitoring.billed:finish"
"""What draws for how long they were billed, likewise."""
IAP = "emulator.apis.iap.door:pass_through"
"""What asks who signed in, and vouches for it: it stands on Cloud Run, too."""
UNMOUNT = "emulator.apis.storage.folders.mounting:stop"
"""What ends the mounts of buckets, once nothing runs any more."""


class Running:
    """The data plane, once somebody needed it.

    Attributes:
        started: It, if it runs.
        journal: Takes what containers write.
        traffic: Counts what they answer.
        claimed: Executions that the data plane knows and will end; read and written inside a transaction of the store.
        looks_at: When it is looked next at what instances take, ISO 8601; a timer of any other time is an old one.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._making = threading.Lock()
        self.started: Plane | None = None
        self.journal = Journal(world)
        self.traffic = Traffic(world)
        self.claimed: set[str] = set()
        self.looks_at = ""

    def plane(self) -> "Plane":
        """Give the data plane, started now if it is not running."""
        with self._making:
            if self.started is None:
                self.started = self._new()
                self.started.start()
            return self.started

    def _new(self) -> "Plane":
        from emulator.processes.plane import Plane, Settings  # noqa: PLC0415 - only what runs something needs it

        chosen = settings.read(self._world.store)
        return Plane(
            load=partial(revision, self._world),
            gate=Gate(self._world),
            proxy=partial(_through_iap, self._world),
            tokens=MetadataTokens(self._world),
            now=self._world.clock.now,
            written=self.journal.write,
            answered=self.traffic.answered,
            began=self.traffic.began,
            settings=Settings(int(chosen.run_seed) or None, chosen.run_pending_s, int(chosen.run_most_idle)),
            undertaker=self._world.part(Undertaker, Undertaker),
        )


def running(world: World) -> Running:
    """Give this cloud's place for the data plane."""
    return world.part(Running, partial(Running, world))


def plane(world: World) -> "Plane":
    """Give the data plane, started now if it is not running."""
    return running(world).plane()


def stop(world: World) -> None:
    """End every container as Cloud Run does; the next one starts another data plane."""
    found = world.find(Running)
    if found is not None and found.started is not None:
        resolve(BILL)(world)
        resolve(BILLED)(world)
        world.take(Running)
        found.started.stop()
        resolve(UNMOUNT)(world, keep=True)
        found.journal.close(keep=True)
        found.traffic.close()
    if (undertaker := world.take(Undertaker)) is not None:
        undertaker.close()


def drop(world: World) -> None:
    """End every container now: nobody waits for answers of a cloud that has been emptied."""
    found = world.take(Running)
    if found is not None and found.started is not None:
        found.started.stop(grace_s=0)
        resolve(UNMOUNT)(world, keep=False)
        found.journal.close(keep=False)
        found.traffic.close()


def revision(world: World, name: str) -> Revision:
    """Tell the data plane what a revision is."""
    from emulator.apis.run.programs import describe  # noqa: PLC0415 - imports Cloud Run's messages

    return describe(world, name)


def _through_iap(world: World, token: str, route: Route, port: int, path: str) -> "Passed":
    """Let Identity-Aware Proxy say who may pass."""
    found: Passed = resolve(IAP)(world, token, route, port, path)
    return found


class Gate:
    """Who may invoke a private service: the front end's view of tokens and policies."""

    def __init__(self, world: World) -> None:
        self._world = world

    def __call__(self, token: str, route: Route, port: int) -> int:
        """Tell 200; 401 for a token that is not for this address; 403 for one whose account has no invoker role."""
        claims = self._world.part(Tokens).read(token)
        if claims is None or "aud" not in claims:
            return 401
        own = {f"http://127.0.0.1:{port}", *route.audiences}
        if str(claims["aud"]).rstrip("/") not in {address.rstrip("/") for address in own}:
            return 401
        return 200 if self.may_invoke(str(claims.get("email", "")), route.service) else 403

    def may_invoke(self, email: str, service: str) -> bool:
        """Whether an account may call a service."""
        from emulator.identity import access  # noqa: PLC0415 - imports Google's messages

        if email in OWNERS:
            return True  # who runs the emulator owns its projects
        target = access.Target(service, type="run.googleapis.com/Service", service="run.googleapis.com")
        return access.may(self._world, email, "run.routes.invoke", target).granted


class MetadataTokens:
    """The tokens that containers get: real ones, signed by this emulator, for the revision's own account."""

    def __init__(self, world: World) -> None:
        self._world = world

    def access_token(self, service_account: str) -> tuple[str, int]:
        """An access token and its life in seconds."""
        return self._world.part(Tokens).access_token(service_account), 3599

    def identity_token(self, service_account: str, audience: str) -> str:
        """A signed identity token."""
        return self._world.part(Tokens).id_token(service_account, audience)
