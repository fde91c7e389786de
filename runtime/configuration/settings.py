"""What the server is told: the spec's `model` and `runtime` sections, a `model.yaml`, the container's environment.

The reconciler hands both sections over as JSON in the environment, with the names of the YAML file. They are
checked there already, so this module reads what the server needs with msgspec structs: importing the whole
language of `mlservice.yaml` would cost more than loading a small model does.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

FeatureType = Literal["number", "integer", "boolean", "category", "string"]
Framework = Literal["onnx", "sklearn", "xgboost", "lightgbm", "torch", "custom"]

MODEL_VARIABLE = "MLSERVICE_MODEL"
RUNTIME_VARIABLE = "MLSERVICE_RUNTIME"
MODEL_FILE = "model.yaml"

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)")
_WHOLE_DURATION = re.compile(rf"(?:{_DURATION.pattern})+")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_MEMORY = re.compile(r"(\d+)(Mi|Gi)")
_BYTES = {"Mi": 2**20, "Gi": 2**30}


Section = TypeVar("Section", bound=msgspec.Struct)


class SettingsError(ValueError):
    """The server was told something it cannot do. The message names the variable or file."""


class Feature(msgspec.Struct, frozen=True, rename="camel"):
    """One input column.

    `min` and `max` are inclusive; `values` are the categories in the model's order, as text. A `nullable` feature
    may be null or left out and becomes NaN (or None, as text).
    """

    type: FeatureType
    min: float | None = None
    max: float | None = None
    values: tuple[str, ...] = ()
    nullable: bool = False
    log: bool = True


class Prediction(msgspec.Struct, frozen=True, rename="camel"):
    """Which output is the prediction: by its name, else by what it is. Left out, it is a number, as in the language."""

    name: str = ""
    type: FeatureType = "number"


class ModelSettings(msgspec.Struct, frozen=True, rename="camel"):
    """One model: where it is, what it is, what goes in.

    A pickle-based file is code: it loads only with `allow_pickle` and the right `sha256` (hex, of the file). So is a
    Python file, except in a `local` folder: that one was put there by who started the server.
    """

    uri: str | None = None
    name: str | None = None
    version: str | None = None
    alias: str | None = None
    framework: Framework | None = None
    file: str | None = None
    sha256: str | None = None
    allow_pickle: bool = False
    local: bool = False
    features: dict[str, Feature] = {}
    prediction: Prediction | None = None


class Batching(msgspec.Struct, frozen=True, rename="camel"):
    """At most `max_size` rows per call; a call may wait `max_delay` for rows that are known to be on their way.

    Without a `max_size` it is measured: what the model predicts within a millisecond, and at least 32.
    """

    max_size: int | None = None
    max_delay: str = "2ms"


class Shadow(msgspec.Struct, frozen=True, rename="camel"):
    """Another version that gets copies of a share of the requests: its predict URL, and percent from 0 to 100."""

    url: str
    percent: float = 100.0


class Limits(msgspec.Struct, frozen=True, rename="camel"):
    """Largest body, as in the YAML file (`10Mi`), and most rows of one request."""

    max_body: str = "10Mi"
    max_rows: int = 10_000


class AccessLog(msgspec.Struct, frozen=True, rename="camel"):
    """Share of requests that are logged, 0 to 1."""

    sample_rate: float = 1.0


class RuntimeSettings(msgspec.Struct, frozen=True, rename="camel"):
    """How to serve. Durations are as in the YAML file: `30s`, `2ms`."""

    protocols: tuple[str, ...] = ("json", "v2", "vertex")
    timeout: str = "300s"
    batching: Batching | None = None
    limits: Limits = Limits()
    access_log: AccessLog | None = None
    shadow: Shadow | None = None


def seconds(text: str) -> float:
    """Read a duration such as `250ms`, `30s`, `4m`, `1h` as seconds.

    Raises:
        SettingsError: It is none.
    """
    if not _WHOLE_DURATION.fullmatch(text):
        raise SettingsError(f"{text!r} is no duration; write 250ms, 30s, 4m or 1h")
    return sum(float(number) * _SECONDS[unit] for number, unit in _DURATION.findall(text))


def size(text: str) -> int:
    """Read an amount of memory such as `10Mi` as bytes.

    Raises:
        SettingsError: It is none.
    """
    found = _MEMORY.fullmatch(text)
    if found is None:
        raise SettingsError(f"{text!r} is no amount of memory; write 10Mi")
    return int(found[1]) * _BYTES[found[2]]


def model_from_environment(environment: Mapping[str, str]) -> ModelSettings:
    """Read `MLSERVICE_MODEL`; an absent one leaves everything to the folder."""
    settings = _decode(environment.get(MODEL_VARIABLE), ModelSettings, MODEL_VARIABLE)
    vertex_uri = environment.get("AIP_STORAGE_URI", "")
    return settings if settings.uri or not vertex_uri else msgspec.structs.replace(settings, uri=vertex_uri)


def runtime_from_environment(environment: Mapping[str, str]) -> RuntimeSettings:
    """Read `MLSERVICE_RUNTIME`; an absent one is the defaults.

    Raises:
        SettingsError: It is no such JSON, a duration in it is none, or a batch has less than one row.
    """
    settings = _decode(environment.get(RUNTIME_VARIABLE), RuntimeSettings, RUNTIME_VARIABLE)
    batching = settings.batching or Batching()
    for text in (settings.timeout, batching.max_delay):
        seconds(text)
    if batching.max_size is not None and batching.max_size < 1:
        raise SettingsError(f"{RUNTIME_VARIABLE}: batching.maxSize is {batching.max_size}, below 1")
    return msgspec.structs.replace(settings, batching=batching)


def with_folder(settings: ModelSettings, folder: Path, *, trusted: bool) -> ModelSettings:
    """Complete what the environment says by the folder's own `model.yaml`; the environment wins.

    Args:
        settings: From the environment.
        folder: The model folder, already on this machine.
        trusted: Whether who wrote the folder may also allow a pickle. Not so for a bucket: there, whoever can
            replace the pickle can replace its digest as well.
    """
    settings = msgspec.structs.replace(settings, local=trusted)
    file = folder / MODEL_FILE
    if not file.is_file():
        return settings
    import yaml  # noqa: PLC0415 - most folders have no model.yaml

    try:
        found = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
        written = msgspec.convert(found, ModelSettings)
    except (yaml.YAMLError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise SettingsError(f"{MODEL_FILE}: {error}") from error
    if not trusted:
        written = msgspec.structs.replace(written, allow_pickle=False)
    return msgspec.structs.replace(written, **_given(settings))


def _given(settings: ModelSettings) -> dict[str, Any]:
    """Give what was said. The reconciler hands over no defaults, so what equals one was not said."""
    default = ModelSettings()
    fields = msgspec.structs.asdict(settings)
    return {name: value for name, value in fields.items() if value != getattr(default, name)}


def _decode(text: str | None, kind: type[Section], variable: str) -> Section:
    try:
        return msgspec.json.decode(text or "{}", type=kind)
    except msgspec.MsgspecError as error:
        raise SettingsError(f"{variable}: {error}") from error
