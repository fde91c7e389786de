"""How the server is operated: what single variables of the environment say.

Those that the spec's `runtime` section has words for win over it: whoever starts a container by hand has the last word.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from runtime.configuration.settings import RuntimeSettings, SettingsError, size

if TYPE_CHECKING:
    from collections.abc import Mapping

METADATA_HOST = "169.254.169.254"  # the address of metadata.google.internal: no name is looked up where it is not
MAX_BODY_BYTES = 10 * 2**20
MAX_ROWS = 10_000
MAX_WAITING = 512
_NOTHING_SAID = RuntimeSettings()


@dataclass(frozen=True, slots=True)
class Options:
    """Bounds, routes and records.

    Attributes:
        service: Name for traces; the model's name where neither flag nor `model.yaml` gives one.
        max_body: Bytes of a body. Cloud Run's own bound is 32 MiB.
        max_rows: Rows of one request.
        max_waiting: Requests that wait for one model; more are answered 429.
        access_log: Share of requests that are logged, 0 to 1; server errors always are.
        revision: Of the service on Cloud Run; empty elsewhere.
        prediction_log: `-` for stdout, a topic (`projects/P/topics/T`), or a file; empty for none.
        prediction_log_rate: Share of requests, 0 to 1.
        prediction_log_columns: Name of the column of each feature, where it is not the feature's.
        events_topic: `projects/P/topics/T` for answers of events; empty answers the caller.
        api_keys: Keys that open the server, separated by commas; empty leaves it open.
        grpc_port: Port of the gRPC protocol; 0 for none.
        vertex_predict, vertex_health: Routes of Vertex AI's container contract.
        vertex_deployed: Id of the deployed model, which its answers name; empty for none.
        tracing: Whether an OpenTelemetry collector is named.
        project: For the full names of traces in logs.
        emulated: Whether services of this machine stand for those of Cloud Run.
        metadata_host: Of the metadata server.
        shadow_tag: Tag of this service; the version that carries it gets copies of requests. Empty for none.
        shadow_percent: Percent of requests that are copied to it.
        run_app_host: `host:port` that stands for all names on run.app; empty where they are looked up.
        app: `module:function` that adds routes and middleware to the application; empty for none.
    """

    service: str = ""
    max_body: int = MAX_BODY_BYTES
    max_rows: int = MAX_ROWS
    max_waiting: int = MAX_WAITING
    access_log: float = 0.0
    revision: str = ""
    prediction_log: str = ""
    prediction_log_rate: float = 1.0
    prediction_log_columns: Mapping[str, str] = field(default_factory=dict)
    events_topic: str = ""
    api_keys: str = ""
    grpc_port: int = 0
    vertex_predict: str = ""
    vertex_health: str = ""
    vertex_deployed: str = ""
    tracing: bool = False
    project: str = ""
    emulated: bool = False
    metadata_host: str = METADATA_HOST
    shadow_tag: str = ""
    shadow_percent: float = 100.0
    run_app_host: str = ""
    app: str = ""


def options_from_environment(environment: Mapping[str, str], runtime: RuntimeSettings = _NOTHING_SAID) -> Options:
    """Read the environment.

    Args:
        environment: Variables.
        runtime: The spec's section, for what they leave out.

    Raises:
        SettingsError: A number is none, or out of range.
    """
    limits, access = runtime.limits, runtime.access_log
    return Options(
        service=environment.get("K_SERVICE", ""),
        max_body=_whole(environment, "MLSERVICE_MAX_BODY", size(limits.max_body)),
        max_rows=_whole(environment, "MLSERVICE_MAX_ROWS", limits.max_rows),
        max_waiting=_whole(environment, "MLSERVICE_MAX_WAITING", MAX_WAITING),
        access_log=_share(environment, "MLSERVICE_ACCESS_LOG", access.sample_rate if access else 0.0),
        revision=environment.get("K_REVISION", ""),
        prediction_log=environment.get("MLSERVICE_PREDICTION_LOG", ""),
        prediction_log_rate=_share(environment, "MLSERVICE_PREDICTION_LOG_RATE", 1.0),
        prediction_log_columns=_names(environment, "MLSERVICE_PREDICTION_LOG_COLUMNS"),
        events_topic=environment.get("MLSERVICE_EVENTS_TOPIC", ""),
        api_keys=environment.get("MLSERVICE_API_KEYS", ""),
        grpc_port=_whole(environment, "MLSERVICE_GRPC_PORT", 0),
        vertex_predict=environment.get("AIP_PREDICT_ROUTE", ""),
        vertex_health=environment.get("AIP_HEALTH_ROUTE", ""),
        vertex_deployed=environment.get("AIP_DEPLOYED_MODEL_ID", ""),
        tracing=bool(environment.get("OTEL_EXPORTER_OTLP_ENDPOINT")),
        project=environment.get("GOOGLE_CLOUD_PROJECT", ""),
        emulated="MLSERVICE_EMULATOR" in environment,
        metadata_host=environment.get("GCE_METADATA_HOST", METADATA_HOST),
        shadow_tag=environment.get("MLSERVICE_SHADOW_TAG", ""),
        shadow_percent=_whole(environment, "MLSERVICE_SHADOW_PERCENT", 100),
        run_app_host=environment.get("RUN_APP_EMULATOR_HOST", ""),
        app=environment.get("MLSERVICE_APP", ""),
    )


def _whole(environment: Mapping[str, str], name: str, default: int) -> int:
    text = environment.get(name, str(default))
    if not text.isascii() or not text.isdigit():
        raise SettingsError(f"{name}: {text!r} is no whole number")
    return int(text)


def _names(environment: Mapping[str, str], name: str) -> Mapping[str, str]:
    try:
        found: dict[str, str] = msgspec.json.decode(environment.get(name) or "{}", type=dict[str, str])
    except msgspec.MsgspecError as error:
        raise SettingsError(f"{name}: {error}") from error
    return found


def _share(environment: Mapping[str, str], name: str, default: float) -> float:
    text = environment.get(name, str(default))
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise SettingsError(f"{name}: {text!r} is no share from 0 to 1")
    return share
