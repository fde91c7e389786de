"""From a URI to a model that is loaded, warm and measured; in a thread, while the server answers probes."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING

from runtime import catalog, frameworks
from runtime.batching import Cost
from runtime.settings import SettingsError, with_folder
from runtime.source import SourceError, fetch

if TYPE_CHECKING:
    from runtime.catalog import Loaded
    from runtime.settings import ModelSettings

log = logging.getLogger("runtime")

WARM_UP_CALLS = 3


class NotLoaded(Exception):
    """The model will not become ready. The message is for the log."""


@dataclass(frozen=True, slots=True)
class Warm:
    """A loaded model, and what a call of it costs."""

    loaded: Loaded
    settings: ModelSettings
    cost: Cost


def load(settings: ModelSettings, max_rows: int) -> Warm:
    """Fetch, load, warm up, measure.

    Raises:
        NotLoaded: With the reason.
    """
    uri = settings.uri or "."
    try:
        folder = fetch(uri)
        complete = with_folder(settings, folder, trusted=not uri.startswith("gs://"))
        loaded = catalog.describe(frameworks.load(folder, complete), complete)
        return Warm(loaded, complete, measure(loaded, max_rows))
    except (SourceError, SettingsError, frameworks.LoadError, ValueError) as error:
        raise NotLoaded(str(error)) from error


def measure(loaded: Loaded, max_rows: int) -> Cost:
    """Call the model with one row and with a full batch; the first calls warm it up and do not count.

    Raises:
        NotLoaded: It fails on rows that its own schema allows.
    """
    if loaded.layout is None:
        return Cost(call_s=1.0, row_s=0.0)  # nothing known about its tensors: never on the event loop
    try:
        one = _seconds(loaded, 1)
        full = _seconds(loaded, max_rows) if loaded.model.batchable and max_rows > 1 else one
    except Exception as error:
        raise NotLoaded(f"the model fails on an example of its own schema: {error}") from error
    row_s = max(full - one, 0.0) / max(max_rows - 1, 1)
    return Cost(call_s=max(one - row_s, 0.0), row_s=row_s)


def _seconds(loaded: Loaded, rows: int) -> float:
    assert loaded.layout is not None  # noqa: S101 - `measure` looked
    inputs = catalog.example(loaded.layout, rows)
    outputs = (loaded.prediction.output,)
    times = []
    for _ in range(WARM_UP_CALLS):
        start = perf_counter()
        loaded.prediction.of(loaded.model.predict(inputs, outputs))
        times.append(perf_counter() - start)
    return min(times)
