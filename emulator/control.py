"""`/_emulator/…`: what tests, the command line and people use to steer the emulator. Google has nothing like it.

The routes run on the event loop or in Starlette's own threads, so calls that hang never block them.
"""

import hmac
import os
import secrets
import signal
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from emulator import cloud
from emulator.core import settings
from emulator.core.failures import ApiFailure
from emulator.core.faults import Rule
from emulator.core.world import PROJECT, World
from emulator.environment import environment
from emulator.identity.enforcement import enforcement
from emulator.wire.rest_server import refusal

ADVANCE_MOST_S = 100 * 366 * 86_400
"""How far ahead the clock may be: a century, which dates and Google's timestamps bear."""


def routes(world: World) -> list[Route]:
    """All of them."""
    control = Control(world)
    return [
        route("/_emulator/status", "GET", control.status),
        route("/_emulator/stop", "POST", control.stop),
        route("/_emulator/clock", "GET", control.clock),
        route("/_emulator/advance", "POST", control.advance),
        route("/_emulator/reset", "POST", control.reset),
        route("/_emulator/env", "GET", control.env),
        route("/_emulator/faults", "GET", control.get_faults),
        route("/_emulator/faults", "PUT", control.put_faults),
        route("/_emulator/faults", "DELETE", control.delete_faults),
        route("/_emulator/images", "POST", control.push_image),
        route("/_emulator/settings", "GET", control.get_settings),
        route("/_emulator/settings", "PUT", control.put_settings),
        route("/_emulator/iam", "GET", control.get_iam),
        route("/_emulator/iam", "POST", control.post_iam),
        route("/_emulator/incidents", "GET", control.get_incidents),
        route("/_emulator/notifications", "GET", control.get_notifications),
        route("/_emulator/billing", "PUT", control.put_billing),
        route("/_emulator/spend", "GET", control.get_spend),
        route("/_emulator/spend", "POST", control.post_spend),
        route("/_emulator/calls", "GET", control.get_calls),
        route("/_emulator/calls", "DELETE", control.delete_calls),
    ]


@dataclass(frozen=True, slots=True)
class Identity:
    """What tells this daemon from whoever has its pid or its port later.

    The token lies in `emulator.json`, which its owner alone can read, and is never sent before the other side has
    proved that it knows it too.
    """

    token: str = field(default_factory=lambda: secrets.token_hex(32))

    def proof(self, challenge: str) -> str:
        """Answer a challenge as only the holder of the token can."""
        return hmac.new(self.token.encode(), challenge.encode(), "sha256").hexdigest()

    def knows(self, token: str) -> bool:
        """Tell whether somebody knows the token."""
        return hmac.compare_digest(self.token.encode(), token.encode())


