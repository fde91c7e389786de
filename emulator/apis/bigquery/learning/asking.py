"""What a model says of rows, and how good that is.

Source: cloud.google.com/bigquery/docs/reference/standard-sql/bigqueryml-syntax-predict and -evaluate.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping, Sequence
from typing import Any

from emulator.apis.bigquery import errors
from emulator.apis.bigquery.learning.training import LINEAR, Trained, single, spread

THRESHOLD = 0.5


def scores(model: Trained, given: Mapping[str, Sequence[Any]], count: int) -> list[list[float]]:
    """For each row: the value of a regression, or the probability of each class in the order of `classes`."""
    if not count:
        return []
    columns = {each.name: column(model, given, each.name) for each in model.features}
    if model.sort in LINEAR:
        matrix = spread(model.features, columns)
        found = [
            [float(value) for value in row] for row in matrix @ _transposed(model.weights) + list(model.intercepts)
        ]
        return [probabilities(row) for row in found] if model.classifies else found
    import xgboost  # noqa: PLC0415 - loads for a second

    booster = xgboost.Booster(model_file=bytearray(base64.b64decode(model.booster)))
    data = xgboost.DMatrix(single(model.features, columns), feature_names=[each.name for each in model.features])
    told = booster.predict(data)
    if not model.classifies:
        return [[float(value)] for value in told]
    return [[float(value) for value in row] for row in told]


def _transposed(weights: Sequence[Sequence[float]]) -> Any:
    import numpy as np  # noqa: PLC0415 - of models alone

    return np.array(weights, dtype=float).T


def probabilities(row: Sequence[float]) -> list[float]:
    """The probabilities of scores: one score is of two classes."""
    if len(row) == 1:
        high = 1 / (1 + math.exp(-max(min(row[0], 700), -700)))
        return [1 - high, high]
    most = max(row)
    powers = [math.exp(value - most) for value in row]
    return [value / sum(powers) for value in powers]


def column(model: Trained, given: Mapping[str, Sequence[Any]], name: str) -> Sequence[Any]:
    """A column that the model looks at.

    Raises:
        BigQueryError: The rows have none.
    """
    found = given.get(name.lower())
    if found is None:
        raise errors.bad_query(f"Required column {name} is missing from the input of the {model.sort} model")
    return found


def told(model: Trained, row: Sequence[float], threshold: float) -> dict[str, Any]:
    """The columns that `ML.PREDICT` adds to a row."""
    name = f"predicted_{model.label.name}"
    if not model.classifies:
        return {name: row[0]}
    best = row.index(max(row))
    if len(row) == 2:  # noqa: PLR2004 - of two classes the threshold decides
        best = int(row[1] > threshold)
    ordered = sorted(zip(model.classes, row, strict=True), key=lambda pair: -pair[1])
    return {name: model.classes[best], f"{name}_probs": [{"label": label, "prob": prob} for label, prob in ordered]}


def measured(model: Trained, rows: Sequence[Sequence[float]], labels: Sequence[Any]) -> dict[str, float]:
    """What `ML.EVALUATE` says.

    Raises:
        BigQueryError: There are no rows to say it of.
    """
    pairs = [(row, label) for row, label in zip(rows, labels, strict=True) if label is not None]
    if not pairs:
        raise errors.bad_query("ML.EVALUATE needs rows with a label")
    if not model.classifies:
        return of_regression([(row[0], float(label)) for row, label in pairs])
    return of_classes(model, pairs)


def of_regression(pairs: Sequence[tuple[float, float]]) -> dict[str, float]:
    """Of a regression."""
    wrong = [said - true for said, true in pairs]
    trues = [true for _, true in pairs]
    mean, count = sum(trues) / len(trues), len(pairs)
    absolute = sorted(abs(each) for each in wrong)
    spread_of = sum((true - mean) ** 2 for true in trues)
    squared = sum(each**2 for each in wrong)
    logs = [(math.log1p(max(said, -0.999999)) - math.log1p(max(true, -0.999999))) ** 2 for said, true in pairs]
    off = sum(wrong) / count
    around = sum((each - off) ** 2 for each in wrong)
    return {
        "mean_absolute_error": sum(absolute) / count,
        "mean_squared_error": squared / count,
        "mean_squared_log_error": sum(logs) / count,
        "median_absolute_error": absolute[count // 2],
        "r2_score": 1 - squared / spread_of if spread_of else 0.0,
        "explained_variance": 1 - around / spread_of if spread_of else 0.0,
    }


def of_classes(model: Trained, pairs: Sequence[tuple[Sequence[float], Any]]) -> dict[str, float]:
    """Of a classification: of two classes those of the second, of more the means over all."""
    from sklearn import metrics  # noqa: PLC0415 - loads for a second

    places = {label: place for place, label in enumerate(model.classes)}
    known = [(row, places[label]) for row, label in pairs if label in places]
    if not known:
        raise errors.bad_query("ML.EVALUATE needs rows with a label that the model has seen")
    trues = [true for _, true in known]
    two = len(model.classes) == 2  # noqa: PLR2004 - of two the second counts
    said = [int(row[1] > THRESHOLD) if two else row.index(max(row)) for row, _ in known]
    average = "binary" if two else "macro"
    found = metrics.precision_recall_fscore_support(trues, said, average=average, zero_division=0)
    both = len(set(trues)) == len(model.classes)
    chances = [row[1] if two else list(row) for row, _ in known]
    return {
        "precision": float(found[0]),
        "recall": float(found[1]),
        "accuracy": float(metrics.accuracy_score(trues, said)),
        "f1_score": float(found[2]),
        "log_loss": float(
            metrics.log_loss(trues, [list(row) for row, _ in known], labels=list(range(len(model.classes))))
        ),
        "roc_auc": float(metrics.roc_auc_score(trues, chances, multi_class="ovr")) if both else 0.0,
    }
