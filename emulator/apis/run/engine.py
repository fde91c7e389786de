"""Images that are not in the emulated registry, run by docker or podman where one is there.

The container shares the host's network, so that it listens on the loopback port it is given and reaches the emulator.
"""

import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from emulator.apis.run.mounts.places import Mount
from emulator.core.world import PROJECT, World
from emulator.images.reference import parse

ENGINES = ("docker", "podman")
ANSWER_S = 5
PULL_S = 600


def engine() -> str | None:
    """Find a container engine that answers."""
    for name in ENGINES:
        path = shutil.which(name)
        if path is not None and _run([path, "version"], ANSWER_S) is not None:
            return path
    return None


def is_ours(world: World, image: str) -> bool:
    """Tell whether an image could only be in the emulated registry: of a project the emulator holds repositories of."""
    found = parse(image)
    if found is None:
        return False
    from emulator.apis.artifactregistry.repositories import (  # noqa: PLC0415 - imports its messages, rarely needed
        REPOSITORIES,
        seed,
    )

    project = f"projects/{found.project}/"
    seed(world, project)
    return found.project == PROJECT or bool(REPOSITORIES.all(world, project))


def pull(path: str, image: str) -> str | None:
    """Fetch an image if it is not there; give its digest, or None when there is no such image."""
    if _run([path, "image", "inspect", image], ANSWER_S) is None and _run([path, "pull", image], PULL_S) is None:
        return None
    digest = _run([path, "image", "inspect", "--format", "{{index .RepoDigests 0}}", image], ANSWER_S)
    return (digest or "").strip().rpartition("@")[2]


def command(
    path: str,
    image: str,
    environment: Mapping[str, str],
    words: tuple[Sequence[str], Sequence[str]],
    mounts: Iterable[Mount] = (),
) -> list[str]:
    """Make the command line that runs a container in the foreground; `words` are its command and its arguments."""
    entry, arguments = words
    line = [path, "run", "--rm", "--init", "--network", "host"]
    for mount in mounts:
        line += ["--volume", f"{mount.folder}:{mount.path}{':ro' if mount.read_only else ''}"]
    for name, value in environment.items():
        line += ["--env", f"{name}={value}"]
    if entry:
        line += ["--entrypoint", entry[0]]
    return [*line, image, *entry[1:], *arguments]


def folder() -> Path:
    """Where the engine's client runs: it needs no files."""
    return Path("/")


def _run(line: Sequence[str], timeout_s: float) -> str | None:
    try:
        done = subprocess.run(line, capture_output=True, text=True, timeout=timeout_s, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None
