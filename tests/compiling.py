"""Compile, once and on all cores, what every test process would otherwise compile for itself.

In a fresh checkout nothing of ours is compiled, and pytest writes `assert` anew in each test module: nine seconds of a
processor, and all test processes begin with them at the same moment. The functions that do it are pytest's own and
private: where a later pytest has others, nothing is compiled here and everything works as before.
"""

from __future__ import annotations

import os
import py_compile
import sys
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest

FOLDERS = ("benchmarks", "emulator", "page", "reconciler", "runtime", "schemas", "tests")


def compile_all(config: pytest.Config) -> None:
    """Compile what tests and commands import, where that is kept at all.

    Args:
        config: Of the process that starts the others; tells which modules pytest writes anew.
    """
    if sys.dont_write_bytecode:
        return
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    files = [path for folder in FOLDERS for path in (config.rootpath / folder).rglob("*.py")]
    if not _missing(files):
        return
    global _CONFIG  # noqa: PLW0603 - a fork has it, and it cannot be sent
    _CONFIG = config
    with ProcessPoolExecutor(cores, mp_context=get_context("fork")) as pool:
        list(pool.map(_compile, files, chunksize=16))


_CONFIG: Any = None


def _missing(files: Iterable[Path]) -> bool:
    """Whether anything of a file is not there: a fresh checkout, where nothing is."""
    mark = f".{sys.implementation.cache_tag}"
    kept = {
        folder: {each.name.partition(mark)[0] for each in folder.glob("__pycache__/*")}
        for folder in {path.parent for path in files}
    }
    return any(path.stem not in kept[path.parent] for path in files)


def _compile(path: Path) -> None:
    """Compile one file as the process that imports it will look for it."""
    with suppress(Exception):  # whoever imports it says what is wrong with it, or compiles it
        if path.name == "conftest.py" or path.name.startswith("test_"):
            _compile_test(path)
        else:
            py_compile.compile(str(path), doraise=True, quiet=2)


def _compile_test(path: Path) -> None:
    from _pytest.assertion import rewrite  # noqa: PLC0415 - private: only where it is needed

    folder = rewrite.get_cache_dir(path)
    kept = folder / f"{path.stem}{rewrite.PYC_TAIL}"
    if rewrite.try_makedirs(folder) and rewrite._read_pyc(path, kept) is None:
        source, code = rewrite._rewrite_test(path, _CONFIG)
        rewrite._write_pyc(_CONFIG.stash[rewrite.assertstate_key], code, source, kept)
