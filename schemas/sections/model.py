"""`model`: which model is served, and what its rows look like."""

from enum import StrEnum

from pydantic import Field

from schemas.section import Section
from schemas.values import Flag, LooseText, Number, Text


class Framework(StrEnum):
    """What the model was made with, which decides how it is loaded."""

    ONNX = "onnx"
    SKLEARN = "sklearn"
    XGBOOST = "xgboost"
    LIGHTGBM = "lightgbm"
    TORCH = "torch"
    CUSTOM = "custom"


class ValueType(StrEnum):
    """The type of a feature or a prediction."""

    NUMBER = "number"
    INTEGER = "integer"
    BOOLEAN = "boolean"
    CATEGORY = "category"
    STRING = "string"


NUMBERS = frozenset({ValueType.NUMBER, ValueType.INTEGER})
"""Types of what has an order and a logarithm."""


class Feature(Section):
    """One column of a row."""

    type: ValueType = Field(description="Type of the value.")
    min: Number | None = Field(None, description="Least value allowed; `number` and `integer` only.")
    max: Number | None = Field(None, description="Greatest value allowed; `number` and `integer` only.")
    values: tuple[LooseText, ...] = Field(
        (), description="The categories, in the model's order; needed with `category`."
    )
    nullable: Flag = Field(
        default=False,
        description="Whether the value may be null or left out; the model then gets NaN, or None for text.",
    )
    log: Flag = Field(
        default=True, description="Whether the prediction log keeps the value. Turn off for personal data."
    )
    monitor: Flag = Field(default=True, description="Whether skew and data drift are computed for it.")


class Prediction(Section):
    """What the model answers."""

    name: Text = Field(
        description="Name of the predicted value, a BigQuery column name.", examples=["churn_probability"]
    )
    type: ValueType = Field(ValueType.NUMBER, description="Type of the predicted value.")
    values: tuple[LooseText, ...] = Field((), description="The classes, in the model's order, with `category`.")


class Model(Section):
    """The model that is served."""

    uri: Text | None = Field(
        None,
        description="Folder that holds the model: `gs://bucket/prefix/`, or a folder beside this file "
        "(`./model`), "
        "which apply uploads under the digest of its content. Needed unless `alias` is given; beside it, what serves "
        "until a version has that alias.",
        examples=["gs://acme-models/churn/2026-11-20/", "./model"],
    )
    version: LooseText | None = Field(
        None, description="Name of this version, free text; shown in metrics, logs and the registry entry."
    )
    alias: Text | None = Field(
        None,
        description="Alias in Vertex AI Model Registry, resolved to a version when planning; excludes `version`.",
        examples=["champion"],
    )
    name: Text | None = Field(
        None,
        description="Id of the model in Vertex AI Model Registry, in the service's region: `alias` is looked up in it, "
        "and trainings add versions to it. Left out, the service's name.",
        examples=["churn"],
    )
    framework: Framework | None = Field(
        None, description="How the model is loaded. Left out, the files of the folder decide."
    )
    file: Text | None = Field(None, description="The model's file within the folder, where there are several.")
    sha256: Text | None = Field(
        None,
        description="SHA-256 of the model's file, in hex. Needed for formats that run code when loaded (pickle).",
    )
    allow_pickle: Flag = Field(
        default=False,
        description="Allows formats that run code when loaded. They also need `sha256`; prefer ONNX or skops.",
    )
    trusted_types: tuple[Text, ...] = Field(
        (),
        description="Types and functions that a skops file may hold beside those of scikit-learn that the server "
        "trusts, by their full names. A file makes objects of them, with content of its own: name what you know.",
        examples=[["sklearn.cluster._bisect_k_means._BisectingTree"]],
    )
    features: dict[str, Feature] = Field(
        default_factory=dict,
        description="The columns of a row, in the model's order. Requests are validated against them.",
    )
    prediction: Prediction | None = Field(None, description="What the model answers.")
