"""The Dockerfile, read without an engine: what it copies exists, what it promises is there."""

import json
import re
import tomllib
from pathlib import Path

import pytest

from reconciler.images import building
from reconciler.images.base import Base

ROOT = Path(__file__).resolve().parents[2]


def stages() -> dict[str, list[tuple[str, str]]]:
    """Read the file: per stage its instructions, inherited ones first."""
    text = re.sub(r"\\\n", " ", (ROOT / "Dockerfile").read_text())
    found: dict[str, list[tuple[str, str]]] = {}
    current: list[tuple[str, str]] = []
    for line in text.splitlines():
        word, _, rest = line.strip().partition(" ")
        if word == "FROM":
            parent, _, name = rest.partition(" AS ")
            current = found[name] = [*found.get(parent, [])]
        elif word and not word.startswith("#"):
            current.append((word, rest.strip()))
    return found


def test_every_copied_file_is_in_the_repository_and_not_ignored():
    """A COPY from the build context names what is there, and .dockerignore lets it through."""
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    sources = [
        source.rstrip("/")
        for instructions in stages().values()
        for word, rest in instructions
        if word == "COPY" and not rest.startswith("--from")
        for source in rest.split()[:-1]
    ]

    assert sources
    for source in sources:
        assert (ROOT / source).exists(), source
        assert source.partition("/")[0] in allowed


def test_stages_copy_from_stages_that_exist():
    """A COPY --from names a stage above."""
    found = stages()
    named = re.findall(r"COPY --from=(\S+)", (ROOT / "Dockerfile").read_text())

    assert named
    assert set(named) <= found.keys()


@pytest.mark.parametrize("target", ["runtime", "reconciler", "page"])
def test_targets_run_as_nobody_in_particular(target):
    """All targets exist, run as a numeric user that is not root, and hold no build tools."""
    instructions = stages()[target]

    users = [rest for word, rest in instructions if word == "USER"]
    assert users
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", users[-1])
    assert not any(tool in rest for word, rest in instructions if word == "RUN" for tool in ("apt-get", "pip", "uv "))


def test_the_commands_are_the_documented_ones():
    """The server listens on all addresses of the container; the job runs one pass."""
    runtime = dict(stages()["runtime"])
    reconciler = dict(stages()["reconciler"])

    assert json.loads(runtime["CMD"]) == ["python", "-m", "runtime"]
    assert "HOST=0.0.0.0" in runtime["ENV"]
    assert json.loads(reconciler["ENTRYPOINT"]) == ["python", "-m", "reconciler.cli"]
    assert json.loads(reconciler["CMD"]) == ["reconcile"]


def test_the_frameworks_exist():
    """Every framework that is installed is an extra of the project's."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    [named] = re.findall(r'ARG FRAMEWORKS="([a-z ]+)"', (ROOT / "Dockerfile").read_text())

    assert set(named.split()) <= extras.keys()


def test_its_tools_are_those_of_the_lock_file():
    """What lays the wheels out is pinned, as they are."""
    locked = {each["name"]: each["version"] for each in tomllib.loads((ROOT / "uv.lock").read_text())["package"]}
    [words] = re.findall(r"RUN pip install --no-cache-dir (.+)", (ROOT / "Dockerfile").read_text())

    assert words.split() == [f"{name}=={locked[name]}" for name in ("uv", "packaging")]


def test_it_is_the_image_that_is_pushed_without_an_engine():
    """Command, user, folder and variables are the same in both."""
    for target in ("runtime", "reconciler", "page"):
        instructions = dict(stages()[target])
        said = building._config(building.Wanted(target), Base("", "", {"rootfs": {"diff_ids": []}}, []), [])["config"]
        variables = {pair for word, rest in stages()[target] if word == "ENV" for pair in rest.split()}

        assert set(said["Env"]) == variables
        assert (said["User"], said["WorkingDir"]) == (instructions["USER"], instructions["WORKDIR"])
        assert json.loads(instructions["CMD"]) == said["Cmd"]
        assert json.loads(instructions.get("ENTRYPOINT", "null")) == said.get("Entrypoint")
