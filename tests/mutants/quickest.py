"""A plugin of pytest: the quickest tests first, as mutmut timed them. Most mistakes are noticed by one of those."""

import json
from pathlib import Path

import pytest

TIMED = Path("mutmut-stats.json")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort what was timed; while it is being timed the order stays, and what is new comes last."""
    if TIMED.is_file():
        took = json.loads(TIMED.read_text())["duration_by_test"]
        items.sort(key=lambda item: took.get(item.nodeid, float("inf")))
