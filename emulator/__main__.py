"""`python -m emulator serve --state DIR [--port N] [--grpc-port N]`."""

import argparse
import logging
import sqlite3
import sys
from pathlib import Path

from emulator.core.state_dir import StateInUseError


def main() -> int:
    """Serve; returns 1 when it cannot start."""
    parser = argparse.ArgumentParser(prog="python -m emulator", description="Local Google Cloud.")
    commands = parser.add_subparsers(required=True)
    command = commands.add_parser("serve", help="serve one state folder until SIGTERM")
    command.add_argument("--state", type=Path, required=True, help="where everything of this cloud lies")
    command.add_argument("--port", type=int, default=0, help="HTTP port; 0: the last one used, else a free one")
    command.add_argument("--grpc-port", type=int, default=0, help="gRPC port, by the same rule")
    chosen = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s", stream=sys.stderr)
    try:
        from emulator.daemon import serve  # noqa: PLC0415 - so that a missing extra can be explained
    except ModuleNotFoundError as error:
        sys.stderr.write(f"error: the emulator needs the extra mlservice[local] ({error})\n")
        return 1
    try:
        serve(chosen.state.resolve(), port=chosen.port, grpc_port=chosen.grpc_port)
    except (StateInUseError, OSError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    except sqlite3.DatabaseError as error:
        sys.stderr.write(f"error: the state in {chosen.state} cannot be read: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
