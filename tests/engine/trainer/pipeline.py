"""A pipeline that trains, compiled by the `kfp` package: `python pipeline.py FILE` writes it there.

A program of its own: kfp takes seconds to import, and warns about what tests must not be warned of.
"""

# ruff: noqa: PLC0415 - a component's code is cut out of its function

import sys

from kfp import compiler, dsl


@dsl.component(base_image="python:3.11")
def fit(rows: int, output: str, metrics: str, live: str) -> float:
    """Leave a model and its measures where the function says."""
    import json
    import os

    from google.cloud import storage

    client = storage.Client(project=os.environ["GOOGLE_CLOUD_PROJECT"])

    def write(address: str, text: str) -> None:
        bucket, _, name = address.removeprefix("gs://").partition("/")
        client.bucket(bucket).blob(name).upload_from_string(text)

    write(f"{output}model/model.json", json.dumps({"rows": rows, "after": live}))
    write(metrics, json.dumps({"mse": 1 / rows}))
    return 1 / rows


@dsl.pipeline(name="train-churn")
def train(mlservice_output: str, mlservice_metrics: str, mlservice_live: str, rows: int = 1) -> float:
    """One task."""
    return fit(rows=rows, output=mlservice_output, metrics=mlservice_metrics, live=mlservice_live).output


if __name__ == "__main__":
    compiler.Compiler().compile(train, sys.argv[1])
