"""The head of a `CREATE MODEL` statement: whose model it makes, and the rest, which is given on as it is.

Source: https://cloud.google.com/bigquery/docs/reference/standard-sql/bigqueryml-syntax-create
"""

from __future__ import annotations

import re
from dataclasses import dataclass

# Each piece of a gap tells by its first sign what it is, so whatever is given back is gone through once. Possessive
# groups would say so, but before Python 3.11.5 they are read wrongly (github.com/python/cpython/issues/106052).
_GAP = r"(?:\s|--[^\n]*(?:\n|\Z)|\#[^\n]*(?:\n|\Z)|/\*(?:[^*]|\*(?!/))*\*/)"
_HEAD = re.compile(
    rf"{_GAP}*CREATE{_GAP}+(?:OR{_GAP}+REPLACE{_GAP}+)?MODEL{_GAP}+(?:IF{_GAP}+NOT{_GAP}+EXISTS{_GAP}+)?"
    r"(?P<name>(?:`[^`\n]*`|[\w.:]|-(?!-))+)",
    re.IGNORECASE,
)
_NAME = re.compile(r"(?:(?P<project>[a-z0-9][a-z0-9.:-]*)\.)?(?P<dataset>\w{1,1024})\.(?P<model>\w{1,900})", re.ASCII)
_SORT = re.compile(r"\bmodel_type\s*=\s*(['\"])(?P<sort>\w+)\1", re.IGNORECASE)
_ENCODING = re.compile(r"\bcategory_encoding_method\s*=\s*(['\"])(?P<how>\w+)\1", re.IGNORECASE)
_TRANSFORM = re.compile(rf"{_GAP}*TRANSFORM{_GAP}*\(", re.IGNORECASE)
SERVED_ENCODING = "LABEL_ENCODING"
"""How words may become numbers: each its place in a list. The others make several columns of one."""
EXPORTED = frozenset(
    {"BOOSTED_TREE_CLASSIFIER", "BOOSTED_TREE_REGRESSOR", "RANDOM_FOREST_CLASSIFIER", "RANDOM_FOREST_REGRESSOR"}
)
"""Types of which an XGBoost booster is exported; of the others a TensorFlow SavedModel, or nothing."""


@dataclass(frozen=True, slots=True)
class CreateModel:
    """A statement that makes a model.

    Args:
        project: Whose dataset; empty where the statement does not say.
        dataset: The model's.
        model: Its name.
        rest: What follows the name.
    """

    project: str
    dataset: str
    model: str
    rest: str

    @property
    def sort(self) -> str:
        """What `model_type` says, in capitals; empty where it is not there."""
        found = _SORT.search(self.rest)
        return found["sort"].upper() if found else ""

    @property
    def encoding(self) -> str:
        """What `category_encoding_method` says, in capitals; empty where it is not there."""
        found = _ENCODING.search(self.rest)
        return found["how"].upper() if found else ""

    @property
    def transforms(self) -> bool:
        """Whether it has a TRANSFORM clause, which stands behind the name."""
        return _TRANSFORM.match(self.rest) is not None


def read(query: str) -> CreateModel | None:
    """Read a statement; None for one that makes no model, or one in no dataset."""
    head = _HEAD.match(query)
    name = _NAME.fullmatch(head["name"].replace("`", "")) if head else None
    if head is None or name is None:
        return None
    return CreateModel(name["project"] or "", name["dataset"], name["model"], query[head.end() :])
