"""What `pip install mlservice` brings."""

import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.packaging.conftest import build

ROOT = Path(__file__).resolve().parents[2]
NEEDED = {
    "schemas/starters/custom.yaml",
    "schemas/starters/ollama.yaml",
    "schemas/starters/tabular.yaml",
    "schemas/starters/vllm.yaml",
    "schemas/mlservice.schema.json",
    "schemas/py.typed",
    "reconciler/py.typed",
    "runtime/py.typed",
    "emulator/py.typed",
    "page/templates/fleet.html",
    "page/static/app.css",
    "page/static/vendor/htmx.min.js",
    "page/static/vendor/htmx.LICENSE",
    "emulator/wire/routes.json",
    "emulator/apis/billingbudgets/prices.json",
    "emulator/images/hello/server.py",
    "emulator/images/hello/job.py",
    "reconciler/images/uv.lock",
    "reconciler/COMMIT",
    *(f"reconciler/cli/workflow_files/{name}.yaml" for name in ("apply", "comment-on-forks", "plan", "publish")),
}
PACKAGES = {"schemas", "reconciler", "runtime", "emulator", "page"}


@pytest.fixture
def wheel(built):
    """The wheel, opened."""
    with zipfile.ZipFile(built[".whl"]) as archive:
        yield archive


@pytest.mark.slow
def test_the_wheel_holds_everything_that_is_read_at_run_time(wheel):
    """Every module of ours, and every file that they open."""
    names = set(wheel.namelist())
    tracked = subprocess.run(["git", "ls-files", *PACKAGES], cwd=ROOT, capture_output=True, text=True, check=True)

    assert names >= NEEDED
    assert [name for name in tracked.stdout.split() if name not in names] == []


@pytest.mark.slow
def test_the_wheel_holds_nothing_else(wheel):
    """No tests, no caches, no examples; the licence and the command are there."""
    names = [name for name in wheel.namelist() if ".dist-info/" not in name]
    about = {name.partition(".dist-info/")[2]: name for name in wheel.namelist() if ".dist-info/" in name}

    assert {name.partition("/")[0] for name in names} == PACKAGES
    assert [name for name in names if "__pycache__" in name or name.endswith(".pyc")] == []
    assert "mlservice = reconciler.cli:main" in wheel.read(about["entry_points.txt"]).decode()
    assert "licenses/LICENSE" in about


@pytest.mark.slow
def test_the_sdist_holds_what_the_wheel_is_made_of(built):
    """And no more: who wants tests and examples has the clone."""
    with tarfile.open(built[".gz"]) as archive:
        tops = {name.split("/")[1] for name in archive.getnames()}

    assert tops == {
        *PACKAGES,
        "docs",
        "uv.lock",
        "build_hook.py",
        "README.md",
        "LICENSE",
        "COMMIT",
        "pyproject.toml",
        "PKG-INFO",
        ".gitignore",
    }


@pytest.mark.slow
def test_two_builds_of_one_commit_are_the_same_bytes(tmp_path):
    """Wherever and whenever they are made; both name the commit."""
    made = []
    for name in ("one", "two/deeper"):
        clone = tmp_path / name / "clone"
        subprocess.run(["git", "clone", "--quiet", "--no-hardlinks", str(ROOT), str(clone)], check=True)
        made.append(build(clone, tmp_path / name / "dist"))
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True).stdout

    first, second = made
    assert first[".whl"].read_bytes() == second[".whl"].read_bytes()
    assert first[".gz"].read_bytes() == second[".gz"].read_bytes()
    with zipfile.ZipFile(first[".whl"]) as archive:
        assert archive.read("reconciler/COMMIT").decode() == head
