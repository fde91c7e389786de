"""Acts of the demo are told by themselves, each on an emulator of its own."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from reconciler.gcp.emulator import Emulator, is_held

DOCS = Path(__file__).resolve().parents[2] / "docs"
PATIENCE_S = 260
"""Less than pytest's, which would end this process and not what an act started."""


def told(act, folder, *words):
    """Tell an act, and give the lines of it."""
    done = ended(folder, "-m", "tests.docs.warm_act", str(DOCS / act), *words)
    assert done.returncode == 0, done.stdout + done.stderr
    return [line.strip() for line in done.stdout.splitlines()]


def ended(folder, *words):
    """Run a program of the demo's to its end; however it ends, no emulator is left whose state is in the folder."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MLSERVICE_")}
    environment |= {"TMPDIR": str(folder), "PYTHONPATH": f"{DOCS}:{DOCS.parent}"}
    command = [sys.executable, *words]
    try:
        return subprocess.run(command, env=environment, timeout=PATIENCE_S, capture_output=True, text=True, check=False)
    except subprocess.TimeoutExpired as late:
        pytest.fail(f"{late}: {(late.stdout or b'').decode()}")
    finally:
        for state in left(folder):
            command = [sys.executable, "-m", "reconciler.cli", "emulator", "stop"]
            subprocess.run(command, env={**environment, "MLSERVICE_EMULATOR_STATE": str(state)}, check=False)


def left(folder):
    """States of emulators that acts did not take away."""
    return list(folder.glob("mlservice-demo-*/emulator"))


DIES = """
import os, signal, demo_stage
with demo_stage.workspace():
    demo_stage.mlservice("emulator", "start")
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.slow
@pytest.mark.long
def test_an_act_that_is_cut_off_leaves_no_emulator(tmp_path):
    """Its state is there, and nobody holds it."""
    done = ended(tmp_path, "-c", DIES)

    assert "running: http" in done.stdout, done.stderr
    [state] = left(tmp_path)
    assert Emulator.written(state) is None
    assert not is_held(state)


def test_a_picture_that_no_browser_took_is_missed(tmp_path):
    """One of an earlier page is not taken for it."""
    browser, image = tmp_path / "chromium", tmp_path / "old.png"
    browser.write_text("#!/bin/sh\n")
    browser.chmod(0o755)
    image.write_bytes(b"old")
    code = "import sys, pathlib, screenshots as s; s.picture(*map(pathlib.Path, sys.argv[1:]), 0)"
    command = [sys.executable, "-c", code, str(tmp_path / "page.html"), str(image)]

    environment = {**os.environ, "PATH": str(tmp_path), "PYTHONPATH": str(DOCS)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert "took no picture of" in done.stderr


@pytest.mark.slow
@pytest.mark.long  # tests/engine/test_monitoring.py tells the same, and `make demo` the whole
@pytest.mark.timeout(300)
def test_the_act_of_watching_ends_as_it_says(tmp_path):
    """The column that moved is named, people are told, two windows start one training; then all is calm, told too.

    The whole way with BigQuery ML: a table's rows, a statement, its model served, watched, and trained again.
    """
    page = tmp_path / "page.html"

    found = told("demo_monitoring.py", tmp_path, str(page))

    judged = [line.partition(":")[2].strip() for line in found if line.startswith("skew: ")]
    moved = "1 of 10 columns too far: body_mass_index 0."
    assert [line.partition(" 0.")[0] + " 0." if "too far" in line else line for line in judged] == [
        f"Breach: {moved}",
        f"Breach: {moved}",
        "Calm: all 10 columns within their limits",
    ]
    assert any(line.startswith("version 2 is champion now: mean_absolute_error 48.") for line in found)
    mails = [line.partition("[")[2].partition("]")[0] for line in found if line.startswith("mail to clinic@acme")]
    assert mails == ["ALERT", "ALERT", "RESOLVED"], "each look at the letter box shows all that is in it"
    assert "body_mass_index" in page.read_text()


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_act_of_training_ends_as_it_says(tmp_path):
    """A schedule trains; the better model is promoted, planned and served; one of bad rows is refused with numbers."""
    found = told("demo_retraining.py", tmp_path)

    assert any(line.startswith("version 2 is champion now: accuracy 0.89") for line in found)
    assert any("model 1 -> 2 (alias champion)" in line for line in found)
    assert any(line.endswith(": 8 of 10 right") for line in found)
    assert any(line.startswith("version 3 is not taken: accuracy 0.57") for line in found)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_act_of_rollouts_ends_as_it_says(tmp_path):
    """Some errors, and the worse version has nothing; the next one has everything, with none."""
    found = told("demo_rollout.py", tmp_path)

    caught = next(line for line in found if line.endswith("whatever the spec says"))
    asked, failed = map(int, re.findall(r"(\d+) (?:requests|errors)", caught))
    assert 0 < failed < asked / 5
    assert any(line.startswith("petal-scorer  Steady") and line.endswith("serves") for line in found)
    assert any(line.endswith("requests on the way, 0 errors") for line in found)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_act_of_money_ends_as_it_says(tmp_path):
    """What is spent caps the service, the plan right after says why and changes nothing, and a person takes it back."""
    found = told("demo_budget.py", tmp_path)

    assert any("capped by budget until" in line for line in found)
    assert found.count("Nothing to do: Google Cloud is as the spec says.") == 1
    assert any(line.startswith("CapInstances (1) at 120 % ends, and is not taken until") for line in found)
    assert any(line.startswith("service_max") and line.endswith("1 → (none)") for line in found)
    assert found[-1] == "and it is gone again, its budget too"
