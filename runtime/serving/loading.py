"""From a URI to models that are loaded, warm and measured; in a thread, while the server answers probes."""

from __future__ import annotations

import logging
import re
from dataclasses import replace
from typing import TYPE_CHECKING

from runtime import frameworks
from runtime.configuration.settings import MODEL_FILE, SettingsError, with_folder
from runtime.data.folders import SourceError
from runtime.data.models import Part
from runtime.serving import catalog
from runtime.serving.source import fetch
from runtime.serving.warming import warmed

if TYPE_CHECKING:
    from pathlib import Path

    from runtime.configuration.settings import ModelSettings
    from runtime.serving.warming import Warm

log = logging.getLogger("runtime")

DEFAULT_NAME = "model"
DEFAULT_VERSION = "1"
_VERSION = re.compile(r"v?\d+([.-]\d+)*")


class NotLoaded(Exception):
    """The model will not become ready. The message is for the log."""


def discover(settings: ModelSettings, service: str = "") -> list[Part]:
    """Find what a folder holds.

    A folder with a model file is one model. Otherwise each subfolder is a model, or, when it is called like a version
    (`3`, `v3`, `2026-11-20`), a version of one. `service` is the name of a model that has none of its own.

    Raises:
        NotLoaded: The folder cannot be read, or holds no model.
    """
    uri = settings.uri or "."
    try:
        folder = fetch(uri)
        parts = _parts(folder, settings, local=not uri.startswith("gs://"))
        parts = [replace(part, name=part.name or service or DEFAULT_NAME) for part in parts]
    except (SourceError, SettingsError) as error:
        raise NotLoaded(str(error)) from error
    if not parts:
        raise NotLoaded(f"no model in {uri}: no model.onnx, no other known format, no {MODEL_FILE}")
    return parts


def _parts(folder: Path, settings: ModelSettings, *, local: bool, name: str = "", version: str = "") -> list[Part]:
    if settings.file or frameworks.holds_model(folder):
        complete = with_folder(settings, folder, local=local)
        return [Part(name or complete.name or "", version or complete.version or DEFAULT_VERSION, folder, complete)]
    found = []
    for sub in sorted(p for p in folder.iterdir() if p.is_dir() and not p.name.startswith(".")):
        called = {"name": name, "version": sub.name} if _VERSION.fullmatch(sub.name) else {"name": sub.name}
        if not version:  # a version holds no further ones: whatever is in its folder is its own
            found += _parts(sub, settings, local=local, **called)
    return found


def load(part: Part, max_rows: int | None) -> Warm:
    """Load, warm up, measure. `max_rows` is what the spec says of a batch.

    Raises:
        NotLoaded: With the reason.
    """
    try:
        loaded = catalog.describe(part, frameworks.load(part.folder, part.settings))
    except (frameworks.LoadError, ValueError) as error:
        raise NotLoaded(str(error)) from error
    try:
        return warmed(loaded, max_rows)
    except Exception as error:
        raise NotLoaded(f"the model fails on an example of its own schema: {error}") from error
