"""Models as they are kept: what answers show, and what was learned. Nothing of it is code."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from emulator.apis.bigquery import errors
from emulator.apis.bigquery.learning.frames import Feature
from emulator.apis.bigquery.learning.training import Trained
from emulator.apis.bigquery.records import MODEL, millis, new_etag
from emulator.apis.bigquery.schema import Field

if TYPE_CHECKING:
    from emulator.apis.bigquery.names import Ref
    from emulator.core.world import World

FORMAT = 2
"""Of what is kept. Before there was a number, two classes shared one score, and words were counted from 0."""
STANDARD = {"INTEGER": "INT64", "FLOAT": "FLOAT64", "BOOLEAN": "BOOL"}
SHOWN = {
    "LINEAR_REG": "LINEAR_REGRESSION",
    "LOGISTIC_REG": "LOGISTIC_REGRESSION",
    "BOOSTED_TREE_REGRESSOR": "BOOSTED_TREE_REGRESSOR",
    "BOOSTED_TREE_CLASSIFIER": "BOOSTED_TREE_CLASSIFIER",
}


def put(world: World, ref: Ref, model: Trained, location: str) -> None:
    """Keep a model."""
    now = millis(world.clock.now())
    kinds = [(each.name, each.kind) for each in model.features]
    resource = {
        "etag": new_etag(),
        "modelReference": {"projectId": ref.project, "datasetId": ref.dataset, "modelId": ref.table},
        "creationTime": now,
        "lastModifiedTime": now,
        "modelType": SHOWN[model.sort],
        "location": location,
        "featureColumns": [{"name": name, "type": {"typeKind": STANDARD.get(kind, kind)}} for name, kind in kinds],
        "labelColumns": [
            {
                "name": f"predicted_{model.label.name}",
                "type": {"typeKind": STANDARD.get(model.label.kind, model.label.kind)},
            }
        ],
        "trainingRuns": [{"trainingOptions": {"inputLabelColumns": [model.label.name]}}],
    }
    body = {"resource": resource, "learned": asdict(model), "format": FORMAT}
    world.store.put(MODEL, ref.key, json.dumps(body).encode())


def look_for(world: World, ref: Ref) -> dict[str, Any] | None:
    """What is kept of a model, or None."""
    body = world.store.get(MODEL, ref.key)
    return None if body is None else dict(json.loads(body))


def find(world: World, ref: Ref) -> dict[str, Any]:
    """What is kept of a model.

    Raises:
        BigQueryError: 404.
    """
    found = look_for(world, ref)
    if found is None:
        raise errors.not_found("Model", str(ref))
    return found


def trained(world: World, ref: Ref) -> Trained:
    """What a model has learned.

    Raises:
        BigQueryError: 404; or it is of an emulator whose trees were others.
    """
    body = find(world, ref)
    raw = body["learned"]
    if raw["booster"] and body.get("format") != FORMAT:
        raise errors.invalid(f"Model {ref} was trained by another version of the emulator: CREATE OR REPLACE MODEL.")
    label = Field(raw["label"]["name"], raw["label"]["kind"])
    features = tuple(
        Feature(each["name"], each["kind"], each["mean"], tuple(each["words"])) for each in raw["features"]
    )
    return Trained(
        raw["sort"],
        label,
        features,
        tuple(raw["classes"]),
        tuple(map(tuple, raw["weights"])),
        tuple(raw["intercepts"]),
        raw["booster"],
    )
