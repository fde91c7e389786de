"""A program `mlservice` in a folder, for what looks for it on PATH: scripts, and people who follow a page."""

import json
import os
import select
import shlex
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.warm.server import LARGEST
from tests.warm.stock import commands

SHIM = Path(__file__).with_name("shim.py")


@contextmanager
def program(folder: Path) -> Iterator[None]:
    """Put the program into a folder, and fork a command for each of its runs."""
    with door() as words:
        place = folder / "mlservice"
        place.write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n')
        place.chmod(0o755)
        yield


@contextmanager
def door() -> Iterator[list[str]]:
    """Fork a command for each process that is started with these words; gives them. What it has to do follows.

    A command ends with the process that stands for it.
    """
    with TemporaryDirectory(prefix="door-") as short, socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as opened:
        opened.bind(f"{short}/door")  # names of sockets are short
        opened.listen(16)
        threading.Thread(target=_open, args=(opened,), daemon=True).start()
        yield [sys.executable, "-I", "-S", str(SHIM), f"{short}/door"]
        with suppress(OSError):  # wakes who waits for the next one
            opened.shutdown(socket.SHUT_RDWR)


def _open(opened: socket.socket) -> None:
    with suppress(OSError):  # it is closed
        while True:
            asking, _ = opened.accept()
            threading.Thread(target=_run, args=(asking,), daemon=True).start()


def _run(asking: socket.socket) -> None:
    with asking:
        body, streams, _, _ = socket.recv_fds(asking, LARGEST, 3)
        wanted = json.loads(body)
        try:
            process = commands().run(
                "reconciler.cli",
                *wanted["arguments"],
                folder=Path(wanted["folder"]),
                env=wanted["env"],
                streams=(streams[0], streams[1], streams[2]),
            )
        finally:
            for each in streams:
                os.close(each)
        with suppress(OSError):  # whoever asked was killed
            asking.send(b"%d" % process.pid)
            if asking in select.select([asking, process], [], [])[0]:
                process.kill()
            asking.send(b"%d" % process.wait())
