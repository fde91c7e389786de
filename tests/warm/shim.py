"""`mlservice` for whoever looks for a program: has a test process fork the command, and stands in for it until it ends.

Run with `-I -S`, it starts in 15 ms. Its streams, folder and environment are the command's; so is how it ends.
"""

import json
import os
import signal
import socket
import sys


def main() -> None:
    """Ask, wait, end as the command did."""
    door = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    door.connect(sys.argv[1])
    folder = os.getcwd()  # noqa: PTH109 - pathlib is as long to import as all of this takes
    wanted = {"arguments": sys.argv[2:], "folder": folder, "env": dict(os.environ)}
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)  # the command gets it, once it is known who that is
    socket.send_fds(door, [json.dumps(wanted).encode()], [0, 1, 2])
    pid = int(door.recv(64))
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: os.kill(pid, number))
    code = int(door.recv(64))
    if code < 0:
        signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code)


main()
