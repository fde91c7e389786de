"""What scikit-learn's vectorizers take, which is no table: a text a row, or a mapping a row.

A pipeline that begins with one of them takes what it takes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runtime.data.columns import contradiction

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from runtime.configuration.settings import Feature
    from runtime.data.tensors import Array

    Given = Callable[[Array], list[Any]]

_TEXTS = frozenset({"CountVectorizer", "TfidfVectorizer", "HashingVectorizer"})
_MAPPINGS = frozenset({"DictVectorizer"})
_TEXT_TYPES = frozenset({"category", "string"})
# Attributes of what wraps an estimator and hands it what it gets.
_INSIDE = ("best_estimator_", "estimator", "regressor_")


def of_texts(estimator: Any, features: Mapping[str, Feature], file: str) -> Given | None:
    """Give how a table of one column becomes the texts that an estimator takes; None where it takes none.

    Raises:
        Contradiction: The spec has another column than one of text.
    """
    if not _begins_with(estimator, _TEXTS):
        return None
    for name, feature in features.items():
        if len(features) > 1:
            raise contradiction(name, f"is one of {len(features)} columns", file, "takes one text a row")
        if feature.type not in _TEXT_TYPES:
            raise contradiction(name, f"is of type {feature.type}", file, "takes one text a row", "write type: string")
        if feature.nullable:
            raise contradiction(name, "is nullable", file, "takes a text, and nothing else")
    return lambda rows: rows[:, 0].tolist()


def of_mappings(estimator: Any, features: Mapping[str, Feature], file: str) -> Given | None:
    """Give how a table becomes the mappings that an estimator takes; None where it takes none.

    What is null is left out, as a mapping of training would have left it out.

    Raises:
        Contradiction: The estimator knows no such column, or knows it as text where the spec has a number.
    """
    vectorizer = _begins_with(estimator, _MAPPINGS)
    if vectorizer is None:
        return None
    known, separator = set(vectorizer.feature_names_), vectorizer.separator
    as_text = {name.partition(separator)[0] for name in known if separator in name}
    for name, feature in features.items():
        text = feature.type in _TEXT_TYPES
        if name not in (as_text if text else known):
            other = name in (known if text else as_text)
            said = f"is of type {feature.type}"
            raise contradiction(
                name, said, file, f"knows {name} as {'a number' if text else 'text'}" if other else f"has no {name}"
            )
    casts = [_CASTS[feature.type] for feature in features.values()]
    return lambda rows: [
        {name: cast(value) for name, cast, value in zip(features, casts, row, strict=True) if not _is_null(value)}
        for row in rows.tolist()
    ]


_CASTS: Mapping[str, Callable[[Any], Any]] = {
    "boolean": bool,
    "integer": int,
    "number": float,
    "category": str,
    "string": str,
}


def _is_null(value: Any) -> bool:
    return value is None or bool(value != value)  # noqa: PLR0124 - NaN alone is not itself


def _begins_with(estimator: Any, kinds: frozenset[str]) -> Any:
    """Give the step that sees the input first, if its class is one of these or made of one; else None."""
    while estimator is not None:
        if any(kind.__name__ in kinds for kind in type(estimator).__mro__):
            return estimator
        steps = getattr(estimator, "steps", None) or getattr(estimator, "transformer_list", None)
        inside = (getattr(estimator, name, None) for name in _INSIDE)
        estimator = steps[0][1] if steps else next((one for one in inside if hasattr(one, "get_params")), None)
    return None
