"""The model's place and the shape of its rows.

Source:
    aiplatform v1 `Model.artifactUri`, `Model.versionAliases`, `UploadModelRequest.model_id`;
    bigquery v2 `TableFieldSchema.name`.
"""

import re
from collections.abc import Iterator

from schemas.checks.finding import Finding, repeated, warning
from schemas.prediction_log import ABOUT, METADATA
from schemas.refusal import shown
from schemas.sections.image import Image
from schemas.sections.model import Feature, Framework, Model, ValueType
from schemas.sections.monitoring import Monitoring

_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]")
_ALIAS = re.compile(r"[a-z][a-zA-Z0-9-]{0,126}[a-z0-9]")
_RUNS = "run-"
"""What the alias of what one training made begins with: it never moves."""
_REGISTERED = re.compile(r"[a-z_][a-z0-9_-]{0,62}|[1-9][0-9]{0,19}")
_TYPE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+", re.ASCII)
_SHA256 = re.compile(r"[0-9a-f]{64}")
_COLUMN = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,299}")
_COLUMN_RESERVED = ("_PARTITION", "_TABLE_", "_FILE_", "_ROW_TIMESTAMP", "__ROOT__", "_COLIDENTIFIER")
_ODD = re.compile(r"[\"\\\x00-\x1f\x7f]")
_FILES = re.compile(
    r"\.(onnx|pkl|pickle|joblib|skops|pt|pt2|pth|bst|ubj|json|txt|zip|tar|gz|h5|keras|safetensors)", re.IGNORECASE
)
_NUMERIC = {ValueType.NUMBER, ValueType.INTEGER}


def model_source(model: Model | None) -> Iterator[Finding]:
    """Where the model lies: a folder in Cloud Storage or beside the file, or a registry alias."""
    if model is None:
        return
    if model.uri is None and model.alias is None:
        hint = "give a folder: `uri: gs://bucket/prefix/` or `uri: ./model`"
        yield Finding("model", "model-uri", "the model has no uri", hint, at_key=True)
    if model.uri is not None:
        yield from folder("model.uri", model.uri)
    if model.alias is not None and model.version is not None:
        yield Finding("model.alias", "model-version", "both version and alias are given", "give one", at_key=True)
    if model.alias is not None and not _ALIAS.fullmatch(model.alias):
        hint = "use letters, digits and hyphens; first a lower-case letter, so never a number"
        yield Finding("model.alias", "model-alias", f"{shown(model.alias)} is not a version alias", hint)
    elif model.alias is not None and model.alias.startswith(_RUNS):
        hint = "choose another one, such as champion"
        yield Finding("model.alias", "model-alias", f"{shown(model.alias)} is an alias that a training gives", hint)
    if model.name is not None and not _REGISTERED.fullmatch(model.name):
        hint = (
            "use up to 63 lower-case letters, digits, _ and -, first a letter or _; or the number that Google gave it"
        )
        yield Finding("model.name", "model-name", f"{shown(model.name)} is not the id of a registered model", hint)


def folder(path: str, uri: str) -> Iterator[Finding]:
    """`gs://bucket/prefix/`, or a relative folder."""
    if uri.startswith("gs://"):
        yield from _bucket_folder(path, uri)
    elif "://" in uri:
        hint = "write gs://bucket/prefix/, or a folder beside this file: ./model"
        yield Finding(path, "model-uri", f"{shown(uri)} is not in Cloud Storage", hint)
    elif uri.startswith(("/", "~")) or "\\" in uri or not uri.strip():
        hint = "write a folder relative to this file: ./model"
        yield Finding(path, "model-uri", f"{shown(uri)} is not a relative folder", hint)
    elif _FILES.search(uri[-12:]) and _FILES.fullmatch("." + uri.rsplit(".", 1)[-1]):
        hint = "name its folder; `model.file` picks a file in it"
        yield Finding(path, "model-uri", f"{shown(uri)} is a file, not a folder", hint)


def _bucket_folder(path: str, uri: str) -> Iterator[Finding]:
    bucket, _, prefix = uri.removeprefix("gs://").partition("/")
    last = prefix.rstrip("/").rsplit("/", 1)[-1]
    if not _BUCKET.fullmatch(bucket):
        hint = "3 to 63 lower-case letters, digits, hyphens, dots and underscores"
        yield Finding(path, "model-uri", f"{shown(bucket)} is not a bucket name", hint)
    elif not prefix.strip("/"):
        hint = f"put the model into a folder, gs://{bucket}/model/: the service's account may read what is in it"
        yield Finding(path, "model-uri", f"{shown(uri)} is a whole bucket", hint)
    elif _ODD.search(prefix):
        hint = "rename the folder: no quotes, no backslashes, nothing that is not seen"
        yield Finding(path, "model-uri", f"{shown(uri)} is not a folder's name", hint)
    elif "//" in prefix or ".." in prefix.split("/"):
        yield Finding(path, "model-uri", f"{shown(uri)} has an empty or `..` part", "write the folder's own path")
    elif not prefix.endswith("/") and _FILES.fullmatch("." + last.rsplit(".", 1)[-1]) and "." in last:
        hint = f"name its folder: {uri[: -len(last)]}; `model.file` picks a file in it"
        yield Finding(path, "model-uri", f"{shown(uri)} is a file, not a folder", hint)


