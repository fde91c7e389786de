"""A program that was forked: as much of `subprocess.Popen` as tests use."""

import json
import os
import select
import signal
import socket
import subprocess
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Self


class Process:
    """A running program; `stdin`, `stdout` and `stderr` are text files where they were asked to be pipes.

    Args:
        server: The socket of the stock.
        module: Such as `reconciler.cli`.
        arguments: Of the command line.
        folder: Working directory.
        env: The whole environment.
        streams: For each of the three: `subprocess.PIPE`, `subprocess.DEVNULL` or a file descriptor.
    """

    def __init__(
        self,
        server: socket.socket,
        *,
        module: str,
        arguments: Sequence[str],
        folder: Path,
        env: Mapping[str, str],
        streams: tuple[int, int, int],
    ) -> None:
        self.returncode: int | None = None
        ends = [_stream(wanted, writes=number == 0) for number, wanted in enumerate(streams)]
        self._status, told = os.pipe()
        request = {"module": module, "arguments": list(arguments), "folder": str(folder), "env": dict(env)}
        socket.send_fds(server, [json.dumps(request).encode()], [*(theirs for theirs, _, _ in ends), told])
        for theirs, _, opened in ends:
            if opened:
                os.close(theirs)
        os.close(told)
        self.stdin, self.stdout, self.stderr = (ours for _, ours, _ in ends)
        self.pid = int(self._line())

    def _line(self) -> bytes:
        """Read what the stock has to say next.

        Raises:
            EOFError: It has died.
        """
        said = b""
        while not said.endswith(b"\n"):
            got = os.read(self._status, 1)
            if not got:
                raise EOFError("the process that forks programs has ended")
            said += got
        return said

    def fileno(self) -> int:
        """Give a file descriptor that can be read once it has ended."""
        return self._status

    def poll(self) -> int | None:
        """Give the exit status, None while it runs."""
        return self._ended(0)

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end.

        Raises:
            TimeoutExpired: It runs on.
        """
        code = self._ended(timeout)
        if code is None:
            raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
        return code

    def _ended(self, within_s: float | None) -> int | None:
        if self.returncode is None and select.select([self._status], [], [], within_s)[0]:
            self.returncode = int(self._line())
            os.close(self._status)
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send it a signal, if it still runs."""
        if self.poll() is None:
            with suppress(ProcessLookupError):  # it has just ended, which will be said in a moment
                os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)

    def communicate(self, stdin: str | None = None, timeout: float | None = None) -> tuple[str, str]:
        """Write its input, read its output to the end, and wait.

        Raises:
            TimeoutExpired: It runs on.
            UnicodeDecodeError: Its output is no text.
        """
        read: dict[int, str | UnicodeDecodeError] = {}

        def note(number: int, file: IO[str]) -> None:
            try:
                read[number] = file.read()
            except UnicodeDecodeError as error:  # for who asked, not for the thread
                read[number] = error

        readers = [
            threading.Thread(target=note, args=(number, file), daemon=True)
            for number, file in enumerate((self.stdout, self.stderr))
            if file is not None
        ]
        for reader in readers:
            reader.start()
        self._write(stdin)
        self.wait(timeout)
        for reader in readers:
            reader.join(timeout)
        self.close()
        return _text(read.get(0, "")), _text(read.get(1, ""))

    def _write(self, stdin: str | None) -> None:
        if self.stdin is None:
            return
        with suppress(BrokenPipeError):  # it ended without reading
            self.stdin.write(stdin or "")
            self.stdin.close()

    def close(self) -> None:
        """Let go of its streams."""
        for file in (self.stdin, self.stdout, self.stderr):
            if file is not None:
                with suppress(BrokenPipeError):  # what it has not read of its input
                    file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
        self.wait()


def _text(read: str | UnicodeDecodeError) -> str:
    if isinstance(read, UnicodeDecodeError):
        raise read
    return read


def _stream(wanted: int, *, writes: bool) -> tuple[int, IO[str] | None, bool]:
    """Give its end of a stream, our file for the other, and whether its end was opened here."""
    if wanted == subprocess.DEVNULL:
        return os.open(os.devnull, os.O_RDWR), None, True
    if wanted != subprocess.PIPE:
        return wanted, None, False
    reading, writing = os.pipe()
    theirs, ours = (reading, writing) if writes else (writing, reading)
    return theirs, os.fdopen(ours, "w" if writes else "r", encoding="utf-8"), True
