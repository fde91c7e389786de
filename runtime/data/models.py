"""What is known of a model, in its folder and once it is loaded: for those who decode for it, log it or serve it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from runtime.configuration.settings import ModelSettings
    from runtime.data.features import Layout
    from runtime.data.tensors import Model


@dataclass(frozen=True, slots=True)
class Part:
    """One version of one model, still in its folder."""

    name: str
    version: str
    folder: Path
    settings: ModelSettings

    @property
    def names(self) -> tuple[str, ...]:
        """What the version is called in a path: itself, and its alias."""
        alias = self.settings.alias
        return (self.version, alias) if alias else (self.version,)


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model with what is known about its rows and its answer. `layout` is None for tensors of a free shape."""

    part: Part
    model: Model
    layout: Layout | None
    prediction: Selection


@dataclass(frozen=True, slots=True)
class Selection:
    """Which output is the prediction, and which column of it (None: all of them)."""

    output: str
    column: int | None
