"""Cloud Run's place in the emulator's life: the data plane, started when first needed, and addresses that come back.

Everything an address needs is written down as plain JSON (`run.address`), so that a restart listens again without
importing one of Google's messages; containers start with the first request.
"""

import json
import threading
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute
from starlette.routing import Route as HttpRoute

from emulator.core import settings
from emulator.core.api import Api
from emulator.core.world import DEVELOPER, EMULATOR_ACCOUNT, World

if TYPE_CHECKING:
    from emulator.processes.model import Revision, Route
    from emulator.processes.plane import Plane

API = Api("run-host")
ADDRESS = "run.address"
INVOKERS = (
    "roles/run.invoker",
    "roles/run.servicesInvoker",
    "roles/run.admin",
    "roles/editor",
    "roles/owner",
)
"""Roles with `run.routes.invoke`: https://cloud.google.com/run/docs/reference/iam/roles"""
MAIN = ""
"""Key of a service's main address among its tags."""
_making = threading.Lock()


@dataclass
class Addresses:
    """The addresses of a service as written down.

    Attributes:
        ports: Port by tag.
        shares: By tag: revision (full name), percent, instances to keep, most instances of the service or None.
        audiences: Custom ones.
    """

    ports: dict[str, int] = field(default_factory=dict)
    shares: dict[str, list[tuple[str, int, int, int | None]]] = field(default_factory=dict)
    public: bool = False
    internal: bool = False
    audiences: list[str] = field(default_factory=list)

    def uri(self, tag: str = MAIN) -> str:
        """The address of the service, or of a tag."""
        return f"http://127.0.0.1:{self.ports[tag]}"

    def revisions(self) -> set[str]:
        """Who serves anything."""
        return {share[0] for shares in self.shares.values() for share in shares}


def load(world: World, service: str) -> Addresses | None:
    """Read a service's addresses."""
    body = world.store.get(ADDRESS, service)
    return None if body is None else Addresses(**json.loads(body))


def save(world: World, service: str, addresses: Addresses) -> None:
    """Write a service's addresses down."""
    world.store.put(ADDRESS, service, json.dumps(asdict(addresses)).encode())


def plane(world: World) -> "Plane":
    """Give the data plane, started now if it is not running."""
    with _making:
        running = world.shared.get("run")
        if running is None:
            running = world.shared["run"] = _new_plane(world)
            running.start()
    return running


def _new_plane(world: World) -> "Plane":
    from emulator.processes.plane import Plane, Settings  # noqa: PLC0415 - only an emulator that runs something needs it

    chosen = settings.read(world.store)
    return Plane(
        load=lambda name: _revision(world, name),
        gate=Gate(world),
        tokens=MetadataTokens(world),
        now=world.clock.now,
        settings=Settings(int(chosen.run_seed) or None, chosen.run_pending_s, int(chosen.run_most_idle)),
    )


def _revision(world: World, name: str) -> "Revision":
    from emulator.apis.run.deployment import describe  # noqa: PLC0415 - imports Cloud Run's messages

    return describe(world, name)


class Gate:
    """Who may invoke a private service: the front end's view of tokens and policies."""

    def __init__(self, world: World) -> None:
        self._world = world

    def __call__(self, token: str, route: "Route", port: int) -> int:
        """Tell 200, 401 or 403."""
        claims = self._world.tokens.read(token)
        if claims is None or "aud" not in claims:
            return 401
        own = {f"http://127.0.0.1:{port}", *route.audiences}
        if str(claims["aud"]).rstrip("/") not in {address.rstrip("/") for address in own}:
            return 401
        return 200 if self._may_invoke(str(claims.get("email", "")), route.service) else 403

    def _may_invoke(self, email: str, service: str) -> bool:
        from emulator.identity import iam_policy  # noqa: PLC0415 - imports Google's messages

        if email in (EMULATOR_ACCOUNT, DEVELOPER):
            return True  # who runs the emulator owns its projects
        wanted = {f"serviceAccount:{email}", f"user:{email}", "allUsers", "allAuthenticatedUsers"}
        project = "/".join(service.split("/")[:2])
        return any(
            wanted & iam_policy.members(self._world, place, role) for place in (service, project) for role in INVOKERS
        )


class MetadataTokens:
    """The tokens that containers get."""

    def __init__(self, world: World) -> None:
        self._world = world

    def access_token(self, service_account: str) -> tuple[str, int]:
        """An access token and its life in seconds."""
        return self._world.tokens.access_token(service_account), 3599

    def identity_token(self, service_account: str, audience: str) -> str:
        """A signed identity token."""
        return self._world.tokens.id_token(service_account, audience)


def routes_of(service: str, addresses: Addresses) -> dict[int, "Route"]:
    """Describe a service's addresses to the data plane."""
    from emulator.processes.model import Route, Share  # noqa: PLC0415 - the module is light, its package need not load

    own = frozenset({*addresses.audiences, *(addresses.uri(tag) for tag in addresses.ports)})
    return {
        addresses.ports[tag]: Route(
            service, tuple(Share(*share) for share in shares), addresses.public, addresses.internal, own
        )
        for tag, shares in addresses.shares.items()
    }


def started(world: World) -> None:
    """Listen again where services listened before; containers start with the first request."""
    for service, body in world.store.list(ADDRESS):
        addresses = Addresses(**json.loads(body))
        before = dict(addresses.ports)
        addresses.ports = {tag: plane(world).listen(port) for tag, port in before.items()}
        plane(world).route(routes_of(service, addresses))
        if addresses.ports != before:
            save(world, service, addresses)
            _moved(world, service)


def _moved(world: World, service: str) -> None:
    """Somebody else took a port meanwhile: the service has another address now, and says so."""
    from emulator.apis.run.deployment import show_addresses  # noqa: PLC0415 - imports Cloud Run's messages

    show_addresses(world, service)


def stopped(world: World) -> None:
    """End every container."""
    running = world.shared.pop("run", None)
    if running is not None:
        running.stop()


def cleared(world: World) -> None:
    """A reset: nothing runs or listens any more."""
    stopped(world)


def logs(world: World, name: str) -> dict[str, list[str]]:
    """Give the output of a service's revisions or a job's executions, whose full name ends with `name`."""
    running: Plane | None = world.shared.get("run")
    return {} if running is None else running.logs(f"/{name}/")


def services(world: World) -> list[dict[str, Any]]:
    """Give each service's addresses and running instances."""
    found = []
    for service, body in world.store.list(ADDRESS):
        addresses = Addresses(**json.loads(body))
        instances = {name.rpartition("/")[2]: plane(world).instances(name) for name in sorted(addresses.revisions())}
        tags = {tag: addresses.uri(tag) for tag in addresses.ports if tag}
        uri = addresses.uri() if MAIN in addresses.ports else ""
        found.append({"name": service, "uri": uri, "tags": tags, "instances": instances})
    return found


def control_routes(world: World) -> list[BaseRoute]:
    """`/_emulator/logs?service=NAME` (or `?job=NAME`) and `/_emulator/services`."""

    async def get_logs(request: Request) -> Response:
        name = request.query_params.get("service") or request.query_params.get("job") or ""
        return JSONResponse(await run_in_threadpool(logs, world, name))

    async def get_services(_: Request) -> Response:
        return JSONResponse(await run_in_threadpool(services, world))

    return [
        HttpRoute("/_emulator/logs", get_logs, methods=["GET"]),
        HttpRoute("/_emulator/services", get_services, methods=["GET"]),
    ]


API.started.append(started)
API.stopped.append(stopped)
API.cleared.append(cleared)
API.routes.append(control_routes)
