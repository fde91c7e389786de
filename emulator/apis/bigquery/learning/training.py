"""Training: linear and logistic regression by scikit-learn, boosted trees by XGBoost.

Source: cloud.google.com/bigquery/docs/reference/standard-sql/bigqueryml-syntax-create-glm and
-create-boosted-tree, for options and their defaults.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from emulator.apis.bigquery import errors
from emulator.apis.bigquery.learning.frames import Feature, columns_of, feature_of
from emulator.apis.bigquery.schema import Field

LINEAR, TREES = ("LINEAR_REG", "LOGISTIC_REG"), ("BOOSTED_TREE_REGRESSOR", "BOOSTED_TREE_CLASSIFIER")
TYPES = (*LINEAR, *TREES)
LIBRARIES = "BigQuery ML, which needs scikit-learn and XGBoost: pip install 'mlservice[sklearn,xgboost]'"
TREE_OPTIONS = {
    "max_iterations": ("rounds", 20),
    "learn_rate": ("eta", 0.3),
    "max_tree_depth": ("max_depth", 6),
    "subsample": ("subsample", 1.0),
    "l1_reg": ("alpha", 0.0),
    "l2_reg": ("lambda", 1.0),
    "min_split_loss": ("gamma", 0.0),
    "num_parallel_tree": ("num_parallel_tree", 1),
}
"""Options of boosted trees -> XGBoost's names, and BigQuery's defaults."""
IGNORED = frozenset(
    {"data_split_method", "data_split_eval_fraction", "early_stop", "enable_global_explain", "learn_rate_strategy"}
    | {"ls_init_learn_rate", "optimize_strategy", "min_rel_progress", "booster_type", "tree_method"}
)
"""What is taken and has no effect: all rows are trained on, by the libraries' own solvers."""


@dataclass(frozen=True, slots=True)
class Trained:
    """A model.

    Attributes:
        sort: `LINEAR_REG`, ...
        label: The column that it foretells.
        features: The columns that it looks at.
        classes: The values of the label, of a classifier.
        weights: Of a linear model: a list per class (one for regression, and for two classes).
        intercepts: Of a linear model, in the same order.
        booster: Of trees: XGBoost's own format, as base64.
    """

    sort: str
    label: Field
    features: tuple[Feature, ...]
    classes: tuple[Any, ...] = ()
    weights: tuple[tuple[float, ...], ...] = ()
    intercepts: tuple[float, ...] = ()
    booster: str = ""

    @property
    def classifies(self) -> bool:
        """Whether it foretells a class."""
        return self.sort in ("LOGISTIC_REG", "BOOSTED_TREE_CLASSIFIER")


def train(options: Mapping[str, Any], fields: Sequence[Field], rows: Sequence[Sequence[Any]]) -> Trained:
    """Train a model.

    Args:
        options: Of the statement, by their names in small letters.
        fields: The columns of the query.
        rows: Its rows.

    Raises:
        BigQueryError: An option is refused, there are no rows, or a column is of no use.
    """
    sort, label = chosen(options, fields)
    columns = columns_of(fields, rows)
    kept = [index for index, value in enumerate(columns[label.name.lower()]) if value is not None]
    if not kept:
        raise errors.bad_query("Failed to calculate mean since the entries in corresponding column are all NULLs.")
    labels = [columns[label.name.lower()][index] for index in kept]
    given = {each.name: [columns[each.name.lower()][index] for index in kept] for each in fields if each != label}
    features = tuple(feature_of(each, given[each.name]) for each in fields if each != label)
    if not features:
        raise errors.bad_query("A model needs at least one column besides its label.")
    try:
        if sort in LINEAR:
            return linear(sort, label, features, given, labels, options)
        return trees(sort, label, features, given, labels, options)
    except ModuleNotFoundError:
        raise errors.unimplemented(LIBRARIES) from None


