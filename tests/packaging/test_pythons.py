"""The wheel on every Python that we support and that is here: `--pythons`."""

import json
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

from reconciler.cli.app import COMMANDS
from tests.packaging.conftest import UV
from tests.packaging.test_installed import run

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
MINORS = (11, 12, 13, 14)
HELLO = """apiVersion: mlservice/v1
kind: MLService
metadata: {name: hello}
spec: {region: europe-west1, image: us-docker.pkg.dev/cloudrun/container/hello}
"""


def interpreter(minor):
    """An interpreter of this machine; none is fetched. Of pyenv's the real one, since its shims may say no."""
    pyenv = sorted((Path.home() / ".pyenv" / "versions").glob(f"3.{minor}.*/bin/python"))
    found = shutil.which(f"python3.{minor}")
    for candidate in [*pyenv, *([found] if found else [])]:
        if subprocess.run([candidate, "-c", ""], check=False, capture_output=True).returncode == 0:
            return str(candidate)
    words = [UV, "python", "find", "--no-python-downloads", f"3.{minor}"]
    done = subprocess.run(words, check=False, capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else ""


@pytest.fixture(scope="module", params=MINORS, ids=lambda minor: f"3.{minor}")
def python(request, built, tmp_path_factory):
    """A folder outside of the clone, with the wheel in a fresh environment; its interpreter."""
    if not request.config.getoption("--pythons"):
        pytest.skip("with --pythons only")
    found = interpreter(request.param)
    if not found:
        pytest.skip(f"there is no Python 3.{request.param} here")
    folder = tmp_path_factory.mktemp(f"python3{request.param}")
    for words in (
        (UV, "venv", "--quiet", "--python", found, str(folder / "venv")),
        (UV, "pip", "install", "--quiet", "--python", str(folder / "venv"), f"{built['.whl']}[local]"),
    ):
        done = run(folder, *words)
        assert done.returncode == 0, done.stderr
    return folder, found


def test_every_command_says_what_it_is_for(python):
    """Each starts, and none is missing."""
    folder, _ = python

    wrong = {
        name: said.stderr
        for name in COMMANDS
        if "Usage" not in (said := run(folder, str(folder / "venv/bin/mlservice"), name, "--help")).stdout
    }

    assert wrong == {}


def test_it_plans_on_the_emulator(python):
    """From a spec in an empty folder."""
    folder, _ = python
    (folder / "mlservice.yaml").write_text(HELLO)
    mlservice = str(folder / "venv/bin/mlservice")

    try:
        done = run(folder, mlservice, "plan", "--local", "--output", "json")
    finally:
        run(folder, mlservice, "emulator", "stop")

    assert done.returncode == 0, done.stderr
    assert "hello" in json.dumps(json.loads(done.stdout))


def test_its_version_names_the_commit(python, built):
    """Installed, and as `uvx --from WHEEL`."""
    folder, found = python
    with zipfile.ZipFile(built[".whl"]) as wheel:
        commit = wheel.read("reconciler/COMMIT").decode().strip()
    tool = (UV, "tool", "run", "--quiet", "--python", found, "--from", str(built[".whl"]))

    said = [run(folder, *words, "--version") for words in ((str(folder / "venv/bin/mlservice"),), (*tool, "mlservice"))]

    assert [f"(commit {commit})" in each.stdout for each in said] == [True, True], said
