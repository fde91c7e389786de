"""What EXPORT MODEL leaves of boosted trees: the booster, what its columns and classes are, and a program.

Source: cloud.google.com/bigquery/docs/exporting-models (which files there are); Google's own reader of them,
bigquery-ml-utils 1.5, `inference/xgboost_predictor/predictor.py`, and the exported models that its tests read.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from emulator.apis.bigquery import errors
from emulator.apis.bigquery.learning.frames import spelt

if TYPE_CHECKING:
    from emulator.apis.bigquery.learning.training import Trained

FILLER = "_null_filler"
"""What is in the place of no value, first in every list of words."""
PROGRAM = b"raise SystemExit('Google exports a program here, to try the model with; nothing else needs it')\n"


def check(model: Trained) -> None:
    """Refuse what its files cannot hold: they have a word per line, and nothing that stands for a line break.

    Raises:
        BigQueryError: 501.
    """
    for each in model.features:
        if any(mark in word for word in each.words for mark in "\r\n"):
            raise errors.unimplemented(f"EXPORT MODEL of words with a line break (column {each.name})")


def files(model: Trained) -> Iterator[tuple[str, bytes]]:
    """Each file of an exported model, by its name below the folder.

    The booster is in XGBoost's present format: Google writes that of version 0.82, which no version writes any more.
    """
    yield "model.bst", base64.b64decode(model.booster)
    yield "main.py", PROGRAM
    yield "assets/model_metadata.json", json.dumps(about(model), indent=2).encode()
    for place, each in enumerate(model.features):
        if not each.is_number:
            words = [FILLER, *each.words]
            yield f"assets/{place}_categorical_label.txt", "".join(f"{word}\n" for word in words).encode()


def about(model: Trained) -> dict[str, Any]:
    """What is said of the model: its label, its columns in order, its classes as text."""
    return {
        "model_type": model.sort.lower(),
        "label_col": model.label.name,
        **({"class_names": [spelt(each) for each in model.classes]} if model.classifies else {}),
        "feature_names": [each.name for each in model.features],
        "features": {
            each.name: {} if each.is_number else {"encode_type": "categorical_label"} for each in model.features
        },
    }
