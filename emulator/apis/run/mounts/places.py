"""How a container finds its volumes at its paths, though it is a process of this machine.

Where the system lets it have mounts of its own (`emulator.processes.mounting`), they lie at its paths, and nothing
else is different. Where it does not, as on macOS and on some hardened systems, the paths are replaced by those of the
folders wherever arguments and variables name them. A mount that nothing names could not be found so: that is refused,
unless it is known that the program looks nowhere else.
"""

import json
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from emulator.processes.model import CannotStartError, Program

MOUNTING = Path(__file__).parents[3] / "processes" / "mounting.py"
PYTHON = (sys.executable, "-I", "-S", str(MOUNTING))
TRY_S = 20


@dataclass(frozen=True, slots=True)
class Mount:
    """A folder of this machine at a path of a container."""

    path: str
    folder: Path
    read_only: bool


@cache
def has_own_mounts() -> bool:
    """Tell whether processes here can have mounts of their own; tried once."""
    if sys.platform != "linux":
        return False
    with tempfile.TemporaryDirectory(prefix="emulator-try-") as folder:
        line = [*PYTHON, json.dumps([[folder, "/emulator-try/mount", True]]), "--", "test", "-d", "/emulator-try/mount"]
        try:
            done = subprocess.run(
                line, capture_output=True, timeout=TRY_S, check=False, cwd="/", env={"TMPDIR": folder}
            )
        except (OSError, subprocess.TimeoutExpired):
            return False
    return done.returncode == 0


def mounted(program: Program, mounts: list[Mount], *, told: bool) -> Program:
    """Give the program that finds its volumes.

    Args:
        program: Of a container.
        mounts: Of it.
        told: It opens no path that it is not told, so it misses none that nothing names.

    Raises:
        CannotStartError: It could not find one.
    """
    if not mounts:
        return program
    if not has_own_mounts():
        return translated(program, mounts, told=told)
    listed = [[str(each.folder), each.path, each.read_only] for each in mounts]
    return replace(program, command=(*PYTHON, json.dumps(listed), "--", *program.command))


def translated(program: Program, mounts: list[Mount], *, told: bool) -> Program:
    """Replace the paths of mounts by those of their folders, in arguments and variables.

    Args:
        program: Of a container.
        mounts: Of it.
        told: As of `mounted`.

    Raises:
        CannotStartError: Nothing names one of them.
    """
    command, environment = list(program.command), dict(program.environment)
    notes = list(program.notes)
    for mount in mounts:
        pattern = re.compile(rf"(?<![\w./-]){re.escape(mount.path.rstrip('/'))}(?![\w.-])")
        folder = str(mount.folder).replace("\\", "\\\\")
        before = [*command, *environment.values()]
        command = [pattern.sub(folder, word) for word in command]
        environment = {name: pattern.sub(folder, value) for name, value in environment.items()}
        count = sum(old != new for old, new in zip(before, [*command, *environment.values()], strict=True))
        if not count and told:
            notes.append(f"'{mount.path}' is nowhere here: nothing names it, and this image looks nowhere else.")
            continue
        if not count:
            text = (
                "This machine gives processes no mounts of their own, and no argument or variable names "
                f"'{mount.path}', so the container could not find what is mounted there. Tell it the path by one."
            )
            raise CannotStartError("INTERNAL", text)
        notes.append(f"'{mount.path}' is {mount.folder} here: replaced in {count} arguments and variables.")
    return replace(program, command=tuple(command), environment=environment, notes=tuple(notes))
