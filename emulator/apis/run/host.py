"""Cloud Run's place in the emulator's life: the data plane, started when first needed, and addresses that come back.

Everything an address needs is written down as plain JSON (`run.address`), so that a restart listens again without
importing one of Google's messages; containers start with the first request.
"""

from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from emulator.apis.run import stand_ins
from emulator.apis.run.addresses import MAIN, routes_of, save, written
from emulator.apis.run.running import drop, plane, running, stop
from emulator.core.api import Api
from emulator.core.world import World

API = Api("run-host")


def started(world: World) -> None:
    """Listen again where services listened before; containers start with the first request."""
    for service, addresses in written(world):
        before = dict(addresses.ports)
        addresses.ports = {tag: plane(world).listen(port) for tag, port in before.items()}
        plane(world).route(routes_of(world, service, addresses))
        if addresses.ports != before:
            save(world, service, addresses)
            _moved(world, service)


def _moved(world: World, service: str) -> None:
    """Somebody else took a port meanwhile: the service has another address now, and says so."""
    from emulator.apis.run.deployment import show_addresses  # noqa: PLC0415 - imports Cloud Run's messages

    show_addresses(world, service)


def logs(world: World, name: str) -> dict[str, list[str]]:
    """Give the output of a service's revisions or a job's executions, whose full name ends with `name`."""
    started = running(world).started
    return {} if started is None else started.logs(f"/{name}/")


def services(world: World) -> list[dict[str, Any]]:
    """Give each service's addresses and running instances."""
    found = []
    for service, addresses in written(world):
        instances = {name.rpartition("/")[2]: plane(world).instances(name) for name in sorted(addresses.revisions())}
        tags = {tag: addresses.uri(tag) for tag in addresses.ports if tag}
        uri = addresses.uri() if MAIN in addresses.ports else ""
        found.append({"name": service, "uri": uri, "tags": tags, "instances": instances})
    return found


def control_routes(world: World) -> list[BaseRoute]:
    """`/_emulator/logs?service=NAME` (or `?job=NAME`), `/_emulator/services` and `/_emulator/stand-ins`."""

    async def get_logs(request: Request) -> Response:
        name = request.query_params.get("service") or request.query_params.get("job") or ""
        return JSONResponse(await run_in_threadpool(logs, world, name))

    async def get_services(_: Request) -> Response:
        return JSONResponse(await run_in_threadpool(services, world))

    async def get_stand_ins(_: Request) -> Response:
        return JSONResponse(stand_ins.read(world.store))

    async def put_stand_ins(request: Request) -> Response:
        try:
            wanted = await request.json()
            stand_ins.write(world.store, wanted)
        except (ValueError, AttributeError) as error:
            message = f"stand-ins are an object of names of images: {error}"
            return JSONResponse({"error": {"code": 400, "status": "INVALID_ARGUMENT", "message": message}}, 400)
        return JSONResponse(wanted)

    return [
        Route("/_emulator/stand-ins", get_stand_ins, methods=["GET"]),
        Route("/_emulator/stand-ins", put_stand_ins, methods=["PUT"]),
        Route("/_emulator/logs", get_logs, methods=["GET"]),
        Route("/_emulator/services", get_services, methods=["GET"]),
    ]


API.started.append(started)
API.stopped.append(stop)
API.cleared.append(drop)
API.routes.append(control_routes)
