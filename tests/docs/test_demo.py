"""The demo's second act is told by itself, on an emulator of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ACT = Path(__file__).resolve().parents[2] / "docs" / "demo_retraining.py"


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_second_act_ends_as_it_says(tmp_path):
    """A schedule trains; the better model is promoted, planned and served; one of bad rows is refused with numbers."""
    told = {name: value for name, value in os.environ.items() if not name.startswith("MLSERVICE_")}
    done = subprocess.run(
        [sys.executable, str(ACT)], env={**told, "TMPDIR": str(tmp_path)}, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr
    found = [line.strip() for line in done.stdout.splitlines()]
    assert any(line.startswith("version 2 is champion now: accuracy 0.89") for line in found)
    assert any("model 1 -> 2 (alias champion)" in line for line in found)
    assert any(line.endswith(": 8 of 10 right") for line in found)
    assert any(line.startswith("version 3 is not taken: accuracy 0.57") for line in found)