def chosen(options: Mapping[str, Any], fields: Sequence[Field]) -> tuple[str, Field]:
    """The sort of model, and its label.

    Raises:
        BigQueryError: They are none, or an option has no meaning here.
    """
    sort = str(options.get("model_type") or "").upper()
    if sort not in TYPES:
        raise errors.unimplemented(f"models of the type {sort or 'that none names'}")
    known = {
        "model_type",
        "input_label_cols",
        *IGNORED,
        *(TREE_OPTIONS if sort in TREES else ("l1_reg", "l2_reg", "max_iterations")),
    }
    strange = sorted(options.keys() - known)
    if strange:
        raise errors.unimplemented(f"the option {strange[0]} of a model")
    names = options.get("input_label_cols") or ["label"]
    found = next((each for each in fields if each.name.lower() == str(names[0]).lower()), None)
    if found is None or len(names) > 1:
        raise errors.bad_query(f"Unable to identify the label column {names[0]} in the query statement.")
    numeric = found.kind in ("INTEGER", "FLOAT", "NUMERIC")
    if sort in ("LINEAR_REG", "BOOSTED_TREE_REGRESSOR") and not numeric:
        raise errors.bad_query(f"The label column {found.name} of a regression must be a number, not {found.kind}.")
    if sort not in ("LINEAR_REG", "BOOSTED_TREE_REGRESSOR") and found.kind not in ("INTEGER", "STRING", "BOOLEAN"):
        raise errors.bad_query(
            f"The label column {found.name} of a classification may not be of the type {found.kind}."
        )
    return sort, found


def linear(sort: str, label: Field, features: tuple[Feature, ...], given: Mapping[str, list[Any]], labels: list[Any],  # noqa: PLR0917 - the parts of a model
           options: Mapping[str, Any]) -> Trained:  # fmt: skip
    """Linear or logistic regression."""
    from sklearn import linear_model  # noqa: PLC0415 - loads for a second

    matrix = spread(features, given)
    if sort == "LINEAR_REG":
        strength = float(options.get("l2_reg") or 0)
        model = linear_model.Ridge(alpha=strength) if strength else linear_model.LinearRegression()
        model.fit(matrix, [float(value) for value in labels])
        return Trained(
            sort, label, features, weights=(tuple(map(float, model.coef_)),), intercepts=(float(model.intercept_),)
        )
    classes = classes_of(labels)
    strength = float(options.get("l2_reg") or 0)
    model = linear_model.LogisticRegression(
        C=1 / strength if strength else 1e6, max_iter=int(options.get("max_iterations") or 1000)
    )
    model.fit(matrix, [classes.index(value) for value in labels])
    weights = tuple(tuple(map(float, each)) for each in model.coef_)
    return Trained(sort, label, features, classes, weights, tuple(map(float, model.intercept_)))


def trees(sort: str, label: Field, features: tuple[Feature, ...], given: Mapping[str, list[Any]], labels: list[Any],  # noqa: PLR0917 - the parts of a model
          options: Mapping[str, Any]) -> Trained:  # fmt: skip
    """Boosted trees."""
    import xgboost  # noqa: PLC0415 - loads for a second

    told = {theirs: options.get(ours, default) for ours, (theirs, default) in TREE_OPTIONS.items()}
    rounds, classes = int(told.pop("rounds")), ()
    numbers: list[float] = []
    if sort == "BOOSTED_TREE_REGRESSOR":
        told["objective"], numbers = "reg:squarederror", [float(value) for value in labels]
    else:
        classes = classes_of(labels)
        numbers = [float(classes.index(value)) for value in labels]
        told |= objective_of(classes)
    data = xgboost.DMatrix(single(features, given), label=numbers, feature_names=[each.name for each in features])
    booster = xgboost.train(told | {"seed": 0, "nthread": 1}, data, rounds)
    return Trained(sort, label, features, classes, booster=base64.b64encode(bytes(booster.save_raw("ubj"))).decode())


def objective_of(classes: Sequence[Any]) -> dict[str, Any]:
    """What trees are to get better at: each class has a score, two of them as well, as exported models have it."""
    return {"objective": "multi:softprob", "num_class": len(classes)}


def classes_of(labels: Sequence[Any]) -> tuple[Any, ...]:
    """The values of a label, sorted.

    Raises:
        BigQueryError: There is just one.
    """
    found = tuple(sorted(set(labels)))
    if len(found) < 2:  # noqa: PLR2004 - nothing can be told apart
        raise errors.bad_query("Classification model requires at least 2 unique labels.")
    return found


def spread(features: Sequence[Feature], given: Mapping[str, Sequence[Any]]) -> Any:
    """The matrix of a linear model."""
    import numpy as np  # noqa: PLC0415 - of models alone

    return np.array([column for each in features for column in each.spread(given[each.name])], dtype=float).T


def single(features: Sequence[Feature], given: Mapping[str, Sequence[Any]]) -> Any:
    """The matrix of trees."""
    import numpy as np  # noqa: PLC0415 - of models alone

    return np.array([each.single(given[each.name]) for each in features], dtype=float).T
