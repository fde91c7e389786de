"""Decide how one thread's imports are found, while other threads import as ever."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

Find = Callable[[str, Sequence[str] | None], ModuleSpec | None]
"""Full name of a module and its package's `__path__` -> where it is; None for "ask the others"."""


class _ThisThread(threading.local):
    find: Find | None = None


_HERE = _ThisThread()


class _First(MetaPathFinder):
    """Asks what the importing thread has chosen."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        del target
        return _HERE.find(name, path) if _HERE.find else None


_FIRST = _First()


@contextmanager
def finding(find: Find) -> Iterator[None]:
    """Ask `find` first about every module that this thread imports and nobody has imported yet; then who asked before.

    The import system's own locks hold: a module that another thread is importing is waited for, and taken as it is.
    """
    if _FIRST not in sys.meta_path:
        # It stays: a thread that is walking along the list would miss a finder if one before it went away.
        sys.meta_path.insert(0, _FIRST)
    before = _HERE.find

    def both(name: str, path: Sequence[str] | None) -> ModuleSpec | None:
        return find(name, path) or (before(name, path) if before else None)

    _HERE.find = both
    try:
        yield
    finally:
        _HERE.find = before


@contextmanager
def without(*packages: str) -> Iterator[None]:
    """Import as if some packages were not installed, for what takes them only to recognise their types.

    What is imported here never learns of them. Everybody else does: a later `import` of one is an ordinary one.
    """

    def find(name: str, path: Sequence[str] | None) -> None:
        del path
        if name in packages:
            raise ModuleNotFoundError(f"{name} is left out here", name=name)

    with finding(find):
        yield
