"""Wheel and sdist of this commit, built once."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
UV = str(Path(sys.executable).with_name("uv"))
PATIENCE_S = 280


def build(source: Path, folder: Path) -> dict[str, Path]:
    """Build both as `make dist` does; returns them by ending."""
    when = subprocess.run(
        ["git", "log", "-1", "--format=%ct"], cwd=source, capture_output=True, text=True, check=True
    ).stdout.strip()
    command = [UV, "build", "--quiet", "--out-dir", str(folder), str(source)]
    env = {**os.environ, "SOURCE_DATE_EPOCH": when}
    done = subprocess.run(command, capture_output=True, text=True, env=env, check=False, timeout=PATIENCE_S)
    if done.returncode and "hatchling" in done.stderr and "build_hook" not in done.stderr:
        pytest.skip(f"the build backend cannot be had here: {done.stderr.strip().splitlines()[-1]}")
    assert done.returncode == 0, done.stderr
    return {path.suffix: path for path in folder.iterdir() if path.suffix in {".whl", ".gz"}}


@pytest.fixture(scope="session")
def built(tmp_path_factory) -> dict[str, Path]:
    """`.whl` and `.gz` of what is checked out here."""
    return build(ROOT, tmp_path_factory.mktemp("dist"))
