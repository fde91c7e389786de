"""The FastAPI application, as those see it who add routes to it."""

from __future__ import annotations

import asyncio
import threading
from types import SimpleNamespace

import httpx
import pytest

from runtime.configuration.options import Options
from runtime.configuration.settings import ModelSettings, RuntimeSettings
from runtime.http.app import build
from runtime.http.lazy import LazyApplication
from runtime.serving.records import Records
from runtime.serving.service import Service


@pytest.mark.anyio
async def test_a_route_that_raises_answers_like_everything_else():
    """A fault in a route of the user's is JSON with `error`, and says nothing of the reason."""
    app = build(Service(ModelSettings(), RuntimeSettings(), Options(), Records(Options(), RuntimeSettings())))

    @app.get("/mine")
    async def mine() -> None:
        raise RuntimeError("/srv/model/secret")

    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://server") as client:
        answer = await client.get("/mine")

    assert answer.status_code == 500
    assert answer.json() == {"error": "the server failed; the log has the reason"}


@pytest.mark.anyio
async def test_who_goes_away_while_it_is_made_takes_it_from_nobody():
    """Two wait for the application; one closes the connection, and the other is answered."""
    begun, go = threading.Event(), threading.Event()

    def slowly(_service):
        begun.set()
        assert go.wait(20)

        async def answer(scope, _receive, _send):
            answered.append(scope["path"])

        return answer

    answered: list[str] = []
    service = SimpleNamespace(options=SimpleNamespace(vertex_health=""), state="ready")
    lazy = LazyApplication(service, slowly)
    gone, stays = (
        asyncio.ensure_future(lazy({"method": "GET", "path": path}, None, None)) for path in ("/gone", "/stays")
    )
    assert await asyncio.to_thread(begun.wait, 20)
    gone.cancel()
    await asyncio.wait([gone])
    go.set()
    await stays

    assert answered == ["/stays"]


EXTENSION = """
from starlette.responses import JSONResponse

class Door:
    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        if dict(scope["headers"]).get(b"x-door") != b"open":
            await JSONResponse({"error": "closed"}, 403)(scope, receive, send)
            return
        await self.app(scope, receive, send)

def extend(app):
    app.add_middleware(Door)

    @app.get("/about")
    async def about():
        return {"by": "me"}
"""


@pytest.fixture(scope="module")
def extended(start, specs, tmp_path_factory):
    """A server with a route and a middleware of a user's, in a folder where something else is called `runtime`."""
    folder = tmp_path_factory.mktemp("image")
    (folder / "mine.py").write_text(EXTENSION)
    (folder / "runtime").mkdir()
    for name in ("__init__.py", "__main__.py"):
        (folder / "runtime" / name).write_text("raise SystemExit('this is no server')")
    command = ("reconciler.cli", "serve")
    server = start(specs / "iris/model", "--app", "mine:extend", cwd=folder, command=command, wait=None)
    server.wait(lambda: server.status("/health/ready") == 403)  # the port is open
    server.wait(lambda: server.get("/health/ready", headers=OPEN).status_code == 200)
    return server


OPEN = {"x-door": "open"}
GOOD = {"instances": [[5.1, 3.5, 1.4, 0.2]]}


@pytest.mark.parametrize("path", ["/predict", "/v1/models/model:predict", "/health/live", "/about"])
def test_middleware_sees_every_request(extended, path):
    """No path goes by a user's middleware, predictions least of all."""
    assert extended.post(path, GOOD).status_code == 403
    assert extended.get(path).json() == {"error": "closed"}


def test_a_users_routes_stand_beside_ours(extended):
    """Behind the middleware everything is as ever, and the user's route is in the documentation."""
    answer = extended.post("/predict", GOOD, headers={**OPEN, "x-request-id": "r1"})

    assert (answer.json(), answer.headers["x-request-id"]) == ({"predictions": ["setosa"]}, "r1")
    assert extended.get("/about", headers=OPEN).json() == {"by": "me"}
    assert "/about" in extended.get("/openapi.json", headers=OPEN).json()["paths"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nothing", "not of the form module:function"),
        ("no_such_module:extend", "No module named 'no_such_module'"),
        ("json:no_such_function", "no attribute 'no_such_function'"),
    ],
)
def test_an_extension_that_cannot_be_applied_is_said_at_once(start, specs, name, message):
    """The process ends as wrong usage, instead of serving without what should guard it."""
    server = start(specs / "iris/model", "--app", name, wait=None)

    assert server.process.wait(30) == 64
    assert message in server.log.read_text()