def model_file(model: Model | None) -> Iterator[Finding]:
    """A file within the folder, and its digest where loading it runs code."""
    if model is None:
        return
    if model.file is not None and (model.file.startswith("/") or ".." in model.file.split("/") or not model.file):
        hint = "write a path within the model's folder"
        yield Finding("model.file", "model-file", f"{shown(model.file)} is outside the model's folder", hint)
    if model.sha256 is not None and not _SHA256.fullmatch(model.sha256):
        hint = "`sha256sum FILE` prints it"
        yield Finding("model.sha256", "model-digest", f"{shown(model.sha256)} is not 64 hex digits", hint)
    if model.allow_pickle and model.sha256 is None:
        hint = "a pickle is code: give the `sha256` of the file you trust, or use ONNX or skops"
        yield Finding("model.allowPickle", "model-digest", "allowPickle needs sha256", hint)


def trusted_types(model: Model | None) -> Iterator[Finding]:
    """Each is a full name, as the server's log has it."""
    for index, name in enumerate(model.trusted_types if model else ()):
        if not _TYPE.fullmatch(name):
            hint = "write module and name, as the server's log has them: package.module.Type"
            yield Finding(
                f"model.trustedTypes[{index}]", "model-types", f"{shown(name)} is no full name of a type", hint
            )


def model_code(model: Model | None, image: Image | None) -> Iterator[Finding]:
    """What the bundled server runs when it loads it needs leave. An image of one's own may do otherwise: a warning."""
    if model is None or model.allow_pickle:
        return
    found = Finding if image is None else warning
    if model.framework is Framework.TORCH:
        hint = "add `allowPickle: true` and the file's `sha256`, or it is not loaded; ONNX needs neither"
        yield found("model.framework", "model-code", "torch runs code of the model's file", hint)
    module = (model.file or "model.py").partition(":")[0]
    if model.framework is Framework.CUSTOM and module.endswith(".py") and model.sha256 is None:
        hint = f"add the `sha256` of {module}, or it is not loaded"
        yield found("model.framework", "model-code", "a class of the model's folder is code", hint)


def features(model: Model | None) -> Iterator[Finding]:
    """Each column makes sense by itself."""
    if model is None:
        return
    for name, feature in model.features.items():
        yield from _column(f"model.features.{name}", feature)
    prediction = model.prediction
    if prediction is not None:
        yield from _values("model.prediction", prediction.type, prediction.values, needed=False)


def _column(path: str, feature: Feature) -> Iterator[Finding]:
    for key, bound in (("min", feature.min), ("max", feature.max)):
        if bound is not None and feature.type not in _NUMERIC:
            summary = f"a {feature.type} has no {key}"
            yield Finding(
                f"{path}.{key}", "feature-bounds", summary, "only number and integer have bounds", at_key=True
            )
    if feature.min is not None and feature.max is not None and feature.min > feature.max:
        yield Finding(f"{path}.max", "feature-bounds", f"{feature.max:g} is below min ({feature.min:g})")
    yield from _values(path, feature.type, feature.values, needed=True)


def _values(path: str, kind: ValueType, values: tuple[str, ...], *, needed: bool) -> Iterator[Finding]:
    if kind is ValueType.CATEGORY and not values and needed:
        hint = "list the categories: `values: [basic, plus]`"
        yield Finding(path, "feature-values", "a category needs values", hint, at_key=True)
    if kind is not ValueType.CATEGORY and values:
        hint = "only category has values"
        yield Finding(f"{path}.values", "feature-values", f"a {kind} has no values", hint, at_key=True)
    for index, value in repeated(values):
        yield Finding(f"{path}.values[{index}]", "feature-values", f"{shown(value)} is listed twice")


def columns(model: Model | None, monitoring: Monitoring | None) -> Iterator[Finding]:
    """What is logged must be able to be a BigQuery column, and one that nothing else is written to."""
    if monitoring is None or monitoring.logging is None:
        return
    yield from _logged_at_all(model, monitoring)
    if model is None:
        return
    logged = {f"model.features.{name}": name for name, feature in model.features.items() if feature.log}
    if model.prediction is not None:
        logged["model.prediction.name"] = model.prediction.name
    for path, name in logged.items():
        yield from _column_name(path, name)
    paths = list(logged)
    for index, _ in repeated(name.lower() for name in logged.values()):
        summary = f"{shown(logged[paths[index]])} stands twice, and BigQuery ignores case"
        yield Finding(paths[index], "column-name", summary, at_key=True)


def _logged_at_all(model: Model | None, monitoring: Monitoring) -> Iterator[Finding]:
    """The table's columns are those of the model: it must name them. What a comparison lacks, that one says."""
    features = model.features if model is not None else {}
    prediction = model.prediction if model is not None else None
    limits = (monitoring.skew, monitoring.drift, monitoring.prediction_drift)
    compares = any(limit is not None for limit in limits)
    judges = monitoring.prediction_drift is not None or monitoring.performance is not None
    missing = {
        "model.features": not features and not compares,
        "model.prediction": prediction is None and not judges,
    }
    names = " and ".join(name for name, lacks in missing.items() if lacks)
    if names:
        hint = "give `model: {features: …, prediction: {name: …}}`: they are the columns of the table"
        yield Finding("monitoring.logging", "prediction-log", f"logging needs {names}", hint, at_key=True)


def _column_name(path: str, name: str) -> Iterator[Finding]:
    at_key = path != "model.prediction.name"
    if not _COLUMN.fullmatch(name) or name.upper().startswith(_COLUMN_RESERVED):
        hint = "BigQuery: letters a to z, digits and _, up to 300, first no digit; or set `log: false`"
        yield Finding(path, "column-name", f"{shown(name)} cannot be a column", hint, at_key=at_key)
    elif name.lower() in {*ABOUT, *METADATA}:
        hint = "rename it, or set `log: false`" if at_key else "rename it"
        summary = f"{shown(name)} is a column of every prediction log"
        yield Finding(path, "column-name", summary, hint, at_key=at_key)
