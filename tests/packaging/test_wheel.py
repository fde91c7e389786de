"""What `pip install mlservice` brings."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NEEDED = {
    "schemas/starter.yaml",
    "schemas/mlservice.schema.json",
    "schemas/py.typed",
    "reconciler/py.typed",
    "runtime/py.typed",
    "emulator/py.typed",
    "emulator/wire/routes.json",
    "emulator/images/hello/server.py",
    "emulator/images/hello/job.py",
    "reconciler/images/uv.lock",
}
PACKAGES = {"schemas", "reconciler", "runtime", "emulator"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel's names, built from a copy of what git knows."""
    folder = tmp_path_factory.mktemp("wheel")
    uv = Path(sys.executable).with_name("uv")
    command = [str(uv), "build", "--wheel", "--out-dir", str(folder), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ, check=False, timeout=200)
    if done.returncode and "hatchling" in done.stderr:
        pytest.skip(f"the build backend cannot be had here: {done.stderr.strip().splitlines()[-1]}")
    assert done.returncode == 0, done.stderr
    [built] = folder.glob("*.whl")
    with zipfile.ZipFile(built) as archive:
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
