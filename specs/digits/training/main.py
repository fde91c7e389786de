"""Train a reader of handwritten digits, and measure it and the model that serves on the same rows.

    python main.py --rows gs://acme-digits/rows/

What mlservice tells a training is in its environment; any container that heeds it will do:

    MLSERVICE_OUTPUT    folder of this run: the model goes into model/ below it
    MLSERVICE_METRICS   file for the measures: {"accuracy": 0.92, "live": {"accuracy": 0.8}}
    MLSERVICE_DATASET   rows that are kept out of training
    MLSERVICE_LIVE      folder of the model that serves; not set where there is none

Each is an address in Cloud Storage, or a path: then it runs on this machine alone.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from functools import cache
from pathlib import Path

import google.auth
import numpy as np
import onnxruntime
from google.cloud import storage
from skl2onnx import to_onnx
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

MODEL = "model.onnx"


@cache
def client() -> storage.Client:
    """Connect as the account that the training runs as. It is named, as on an emulator the client would be nobody."""
    credentials, project = google.auth.default()
    return storage.Client(project, credentials)


def read(address: str) -> bytes:
    """Read a file."""
    if address.startswith("gs://"):
        return storage.Blob.from_uri(address, client()).download_as_bytes()
    return Path(address).read_bytes()


def write(address: str, content: bytes) -> None:
    """Write a file."""
    if address.startswith("gs://"):
        storage.Blob.from_uri(address, client()).upload_from_string(content)
        return
    Path(address).parent.mkdir(parents=True, exist_ok=True)
    Path(address).write_bytes(content)


def files(address: str) -> list[str]:
    """List the files of rows in a folder."""
    if not address.startswith("gs://"):
        return sorted(map(str, Path(address).glob("*.csv")))
    bucket, _, prefix = address.removeprefix("gs://").partition("/")
    names = (each.name for each in client().list_blobs(bucket, prefix=prefix))
    return [f"gs://{bucket}/{name}" for name in names if name.endswith(".csv")]


def rows(*addresses: str) -> tuple[np.ndarray, np.ndarray]:
    """Read pixels and digits."""
    lines = [line for address in addresses for line in read(address).decode().splitlines()]
    if not lines:
        sys.exit("there are no rows to train on")
    table = np.loadtxt(lines, delimiter=",", dtype=np.float32)
    return table[:, :-1], table[:, -1].astype(np.int64)


def trained(pixels: np.ndarray, digits: np.ndarray) -> bytes:
    """Train a model, and give it as ONNX."""
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500)).fit(pixels, digits)
    return to_onnx(model, pixels[:1], options={"zipmap": False}).SerializeToString()


def accuracy(model: bytes, pixels: np.ndarray, digits: np.ndarray) -> float:
    """Measure which share of the rows a model reads right."""
    session = onnxruntime.InferenceSession(model)
    read_as = session.run(None, {session.get_inputs()[0].name: pixels})[0]
    return float((read_as == digits).mean())


def main() -> None:
    """Train, measure both, leave model and measures."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--rows", required=True, help="folder of CSV files: 64 pixels and the digit")
    folder = arguments.parse_args().rows
    output = os.environ["MLSERVICE_OUTPUT"].rstrip("/")
    found = files(folder)
    pixels, digits = rows(*found)
    model = trained(pixels, digits)
    held_out = rows(os.environ["MLSERVICE_DATASET"])
    measures: dict[str, object] = {"accuracy": accuracy(model, *held_out)}
    if live := os.environ.get("MLSERVICE_LIVE", "").rstrip("/"):
        measures["live"] = {"accuracy": accuracy(read(f"{live}/{MODEL}"), *held_out)}
    write(f"{output}/model/{MODEL}", model)
    write(os.environ["MLSERVICE_METRICS"], json.dumps(measures).encode())
    print(f"trained on {len(digits)} rows of {len(found)} files: {json.dumps(measures)}", flush=True)


if __name__ == "__main__":
    main()
