"""LightGBM models in its text format."""

from __future__ import annotations

from typing import TYPE_CHECKING

import lightgbm

from runtime.frameworks import LoadError, cpus
from runtime.frameworks.boosters import Booster

if TYPE_CHECKING:
    from pathlib import Path

    from runtime.configuration.settings import ModelSettings


def load(file: Path, settings: ModelSettings) -> Booster:
    """Load a booster.

    Raises:
        LoadError: LightGBM refuses the file.
    """
    del settings
    try:
        booster = lightgbm.Booster(model_file=str(file))
    except (lightgbm.basic.LightGBMError, ValueError) as error:  # the latter from the JSON on its last line
        raise LoadError(f"LightGBM cannot read {file.name}: {error}") from error
    threads = cpus()
    return Booster("lightgbm", booster.num_feature(), "FP64", lambda rows: booster.predict(rows, num_threads=threads))
