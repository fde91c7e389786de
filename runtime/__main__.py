"""`python -m runtime [FOLDER]`: the container's command, and `mlservice serve` on a laptop."""

from __future__ import annotations

import argparse
import dataclasses
import os
import sys

import msgspec

from runtime.configuration.options import options_from_environment
from runtime.configuration.settings import SettingsError, model_from_environment, runtime_from_environment
from runtime.telemetry import logs

DEFAULT_PORT = 8080
WRONG_USAGE = 64


def main(arguments: list[str] | None = None) -> int:
    """Serve a model.

    Returns:
        Exit status: 0 after a clean stop, 64 for wrong usage.
    """
    flags = _parser().parse_args(arguments)
    logs.configure(os.environ.get("LOG_LEVEL", "info"), structured=_in_a_container())
    try:
        model = model_from_environment(os.environ)
        runtime = runtime_from_environment(os.environ)
        options = options_from_environment(os.environ, runtime)
    except SettingsError as error:
        return _wrong(error)
    if flags.model:
        model = msgspec.structs.replace(model, uri=flags.model)
    if flags.name:
        model = msgspec.structs.replace(model, name=flags.name)
    if flags.grpc_port is not None:
        options = dataclasses.replace(options, grpc_port=flags.grpc_port)
    if flags.app:
        options = dataclasses.replace(options, app=flags.app)
    from runtime.http.server import Listening, serve  # noqa: PLC0415
    from runtime.serving.records import Records  # noqa: PLC0415 - `--help` needs no server
    from runtime.serving.service import Service  # noqa: PLC0415

    service = Service(model, runtime, options, Records(options, runtime.shadow))
    try:
        serve(service, Listening(flags.host, flags.port, wire=flags.wire))
    except SettingsError as error:
        return _wrong(error)
    return 0


def _wrong(error: SettingsError) -> int:
    """Say wrong usage on the terminal."""
    print(f"mlservice runtime: {error}", file=sys.stderr)  # noqa: T201 - where it is looked for
    return WRONG_USAGE


def _in_a_container() -> bool:
    return bool(os.environ.get("K_SERVICE") or os.environ.get("AIP_HTTP_PORT"))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m runtime", description="Serve a model folder.")
    parser.add_argument("model", nargs="?", help="folder or gs://bucket/prefix; default: the spec's model.uri")
    parser.add_argument("--host", default=os.environ.get("HOST", "127.0.0.1"))
    port = os.environ.get("AIP_HTTP_PORT") or os.environ.get("PORT") or DEFAULT_PORT
    parser.add_argument("--port", type=int, default=int(port))
    parser.add_argument("--name", default="", help="name of the model; default: model.yaml's, else the service's")
    parser.add_argument("--grpc-port", type=int, help="also serve Open Inference Protocol over gRPC; 0: not")
    parser.add_argument("--app", help="module:function that adds routes and middleware to the FastAPI application")
    parser.add_argument("--no-wire", dest="wire", action="store_false", help="answer every path through FastAPI")
    return parser


if __name__ == "__main__":
    sys.exit(main())
