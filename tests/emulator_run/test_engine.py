"""Images that the emulated registry does not hold, with a stand-in for docker that runs our test container."""

import os
import sys

import pytest
from google.api_core import exceptions

from tests.conftest import Emulator
from tests.emulator_run.cloud import Cloud, who
from tests.emulator_run.conftest import SCRIPT

pytestmark = pytest.mark.slow

ENGINE = """#!{python}
import os, sys
words = sys.argv[1:]
if words[0] == "image" and "--format" in words:
    print("docker.io/library/app@sha256:" + "a" * 64)
if words[0] == "image" and words[-1] == "none:1" or words[0] == "pull":
    sys.exit(1)
if words[0] == "run":
    pairs = [words[i + 1].partition("=") for i, word in enumerate(words) if word == "--env"]
    os.environ.update({{name: value for name, _, value in pairs}})
    os.execv(sys.executable, [sys.executable, "-S", {script!r}])
"""


@pytest.fixture
def cloud(tmp_path, monkeypatch):
    """An emulator on a machine with a container engine."""
    engine = tmp_path / "bin" / "docker"
    engine.parent.mkdir()
    engine.write_text(ENGINE.format(python=sys.executable, script=str(SCRIPT)))
    engine.chmod(0o755)
    monkeypatch.setenv("PATH", f"{engine.parent}{os.pathsep}{os.environ['PATH']}")
    emulator = Emulator.start(tmp_path / "state")
    yield Cloud(emulator)
    emulator.stop()


def test_another_image_runs_through_the_engine(cloud):
    """It gets its port and names, and its digest is the engine's."""
    found = cloud.create(image="docker.io/library/app:1")

    assert who(found.uri).startswith("hello-00001-")
    revision = cloud.revisions.get_revision(name=found.latest_ready_revision)
    assert revision.containers[0].image == "docker.io/library/app@sha256:" + "a" * 64


def test_an_image_the_engine_does_not_find_is_missing(cloud):
    """The condition names it."""
    with pytest.raises(exceptions.NotFound, match="Image 'none:1' not found"):
        cloud.create(image="none:1")
