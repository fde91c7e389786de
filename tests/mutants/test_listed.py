import subprocess
import sys
from pathlib import Path

import pytest

from tests.mutants.listed import Listed, listed, tried
from tests.mutants.running import PLUGINS

ROOT = Path(__file__).resolve().parents[2]
GATE = "def may_pass(age):\n    return age >= 18\n"
LATER = ("the age itself is too young", "gate.py", "age >= 18", "age > 18")


@pytest.mark.parametrize("each", listed(), ids=lambda each: each.what)
def test_a_listed_mistake_can_be_made(each):
    """What it changes stands in the module still, the module can be read afterwards, and the tests are there."""
    source = (ROOT / each.path).read_text()

    made = each.made(source)

    assert made != source
    compile(made, each.path, "exec")
    for test in each.tests:
        file, _, name = test.partition("::")
        assert f"def {name.rpartition('::')[2]}(" in (ROOT / file).read_text() if name else (ROOT / file).is_file()


def test_a_mistake_in_what_has_changed_since_is_refused():
    """Nothing else is edited instead; neither is one of two places."""
    mistake = Listed(*LATER, tests=())

    with pytest.raises(ValueError, match="stands 0 times"):
        mistake.made("")
    with pytest.raises(ValueError, match="stands 2 times"):
        mistake.made(GATE + GATE)


@pytest.fixture
def house(tmp_path, monkeypatch):
    """A module and tests of it, of which one looks at the bound; without the plugins of ours, which take a second."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    (tmp_path / "gate.py").write_text(GATE)
    for name, age in {"test_far": 30, "test_near": 18}.items():
        (tmp_path / f"{name}.py").write_text(f"import gate\n\n\ndef test_it():\n    assert gate.may_pass({age})\n")
    return tmp_path


def test_a_mistake_is_killed_where_a_test_fails_and_survives_where_none_does(house):
    """One after the other, each in code without the ones before; what was edited is as it was afterwards."""
    found = tried(house, [Listed(*LATER, tests=(f"{name}.py",)) for name in ("test_near", "test_far", "test_near")])

    assert [word for _, word in found] == ["killed", "survived", "killed"]
    assert (house / "gate.py").read_text() == GATE


def test_tests_that_fail_anyway_tell_nothing(house):
    """Else every mistake would count as killed."""
    (house / "gate.py").write_text(GATE.replace("18", "40"))
    mistake = Listed("anybody passes", "gate.py", "age >= 40", "True", tests=("test_far.py",))

    with pytest.raises(SystemExit, match="fail without any mistake"):
        list(tried(house, [mistake]))


def test_what_keeps_a_test_from_running_tells_nothing(house):
    """On a busy machine a server may not start in time: no test noticed anything then."""
    needs = f"@pytest.fixture\ndef server():\n    assert open('gate.py').read() == {GATE!r}"
    (house / "test_it.py").write_text(f"import pytest\n\n\n{needs}\n\n\ndef test_it(server):\n    pass\n")

    with pytest.raises(SystemExit, match="no test could tell"):
        list(tried(house, [Listed(*LATER, tests=("test_it.py",))]))


@pytest.mark.slow
def test_our_tests_run_as_those_of_mistakes_do():
    """Without the plugins that share them among processes: hooks of ours for these are no reason to fail."""
    command = [sys.executable, "-m", "pytest", *PLUGINS, "--collect-only", "-q", "tests/mutants/test_listed.py"]

    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout[-1000:]
