"""A training image: fits a line through rows of Cloud Storage, and writes model and metrics where Vertex AI says."""

# ruff: noqa: T201 - a program of its own, whose output is its log

import csv
import io
import json
import os
import sys
import time
import urllib.request

from google.auth import default
from google.cloud import storage


def split(address: str) -> tuple[str, str]:
    """Bucket and name."""
    bucket, _, name = address.removeprefix("gs://").partition("/")
    return bucket, name


def account() -> str:
    """Whose credentials these are, as the metadata server tells it."""
    url = f"http://{os.environ['GCE_METADATA_HOST']}/computeMetadata/v1/instance/service-accounts/default/email"
    request = urllib.request.Request(url, headers={"Metadata-Flavor": "Google"})
    return urllib.request.urlopen(request).read().decode()  # noqa: S310 - the metadata server


credentials, _ = default()
client = storage.Client(project=os.environ["GOOGLE_CLOUD_PROJECT"], credentials=credentials)


def write(address: str, text: str) -> None:
    """Put an object."""
    bucket, name = split(address)
    client.bucket(bucket).blob(name).upload_from_string(text)


bucket, name = split(sys.argv[1])
rows = list(csv.DictReader(io.StringIO(client.bucket(bucket).blob(name).download_as_text())))
xs, ys = [float(row["x"]) for row in rows], [float(row["y"]) for row in rows]
print(f"training on {len(rows)} rows", flush=True)
write(os.environ["AIP_CHECKPOINT_DIR"] + "begun", str(time.time()))
mean_x, mean_y = sum(xs) / len(xs), sum(ys) / len(ys)
slope = sum((x - mean_x) * (y - mean_y) for x, y in zip(xs, ys, strict=True)) / sum((x - mean_x) ** 2 for x in xs)
write(os.environ["AIP_MODEL_DIR"] + "model.json", json.dumps({"slope": slope, "intercept": mean_y - slope * mean_x}))
environment = {name: value for name, value in os.environ.items() if name.startswith(("AIP_", "CLOUD", "CLUSTER"))}
write(os.environ["AIP_TENSORBOARD_LOG_DIR"] + "environment.json", json.dumps(environment | {"account": account()}))
