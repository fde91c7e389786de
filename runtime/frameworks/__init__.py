"""Frameworks: each module turns a file into a `Model`, and imports its library only when it is asked to."""

from __future__ import annotations

import hashlib
import os
from importlib import import_module
from typing import TYPE_CHECKING, cast

from runtime.configuration.settings import MODEL_FILE
from runtime.configuration.silence import be_silent
from runtime.data.folders import SourceError, inside

if TYPE_CHECKING:
    from pathlib import Path

    from runtime.configuration.settings import Framework, ModelSettings
    from runtime.data.tensors import Model

# Endings, the safest format first: it is taken when a folder holds several.
ENDINGS: dict[str, Framework] = {
    ".onnx": "onnx",
    ".skops": "sklearn",
    ".ubj": "xgboost",
    ".bst": "xgboost",
    ".json": "xgboost",
    ".txt": "lightgbm",
    ".pt2": "torch",
    ".pt": "torch",
    ".joblib": "sklearn",
    ".pkl": "sklearn",
    ".pickle": "sklearn",
    ".py": "custom",
}
# These endings are common for other files too: such a file is the model only when it is called `model`.
SHARED_ENDINGS = frozenset({".json", ".txt", ".py"})
# Whatever these are given they run; the others look at the file first. docs/model-files.md has it format by format.
RUN_ANYTHING = frozenset({"torch"})
_SAVED_MODEL = "saved_model.pb"
_NO_SAVED_MODEL = (
    "the folder holds a TensorFlow SavedModel, which is not served; of BigQuery ML, BOOSTED_TREE_CLASSIFIER, "
    "BOOSTED_TREE_REGRESSOR and both RANDOM_FOREST types export what is"
)


class LoadError(Exception):
    """The model cannot be loaded. The message says why, for the log; it never goes into an answer."""


def cpus() -> int:
    """Count the CPUs this container may use, whole ones and at least one: for threads."""
    return max(1, int(cpu_quota()))


def cpu_quota(limits: str = "/sys/fs/cgroup/cpu.max") -> float:
    """Tell how many CPUs this container may use: its quota, which may be less than one, or without one its affinity.

    Args:
        limits: The file that says so.

    Source:
        https://docs.kernel.org/admin-guide/cgroup-v2.html: `cpu.max`, "$MAX $PERIOD" in microseconds.
    """
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        with open(limits, encoding="ascii") as file:  # noqa: PTH123 - read once, at start-up
            quota, period = file.read().split()
        return available if quota == "max" else min(available, int(quota) / int(period))
    except (OSError, ValueError, ZeroDivisionError):
        return available


def load(folder: Path, settings: ModelSettings) -> Model:
    """Load the model of a folder.

    Raises:
        LoadError: No model in it, one that is corrupt or not allowed, or its library is missing.
    """
    try:
        file = find(folder, settings)
    except SourceError as error:
        raise LoadError(str(error)) from error
    framework = settings.framework or ENDINGS.get(file.suffix)
    if framework is None:
        raise LoadError(f"cannot tell the framework of {file.name}; name it with `framework`")
    be_silent(os.environ)
    if framework in RUN_ANYTHING:
        check_code(file, settings)
    try:
        module = import_module(f"runtime.frameworks.{framework}")
    except ModuleNotFoundError as error:
        raise LoadError(f"{framework} needs {error.name}: pip install 'mlservice[{framework}]'") from error
    except (ImportError, OSError) as error:  # a library of the system's that it stands on is not there
        hint = "; install libgomp1" if "libgomp" in str(error) else ""
        raise LoadError(f"{framework} cannot be loaded here: {error}{hint}") from error
    return cast("Model", module.load(file, settings))


def holds_model(folder: Path) -> bool:
    """Whether a folder is a model's own, and not one of models."""
    named = (folder / MODEL_FILE, folder / _SAVED_MODEL)  # the latter is refused by its own sentence
    return any(p.is_file() for p in named) or any(_may_be_model(p) for p in folder.iterdir() if p.is_file())


def _may_be_model(file: Path) -> bool:
    return file.suffix in ENDINGS and (file.suffix not in SHARED_ENDINGS or file.stem == "model")


def find(folder: Path, settings: ModelSettings) -> Path:
    """Find the model's file: the one named, else `model.<ending>`, else the only one with a known ending.

    For a class of the image (`module:Class`) it is the folder.

    Raises:
        LoadError: There is none, or the choice is not ours.
    """
    if settings.file:
        return _named(folder, settings)
    endings = [e for e, framework in ENDINGS.items() if settings.framework in {None, framework}]
    for ending in endings:
        if (folder / f"model{ending}").is_file():
            return folder / f"model{ending}"
    found = sorted(p for p in folder.iterdir() if p.is_file() and p.suffix in endings and _may_be_model(p))
    if len(found) == 1:
        return found[0]
    if (folder / _SAVED_MODEL).is_file():
        raise LoadError(_NO_SAVED_MODEL)
    names = ", ".join(p.name for p in found) or "none"
    raise LoadError(f"cannot tell which file is the model (found: {names}); name it with `file`")


def _named(folder: Path, settings: ModelSettings) -> Path:
    name = settings.file or ""
    if settings.framework == "custom":
        name = name.partition(":")[0]
        if not name.endswith(".py"):
            return folder
    file = inside(folder, name)
    if not file.is_file():
        raise LoadError(f"no file {name!r} in the model folder")
    return file


def check_code(file: Path, settings: ModelSettings) -> None:
    """Refuse a file that is code unless the spec allows it and its digest is the one the spec names.

    `with_folder` saw to it that what `settings` says of this is the spec's.

    Raises:
        LoadError: No leave, or other content.
    """
    asked_for = file.suffix == ".py" and settings.framework == "custom"
    if settings.allow_code or (asked_for and settings.local):
        return
    if not settings.sha256 or not (settings.allow_pickle or asked_for):
        raise LoadError(f"{file.name} runs code when it is loaded: {_wanted(file, settings)}")
    with file.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    if digest != settings.sha256.lower():
        raise LoadError(f"{file.name} has sha256 {digest}, the spec says {settings.sha256}")


def _wanted(file: Path, settings: ModelSettings) -> str:
    """Say what would allow a file of code."""
    say = "framework: custom" if file.suffix == ".py" else "allowPickle: true"
    digest = "" if settings.local and file.suffix == ".py" else " and the file's sha256"
    flag = "; for a folder that you trust, --allow-code does" if settings.local else ""
    return f"the spec must say {say}{digest}{flag}. skops and ONNX need neither"
