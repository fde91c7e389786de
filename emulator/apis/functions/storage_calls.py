"""Calls of the emulated Cloud Storage, made as a client makes them: counted, and met by faults."""

import json
import threading
from io import BytesIO
from typing import Any

from emulator.apis.storage.app import Edge
from emulator.apis.storage.wire import Reply
from emulator.core.world import World
from emulator.identity.tokens import Tokens


def call(world: World, caller: str, verb: str, target: str, body: Any = None) -> Reply:
    """Answer one call of the JSON API.

    Args:
        world: Where.
        caller: E-mail of the account that calls.
        verb: HTTP method.
        target: Path and query, percent-encoded.
        body: JSON, or None.
    """
    headers = {"authorization": f"Bearer {world.part(Tokens).access_token(caller)}"}
    data = b"" if body is None else json.dumps(body).encode()
    return Edge(world, world.http_url, threading.Event()).answer(verb, target, headers, BytesIO(data))
