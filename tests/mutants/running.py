"""mutmut on a copy of the tree: it writes its files beside the code, and the working tree stays as it is."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.mutants.groups import Group
from tests.mutants.mistakes import Mistake, mistakes

SETTINGS = """\
[mutmut]
source_paths={sources}
only_mutate={modules}
also_copy={rest}
process_isolation=forkserver
pytest_add_cli_args_test_selection={tests}
pytest_add_cli_args={options}
"""
"""A process of its own forks what runs the tests: one that has used gRPC must not be forked."""
NOT_REACHED = "no tests"
QUICK = ("tests/mutants",)
"""For mutmut to have a test that passes, where no real one runs in its process."""
PLUGINS = ("-p", "no:xdist", "-p", "no:cacheprovider")
QUICKEST = ("-p", "tests.mutants.quickest")
"""mutmut names the tests that reach a function in any order."""


@contextmanager
def tree(root: Path) -> Iterator[Path]:
    """Give a copy of all that git would commit."""
    with TemporaryDirectory(prefix="mlservice-mutants-") as name:
        copied = Path(name)
        listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
        for path in subprocess.run(listed, cwd=root, capture_output=True, text=True, check=True).stdout.splitlines():
            if (root / path).is_file():
                (copied / path).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(root / path, copied / path)
        yield copied


def _settings(copied: Path, group: Group) -> str:
    sources = {module.split("/")[0] for module in group.modules}
    rest = [path.name for path in copied.iterdir() if path.name not in {*sources, "tests", "setup.cfg"}]
    values = {"sources": sources, "modules": group.modules, "rest": rest}
    values |= {"tests": group.tests or QUICK, "options": (*PLUGINS, *QUICKEST, *group.options)}
    return SETTINGS.format(**{name: "".join(f"\n    {each}" for each in value) for name, value in values.items()})


def written(copied: Path, group: Group) -> dict[str, list[Mistake]]:
    """Let mutmut write its mistakes and see which tests reach which function; gives those of each module."""
    (copied / "setup.cfg").write_text(_settings(copied, group))
    told = _mutmut(copied, "run", "none-of-them")
    if not all((copied / "mutants" / f"{module}.meta").is_file() for module in group.modules):
        raise SystemExit(f"mutmut made nothing of {', '.join(group.modules)}:\n{told[-3000:]}")
    return {
        module: list(mistakes(module, (copied / module).read_text(), (copied / "mutants" / module).read_text()))
        for module in group.modules
    }


def tried(copied: Path, group: Group, names: Iterable[str]) -> dict[str, str]:
    """Run the tests on some mistakes; gives a word for each: killed, survived, no tests, timeout."""
    wanted = set(names)
    if not wanted:
        return {}
    words = _in_one_process(copied, wanted) if group.tests else dict.fromkeys(wanted, NOT_REACHED)
    missed = [name for name, word in words.items() if word == NOT_REACHED]
    return words | (_one_by_one(copied, group.further, missed) if group.further and missed else {})


def _in_one_process(copied: Path, wanted: set[str]) -> dict[str, str]:
    told = _mutmut(copied, "run", "--max-children", str(os.cpu_count() or 2), *sorted(wanted))
    lines = (line.strip().partition(": ") for line in _mutmut(copied, "results", "--all", "true").splitlines())
    found = {name: word for name, _, word in lines if name in wanted}
    if found.keys() != wanted or "not checked" in found.values():
        raise SystemExit(f"mutmut did not get as far as the mistakes:\n{told[-3000:]}")
    return found


def _one_by_one(copied: Path, tests: tuple[str, ...], names: list[str]) -> dict[str, str]:
    """Run tests whose programs make the mistake that their environment names."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "--timeout", "100", *PLUGINS, *tests]

    def word(name: str) -> str:
        env = {**os.environ, "MUTANT_UNDER_TEST": name, "PYTHONPATH": str(copied / "mutants")}
        done = subprocess.run(command, cwd=copied / "mutants", env=env, capture_output=True, text=True, check=False)
        if not name and done.returncode:
            raise SystemExit(f"{' '.join(tests)} fail without any mistake:\n{done.stdout[-3000:]}")
        return "killed" if done.returncode else "survived"

    word("")
    with ThreadPoolExecutor(os.cpu_count() or 2) as pool:
        return dict(zip(names, pool.map(word, names), strict=True))


def _mutmut(copied: Path, *arguments: str) -> str:
    command = [sys.executable, "-m", "mutmut", *arguments]
    done = subprocess.run(command, cwd=copied, capture_output=True, text=True, check=False)
    return done.stdout.rpartition("\r")[2] + done.stderr
