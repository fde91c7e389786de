"""What the server is told: the spec's `model` and `runtime` sections, a `model.yaml`, the container's environment.

The reconciler hands both sections over as JSON in the environment, with the names of the YAML file. They are
checked there already, so this module reads what the server needs with msgspec structs: importing the whole
language of `mlservice.yaml` would cost more than loading a small model does.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping
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
_IN_A_PATH = re.compile(r"(?!\.{1,2}$)[^/\x00-\x1f\x7f]+")


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

    A file that is code (a pickle, a torch program, Python) loads only with leave: `allow_pickle` and the right `sha256`
    (hex, of the file); for Python `framework: custom` may stand for the former, and in a `local` folder no digest is
    asked for. The spec gives it, or who started the server, by `allow_code`; see `with_folder`.
    `trusted_types` are those that a file of skops may hold beside scikit-learn's own.
    """

    uri: str | None = None
    name: str | None = None
    version: str | None = None
    alias: str | None = None
    framework: Framework | None = None
    file: str | None = None
    sha256: str | None = None
    allow_pickle: bool = False
    trusted_types: tuple[str, ...] = ()
    local: bool = False
    allow_code: bool = False
    features: dict[str, Feature] = {}
    prediction: Prediction | None = None


# Words of the language that a `model.yaml` may have and the server does not read: they are for the monitor.
UNREAD: Mapping[type, Collection[str]] = {Feature: {"monitor"}, Prediction: {"values"}}
# What the server is told otherwise: where the folder is, and by its command line.
NOT_WRITTEN: Mapping[type, Collection[str]] = {ModelSettings: {"local", "allowCode"}}


def _feature_flaws(feature: Feature) -> Iterator[tuple[str, str, str]]:
    """Find what a feature cannot be, as the language has it: bounds that nothing is within, a category twice."""
    for key, bound in (("min", feature.min), ("max", feature.max)):
        if bound is not None and not math.isfinite(bound):
            yield key, f"is {bound}, which is no bound", "leave it out"
    if feature.min is not None and feature.max is not None and feature.min > feature.max:
        yield "max", f"is {feature.max:g}, below min ({feature.min:g})", "no value would be within"
    counts = Counter(feature.values)
    if len(counts) < len(feature.values):
        yield "values", f"has {counts.most_common(1)[0][0]!r} twice", "write each category once"


def _model_flaws(settings: ModelSettings) -> Iterator[tuple[str, str, str]]:
    """Find names that no path has."""
    for key in ("name", "version", "alias"):
        name = getattr(settings, key)
        if name is not None and not _IN_A_PATH.fullmatch(name):
            yield key, f"is {name!r}, which stands in no path", "write no slash and no control character"


# What is wrong with a section of a `model.yaml` whose keys are right. Of a spec the reconciler says so.
CHECKS: Mapping[type, Callable[[Any], Iterator[tuple[str, str, str]]]] = {
    Feature: _feature_flaws,
    ModelSettings: _model_flaws,
}


class Batching(msgspec.Struct, frozen=True, rename="camel"):
    """At most `max_size` rows per call; a call may wait `max_delay` for rows that are known to be on their way.

    Without a `max_size` it is measured: what the model predicts within a millisecond, and at least 32; on a GPU the
    fewest rows that give nearly the most in a second.
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


def with_folder(settings: ModelSettings, folder: Path, *, local: bool) -> ModelSettings:
    """Complete what the environment says by the folder's own `model.yaml`; the environment wins.

    Args:
        settings: From the environment and the command line.
        folder: The model folder, already on this machine.
        local: Whether it was there before, and not copied from a bucket.

    Raises:
        SettingsError: `model.yaml` cannot be read, or wants code to run that only the spec can allow. `allow_code` is
            of no use for a bucket: nobody has seen what is in it at the moment.
    """
    if settings.allow_code and not local:
        raise SettingsError("--allow-code is for a folder of this machine: for a bucket, name the file's sha256")
    file = folder / MODEL_FILE
    if file.is_dir():
        raise SettingsError(f"{MODEL_FILE} is a folder; give it another name, or put a file there")
    written = _written(file) if file.is_file() else ModelSettings()
    if not settings.allow_code:
        written = _without_leave(written, settings)
    return msgspec.structs.replace(written, **{**_given(settings), "local": local, "allow_code": settings.allow_code})


def _written(file: Path) -> ModelSettings:
    from runtime.configuration import model_file  # noqa: PLC0415 - most folders have no model.yaml

    try:
        return model_file.read(
            file.read_bytes(), ModelSettings, name=MODEL_FILE, more=UNREAD, less=NOT_WRITTEN, checks=CHECKS
        )
    except model_file.Unreadable as error:
        raise SettingsError(str(error)) from error


def _without_leave(written: ModelSettings, said: ModelSettings) -> ModelSettings:
    """Take from a `model.yaml` what would let code run: who can replace the code can replace the leave as well.

    Raises:
        SettingsError: It wants a class of Python, and the spec says nothing of one; or one of a module of its choice,
            which would call whatever is installed.
    """
    if written.framework == "custom" and said.framework != "custom":
        raise SettingsError(f"{MODEL_FILE}: framework: custom runs code, so the spec must say it; this file cannot")
    module = (written.file or "").partition(":")[0]
    if said.framework == "custom" and said.file is None and module and not module.endswith(".py"):
        raise SettingsError(
            f"{MODEL_FILE}: file: {written.file!r} is no file of the folder; only the spec names a module"
        )
    return msgspec.structs.replace(written, allow_pickle=False, sha256=None, trusted_types=())


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
