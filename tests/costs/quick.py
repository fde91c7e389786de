"""`pytest --quick`: the modules that fit, without those of their tests that are marked as slow."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.costs.choosing import left_out, measured


class Quick:
    """Leaves out whole files before they are imported: only to collect them takes seconds of each process."""

    def __init__(self, root: Path, costs: Mapping[str, float] | None = None) -> None:
        self._without = {root / module for module in left_out(measured() if costs is None else costs)}

    def pytest_ignore_collect(self, collection_path: Path) -> bool | None:
        """Not even look at a module that costs too much; one that is named on the command line is not asked about."""
        return True if collection_path in self._without else None

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Take what folders and modules have marked."""
        slow = [item for item in items if item.get_closest_marker("slow")]
        if slow:
            config.hook.pytest_deselected(items=slow)
            items[:] = [item for item in items if not item.get_closest_marker("slow")]

    def pytest_report_header(self) -> str:
        """Say that this is not all."""
        return f"quick: without the {len(self._without)} modules that cost most; CONTRIBUTING says more"
