"""Tell an act of the demo with commands that are ready to run: `python -m tests.docs.warm_act demo_rollout.py`.

Each is a process of its own, forked of one that has imported what all of them import; that they also start from
nothing, the tutorial and `make demo` show.
"""

import os
import runpy
import subprocess
import sys
from pathlib import Path

import demo_stage

from tests.warm.stock import commands


def ran(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run an mlservice command to its end."""
    process = commands().run("reconciler.cli", *arguments, folder=Path.cwd(), env=os.environ)
    told, complained = process.communicate()
    return subprocess.CompletedProcess(arguments, process.wait(), told, complained)


if __name__ == "__main__":
    demo_stage.ran = ran
    act = sys.argv[1]
    sys.argv[:2] = [act]
    runpy.run_path(act, run_name="__main__")
