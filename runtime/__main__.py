"""`python -m runtime [FOLDER]`: the container's command, and `mlservice serve` on a laptop."""

from __future__ import annotations

import argparse
import dataclasses
import os
import sys
from typing import TYPE_CHECKING

import msgspec

from runtime.configuration.options import options_from_environment
from runtime.configuration.settings import SettingsError, model_from_environment, runtime_from_environment
from runtime.configuration.silence import be_silent
from runtime.telemetry import logs

if TYPE_CHECKING:
    from collections.abc import Mapping

    from runtime.serving.service import Service

DEFAULT_PORT = 8080
WRONG_USAGE = 64
DEVICE_LOST = 70  # as sysexits.h calls an error of the software's own


def main(arguments: list[str] | None = None) -> int:
    """Serve a model.

    Returns:
        Exit status: 0 after a clean stop, 64 for wrong usage, 70 when the device was lost.
    """
    flags = parser(os.environ).parse_args(arguments)
    be_silent(os.environ)
    logs.configure(os.environ.get("LOG_LEVEL", "info"), structured=_in_a_container())
    try:
        service = service_of(flags, os.environ)
        from runtime.http.server import Listening, serve  # noqa: PLC0415 - `--help` needs no server

        serve(service, Listening(flags.host, flags.port, wire=flags.wire))
    except SettingsError as error:
        print(f"mlservice runtime: {error}", file=sys.stderr)  # noqa: T201 - where wrong usage is looked for
        return WRONG_USAGE
    return DEVICE_LOST if service.lost else 0


def service_of(flags: argparse.Namespace, environment: Mapping[str, str]) -> Service:
    """Make what is served of everything that was told; a flag wins over the environment.

    Raises:
        SettingsError: Something cannot be read. The message names the variable.
    """
    model = model_from_environment(environment)
    runtime = runtime_from_environment(environment)
    options = options_from_environment(environment, runtime)
    if flags.model:
        model = msgspec.structs.replace(model, uri=flags.model)
    if flags.name:
        model = msgspec.structs.replace(model, name=flags.name)
    if flags.allow_code:
        model = msgspec.structs.replace(model, allow_code=True)
    if flags.grpc_port is not None:
        options = dataclasses.replace(options, grpc_port=flags.grpc_port)
    if flags.app:
        options = dataclasses.replace(options, app=flags.app)
    from runtime.serving.records import Records  # noqa: PLC0415 - `--help` and wrong usage need no server
    from runtime.serving.service import Service  # noqa: PLC0415 - the same

    return Service(model, runtime, options, Records(options, runtime))


def _in_a_container() -> bool:
    return bool(os.environ.get("K_SERVICE") or os.environ.get("AIP_HTTP_PORT"))


def parser(environment: Mapping[str, str]) -> argparse.ArgumentParser:
    """Make the parser of the command line. Cloud Run and Vertex AI tell the port in the environment."""
    found = argparse.ArgumentParser(prog="python -m runtime", description="Serve a model folder.")
    found.add_argument("model", nargs="?", help="folder or gs://bucket/prefix; default: the spec's model.uri")
    found.add_argument("--host", default=environment.get("HOST", "127.0.0.1"))
    port = environment.get("AIP_HTTP_PORT") or environment.get("PORT") or DEFAULT_PORT
    found.add_argument("--port", type=int, default=int(port))
    found.add_argument("--name", default="", help="name of the model; default: model.yaml's, else the service's")
    found.add_argument("--grpc-port", type=int, help="also serve Open Inference Protocol over gRPC; 0: not")
    found.add_argument("--app", help="module:function that adds routes and middleware to the FastAPI application")
    found.add_argument("--allow-code", action="store_true", help="run what the folder holds: pickles, torch, Python")
    found.add_argument("--no-wire", dest="wire", action="store_false", help="answer every path through FastAPI")
    return found


def leave(status: int) -> None:
    """End the process. One whose device is lost goes at once: libraries that still free memory there would abort it."""
    if status == DEVICE_LOST:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
    sys.exit(status)


if __name__ == "__main__":
    leave(main())
