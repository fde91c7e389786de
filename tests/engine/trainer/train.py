"""A training image: fits a line, and measures it and the model that serves on rows kept out of training."""

import csv
import io
import json
import os
import sys

from google.cloud import storage

client = storage.Client(project=os.environ["GOOGLE_CLOUD_PROJECT"])


def blob(address):
    """An object by its address."""
    bucket, _, name = address.removeprefix("gs://").partition("/")
    return client.bucket(bucket).blob(name)


def rows(address):
    """Pairs of numbers."""
    return [(float(row["x"]), float(row["y"])) for row in csv.DictReader(io.StringIO(blob(address).download_as_text()))]


def error(model, pairs):
    """Mean of the squared errors of a line."""
    return sum((model["slope"] * x + model["intercept"] - y) ** 2 for x, y in pairs) / len(pairs)


told = dict(word.removeprefix("--").split("=", 1) for word in sys.argv[1:])
training, kept_out = rows(told["rows"]), rows(os.environ["MLSERVICE_DATASET"])
mean_x, mean_y = (sum(values) / len(training) for values in zip(*training, strict=True))
slope = sum((x - mean_x) * (y - mean_y) for x, y in training) / sum((x - mean_x) ** 2 for x, _ in training)
model = {"slope": slope, "intercept": mean_y - slope * mean_x}
live = json.loads(blob(os.environ["MLSERVICE_LIVE"] + "model.json").download_as_text())
measures = {"mse": error(model, kept_out), "live": {"mse": error(live, kept_out)}}
blob(os.environ["AIP_MODEL_DIR"] + "model.json").upload_from_string(json.dumps(model))
blob(os.environ["MLSERVICE_METRICS"]).upload_from_string(json.dumps(measures))
