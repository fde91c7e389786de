"""From a URI to models that are loaded, warm and measured; in a thread, while the server answers probes."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass, replace
from time import perf_counter
from typing import TYPE_CHECKING

from runtime import frameworks
from runtime.configuration.settings import MODEL_FILE, SettingsError, with_folder
from runtime.data.folders import SourceError
from runtime.data.models import Part
from runtime.data.outputs import Outputs
from runtime.serving import catalog
from runtime.serving.batching import INLINE_S, Cost
from runtime.serving.source import fetch

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from runtime.configuration.settings import ModelSettings
    from runtime.data.models import Loaded

log = logging.getLogger("runtime")

DEFAULT_NAME = "model"
DEFAULT_VERSION = "1"
CUSTOM = "custom"  # platform of classes
WARM_UP_CALLS = 3
# Rows of a batch where the spec does not say: twice as many as long as a call of them takes no longer than this, for
# the part of a call that every batch pays is then small, and the event loop is soon free again.
FEW_ROWS, MOST_ROWS = 32, 1024
BATCH_S = 0.001
_VERSION = re.compile(r"v?\d+([.-]\d+)*")


class NotLoaded(Exception):
    """The model will not become ready. The message is for the log."""


@dataclass(frozen=True, slots=True)
class Warm:
    """A loaded model, what a call of it costs, and the rows that a batch may have."""

    loaded: Loaded
    cost: Cost
    max_rows: int


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
    return measure(loaded, max_rows)


def measure(loaded: Loaded, max_rows: int | None, clock: Callable[[], float] = perf_counter) -> Warm:
    """Call the model with one row and with a full batch; the first calls warm it up and do not count.

    Args:
        loaded: Of a known layout, or it cannot be called and is taken for a slow one.
        max_rows: What the spec says of a batch; None leaves it to what is measured.
        clock: Seconds that only go forward.

    Raises:
        NotLoaded: It fails on rows that its own schema allows.
    """
    if loaded.layout is None:  # nothing known about its tensors: never on the event loop
        return Warm(loaded, Cost(call_s=1.0, row_s=0.0), max_rows or FEW_ROWS)
    try:
        one = _seconds(loaded, 1, clock)
        rows, full = _full(loaded, max_rows, clock) if loaded.model.batchable and max_rows != 1 else (1, one)
    except Exception as error:
        raise NotLoaded(f"the model fails on an example of its own schema: {error}") from error
    row_s = max(full - one, 0.0) / max(rows - 1, 1)
    call_s = max(one - row_s, 0.0)
    # What a class of the user's takes may depend on its input, and be without end: it never has the event loop.
    call_s = call_s if loaded.model.platform != CUSTOM else max(call_s, 2 * INLINE_S)
    return Warm(loaded, Cost(call_s, row_s), rows)


def _full(loaded: Loaded, max_rows: int | None, clock: Callable[[], float]) -> tuple[int, float]:
    """Settle what a full batch is, and how many seconds it takes."""
    rows = max_rows or FEW_ROWS
    full = _seconds(loaded, rows, clock)
    while max_rows is None and loaded.model.platform != CUSTOM and rows < MOST_ROWS and 2 * full <= BATCH_S:
        rows *= 2
        full = _seconds(loaded, rows, clock)
    return rows, full


def _seconds(loaded: Loaded, rows: int, clock: Callable[[], float]) -> float:
    assert loaded.layout is not None  # noqa: S101 - `measure` looked
    inputs = catalog.example(loaded.layout, rows)
    outputs = (loaded.prediction.output,)
    times = []
    for _ in range(WARM_UP_CALLS):
        start = clock()
        Outputs(loaded.model.predict(inputs, outputs)).values(loaded.prediction.output, loaded.prediction.column)
        times.append(clock() - start)
    return min(times)
