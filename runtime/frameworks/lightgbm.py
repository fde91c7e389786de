"""LightGBM models in its text format."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import lightgbm

from runtime.data.columns import LISTED, Column, Contradiction, encoding, places_of, spelt
from runtime.frameworks import LoadError, cpus, lightgbm_trees
from runtime.frameworks.boosters import Booster

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from runtime.configuration.settings import Feature, ModelSettings

# The names it gives to columns that had none.
UNNAMED = re.compile(r"Column_\d+")
_INFOS = "feature_infos="
_CODES = re.compile(r"-?\d+(:-?\d+)*")


def load(file: Path, settings: ModelSettings) -> Booster:
    """Load a booster.

    Raises:
        LoadError: LightGBM refuses the file.
        Contradiction: The file knows other columns than the spec.
    """
    try:
        booster = lightgbm.Booster(model_str=lightgbm_trees.checked(file.read_bytes()))
    except (lightgbm.basic.LightGBMError, ValueError, OSError) as error:  # the second from the JSON on its last line
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
    infos = _infos(booster)
    coded = _coded(booster, infos)
    tables = [tuple(categories) for categories in booster.pandas_categorical or []]
    by_name = {spelt(name): feature for name, feature in features.items()}
    told = [features.get(name) or by_name.get(spelt(name)) for name in names]
    named = _named(told, infos, tables, file)
    known = {place: Column(name, "coded", codes=coded[place]) for place, name in enumerate(names) if place in coded}
    for place, categories in zip(named, tables, strict=True):
        known[place] = Column(names[place], "category", categories)
    return [known.get(place, Column(name)) for place, name in enumerate(names)]


def _infos(booster: Any) -> list[str]:
    """Read what was seen of each column: the codes of a categorical one, `-1:2:0`; of numbers their range, `[0:2.5]`.

    One that is the same in every row is `none`.
    """
    text = booster.model_to_string(num_iteration=1)
    line = next((line for line in text.splitlines() if line.startswith(_INFOS)), _INFOS)
    return line.removeprefix(_INFOS).split()


def _coded(booster: Any, infos: Sequence[str]) -> dict[int, tuple[int, ...]]:
    """Find the categorical columns and the codes seen in training."""
    found = {place: tuple(map(int, info.split(":"))) for place, info in enumerate(infos) if _CODES.fullmatch(info)}
    told = booster.params.get("categorical_feature") or []
    return {**{place: () for place in told if isinstance(place, int)}, **found}


def _named(
    features: Sequence[Feature | None], infos: Sequence[str], tables: Sequence[tuple[Any, ...]], file: str
) -> list[int]:
    """Say which columns the categories of the data frame belong to: the file has them in order, without places.

    That a column is categorical proves nothing: an ordered category is a number to LightGBM, and a whole number may
    have been declared categorical. So a table may be that of any column whose values are its codes; where that leaves
    a choice, of those that the spec calls categories; then of those that have its very categories.

    Raises:
        Contradiction: No column fits, or several do.
    """
    may = [[_has_codes(info, len(table)) for info in infos] for table in tables]
    found, several = list[int](), list[tuple[Any, ...]]()
    for narrow in (_any_feature, _of_categories, _of_same_categories):
        may = [
            [fits and narrow(feature, table) for fits, feature in zip(row, features, strict=True)]
            for row, table in zip(may, tables, strict=True)
        ]
        first, last = _in_order(may), _in_order([row[::-1] for row in may[::-1]])
        if first is None or last is None:
            raise Contradiction(_unfit(features, tables, file))
        ends = zip(first, reversed(last), tables, strict=True)
        found, several = first, [table for low, high, table in ends if low != len(infos) - 1 - high]
        if not several:
            break
    _check_alike(several, file)
    return found


def _check_alike(tables: Sequence[tuple[Any, ...]], file: str) -> None:
    """Check that tables which several columns may have are their own codes: then it does not matter whose they are.

    Raises:
        Contradiction: One is not.
    """
    unlike = next((table for table in tables if table != tuple(range(len(table)))), None)
    if unlike is not None:
        shown = ", ".join(map(str, unlike[:LISTED]))
        raise Contradiction(
            f"{file} knows the categories {shown} of one column, and does not say which: "
            "several of type category fit; write type: integer for those that it was trained on as numbers"
        )


def _has_codes(info: str, count: int) -> bool:
    """Whether all that was seen of a column are codes of so many categories."""
    if info == "none":
        return True
    seen = [float(value) for value in info.strip("[]").split(":")]
    return all(value.is_integer() and -1 <= value < count for value in seen)


def _any_feature(feature: Feature | None, table: tuple[Any, ...]) -> bool:
    del feature, table
    return True


def _of_categories(feature: Feature | None, table: tuple[Any, ...]) -> bool:
    del table
    return feature is not None and feature.type == "category"


def _of_same_categories(feature: Feature | None, table: tuple[Any, ...]) -> bool:
    values = () if feature is None else feature.values
    return -1 not in places_of(values, table).values()


def _in_order(may: Sequence[Sequence[bool]]) -> list[int] | None:
    """Give each row the first place where it may be, behind that of the row before; None where there is none."""
    found: list[int] = []
    for row in may:
        start = found[-1] + 1 if found else 0
        place = next((place for place in range(start, len(row)) if row[place]), None)
        if place is None:
            return None
        found.append(place)
    return found


def _unfit(features: Sequence[Feature | None], tables: Sequence[tuple[Any, ...]], file: str) -> str:
    count = sum(_of_categories(feature, ()) for feature in features)
    said = f"model.features has {count} of type category, but {file} knows categories of {len(tables)} columns"
    return said if count != len(tables) else f"{said}, which are not those"
