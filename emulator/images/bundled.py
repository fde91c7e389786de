"""The images that are there without anybody having pushed them: Google's hello, our own, and a made-up LLM server."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from emulator.images.reference import parse

PROJECTS = ("projects/cloudrun/", "projects/mlservice/")
HERE = Path(__file__).parent
OPENAI_ECHO = "us-docker.pkg.dev/mlservice/images/openai-echo"
RUNTIME = ("runtime", "schemas")
RECONCILER = ("reconciler", "schemas", "runtime")
PAGE = ("page", "schemas")
"""Packages that our images hold; they are found, not imported. The reconciler uploads a program of the runtime's."""


@dataclass(frozen=True, slots=True)
class Bundled:
    """An image as somebody would push it: where it goes, its files, what starts it."""

    reference: str
    sources: Mapping[str, Path]
    command: Sequence[str]


def images(project: str = "") -> Iterator[Bundled]:
    """All of them, or those of one of `PROJECTS`. The command runs in the image's folder."""
    for image in _all():
        found = parse(image.reference)
        if found is not None and found.repository.startswith(project):
            yield image


@cache
def _all() -> tuple[Bundled, ...]:
    """What is installed stays where it is while this process runs; to find it takes longer than to look into it."""
    return tuple(_installed())


def _installed() -> Iterator[Bundled]:
    hello = {"": HERE / "hello"}
    fast = [sys.executable, "-S", "-E", "-B"]
    yield Bundled("us-docker.pkg.dev/cloudrun/container/hello:latest", hello, [*fast, "server.py"])
    yield Bundled("gcr.io/cloudrun/hello:latest", hello, [*fast, "server.py"])
    yield Bundled("us-docker.pkg.dev/cloudrun/container/job:latest", hello, [*fast, "job.py"])
    reconciler = {name: folder for name in RECONCILER if (folder := package_folder(name))}
    if len(reconciler) == len(RECONCILER):
        reference = f"us-docker.pkg.dev/mlservice/images/reconciler:{metadata.version('mlservice')}"
        yield Bundled(reference, reconciler, [sys.executable, "-m", "reconciler.cli"])
    echo = {"openai_echo": HERE / "openai_echo"}
    yield Bundled(f"{OPENAI_ECHO}:{metadata.version('mlservice')}", echo, [*fast, "-m", "openai_echo"])
    yield Bundled(f"{OPENAI_ECHO}:latest", echo, [*fast, "-m", "openai_echo"])
    page = {name: folder for name in PAGE if (folder := package_folder(name))}
    if len(page) == len(PAGE):
        reference = f"us-docker.pkg.dev/mlservice/images/page:{metadata.version('mlservice')}"
        yield Bundled(reference, page, [sys.executable, "-m", "page"])
    runtime = {name: folder for name in RUNTIME if (folder := package_folder(name))}
    if len(runtime) == len(RUNTIME):
        reference = f"us-docker.pkg.dev/mlservice/images/runtime:{metadata.version('mlservice')}"
        yield Bundled(reference, runtime, [sys.executable, "-m", "runtime"])


def repositories() -> list[str]:
    """Resource names of the repositories that they lie in, sorted."""
    return sorted({found.repository for image in images() if (found := parse(image.reference)) is not None})


def package_folder(name: str) -> Path | None:
    """Where an installed package lies, without importing it."""
    spec = find_spec(name)
    return None if spec is None or spec.origin is None else Path(spec.origin).parent
