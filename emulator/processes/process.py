"""A container as a process: start, output, end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import threading
from functools import partial
from typing import TYPE_CHECKING

from emulator.processes.logs import LogPipe
from emulator.processes.undertaker import kill_group

if TYPE_CHECKING:
    from emulator.processes.logs import Log
    from emulator.processes.model import Program
    from emulator.processes.undertaker import Undertaker

# From SIGTERM to SIGKILL: https://cloud.google.com/run/docs/container-contract#instance-shutdown
GRACE_S = 10.0
UMASK = 0o022  # as images have it; the emulator's own keeps everybody else out, which is no business of a container's
READ_S = 1.0
"""How long the end of a process waits for its last lines to be read: who hears of the end may ask for them."""


class Process:
    """One running container. `ended` holds its exit code (negative: a signal) once it is gone.

    The process leads a session of its own: what it started ends with it, and Ctrl-C in the emulator's terminal does
    not reach it.
    """

    def __init__(self, popen: subprocess.Popen[bytes], undertaker: Undertaker) -> None:
        self.pid = popen.pid
        self._popen = popen
        self._undertaker = undertaker
        self._reaping = threading.Lock()
        self._reaped = False
        self._loop = asyncio.get_running_loop()
        self.ended: asyncio.Future[int] = self._loop.create_future()
        self._output: LogPipe | None = None
        threading.Thread(target=self._wait, name=f"wait-{self.pid}", daemon=True).start()

    @classmethod
    async def start(cls, program: Program, log: Log, undertaker: Undertaker, prefix: str = "") -> Process:
        """Start a container and follow its output.

        Raises:
            OSError: The command does not exist or may not be run.
        """
        read_end, write_end = os.pipe()
        try:
            popen = subprocess.Popen(  # noqa: ASYNC220 - returns at once; its end is awaited in a thread
                program.command,
                cwd=program.folder,
                env=dict(program.environment),
                stdin=subprocess.DEVNULL,
                stdout=write_end,
                stderr=write_end,
                start_new_session=True,
                umask=UMASK,
            )
        except OSError:
            os.close(read_end)
            raise
        finally:
            os.close(write_end)
        undertaker.watch(popen.pid)
        process = cls(popen, undertaker)
        try:
            pipe = os.fdopen(read_end, "rb")
            _, reader = await process._loop.connect_read_pipe(lambda: LogPipe(log, prefix), pipe)
            process._output = reader
        except BaseException:  # a timeout, or the end of the loop: nobody else knows of the process yet
            process.kill()
            raise
        return process

    async def stop(self, grace_s: float = GRACE_S) -> None:
        """Ask the container to end, as Cloud Run does: SIGTERM, ten seconds, SIGKILL."""
        with self._reaping:
            if not self._reaped:
                os.kill(self.pid, signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(grace_s):
                await asyncio.shield(self.ended)
        self.kill()
        await asyncio.shield(self.ended)

    def kill(self) -> None:
        """End the container and everything it started, now."""
        with self._reaping:
            if not self._reaped:
                kill_group(self.pid)

    def _wait(self) -> None:
        """Wait in a thread of its own: the one way that works on every Unix and under every event loop.

        Until it is reaped a dead process keeps its number, and nobody else gets it: whatever is done by number is done
        before.
        """
        _until_dead(self._popen)
        with self._reaping:
            kill_group(self.pid)  # a container ends with its first process
            self._undertaker.forget(self.pid)
            code = self._popen.wait()
            self._reaped = True
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(self._finish, code)

    def _finish(self, code: int) -> None:
        if self._output is None or self._output.closed:
            self._end(code)
            return
        self._output.when_closed = partial(self._end, code)
        self._loop.call_later(READ_S, self._end, code)

    def _end(self, code: int) -> None:
        if not self.ended.done():
            self.ended.set_result(code)


def _until_dead(popen: subprocess.Popen[bytes]) -> None:
    """Wait for the end of a process and leave it unreaped; macOS can do so only since Python 3.13."""
    if hasattr(os, "waitid"):
        os.waitid(os.P_PID, popen.pid, os.WEXITED | os.WNOWAIT)
    else:
        popen.wait()