class Control:
    """What the routes do: one method each, short enough for the event loop or handed to a thread."""

    def __init__(self, world: World) -> None:
        self._world = world

    @property
    def _identity(self) -> Identity:
        return self._world.part(Identity, Identity)

    async def status(self, request: Request) -> Response:
        """Where the emulator is, and that it is ready; and with `?challenge=` the proof that it is the one."""
        world = self._world
        where = {"http": world.http_url, "grpc": world.grpc_target, "state": str(world.state_dir)}
        about = {"ready": True, "pid": os.getpid(), "project": PROJECT, "clock": clock_of(world)}
        challenge = request.query_params.get("challenge")
        proof = {} if challenge is None else {"proof": self._identity.proof(challenge)}
        return JSONResponse(about | where | proof)

    async def stop(self, request: Request) -> Response:
        """End this process, for who has read the token in its state folder."""
        if not self._identity.knows(str((await body_of(request)).get("token", ""))):
            return refusal(ApiFailure("PERMISSION_DENIED", "the token in emulator.json is needed to stop the emulator"))
        end = BackgroundTask(os.kill, os.getpid(), signal.SIGTERM)
        return JSONResponse({}, background=end)

    async def clock(self, _: Request) -> Response:
        """The virtual time, and how far it is ahead of the real one."""
        return JSONResponse(clock_of(self._world))

    async def advance(self, request: Request) -> Response:
        """Let time pass; answers when every timer on the way has run."""
        seconds = (await body_of(request)).get("seconds")
        if not isinstance(seconds, int | float) or isinstance(seconds, bool) or not 0 <= seconds <= ADVANCE_MOST_S:
            return bad(f"'seconds' must be a number from 0 to {ADVANCE_MOST_S}")
        if self._world.clock.offset_s + seconds > ADVANCE_MOST_S:
            return bad(f"the clock is {self._world.clock.offset_s:.0f} s ahead, and may be {ADVANCE_MOST_S} s at most")
        await run_in_threadpool(self._world.clock.advance, float(seconds))
        return JSONResponse(clock_of(self._world))

    async def reset(self, _: Request) -> Response:
        """Empty the cloud; ports, key and credentials stay, so clients go on."""
        await run_in_threadpool(cloud.reset, self._world)
        return JSONResponse({})

    async def env(self, _: Request) -> Response:
        """Variables for clients."""
        return JSONResponse(environment(self._world))

    async def get_faults(self, _: Request) -> Response:
        """The rules with their counts."""
        return JSONResponse(self._world.faults.status())

    async def put_faults(self, request: Request) -> Response:
        """Replace all rules at once; calls that the old ones held go on."""
        try:
            raw = await request.json()
            if not isinstance(raw, list):
                return bad("faults are a list of rules")
            self._world.faults.replace([Rule.parse(each) for each in raw])
        except (ValueError, TypeError) as error:
            return bad(str(error))
        return JSONResponse(self._world.faults.status())

    async def delete_faults(self, _: Request) -> Response:
        """Drop the rules; calls that hang go on."""
        self._world.faults.replace([])
        return JSONResponse([])

    async def push_image(self, request: Request) -> Response:
        """Push a folder as an image: `{"image": reference, "folder": path, "command": [...], "env": {...}}`."""
        return await run_in_threadpool(self._push_image, await body_of(request))

    def _push_image(self, wanted: dict[str, Any]) -> Response:
        folder, command, env = Path(str(wanted.get("folder", ""))), wanted.get("command"), wanted.get("env", {})
        if not folder.is_absolute() or not folder.is_dir() or not isinstance(command, list) or not command:
            return bad("'folder' must be an absolute path of a folder, 'command' a list of words")
        from emulator.apis.artifactregistry.pushing import push  # noqa: PLC0415 - imports its messages

        try:
            image = push(self._world, str(wanted.get("image")), {"": folder}, command, env)
        except ApiFailure as failure:
            return refusal(failure)
        return JSONResponse({"digest": image.digest, "version": image.name})

    async def get_settings(self, _: Request) -> Response:
        """The switches, all of them, also those at their default."""
        return JSONResponse(asdict(settings.read(self._world.store)))

    async def put_settings(self, request: Request) -> Response:
        """Set the switches; one that is left out goes back to its default."""
        try:
            settings.write(self._world.store, settings.Settings.parse(await body_of(request)))
        except ValueError as error:
            return bad(str(error))
        return await self.get_settings(request)

    async def get_iam(self, _: Request) -> Response:
        """Whether IAM is enforced for the developer, too; for service accounts it always is."""
        return JSONResponse({"enforced": enforcement(self._world).developer})

    async def post_iam(self, request: Request) -> Response:
        """Enforce it for the developer, or no longer: `{"enforced": true}`."""
        wanted = (await body_of(request)).get("enforced")
        if not isinstance(wanted, bool):
            return bad("'enforced' must be true or false")
        enforcement(self._world).switch(on=wanted)
        return await self.get_iam(request)

    async def get_incidents(self, _: Request) -> Response:
        """Incidents of alert policies, those that are over included: as Google tells of them."""
        from emulator.apis.monitoring.alerts.keeping import incidents  # noqa: PLC0415 - imports its messages

        return JSONResponse(await run_in_threadpool(lambda: [*incidents(self._world)]))

    async def get_notifications(self, _: Request) -> Response:
        """What alert policies told to whom, e-mails with their text, and what came of it."""
        from emulator.apis.monitoring.alerts.telling import sent  # noqa: PLC0415 - imports its messages

        return JSONResponse(await run_in_threadpool(sent, self._world))

    async def put_billing(self, request: Request) -> Response:
        """Say which currency a billing account has: `{"account": …, "currency": "EUR", "perUsd": 0.92}`.

        With `"export": "project.dataset"` its bill is exported there, as somebody switches it on in Google's console.
        """
        from emulator.apis.billingbudgets import exporting  # noqa: PLC0415 - most emulators are never asked

        try:
            found = await run_in_threadpool(exporting.describe, self._world, await body_of(request))
        except ValueError as error:
            return bad(str(error))
        return JSONResponse(found)

    async def get_spend(self, _: Request) -> Response:
        """The lines of every bill, what instances used until now included."""
        from emulator.apis.billingbudgets import byhand  # noqa: PLC0415 - most emulators are never asked

        return JSONResponse(await run_in_threadpool(byhand.shown, self._world))

    async def post_spend(self, request: Request) -> Response:
        """Put a line on the bill of a project: `{"amount": "12.50", "project": "local", "labels": {…}}`."""
        from emulator.apis.billingbudgets import byhand  # noqa: PLC0415 - most emulators are never asked

        try:
            found = await run_in_threadpool(byhand.spend, self._world, await body_of(request))
        except ValueError as error:
            return bad(str(error))
        return JSONResponse(found)

    async def get_calls(self, _: Request) -> Response:
        """How often each method was called."""
        return JSONResponse(self._world.calls.counts())

    async def delete_calls(self, _: Request) -> Response:
        """Count from zero."""
        self._world.calls.clear()
        return JSONResponse([])


def route(path: str, verb: str, endpoint: Callable[[Request], Awaitable[Response]]) -> Route:
    """One verb of one path."""
    return Route(path, endpoint, methods=[verb])


def clock_of(world: World) -> dict[str, Any]:
    """The time, and how far it is ahead of the real one in seconds."""
    return {"now": world.clock.now().isoformat(), "offset_s": world.clock.offset_s}


async def body_of(request: Request) -> dict[str, Any]:
    """The JSON object of a request; empty for anything else."""
    try:
        found = await request.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def bad(message: str) -> Response:
    """A refused control call, in the shape of Google's errors so that every client can show it."""
    return JSONResponse({"error": {"code": 400, "status": "INVALID_ARGUMENT", "message": message}}, 400)
