"""LightGBM models in its text format."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import lightgbm

from runtime.data.columns import Column, Contradiction, encoding
from runtime.frameworks import LoadError, cpus
from runtime.frameworks.boosters import Booster

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from runtime.configuration.settings import Feature, ModelSettings

# The names it gives to columns that had none.
UNNAMED = re.compile(r"Column_\d+")
_INFOS = "feature_infos="


def load(file: Path, settings: ModelSettings) -> Booster:
    """Load a booster.

    Raises:
        LoadError: LightGBM refuses the file.
        Contradiction: The file knows other columns than the spec.
    """
    try:
        booster = lightgbm.Booster(model_file=str(file))
    except (lightgbm.basic.LightGBMError, ValueError) as error:  # the latter from the JSON on its last line
        raise LoadError(f"LightGBM cannot read {file.name}: {error}") from error
    threads = cpus()
    width, features = booster.num_feature(), settings.features
    found = encoding(features, columns_of(booster, features, file.name), file.name) if features else None
    return Booster("lightgbm", width, "FP64", lambda rows: booster.predict(rows, num_threads=threads), found)


def columns_of(booster: Any, features: Mapping[str, Feature], file: str) -> list[Column]:
    """Read names and categories out of a booster.

    Raises:
        Contradiction: It has categories of a data frame, and neither it nor the spec says of which columns.
    """
    names = booster.feature_name()
    names = ["" for _ in names] if all(map(UNNAMED.fullmatch, names)) else names
    coded = _coded(booster)
    tables = booster.pandas_categorical or []
    named = _named(names, coded, features, len(tables))
    if len(named) != len(tables):
        raise Contradiction(
            f"model.features has {len(named)} of type category, but {file} knows categories of {len(tables)} columns"
        )
    known = {place: Column(name, "coded", codes=coded[place]) for place, name in enumerate(names) if place in coded}
    for place, categories in zip(named, tables, strict=True):
        known[place] = Column(names[place], "category", tuple(categories))
    return [known.get(place, Column(name)) for place, name in enumerate(names)]


def _coded(booster: Any) -> dict[int, tuple[int, ...]]:
    """Find the categorical columns and the codes seen in training: `-1:2:0`, where a number has `[0:2.5]`."""
    text = booster.model_to_string(num_iteration=1)
    line = next((line for line in text.splitlines() if line.startswith(_INFOS)), _INFOS)
    infos = line.removeprefix(_INFOS).split()
    found = {
        place: tuple(int(code) for code in info.split(":"))
        for place, info in enumerate(infos)
        if re.fullmatch(r"-?\d+(:-?\d+)*", info)
    }
    told = booster.params.get("categorical_feature") or []
    return {**{place: () for place in told if isinstance(place, int)}, **found}


def _named(
    names: Sequence[str], coded: Mapping[int, tuple[int, ...]], features: Mapping[str, Feature], count: int
) -> list[int]:
    """Say which columns the categories of the data frame belong to: the file has them in order, without places.

    Those it calls categorical, if there are as many; ordered categories are numbers to LightGBM, and then it is those
    that the spec calls so.
    """
    if len(coded) == count:
        return sorted(coded)
    return [place for place, name in enumerate(names) if name in features and features[name].type == "category"]
