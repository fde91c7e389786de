"""The process that has imported a program, and forks for each run of it.

It has one thread and starts no other, opens no channel and no file: what a fork would not bear, a run does for itself.
"""

import atexit
import gc
import importlib
import io
import json
import os
import runpy
import select
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any, NoReturn

LARGEST = 1 << 18


def main() -> None:
    """Fork until the other side closes the socket. Returns in the child of a fork only."""
    requests = socket.socket(fileno=int(sys.argv[1]))
    importlib.import_module(sys.argv[2])
    gc.collect()
    gc.freeze()  # so that no run copies pages by looking at what is there already
    woken, wake = os.pipe()
    for end in (woken, wake):
        os.set_blocking(end, False)
    signal.set_wakeup_fd(wake)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    interrupted = signal.signal(signal.SIGINT, signal.SIG_IGN)  # it ends when who started it does
    running: dict[int, int] = {}
    while True:
        ready, _, _ = select.select([requests, woken], [], [])
        if woken in ready:
            os.read(woken, 4096)
            _reap(running)
        if requests not in ready:
            continue
        body, handed, _, _ = socket.recv_fds(requests, LARGEST, 4)
        if not body:
            _end_all(running)
            sys.exit()
        *streams, told = handed
        pid = os.fork()
        if pid == 0:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGINT, interrupted)
            _become(json.loads(body), streams, [told, woken, wake, *running.values()], requests)
            return
        for each in streams:
            os.close(each)
        running[pid] = told
        _tell(told, pid)


def _reap(running: dict[int, int]) -> None:
    """Say how those ended that have."""
    for pid, told in list(running.items()):
        ended, status = os.waitpid(pid, os.WNOHANG)
        if not ended:
            continue
        _tell(told, os.waitstatus_to_exitcode(status))
        os.close(told)
        del running[pid]


def _tell(told: int, number: int) -> None:
    with suppress(BrokenPipeError):  # nobody waits for it any more
        os.write(told, b"%d\n" % number)


def _end_all(running: Iterable[int]) -> None:
    """End what runs on when who asked for it is gone: nobody else knows of it, and killed tests end nothing."""
    for pid in running:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)


def _become(wanted: dict[str, Any], streams: Sequence[int], others: Sequence[int], requests: socket.socket) -> None:
    """Be the process that was asked for, as if it had been started from nothing."""
    requests.close()
    for each in others:
        os.close(each)
    for number, each in enumerate(streams):
        os.dup2(each, number)
        os.close(each)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.chdir(wanted["folder"])
    os.environ.clear()
    os.environ.update(wanted["env"])
    time.tzset()  # the C library has looked at another's time zone
    sys.path[0] = wanted["folder"]
    sys.argv[:] = [wanted["module"], *wanted["arguments"]]
    sys.stdin = sys.__stdin__ = _text(sys.stdin, "r")
    sys.stdout = sys.__stdout__ = _text(sys.stdout, "w")
    sys.stderr = sys.__stderr__ = _text(sys.stderr, "w")


def _text(before: Any, mode: str) -> Any:
    """A standard stream as the interpreter makes it, and made the one before: it translates no ends of lines."""
    number = before.fileno()
    binary: Any = open(number, f"{mode}b", closefd=False)  # noqa: SIM115 - until the end of the process
    lines = number == sys.__stderr__.fileno() or binary.isatty()  # type: ignore[union-attr]  # it is there
    return io.TextIOWrapper(binary, encoding=before.encoding, errors=before.errors, newline="\n", line_buffering=lines)


def _end(code: int) -> NoReturn:
    """End as the interpreter does, but take nothing apart that is thrown away with the process.

    To let go of each object writes to its page, which a fork would copy for that: half of what a short run costs.
    """
    threading._shutdown()  # type: ignore[attr-defined]  # waits for threads, as it does first
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__):
        stream.flush()  # type: ignore[union-attr]  # they are there in a program
    os._exit(code)


if __name__ == "__main__":
    main()
    try:
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            with suppress(OSError, ValueError, AttributeError):  # what cannot be written, the interpreter says itself
                _end((end.code or 0) & 0xFF)
        raise
