"""The wheel in an environment of its own, outside of the clone: what a user has who installs it."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from reconciler.cli.app import COMMANDS
from tests.packaging.conftest import PATIENCE_S, ROOT, UV

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
KEPT = ("PATH", "HOME", "LANG", "SSL_CERT_FILE")

EACH_HELPS = """
import sys
from reconciler.cli.app import run
for name in sys.argv[1:]:
    assert run([*name.split(), "--help"]) == 0, name
"""


def environment(folder: Path) -> dict[str, str]:
    """Nothing of the clone, and none of this machine's accounts."""
    kept = {name: value for name, value in os.environ.items() if name in KEPT or name.startswith(("UV_", "PIP_"))}
    cache = os.environ.get("UV_CACHE_DIR", str(Path.home() / ".cache" / "uv"))
    return {**kept, "HOME": str(folder), "UV_CACHE_DIR": cache, "NO_COLOR": "1"}


def run(folder: Path, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run a command in the folder."""
    return subprocess.run(
        words,
        cwd=folder,
        env=environment(folder),
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )


@pytest.fixture(scope="module")
def installed(built, tmp_path_factory) -> Path:
    """A folder with a fresh environment in it, and nothing of the clone."""
    folder = tmp_path_factory.mktemp("installed")
    for words in (
        (UV, "venv", "--quiet", "--python", sys.executable, str(folder / "venv")),
        (UV, "pip", "install", "--quiet", "--python", str(folder / "venv"), f"{built['.whl']}[local,runtime,onnx]"),
    ):
        done = run(folder, *words)
        assert done.returncode == 0, done.stderr
    return folder


def test_every_command_works(installed):
    """From an empty folder to a prediction on the emulator and back to nothing; each command, each with its outcome."""
    mlservice = str(installed / "venv" / "bin" / "mlservice")
    shutil.copytree(ROOT / "specs" / "iris" / "model", installed / "iris" / "model")
    shutil.copy(ROOT / "specs" / "iris" / "mlservice.yaml", installed / "iris")
    local, spec = ("--local",), "iris"
    rows, region = "[[5.1, 3.5, 1.4, 0.2]]", ("--region", "europe-west1")
    story = {
        "init": (("init", "new"), 0, "mlservice.yaml"),
        "validate": (("validate", spec), 0, ""),
        "schema": (("schema",), 0, "$schema"),
        "plan": (("plan", spec, *local), 0, "iris"),
        "apply": (("apply", spec, *local, "--yes"), 0, "iris"),
        "status": (("status", spec, *local), 0, "iris"),
        "predict": (("predict", spec, *local), 0, "setosa"),
        "import": (("import", "iris", *region, *local), 0, "MLService"),
        "why": (("why", "iris", *region, *local), 0, ""),
        "retrain": (("retrain", "iris", *region, *local), 1, "retrain"),
        "reconcile": (("reconcile", spec, *local), 0, "pass done"),
        "image": (
            ("image", "push", *region, *local, "--base", "a-docker.pkg.dev/local/none/python:3"),
            1,
            "python",
        ),
        "serve": (("serve", "--help"), 0, "model"),
        "doctor": (("doctor", spec, *local), 0, "ok"),
        "triggers": (("triggers", "iris", *region, *local), 0, ""),
        "models": (("models", "iris", *region, *local), 1, "needs the package of google.cloud.aiplatform_v1"),
        "destroy": (("destroy", spec, *local, "--yes", "--allow-destroy"), 0, ""),
        "emulator": (("emulator", "stop"), 0, "stopped"),
    }
    try:
        answers = {name: run(installed, mlservice, *words, stdin=rows) for name, (words, _, _) in story.items()}
    finally:  # a command may have been cut off
        run(installed, mlservice, "emulator", "stop")

    for name, (_, code, said) in story.items():
        text = answers[name].stdout + answers[name].stderr
        assert answers[name].returncode == code, (name, text)
        assert said in text, (name, text)
        assert "this is a bug" not in text, (name, text)
    # What has no part in the story says at least what it is for.
    others = sorted(COMMANDS.keys() - story.keys())
    done = run(installed, str(installed / "venv" / "bin" / "python"), "-P", "-c", EACH_HELPS, *others)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("Usage: mlservice ") == len(others)


def test_the_version_names_the_commit(installed, built):
    """That of the clone that it was built of."""
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True)

    done = run(installed, str(installed / "venv" / "bin" / "mlservice"), "--version")

    assert head.stdout.strip() in done.stdout


def test_it_runs_without_being_installed(installed, built):
    """As `uvx --from WHEEL mlservice`."""
    tool = (UV, "tool", "run", "--quiet", "--python", sys.executable, "--from", str(built[".whl"]))

    done = run(installed, *tool, "mlservice", "validate", "iris", "--output", "json")

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) is not None
