"""The page as a server: GET alone, of views and of their data; what changed is told, or asked for with an ETag."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from fastapi import FastAPI, Request
from fastapi.responses import Response, StreamingResponse
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from page.access import Access, Refused
from page.address import FEED, OF_ALL, OF_ONE, Served, View
from page.assets import addresses, assets
from page.desk import Desk, NoSuchView
from page.feed import TYPE, atom
from page.headers import DATA, FOR_GOOD, STRICT
from page.live import Events
from page.rendering import html, trouble

_KEPT = 8 << 20
"""Bytes of pages that are kept as they were made: many tabs ask for few."""
_SMALL = 1024
"""Bytes below which nothing is compressed."""
Next = Callable[[Request], Awaitable[Response]]


@dataclass(slots=True)
class Answers:
    """Makes pages, and keeps those that were asked for of late.

    Args:
        desk: Makes views.
        live: `events`, `poll`, or empty.
    """

    desk: Desk
    live: str
    links: Served = field(default_factory=lambda: Served(addresses()))
    _kept: dict[tuple[str, str, str], bytes] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, view: View, request: Request, *, data: bool) -> Response:
        """Answer with a view, or with nothing new."""
        reader = getattr(request.state, "reader", "")
        tag = f'"{self.desk.etag(view)}-{"j" if data else "h"}"'
        headers = {"ETag": tag, **DATA, "Vary": "Accept-Encoding"}
        if tag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        body = self._body(tag, view, reader, data=data)
        kind = "application/json" if data else "text/html; charset=utf-8"
        return packed(body, request, headers, kind)

    def feed(self, view: View, request: Request) -> Response:
        """Answer with the feed, or with nothing new."""
        tag = f'"{self.desk.etag(view)}-a"'
        headers = {"ETag": tag, **DATA, "Vary": "Accept-Encoding"}
        if tag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        return packed(atom(self.desk.feed(view), self.links, self.desk.clock()), request, headers, TYPE)

    def _body(self, tag: str, view: View, reader: str, *, data: bool) -> bytes:
        key = tag, reader, self.live
        with self._lock:
            kept = self._kept.get(key)
        if kept is not None:
            return kept
        made = self.desk.make(view)
        if data:
            text = json.dumps(made.to_json(), ensure_ascii=False, separators=(",", ":"))
        else:
            text = html(made, self.links, now=self.desk.clock(), live=self.live, tag=tag, reader=reader)
        return self._keep(key, text.encode(errors="replace"))

    def _keep(self, key: tuple[str, str, str], body: bytes) -> bytes:
        with self._lock:
            self._kept[key] = body
            while sum(map(len, self._kept.values())) > _KEPT:
                del self._kept[next(iter(self._kept))]
        return body


def packed(body: bytes, request: Request, headers: Mapping[str, str], kind: str) -> Response:
    """Answer with bytes, compressed where the client takes that."""
    if len(body) < _SMALL or "gzip" not in request.headers.get("accept-encoding", ""):
        return Response(body, headers=dict(headers), media_type=kind)
    return Response(gzip.compress(body, 5, mtime=0), headers={**headers, "Content-Encoding": "gzip"}, media_type=kind)


def server(desk: Desk, access: Access, *, live: str = "poll") -> FastAPI:
    """Make the server.

    Args:
        desk: Makes views.
        access: Says who reads, or refuses.
        live: `events` where open pages are told of changes, as on one's own machine; `poll` where each asks every 20 s;
            empty for pages that stay as they are.
    """
    app = FastAPI(title="mlservice page", openapi_url=None, docs_url=None, redoc_url=None)
    answers = Answers(desk, live)
    _guard(app, access, answers.links)
    for name in OF_ALL:
        _add_view(app, answers, name, "/" if name == "fleet" else f"/{name}")
        _add_data(app, answers, name, f"/{name}.json")
    _add_feed(app, answers)
    for name in OF_ONE:
        below = "" if name == "service" else f"/{name}"
        _add_data(app, answers, name, f"/s/{{region}}/{{service}}{below}.json")
        _add_view(app, answers, name, f"/s/{{region}}/{{service}}{below}")
    _add_static(app)
    if live == "events":
        _add_events(app, Events(desk))
    return app


def _view(name: str, request: Request) -> View:
    query = {key: value for key, value in request.query_params.items() if key != "print"}
    return View(name, request.path_params.get("region", ""), request.path_params.get("service", ""), query)


def _add_view(app: FastAPI, answers: Answers, name: str, path: str) -> None:
    async def page(request: Request) -> Response:
        return await run_in_threadpool(answers.answer, _view(name, request), request, data=False)

    app.router.add_route(path, page, methods=["GET"])


def _add_data(app: FastAPI, answers: Answers, name: str, path: str) -> None:
    async def data(request: Request) -> Response:
        return await run_in_threadpool(answers.answer, _view(name, request), request, data=True)

    app.router.add_route(path, data, methods=["GET"])


def _add_feed(app: FastAPI, answers: Answers) -> None:
    async def feed(request: Request) -> Response:
        return await run_in_threadpool(answers.feed, _view("changes", request), request)

    app.router.add_route(FEED, feed, methods=["GET"])


def _add_static(app: FastAPI) -> None:
    async def static(request: Request) -> Response:
        asset = assets().get(request.path_params["name"])
        if asset is None or asset.digest != request.path_params["digest"]:
            raise HTTPException(404, "There is no such file.")
        headers = {**FOR_GOOD, "Vary": "Accept-Encoding"}
        if "gzip" in request.headers.get("accept-encoding", ""):
            return Response(asset.packed, headers={**headers, "Content-Encoding": "gzip"}, media_type=asset.type)
        return Response(asset.content, headers=headers, media_type=asset.type)

    app.router.add_route("/static/{digest}/{name:path}", static, methods=["GET"])


def _add_events(app: FastAPI, events: Events) -> None:
    async def stream(request: Request) -> Response:
        seen = request.headers.get("last-event-id") or request.query_params.get("since", "")
        told: AsyncIterator[bytes] = events.after(seen, request.is_disconnected)
        return StreamingResponse(told, media_type="text/event-stream", headers=dict(DATA))

    app.router.add_route("/events", stream, methods=["GET"])


def _guard(app: FastAPI, access: Access, links: Served) -> None:
    """Put before and after every request what holds for all of them."""

    @app.middleware("http")
    async def guarded(request: Request, follow: Next) -> Response:
        answer = await _guarded(request, follow, access, links)
        for name, value in STRICT.items():
            answer.headers.setdefault(name, value)
        return answer

    @app.exception_handler(NoSuchView)
    async def missing(request: Request, error: Exception) -> Response:
        del request, error
        return _said(404, "There is no such view, or no such service any more.", links)

    @app.exception_handler(HTTPException)
    async def refused(request: Request, error: HTTPException) -> Response:
        del request
        return _said(error.status_code, str(error.detail), links, error.headers)

    @app.exception_handler(Exception)
    async def failed(request: Request, error: Exception) -> Response:
        del request, error  # uvicorn logs it, with its place
        answer = _said(500, "This view could not be made. The server's log says why.", links)
        answer.headers.update(STRICT)  # outside of what is put around the others
        return answer


async def _guarded(request: Request, follow: Next, access: Access, links: Served) -> Response:
    try:
        request.state.reader = await run_in_threadpool(access.reader, request.headers)
    except Refused as refusal:
        return _said(403, str(refusal), links)
    return await follow(request)


def _said(code: int, text: str, links: Served, headers: Mapping[str, str] | None = None) -> Response:
    body = trouble(code, text, links)
    return Response(body, code, {**(headers or {}), **DATA}, "text/html; charset=utf-8")
