"""Modules of the user's own, which settings name: in the image, or in the working directory."""

from __future__ import annotations

import importlib
import os
import sys
from types import ModuleType


def own_module(name: str) -> ModuleType:
    """Import one. The working directory is looked at last, so that nothing in it stands in for a module of ours.

    Raises:
        ImportError: There is none; whatever else the module raises.
    """
    here = os.getcwd()  # noqa: PTH109 - an entry of sys.path is a string
    if here not in sys.path:
        sys.path.append(here)
    return importlib.import_module(name)
