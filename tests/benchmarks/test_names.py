"""Benchmarks by name, and the options of each."""

import sys
from pathlib import Path

import pytest

from benchmarks import __main__ as benchmarks

HEAVY = ("bigquery", "drift_beside_tfdv", "prediction_log")
"""They import clients and libraries, for seconds."""


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.slow if n in HEAVY else ()) for n in benchmarks.NAMES]
)
def test_each_says_what_it_takes(name, capsys):
    """Its name is no option of its own; nothing is measured."""
    with pytest.raises(SystemExit) as ended:
        benchmarks.main([name, "--help"])

    assert ended.value.code == 0
    assert f"usage: python -m benchmarks {name}" in capsys.readouterr().out


def test_every_benchmark_has_a_name():
    """Modules that are run; the others help them."""
    folder = Path(benchmarks.__file__).parent
    run = {path.stem for path in folder.glob("[!_]*.py") if "\ndef main()" in path.read_text()}

    assert run == set(benchmarks.NAMES)


def test_options_go_to_those_named(monkeypatch):
    """To each of them; the command line is then as it was."""
    seen, before = [], sys.argv
    stand_in = type("Benchmark", (), {"main": staticmethod(lambda: seen.append(sys.argv))})
    monkeypatch.setattr("importlib.import_module", lambda _: stand_in)

    benchmarks.main(["house", "imports", "emulator", "--fast"])

    wanted = [[f"python -m benchmarks {name}", "emulator", "--fast"] for name in ("house", "imports")]
    assert (seen, sys.argv) == (wanted, before)


@pytest.mark.parametrize("given", [["nobody"], ["plan", "--rows", "5"]])
def test_what_nobody_takes_is_refused(given):
    """Before anything is measured."""
    with pytest.raises(SystemExit) as ended:
        benchmarks.main(given)

    assert ended.value.code == 2
