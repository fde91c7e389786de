"""A container whose streams begin at once, and end when somebody asks for `/go`."""

# ruff: noqa: T201 - a program of its own, whose output is its log

import asyncio
import os

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
FIRST, LAST = b"d\r\ndata: first\n\n\r\n", b"c\r\ndata: last\n\n\r\n0\r\n\r\n"


async def main():
    go = asyncio.Event()

    async def stream(reader, writer):
        while request := await reader.readuntil(b"\r\n\r\n"):
            writer.write(HEAD + FIRST)
            if request.startswith(b"GET /go "):
                go.set()
            await go.wait()
            writer.write(LAST)

    async def one(reader, writer):
        try:
            await stream(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(one, os.environ["HOST"], int(os.environ["PORT"]), backlog=2048)
    print("ready", flush=True)
    await server.serve_forever()


asyncio.run(main())
