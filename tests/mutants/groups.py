"""Which modules get mistakes put into them, and which tests are to notice."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path


@dataclass(frozen=True)
class Group:
    """Modules that the same tests are for.

    Args:
        modules: Paths from the root, or patterns of them.
        tests: Folders and files; empty for all files that import one of the modules.
        options: More arguments for pytest.
        further: Tests that start our programs, or are too slow to be asked about every mistake: asked about those
            that `tests` never reach, 5 to 30 s for each.
        sample: How many mistakes per module, where nobody says otherwise.
    """

    modules: tuple[str, ...]
    tests: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    further: tuple[str, ...] = ()
    sample: int = 6


GROUPS = (  # a module is of the first that names it
    Group(
        ("reconciler/core/thread_imports.py",),
        ("tests/start_up/test_thread_imports.py",),
        further=("tests/start_up/test_data_frames.py",),
    ),
    # Used by kinds and when applying, not by plans: to notice takes an emulator.
    Group(
        ("reconciler/core/errors.py", "reconciler/core/inventory.py", "reconciler/core/naming.py"),
        ("tests/plan", "tests/golden", "tests/conformance"),
        further=("tests/engine/test_ownership.py",),
    ),
    # Pure decisions: what their own tests miss, slower ones further out should not have to find.
    Group(("reconciler/core/*.py",), ("tests/plan", "tests/golden"), sample=12),
    Group(
        ("reconciler/core/rollout/*.py",),
        ("tests/rollout",),
        ("--cases", "2", "--ignore", "tests/rollout/test_benchmark.py"),
        further=("tests/plan/test_traffic.py", "tests/engine/test_rollouts.py"),
    ),
    Group(("reconciler/core/graph/*.py",), ("tests/graph",)),
    Group(
        ("reconciler/core/ladder/*.py", "reconciler/core/scanning/*.py", "reconciler/core/signing/*.py"),
        ("tests/ladder", *(f"tests/plan/test_{name}.py" for name in ("occurrences", "scanning", "sealing", "signing"))),
        further=("tests/engine/test_ladder.py", "tests/engine/test_attestations.py"),
    ),
    Group(("reconciler/core/standings/*.py",), ("tests/standings",)),
    # Where a mistake goes unnoticed, every test of applying is run: killing the run at each call would take minutes.
    Group(
        ("reconciler/engine/*.py",),
        ("tests/engine",),
        ("--cases", "2", "--deselect", "tests/engine/test_crash.py"),
        further=("tests/engine/test_waiting.py",),
        sample=4,
    ),
    Group(("reconciler/engine/doctor/*.py",), ("tests/doctor",), sample=2),
    Group(
        ("reconciler/engine/ladder/*.py",),
        ("tests/engine/test_ladder.py", "tests/engine/test_own_estimate.py"),
        sample=4,
    ),
    Group(
        ("reconciler/engine/monitoring/*.py",),
        ("tests/monitoring",),
        ("--ignore", "tests/monitoring/test_browser.py"),
        further=("tests/engine/test_monitoring.py",),
        sample=2,
    ),
    Group(("reconciler/engine/standings/*.py",), ("tests/standings",), sample=2),
    Group(("runtime/**/batching.py",), further=("tests/runtime/test_batching.py",)),
    Group(("runtime/**/features.py",), further=("tests/runtime/test_datatypes.py", "tests/runtime/test_protocols.py")),
)


def chosen(root: Path, named: Iterable[str]) -> Iterator[Group]:
    """Give the groups to run, with the modules that there are and the tests that fit.

    Args:
        root: Of the repository.
        named: Modules, as paths from the root; none for all of every group. One of no group is a group of its own.
    """
    wanted = set(named)
    known: set[str] = set()
    for group in GROUPS:
        there = {str(path.relative_to(root)) for pattern in group.modules for path in root.glob(pattern)} - known
        known |= there
        yield from _fitted(root, group, there & wanted if wanted else there)
    for module in sorted(wanted - known):
        if not (root / module).is_file():
            raise SystemExit(f"there is no {module}")
        yield from _fitted(root, Group(()), {module})


def _fitted(root: Path, group: Group, modules: set[str]) -> Iterator[Group]:
    code = sorted(module for module in modules if not module.endswith("__init__.py"))
    for test in (*group.tests, *group.further):
        if not (root / test).exists():
            raise SystemExit(f"there is no {test}: say in {__file__} which tests are for {', '.join(group.modules)}")
    if code:
        tests = group.tests or tuple(sorted({test for module in code for test in importers(root, module)}))
        yield replace(group, modules=tuple(code), tests=tests)


def importers(root: Path, module: str) -> list[str]:
    """Give the test files that import a module."""
    top, name = Path(module).parts[0], Path(module).stem
    imported = re.compile(rf"^\s*(?:from|import) {top}\b.*\b{name}\b", re.MULTILINE)
    return [str(p.relative_to(root)) for p in sorted(root.glob("tests/**/*.py")) if imported.search(p.read_text())]
