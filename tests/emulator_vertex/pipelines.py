"""Pipelines, one of which really trains, compiled by the `kfp` package: `python pipelines.py FOLDER` writes them there.

A program of its own: kfp takes seconds to import, and warns about what tests must not be warned of.
"""

# ruff: noqa: PLC0415 - a component's code is cut out of its function, and kfp reads annotations as they are

import sys
from pathlib import Path

from kfp import compiler, dsl


@dsl.component(base_image="python:3.11")
def rows(count: int, path: dsl.Output[dsl.Dataset]) -> int:
    """Write rows."""
    with open(path.path, "w") as file:  # noqa: PTH123 - its own program
        file.writelines(f"{x},{3 * x + 1}\n" for x in range(count))
    return count


@dsl.component(base_image="python:3.11")
def fit(data: dsl.Input[dsl.Dataset], bucket: str) -> float:
    """Fit a line, and put the slope into Cloud Storage."""
    import os

    from google.cloud import storage

    with open(data.path) as file:  # noqa: PTH123 - its own program
        pairs = [tuple(map(float, line.split(","))) for line in file]
    xs, ys = zip(*pairs, strict=True)
    mean_x, mean_y = sum(xs) / len(xs), sum(ys) / len(ys)
    slope = sum((x - mean_x) * (y - mean_y) for x, y in pairs) / sum((x - mean_x) ** 2 for x in xs)
    client = storage.Client(project=os.environ["GOOGLE_CLOUD_PROJECT"])
    client.bucket(bucket).blob("pipelines/slope").upload_from_string(f"{slope:g}")
    return slope


@dsl.component(base_image="python:3.11")
def judge(slope: float, least: float) -> bool:
    """Refuse a slope that is too small."""
    if slope < least:
        raise ValueError(f"slope {slope} is below {least}")
    return True


@dsl.component(base_image="python:3.11")
def wait() -> None:
    """Never end."""
    import time

    time.sleep(600)


@dsl.component(base_image="python:3.11", packages_to_install=["a-package-that-is-not-there"])
def lacking() -> None:
    """Need what nobody has."""


@dsl.pipeline(name="train-a-line")
def train(bucket: str, count: int = 20, least: float = 1.0) -> bool:
    """Rows, a fit, a verdict."""
    made = rows(count=count)
    fitted = fit(data=made.outputs["path"], bucket=bucket)
    with dsl.If(made.outputs["Output"] > 1000, name="many"):
        wait()
    return judge(slope=fitted.output, least=least).output


@dsl.pipeline(name="wait-for-ever")
def waiting() -> None:
    """One task that does not end."""
    wait()


@dsl.pipeline(name="need-a-package")
def needing() -> None:
    """One task that cannot begin."""
    lacking()


if __name__ == "__main__":
    for each in (train, waiting, needing):
        compiler.Compiler().compile(each, str(Path(sys.argv[1]) / f"{each.name}.yaml"))
