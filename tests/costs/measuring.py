"""`pytest --costs FOLDER`: what each test cost goes into a file there, one for each test process."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from tests.costs.processes import seconds


class Measuring:
    """Counts for tests and modules; what the first to ask for it pays for all others is nobody's.

    That is a fixture of the whole session, and the import of what is no test.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._tests: dict[str, float] = {}
        self._modules: dict[str, float] = {}
        self._slow: set[str] = set()
        self._shared = self._aside = 0.0
        self._read = seconds()

    @pytest.hookimpl(wrapper=True)
    def pytest_make_collect_report(self, collector: pytest.Collector) -> Generator[None, Any, Any]:
        """Count importing a test module and making its tests."""
        self._shared += self._since()
        known = _libraries()
        try:
            return (yield)
        finally:
            spent = self._since()
            own = spent if _libraries() == known else 0.0
            self._shared += spent - own
            if isinstance(collector, pytest.Module):
                self._modules[collector.nodeid] = own

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[Any]) -> Generator[None, Any, Any]:
        """Put aside what is made for the whole session."""
        if fixturedef.scope != "session":
            return (yield)
        before, aside = seconds(), self._aside
        try:
            return (yield)
        finally:
            self._aside = aside + seconds() - before  # what it asked for itself is within

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, Any, Any]:
        """Count a test with all that it sets up and tears down."""
        self._shared += self._since()
        self._aside = 0.0
        try:
            return (yield)
        finally:
            self._tests[item.nodeid] = self._since() - self._aside
            self._shared += self._aside
            if item.get_closest_marker("slow"):
                self._slow.add(item.nodeid)

    def pytest_sessionfinish(self) -> None:
        """Write it down."""
        self._folder.mkdir(parents=True, exist_ok=True)
        told = {"tests": self._tests, "modules": self._modules, "slow": sorted(self._slow), "shared": self._shared}
        (self._folder / f"{os.getpid()}.json").write_text(json.dumps(told))

    def _since(self) -> float:
        before, self._read = self._read, seconds()
        return self._read - before


def _libraries() -> int:
    return sum(not name.startswith("tests") for name in sys.modules)
