"""The FastAPI application, as those see it who add routes to it."""

from __future__ import annotations

import httpx
import pytest

from runtime.app import build
from runtime.options import Options
from runtime.records import Records
from runtime.service import Service
from runtime.settings import ModelSettings, RuntimeSettings


@pytest.mark.anyio
async def test_a_route_that_raises_answers_like_everything_else():
    """A fault in a route of the user's is JSON with `error`, and says nothing of the reason."""
    app = build(Service(ModelSettings(), RuntimeSettings(), Options(), Records(Options(), None)))

    @app.get("/mine")
    async def mine() -> None:
        raise RuntimeError("/srv/model/secret")

    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://server") as client:
        answer = await client.get("/mine")

    assert answer.status_code == 500
    assert answer.json() == {"error": "the server failed; the log has the reason"}
