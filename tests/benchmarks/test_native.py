"""The small programs in C: callers who wait for nobody, and a count of what is copied."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from shutil import which
from typing import TYPE_CHECKING

import numpy as np
import pytest

from benchmarks.runtime.callers import call
from benchmarks.runtime.native import built

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.skipif(which("cc") is None, reason="there is no C compiler")
STOPS_S = 0.6
CONNECTIONS, RATE, SECONDS, WARM_S = 2, 100.0, 1.0, 0.3


class Stops(BaseHTTPRequestHandler):
    """A server that stops once, for everybody, when it was asked so often."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    turn = threading.Lock()
    asked: list[bytes]
    stops_at = int(RATE * (WARM_S + 0.1))
    refuses_at = -1

    def do_POST(self) -> None:
        """Answer with the body."""
        body = self.rfile.read(int(self.headers["content-length"]))
        with self.turn:
            self.asked.append(body)
            count = len(self.asked)
            if count == self.stops_at:
                time.sleep(STOPS_S)
        self.send_response(500 if count == self.refuses_at else 200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def serving(**told: int) -> Iterator[tuple[str, list[bytes]]]:
    """Serve; gives the address, and what was asked."""
    handler = type("Handler", (Stops,), {"asked": [], **told})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/predict", handler.asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_what_is_due_is_asked_and_has_waited() -> None:
    """While a server stops, requests are due all the same: each of them waits for as long as was left, and counts."""
    with serving() as (url, asked):
        heard = call([url], b"x" * 5000, CONNECTIONS, SECONDS, rate=RATE)

    assert len(asked) == heard.requests == round(RATE * (WARM_S + SECONDS))
    assert set(asked) == {b"x" * 5000}
    assert len(heard.took_s) == round(RATE * SECONDS)
    assert heard.failed == 0
    # A closed loop would have as many that waited as there are connections.
    assert np.count_nonzero(heard.took_s > STOPS_S / 4) >= RATE * STOPS_S / 2


def test_refusals_are_counted() -> None:
    """An answer that is no 200 is a failed request, in an open loop and in a closed one."""
    with serving(stops_at=-1, refuses_at=5) as (url, _):
        heard = call([url], b"{}", CONNECTIONS, 0.1, rate=RATE)
    with serving(stops_at=-1, refuses_at=5) as (url, asked):
        closed = call([url], b"{}", CONNECTIONS, 0.1)

    assert heard.failed == closed.failed == 1
    assert closed.requests <= len(asked) <= closed.requests + CONNECTIONS


def test_a_server_that_goes_away_ends_the_callers() -> None:
    """Rather than that its last answers were taken for its rate."""
    with serving() as (url, _):
        pass

    with pytest.raises(SystemExit, match="no connection"):
        call([url], b"", 1, 0.1)


def test_copies_are_counted(tmp_path: Path) -> None:
    """Those in large pieces, as often as they are made; and what was read."""
    counts = tmp_path / "counts"
    counts.write_bytes(bytes(16))
    (tmp_path / "file").write_bytes(bytes(300_000))
    told = {"COPIES": str(counts), "LD_PRELOAD": str(built("copies", "-shared", "-fPIC", "-fno-builtin"))}
    script = (
        "import os\n"
        "piece = os.read(os.open('file', os.O_RDONLY), 300_000)\n"
        "b''.join([piece, piece])\n"
        "bytearray(1_000_000)[:500_000]\n"
    )
    program = [sys.executable, "-S", "-c", script]
    without = [sys.executable, "-S", "-c", ""]

    def counted(command: list[str]) -> np.ndarray:
        before = np.fromfile(counts, np.uint64)
        subprocess.run(command, env={**os.environ, **told}, cwd=tmp_path, check=True)
        return np.fromfile(counts, np.uint64) - before

    np.testing.assert_array_equal(counted(program) - counted(without), [1_100_000, 300_000])
