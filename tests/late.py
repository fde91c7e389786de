"""Libraries that a machine may lack, or lack a part of: LightGBM's wheel needs the system's libgomp."""

from importlib import import_module
from typing import Any

import pytest


def needed(name: str) -> Any:
    """A library, without which the test is skipped."""
    try:
        return import_module(name)
    except (ImportError, OSError) as error:
        return pytest.skip(f"{name} cannot be loaded here: {error}")


class Late:
    """A library that is imported when a test uses it, and without which that test is skipped."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):  # pytest asks everything whether it is a test, or a mock: that imports nothing
            raise AttributeError(name)
        return getattr(needed(self._name), name)
