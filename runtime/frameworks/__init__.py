"""Frameworks: each module turns a file into a `Model`, and imports its library only when it is asked to."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, cast

from runtime.source import SourceError, inside

if TYPE_CHECKING:
    from pathlib import Path

    from runtime.settings import Framework, ModelSettings
    from runtime.tensors import Model

# Endings, the safest format first: it is taken when a folder holds several.
ENDINGS: dict[str, Framework] = {
    ".onnx": "onnx",
    ".skops": "sklearn",
    ".joblib": "sklearn",
    ".pkl": "sklearn",
    ".pickle": "sklearn",
}
EXTRAS = {"onnx": "onnx", "sklearn": "sklearn"}


class LoadError(Exception):
    """The model cannot be loaded. The message says why, for the log; it never goes into an answer."""


def load(folder: Path, settings: ModelSettings) -> Model:
    """Load the model of a folder.

    Raises:
        LoadError: No model in it, one that is corrupt or not allowed, or its library is missing.
    """
    try:
        file = find(folder, settings)
        framework = settings.framework or ENDINGS[file.suffix]
        return _load_with(framework, file, settings)
    except SourceError as error:
        raise LoadError(str(error)) from error


def _load_with(framework: str, file: Path, settings: ModelSettings) -> Model:
    try:
        module = import_module(f"runtime.frameworks.{framework}")
        return cast("Model", module.load(file, settings))
    except ModuleNotFoundError as error:
        extra = EXTRAS.get(framework, framework)
        raise LoadError(f"{framework} needs {error.name}: pip install 'mlservice[{extra}]'") from error


def find(folder: Path, settings: ModelSettings) -> Path:
    """Find the model's file: the one named, else `model.<ending>`, else the only one with a known ending.

    Raises:
        LoadError: There is none, or the choice is not ours.
    """
    if settings.file:
        named = inside(folder, settings.file)
        if not named.is_file():
            raise LoadError(f"no file {settings.file!r} in the model folder")
        return named
    endings = [e for e, framework in ENDINGS.items() if settings.framework in (None, framework)]
    for ending in endings:
        if (folder / f"model{ending}").is_file():
            return folder / f"model{ending}"
    found = sorted(p for p in folder.iterdir() if p.is_file() and p.suffix in endings)
    if len(found) == 1:
        return found[0]
    names = ", ".join(p.name for p in found) or "none"
    raise LoadError(f"cannot tell which file is the model (found: {names}); name it with `file`")
