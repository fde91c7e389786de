"""Every recorded exchange, replayed."""

from pathlib import Path

import pytest

from tests.recordings import cases, replay

CASES = cases.load()
DEPLOYS = ("run_service", "run_revision", "iam_policy/run-")
"""Cases that start containers, which takes seconds."""


def marked(case):
    """A case as a parameter."""
    return pytest.param(case, id=case.name, marks=[pytest.mark.slow] if case.name.startswith(DEPLOYS) else [])


@pytest.mark.skipif(not CASES, reason=f"no recordings in {cases.FOLDER}")
def test_recordings_are_there():
    """Where the recordings are absent this skip says so. Of a kind of which each case is left out there are none."""
    assert {case.name.partition("/")[0] for case in CASES} == {kind.name for kind in cases.KINDS if not left_out(kind)}


def left_out(kind):
    """Whether each case of a kind is left out, each with its reason."""
    files = {file.stem for file in (cases.FOLDER / kind.name).glob("*.json")}
    return bool(kind.without) and files == set(kind.without)


@pytest.mark.parametrize("case", [marked(case) for case in CASES])
def test_the_emulator_answers_as_recorded(emulator, case):
    """What differs from Google's answers is known, and what is known still differs."""
    known = [entry for entry in replay.read_known() if entry.case == case.name]

    findings = replay.replay(emulator.http, case, known)

    assert [(finding.number, line) for finding in findings for line in finding.unknown] == []
    assert [entry for entry in known if not entry.used] == []


@pytest.mark.skipif(not CASES, reason=f"no recordings in {cases.FOLDER}")
def test_known_differences_are_of_cases_that_are_there():
    """An entry whose case is gone is a leftover."""
    names = {case.name for case in CASES}

    assert [entry for entry in replay.read_known() if entry.case not in names] == []


def test_each_known_difference_says_why():
    """A reason is a sentence."""
    assert [entry for entry in replay.read_known() if not entry.reason.endswith(".")] == []


@pytest.mark.parametrize("kind", cases.KINDS, ids=lambda kind: kind.name)
def test_the_page_says_what_was_recorded(kind):
    """Which part of each kind, and which cases are left out for which reason."""
    page = (Path(__file__).parents[2] / "docs" / "fidelity.md").read_text()
    row = next(line for line in page.splitlines() if line.startswith(f"| `{kind.name}` |"))

    assert kind.part in row
    assert all(f"`{case}`: {reason}" in row for case, reason in kind.without.items())


@pytest.mark.skipif(not CASES, reason=f"no recordings in {cases.FOLDER}")
def test_what_is_left_out_is_there():
    """A case that is gone need not be left out."""
    assert [
        case
        for kind in cases.KINDS
        for case in kind.without
        if not (cases.FOLDER / kind.name / f"{case}.json").exists()
    ] == []
