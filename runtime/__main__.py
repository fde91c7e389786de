"""`python -m runtime [FOLDER]`: the container's command, and `mlservice serve` on a laptop."""

from __future__ import annotations

import argparse
import logging
import os
import sys

import msgspec

from runtime.settings import SettingsError, model_from_environment, runtime_from_environment

DEFAULT_PORT = 8080


def main(arguments: list[str] | None = None) -> int:
    """Serve a model.

    Returns:
        Exit status: 0 after a clean stop, 64 for wrong usage.
    """
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    try:
        model = model_from_environment(os.environ)
        runtime = runtime_from_environment(os.environ)
    except SettingsError as error:
        print(f"mlservice runtime: {error}", file=sys.stderr)  # noqa: T201 - wrong usage is said on the terminal
        return 64
    if options.model:
        model = msgspec.structs.replace(model, uri=options.model)
    from runtime.server import serve  # noqa: PLC0415 - `--help` needs no server

    serve(model, runtime, host=options.host, port=options.port)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m runtime", description="Serve a model folder.")
    parser.add_argument("model", nargs="?", help="folder or gs://bucket/prefix; default: the spec's model.uri")
    parser.add_argument("--host", default=os.environ.get("HOST", "127.0.0.1"))
    port = os.environ.get("AIP_HTTP_PORT") or os.environ.get("PORT") or DEFAULT_PORT
    parser.add_argument("--port", type=int, default=int(port))
    return parser


if __name__ == "__main__":
    sys.exit(main())
