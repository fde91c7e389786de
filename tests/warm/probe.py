"""A program that says how it was started, or ends in some way: `python -m tests.warm.probe WHAT [HOW]`."""

import atexit
import json
import os
import signal
import sys
import threading
import time
from pathlib import Path

from runtime.telemetry.request_ids import request_id


def found() -> dict[str, object]:
    """What a program can see of how it was started."""
    mask = os.umask(0)
    os.umask(mask)
    streams = (sys.stdin, sys.stdout, sys.stderr)
    return {
        "arguments": sys.argv,
        "folder": str(Path.cwd()),
        "path": sys.path[0],
        "told": os.environ.get("TOLD"),
        "umask": mask,
        "open": sorted(each.name for each in Path("/dev/fd").iterdir()),
        "streams": [[each.encoding, each.errors, each.line_buffering, each.isatty()] for each in streams],
        "signals": [str(signal.getsignal(number)) for number in sorted(signal.valid_signals())],
        "blocked": sorted(signal.pthread_sigmask(signal.SIG_BLOCK, [])),
        "zone": [*time.tzname, *time.localtime(0)[:5]],
        "threads": threading.active_count(),
        "name": __name__,
    }


def late() -> None:
    """Say something once the main thread is through."""
    time.sleep(0.05)
    print("thread")


match sys.argv[1]:
    case "found":
        print(json.dumps(found()))
    case "read":
        print(repr(sys.stdin.read()))
    case "end":
        sys.exit(json.loads(sys.argv[2]))
    case "kill":
        os.kill(os.getpid(), int(sys.argv[2]))
        time.sleep(60)
    case "late":
        atexit.register(print, "last")
        atexit.register(print, "before")
        threading.Thread(target=late).start()
        print("main")
        sys.exit(3)
    case "half":
        print("\udcff")
        sys.exit()
    case "bytes":
        sys.stdout.buffer.write(b"\xff\n")
        sys.exit()
    case "closed":
        os.close(1)
        print("nobody reads it")
        sys.exit()
    case "named":
        print(request_id(None))
    case "wait":
        print(os.getpid(), flush=True)
        time.sleep(600)
