"""What `make check` runs is chosen by what was measured, and measured in processor time of all that a test starts."""

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest

from tests.costs.choosing import BUDGET_S, LARGEST_S, left_out, measured
from tests.costs.counts import merged
from tests.costs.processes import seconds

ROOT = Path(__file__).resolve().parents[2]
linux = pytest.mark.skipif(
    not Path("/proc/self/task").exists(), reason="what processes cost is read where Linux says it"
)
ROOMS = ("schemas", "reconciler", "runtime", "emulator", "page")


def test_what_is_cheap_stays_and_each_topic_keeps_its_cheapest():
    """A topic of dear modules is not left out whole before one of many cheap ones is full."""
    cheap = {f"tests/cheap/test_{number}.py": 1.0 for number in range(6)}
    dear = {"tests/dear/test_a.py": 3.0, "tests/dear/test_b.py": 4.0}

    without = left_out(cheap | dear, budget_s=7.0)

    assert without == {"tests/cheap/test_4.py", "tests/cheap/test_5.py", "tests/dear/test_b.py"}


@pytest.mark.parametrize("cost", [LARGEST_S + 0.1, math.inf])
def test_what_is_too_large_is_left_out_of_any_budget(cost):
    """Also where it is the only one of its topic, and where nothing of it is fast."""
    assert left_out({"tests/a/test_a.py": cost}, budget_s=1000) == {"tests/a/test_a.py"}


def test_what_was_never_measured_is_in():
    """A new module is run until somebody measures it."""
    assert "tests/a/test_new.py" not in left_out({"tests/a/test_a.py": 1.0}, budget_s=0)


def test_a_check_has_tests_of_every_room():
    """Each package of ours is imported by several of the modules that stay, and they cost what they may."""
    costs = measured()
    stay = [module for module in costs if module not in left_out(costs) and (ROOT / module).is_file()]
    texts = [(ROOT / module).read_text() for module in stay]

    assert sum(costs[module] for module in stay) <= BUDGET_S
    few = {room for room in ROOMS if sum(f"from {room}" in text for text in texts) < 3}
    assert not few
    topics = {Path(module).parent.name for module in stay}
    assert topics >= {"emulator", "engine", "golden", "page", "plan", "runtime", "spec"}


def test_a_quick_run_neither_imports_what_is_left_out_nor_runs_what_is_slow(tmp_path):
    """The file that costs too much would fail if it were only looked at."""
    costs = {"test_dear.py": LARGEST_S * 2, "test_cheap.py": 0.1}
    (tmp_path / "conftest.py").write_text(
        "from tests.costs.quick import Quick\n"
        "def pytest_configure(config):\n"
        "    config.addinivalue_line('markers', 'slow: here too')\n"
        f"    config.pluginmanager.register(Quick(config.rootpath, {costs}))\n"
    )
    (tmp_path / "test_dear.py").write_text("raise SystemExit(70)\n")
    (tmp_path / "test_cheap.py").write_text("def test_cheap(): pass\n")
    (tmp_path / "test_new.py").write_text(
        "import pytest\ndef test_new(): pass\n@pytest.mark.slow\ndef test_slow(): assert False\n"
    )

    told = run(tmp_path)

    assert "2 passed, 1 deselected" in told


@linux
def test_what_a_test_started_is_counted_and_what_all_share_is_not(tmp_path):
    """A child that works, and has ended, costs its test; a fixture of the session costs nobody."""
    folder = tmp_path / "costs"
    (tmp_path / "conftest.py").write_text(
        "import pathlib\n"
        "from tests.costs.measuring import Measuring\n"
        "def pytest_configure(config):\n"
        "    config.addinivalue_line('markers', 'slow: here too')\n"
        f"    config.pluginmanager.register(Measuring(pathlib.Path({str(folder)!r})))\n"
    )
    (tmp_path / "test_some.py").write_text(
        "import pytest, subprocess, sys\n"
        f"def work(): subprocess.run([sys.executable, '-c', {WORK!r}], check=True)\n"
        "@pytest.fixture(scope='session')\ndef shared(): work()\n"
        "def test_idle(shared): pass\n"
        "def test_busy(): work()\n"
        "@pytest.mark.slow\ndef test_slow(): pass\n"
    )

    assert "3 passed" in run(tmp_path)

    [path] = folder.iterdir()
    told = json.loads(path.read_text())
    assert told["tests"]["test_some.py::test_busy"] >= WORK_S
    assert told["tests"]["test_some.py::test_idle"] < WORK_S <= told["shared"]
    assert told["slow"] == ["test_some.py::test_slow"]


WORK_S = 0.3
WORK = f"import time\nwhile time.process_time() < {WORK_S} + 0.05: pass"


@linux
def test_processors_are_counted_also_of_a_child_that_runs():
    """Of a daemon that serves many tests, what each of them costs is seen while it goes on."""
    command = [sys.executable, "-c", f"{WORK}\nprint('worked', flush=True)\ninput()"]
    before = seconds()
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout.readline() == "worked\n"
        running = seconds() - before
        child.communicate("\n")

    assert WORK_S <= running <= seconds() - before


def test_a_module_costs_what_its_fast_tests_do_and_its_collection():
    """Whichever process ran them; one whose tests are all slow has no price."""
    one = {"tests": {"a.py::x": 1.0, "a.py::slow": 9.0}, "modules": {"a.py": 0.5, "b.py": 0.1}}
    two = {"tests": {"a.py::y": 2.0, "b.py::slow": 1.0}, "modules": {"a.py": 0.5, "b.py": 0.1}}

    counts = merged([{**one, "slow": ["a.py::slow"], "shared": 3.0}, {**two, "slow": ["b.py::slow"], "shared": 4.0}])

    assert counts.costs() == {"a.py": 3.5, "b.py": None}
    assert (counts.shared, counts.processes) == (7.0, 2)


def run(folder: Path) -> str:
    """What pytest says of the tests of a folder."""
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:schemathesis", "-c", "/dev/null"]
    done = subprocess.run(
        [*command, "--rootdir", folder, folder], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return done.stdout + done.stderr
