"""Vertex AI's place in the emulator's life: jobs go on after a restart, spot machines are taken away on demand."""

import shutil
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from emulator.apis.aiplatform.monitoring.outlets import told
from emulator.apis.aiplatform.running import KIND, PIPELINES, started, stopped
from emulator.core.api import Api
from emulator.core.world import World

API = Api("aiplatform-host")


def control_routes(world: World) -> list[BaseRoute]:
    """`POST /_emulator/preempt {"job": ID}` takes the machine of a spot job away, as Compute Engine does.

    `GET /_emulator/model-monitoring`: what monitoring jobs told others.
    """

    async def post(request: Request) -> Response:
        try:
            wanted: Any = await request.json()
            job = str(wanted["job"])
        except (ValueError, KeyError, TypeError):
            return JSONResponse({"error": 'the body is {"job": ID}'}, 400)
        return await run_in_threadpool(preempt, world, job)

    async def get(_: Request) -> Response:
        return JSONResponse(await run_in_threadpool(told, world))

    return [
        Route("/_emulator/preempt", post, methods=["POST"]),
        Route("/_emulator/model-monitoring", get, methods=["GET"]),
    ]


def cleared(world: World) -> None:
    """Remove the files of pipelines."""
    shutil.rmtree(world.state_dir / PIPELINES, ignore_errors=True)


def preempt(world: World, job: str) -> Response:
    """Take a machine away; tells the job, or why it is not done."""
    found = [name for name, _ in world.store.list(KIND) if job and f"/{name}".endswith(f"/{job}")]
    if not found:
        return JSONResponse({"error": f"no job {job!r} is running"}, 404)
    from emulator.apis.aiplatform.custom_jobs import take_machine  # noqa: PLC0415 - imports Google's messages

    refused = take_machine(world, found[0])
    return JSONResponse({"error": refused}, 409) if refused else JSONResponse({"job": found[0]})


API.started.append(started)
API.stopped.append(stopped)
API.cleared.append(cleared)
API.routes.append(control_routes)
