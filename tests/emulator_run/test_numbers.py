"""A process is ended by its number only while the number is surely its own."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from emulator.processes.logs import Log
from emulator.processes.model import Program
from emulator.processes.process import Process
from emulator.processes.undertaker import bury, started


class Listening:
    """Notes, when a group is forgotten, whether its number is still taken."""

    def __init__(self):
        self.taken = {}

    def watch(self, group):
        self.taken[group] = None

    def forget(self, group):
        try:
            os.kill(group, 0)
        except ProcessLookupError:
            self.taken[group] = False
        else:
            self.taken[group] = True


@pytest.mark.skipif(not hasattr(os, "waitid"), reason="this system cannot wait without reaping")
def test_a_number_is_let_go_only_after_everything_was_done_by_it():
    """Group killed, undertaker told: then the process is reaped, and not before."""
    undertaker = Listening()

    async def run():
        program = Program((sys.executable, "-c", "raise SystemExit(3)"), Path("/"), {})
        process = await Process.start(program, Log(), undertaker)
        code = await process.ended
        process.kill()  # too late: by now the number may be anybody's
        await process.stop()
        return process.pid, code

    pid, code = asyncio.run(run())

    assert code == 3
    assert undertaker.taken == {pid: True}


@pytest.fixture
def group():
    """A process that leads a group of its own."""
    command = [sys.executable, "-c", "import sys; sys.stdin.read()"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True) as process:
        yield process
        process.kill()


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="this system does not say when a process started")
def test_the_undertaker_buries_none_that_took_a_dead_ones_number(group):
    """The number is listed, the start is another one's."""
    bury({group.pid: "1"})
    assert group.poll() is None

    bury({group.pid: started(group.pid)})
    assert group.wait(timeout=20) == -9


def test_what_is_gone_is_no_trouble_to_bury(group):
    """A group that ended by itself."""
    group.kill()
    group.wait()

    bury({group.pid: "1"})
    assert started(group.pid) == ""
