"""Environments of other people's packages, made by uv for one run."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

EVIDENTLY = ("evidently==0.7.*", "pandas<3")


def environment(folder: Path, packages: Iterable[str]) -> str:
    """Make one.

    Args:
        folder: Where.
        packages: What is installed, as pip names it.

    Returns:
        Its interpreter.
    """
    uv = str(Path(sys.executable).with_name("uv"))
    subprocess.run([uv, "venv", "--quiet", "--python", "3.11", str(folder)], check=True)
    python = str(folder / "bin/python")
    subprocess.run([uv, "pip", "install", "--quiet", "--python", python, *packages], check=True)
    return python
