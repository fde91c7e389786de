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


def _core(*names: str) -> tuple[str, ...]:
    return tuple(f"reconciler/core/{name}.py" for name in names)


def _of_engine(*names: str) -> tuple[str, ...]:
    return tuple(f"reconciler/engine/{name}.py" for name in names)


def _engine(*topics: str) -> tuple[str, ...]:
    return tuple(f"tests/engine/test_{topic}.py" for topic in topics)


_STANDINGS = ("fitting", "money", "needs", "rollouts", "told", "trail", "training")

GROUPS = (  # a module is of the first that names it
    Group(
        ("reconciler/core/thread_imports.py",),
        ("tests/start_up/test_thread_imports.py",),
        further=("tests/start_up/test_data_frames.py",),
    ),
    # Used by kinds and when applying, not by plans: to notice takes an emulator.
    Group(
        _core("errors", "inventory", "naming"),
        ("tests/plan", "tests/golden/test_plans.py", *_engine("applying", "converging", "ownership", "soft_deleted")),
    ),
    # Decisions about what no plan has: each has its tests where it is decided.
    Group(_core("bill"), _engine("bill")),
    Group(_core("bundle", "shards"), (*_engine("bundles"), "tests/plan/test_orders.py")),
    Group(_core("checkup"), ("tests/doctor",)),
    Group(_core("heartbeat"), _engine("heartbeat")),
    Group(_core("stamp", "whereabouts"), (*_engine("where"), "tests/plan/test_small_parts.py")),
    Group(_core("cost", "costing", "told"), ("tests/cost", "tests/plan/test_costing.py", *_engine("history"))),
    Group(
        _core("empty_windows", "forecast", "googlesql"),
        ("tests/monitoring", "tests/rollout"),
        (
            "--cases",
            "2",
            *(f"--ignore=tests/{slow}.py" for slow in ("monitoring/test_browser", "rollout/test_benchmark")),
        ),
    ),
    # Pure decisions: what their own tests miss, slower ones further out should not have to find.
    Group(("reconciler/core/*.py",), ("tests/plan", "tests/golden/test_plans.py")),
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
    Group(
        ("reconciler/core/standings/*.py",),
        tuple(f"tests/standings/test_{topic}.py" for topic in _STANDINGS),
        sample=12,
    ),
    # By what each is about: run against all of tests/engine, one mistake takes minutes. A cloud of toys comes first.
    Group(_of_engine("converge", "pool"), _engine("converging", "converging_again", "pool"), sample=40),
    Group(
        _of_engine("apply", "clock", "dead_holders", "inventory_store", "waiting"),
        _engine("applying", "settling_up", "dead_holders", "kept_reports", "waiting", "ownership"),
        sample=8,
    ),
    Group(
        _of_engine("by_project", "planning", "resolve", "saved", "session"),
        _engine("applying", "saved", "by_project", "resolving", "apply", "converging", "kept", "prediction_table"),
        ("--cases", "2"),
        sample=8,
    ),
    Group(_of_engine("importing"), _engine("containers", "kept_roles", "access"), ("--cases", "2"), sample=8),
    Group(_of_engine("entries", "history", "signals"), _engine("entries", "history", "kept_reports", "signals")),
    Group(_of_engine("reasons", "reports"), (*_engine("kept_reports"), "tests/standings/test_reading.py")),
    Group(_of_engine("clearances", "oversight", "status", "use"), _engine("oversight", "status", "use", "models")),
    Group(_of_engine("job", "passes", "heartbeat", "refreshing", "shard"), _engine("passes", "heartbeat")),
    Group(
        _of_engine("bundles", "ci", "operators", "orphans"),
        (*_engine("bundles", "operator"), "tests/plan/test_orphans.py"),
    ),
    Group(
        _of_engine("attestations", "origins", "scans"),
        (*_engine("attestations", "scans"), "tests/plan/test_scanning.py", "tests/plan/test_signing.py"),
    ),
    Group(_of_engine("whereabouts"), _engine("where")),
    Group(_of_engine("keeping"), (*_engine("cleanup"), "tests/plan/test_cleanup.py")),
    Group(_of_engine("advising", "billing", "ledger", "spending"), (*_engine("bill", "use"), "tests/cost")),
    Group(_of_engine("models", "promotion", "retraining", "triggers"), _engine("models", "retraining")),
    Group(_of_engine("kept_standings"), ("tests/standings/test_reading.py", "tests/standings/test_rollouts.py")),
    Group(_of_engine("quotas"), _engine("quotas")),
    Group(_of_engine("canary"), _engine("canary")),
    Group(("reconciler/engine/*.py",), _engine("asking", "rollouts", "rollout_shows"), ("--cases", "2")),
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
