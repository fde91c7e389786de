"""Small programs in C, for what Python would be too slow for or has no hand on; compiled where they are used."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from shutil import which

HERE = Path(__file__).parent
BUILT = HERE.parents[1] / ".peers" / "native"


def built(name: str, *flags: str) -> Path:
    """Compile one, if it was not since it changed.

    Args:
        name: Of the file beside this one, without its ending.
        flags: For the compiler, as well.

    Returns:
        What came of it.

    Raises:
        SystemExit: There is no C compiler.
    """
    source, target = HERE / f"{name}.c", BUILT / name
    if target.exists() and target.stat().st_mtime >= source.stat().st_mtime:
        return target
    if which("cc") is None:
        raise SystemExit(f"{source.name} needs a C compiler, `cc`; there is none on the path")
    BUILT.mkdir(parents=True, exist_ok=True)
    made = target.with_name(f"{name}-{os.getpid()}")
    subprocess.run(["cc", "-O2", "-Wall", "-Wextra", *flags, "-o", str(made), str(source)], check=True)
    made.replace(target)  # at once: another process may be starting it
    return target
