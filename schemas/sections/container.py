"""`container`: how a container of one's own is started, and how Cloud Run finds out that it works."""

from enum import StrEnum
from typing import Any

from pydantic import Field, model_validator

from schemas.section import Section
from schemas.values import LooseText, Seconds, Text, Whole
from schemas.written import Written

MOST_PORT = 65_535


class PortProtocol(StrEnum):
    """What is spoken to the container."""

    HTTP1 = "http1"
    H2C = "h2c"


class Port(Section):
    """Where the container takes requests."""

    container_port: Whole = Field(8080, ge=1, le=MOST_PORT, description="The port; `PORT` in its environment says it.")
    protocol: PortProtocol = Field(
        PortProtocol.HTTP1, description="`h2c`: HTTP/2 without TLS up to the container, as gRPC needs it."
    )

    @model_validator(mode="before")
    @classmethod
    def _from_number(cls, value: Any) -> Any:
        return {"containerPort": value} if isinstance(value, (int, Written)) else value


class HttpGet(Section):
    """A probe that asks by HTTP: 200 to 399 is well."""

    path: Text = Field("/", description="Path that is asked for.")
    port: Whole | None = Field(None, ge=1, le=MOST_PORT, description="Left out, the container's own port.")
    headers: dict[str, LooseText] = Field(default_factory=dict, description="Headers of the request.")


class TcpSocket(Section):
    """A probe that connects."""

    port: Whole | None = Field(None, ge=1, le=MOST_PORT, description="Left out, the container's own port.")


class GrpcHealth(Section):
    """A probe that asks by the gRPC health checking protocol."""

    port: Whole | None = Field(None, ge=1, le=MOST_PORT, description="Left out, the container's own port.")
    service: Text = Field("", description="Service that is asked about; empty for the whole server.")


class Probe(Section):
    """How it is found out whether a container has started, works, or takes requests. One of three ways."""

    http_get: HttpGet | None = Field(None, description="By HTTP.")
    tcp_socket: TcpSocket | None = Field(None, description="By a connection; not for `livenessProbe`.")
    grpc: GrpcHealth | None = Field(None, description="By gRPC.")
    initial_delay_s: Seconds = Field(0, ge=0, le=3600, description="Time before the first try.")
    period_s: Seconds = Field(10, ge=1, le=3600, description="Time between tries.")
    timeout_s: Seconds = Field(1, ge=1, le=3600, description="Patience with one try; at most `period`.")
    failure_threshold: Whole = Field(3, ge=1, le=3600, description="Tries in a row that fail before it is given up.")


class Container(Section):
    """How the image is run. With the bundled model server only what does not take its place."""

    name: Text | None = Field(
        None,
        description="Its name, where sidecars depend on it; `server` beside sidecars if left out.",
        examples=["server"],
    )
    command: tuple[Text, ...] = Field((), max_length=1000, description="Entry point, in place of the image's.")
    args: tuple[LooseText, ...] = Field(
        (), max_length=1000, description="Arguments, in place of the image's.", examples=[["--port", "8000"]]
    )
    working_dir: Text | None = Field(None, description="Folder it is started in, in place of the image's.")
    port: Port | None = Field(
        None, description="Where it takes requests; left out, 8080 over HTTP/1. Shorthand: `port: 8000`."
    )
    health: Text | None = Field(
        None,
        description="How it is asked whether it has started and works: a path, `grpc`, `grpc:<service>`, or `tcp` "
        "(started only). Short for `startupProbe` and `livenessProbe`.",
        examples=["/health", "grpc"],
    )
    startup_s: Seconds | None = Field(
        None,
        ge=1,
        le=1800,
        description="Time it may take to start: at most `10m`, with a GPU `30m`. Short for `startupProbe`.",
        examples=["8m"],
    )
    startup_probe: Probe | None = Field(None, description="Has it started; no other probe asks before.")
    liveness_probe: Probe | None = Field(None, description="Does it work still; if not, the instance is replaced.")
    readiness_probe: Probe | None = Field(None, description="Does the instance take requests just now.")
    depends_on: tuple[Text, ...] = Field((), max_length=10, description="Sidecars that must have started before it.")
