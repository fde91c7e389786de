"""Python that ends a process which opens a connection, or notes where to. On PYTHONPATH, it is run at every start.

`NO_CONNECTIONS=1`: the kernel ends the process at its first `connect` to an internet address, whoever calls it, also a
library in C. Sockets of this machine's file system are let be: the C library asks the cache of user names for one.
`CONNECTIONS_FILE`: Python's own connections and look-ups are written there, a line each.
"""

import ctypes
import os
import platform
import struct
import sys

CONNECT = {"x86_64": 42, "aarch64": 203}
# of linux/seccomp.h, linux/filter.h and linux/prctl.h
ALLOW, KILL_PROCESS = 0x7FFF0000, 0x80000000
LOAD, EQUAL, RETURN = 0x20, 0x15, 0x06
NUMBER, ADDRESS_LENGTH = 0, 32  # where the number of a call is, and its third argument
IPV4_BYTES, IPV6_BYTES = 16, 28  # the address itself a filter cannot read
NO_NEW_PRIVS, SECCOMP, FILTER = 38, 22, 2
EVENTS = {"socket.connect", "socket.sendto", "socket.sendmsg", "socket.getaddrinfo", "socket.gethostbyname"}


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("steps", ctypes.c_void_p))


def forbid() -> None:
    """Have the kernel end this process, and all it starts, at a `connect` to an internet address."""
    steps = [(LOAD, 0, 0, NUMBER), (EQUAL, 0, 4, CONNECT[platform.machine()]), (LOAD, 0, 0, ADDRESS_LENGTH)]
    steps += [(EQUAL, 1, 0, IPV4_BYTES), (EQUAL, 0, 1, IPV6_BYTES)]
    steps += [(RETURN, 0, 0, KILL_PROCESS), (RETURN, 0, 0, ALLOW)]
    packed = b"".join(struct.pack("HBBI", *step) for step in steps)
    kept = ctypes.create_string_buffer(packed, len(packed))
    program = _Program(len(steps), ctypes.cast(kept, ctypes.c_void_p))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(NO_NEW_PRIVS, 1, 0, 0, 0) or libc.prctl(SECCOMP, FILTER, ctypes.byref(program), 0, 0):
        raise OSError(ctypes.get_errno(), "no filter of system calls here")


def note(file: str) -> None:
    """Write what Python connects to into a file."""

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        if event in EVENTS:
            where = arguments[1:] if event.startswith("socket.con") else arguments
            with open(file, "a", encoding="utf-8") as lines:  # noqa: PTH123 - pathlib is not imported this early
                lines.write(f"{event} {where}\n")

    sys.addaudithook(hook)


if os.environ.get("NO_CONNECTIONS"):
    forbid()
if os.environ.get("CONNECTIONS_FILE"):
    note(os.environ["CONNECTIONS_FILE"])
