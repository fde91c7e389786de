"""What the model server uses of uvicorn that uvicorn promises nobody: an upgrade without it fails here, by name."""

import inspect

import pytest
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import Server, ServerState

from runtime.http.guard import GuardedProtocol
from runtime.http.server import Server as OurServer
from runtime.http.wire import WireProtocol

ATTRIBUTES = {
    "app", "app_state", "config", "connections", "cycle", "expect_100_continue", "flow", "headers", "loop", "parser",
    "pipeline", "server_state", "timeout_keep_alive_task", "transport",
}  # fmt: skip
CALLED = {"_start_asgi_task", "_unset_keepalive_if_required"}
OVERRIDDEN = {
    "connection_lost", "connection_made", "data_received", "on_body", "on_header", "on_headers_complete",
    "on_message_begin", "on_message_complete", "on_response_complete", "pause_writing", "resume_writing", "shutdown",
}  # fmt: skip


def config() -> uvicorn.Config:
    """The configuration of an application that is never called."""
    return uvicorn.Config(lambda: None, log_config=None, lifespan="off", ws="none")


@pytest.mark.anyio
async def test_a_connection_has_what_we_use():
    """Attributes that our protocol classes read, and methods that they call."""
    connection = HttpToolsProtocol(config(), ServerState(), {})

    missing = {name for name in ATTRIBUTES | CALLED if not hasattr(connection, name)}
    assert missing == set()


def test_what_we_override_is_still_called_so():
    """A callback of another name would never be called, and bounds would be gone without a word."""
    ours = {name for kind in (GuardedProtocol, WireProtocol) for name in vars(kind) if hasattr(HttpToolsProtocol, name)}

    assert {name for name in ours if not name.startswith("__")} == OVERRIDDEN


def test_the_server_is_ended_as_we_end_it():
    """Steps of the server that are ours, with the parameters we give on, and the state they share."""
    for name in ("startup", "shutdown", "handle_exit", "capture_signals", "on_tick"):
        assert list(inspect.signature(getattr(Server, name)).parameters) == list(
            inspect.signature(getattr(OurServer, name)).parameters
        )
    assert ServerState().default_headers == []
    assert ServerState().total_requests == 0
    assert ServerState().connections == set()


def test_a_configuration_has_what_a_drain_needs():
    """Headers for every answer, as a list that is read anew."""
    loaded = config()
    loaded.load()

    assert isinstance(loaded.encoded_headers, list)
    assert loaded.http_protocol_class is not None
