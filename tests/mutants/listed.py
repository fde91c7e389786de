"""Mistakes chosen by hand: each went unnoticed once, and each is to be noticed by the tests that stand beside it.

mutmut makes mistakes by rule and follows them in one process. These are edits of the text, so that they can be of any
line, also one that a server or a command runs, and in a module that no group of `groups` names.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import cache_from_source
from pathlib import Path

from tests.mutants.running import PLUGINS

LISTED = Path(__file__).with_name("listed.toml")
_FAILED = re.compile(r"^FAILED ", re.MULTILINE)
"""What pytest says of a test; of what a test needs, such as a server that did not start, it says ERROR."""


@dataclass(frozen=True)
class Listed:
    """An edit that makes a mistake.

    Attributes:
        what: What goes wrong with it, in words.
        path: Of the module, from the root.
        before: What stands there, once in the module.
        after: What the mistake makes of it.
        tests: Files, or single tests, that have to notice.
    """

    what: str
    path: str
    before: str
    after: str
    tests: tuple[str, ...]

    def __str__(self) -> str:
        changed = [f"    - {line}" for line in self.before.splitlines()]
        changed += [f"    + {line}" for line in self.after.splitlines()]
        return "\n".join([f"{self.path}: {self.what}", *changed])

    def made(self, source: str) -> str:
        """Give a module's text with the mistake in it.

        Raises:
            ValueError: What it changes does not stand there, or more than once: the module has changed since.
        """
        if source.count(self.before) != 1:
            found = f"{self.before!r} stands {source.count(self.before)} times in {self.path}"
            raise ValueError(f"{found}, not once: write into {LISTED.name} what stands there now")
        return source.replace(self.before, self.after)


def listed(path: Path = LISTED) -> list[Listed]:
    """Give them all, in the order of the file."""
    found = tomllib.loads(path.read_text())["mistake"]
    return [Listed(**{**each, "tests": tuple(each["tests"])}) for each in found]


def tried(copied: Path, every: list[Listed]) -> Iterator[tuple[Listed, str]]:
    """Make one after the other in a copy of the tree; gives each with `killed` or `survived`.

    Raises:
        SystemExit: The tests fail without any mistake, or are none.
    """
    _passed(copied, tuple(dict.fromkeys(test for each in every for test in each.tests)), "without any mistake")
    for each in every:
        module = copied / each.path
        source = module.read_text()
        _write(module, each.made(source))
        try:
            yield each, _word(copied, each)
        finally:
            _write(module, source)


def _write(module: Path, text: str) -> None:
    module.write_text(text)
    # One that is as long and as old as the text before, to the second, is taken for its own.
    Path(cache_from_source(str(module))).unlink(missing_ok=True)


def _word(copied: Path, each: Listed) -> str:
    done = _pytest(copied, each.tests)
    if done.returncode and not _FAILED.search(done.stdout):
        raise SystemExit(f"no test could tell, with {each}:\n{done.stdout[-3000:]}")
    return "killed" if done.returncode else "survived"


def _passed(copied: Path, tests: tuple[str, ...], when: str) -> None:
    done = _pytest(copied, tests)
    if done.returncode:
        raise SystemExit(f"{' '.join(tests)} fail {when}:\n{done.stdout[-3000:]}")


def _pytest(copied: Path, tests: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-x", "-q", *PLUGINS, *tests]
    return subprocess.run(command, cwd=copied, capture_output=True, text=True, check=False)
