"""An apply that dies at a chosen moment."""

import os
import subprocess
import time

from tests.operating import Operator
from tests.warm import commands


def killed_while(operator: Operator, rule: dict, *specs: dict) -> bool:
    """Start an apply in a process of its own, and `kill -9` it while a call hangs.

    Args:
        operator: On whose cloud.
        rule: A fault rule: which call, and whether before or after its work.
        specs: What is applied.

    Returns:
        Whether it got that far.
    """
    operator.emulator.faults({**rule, "times": 1, "hang": True})
    environment = {**os.environ, "MLSERVICE_EMULATOR_STATE": str(operator.emulator.state)}
    arguments = ["apply", "--local", "--yes", str(operator.write(*specs))]
    silent = (subprocess.DEVNULL,) * 3
    process = commands().run("reconciler.cli", *arguments, folder=operator.folder, env=environment, streams=silent)
    reached, until = False, time.monotonic() + 60
    while time.monotonic() < until and process.poll() is None and not reached:
        reached = operator.emulator.control("GET", "faults")[0]["waiting"] > 0
        time.sleep(0.02)
    process.kill()
    process.wait()
    operator.emulator.forget_the_dead()
    return reached
