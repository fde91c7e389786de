"""What a job execution does with its tasks."""

import sys
import threading

from emulator.processes.execution import Batch
from emulator.processes.model import Container, Program
from tests.emulator_run.conftest import HERE, WHO

SCRIPT = """
import os, sys, time
index, attempt = os.environ["CLOUD_RUN_TASK_INDEX"], os.environ["CLOUD_RUN_TASK_ATTEMPT"]
print("task", index, "of", os.environ["CLOUD_RUN_TASK_COUNT"], "try", attempt, os.environ["CLOUD_RUN_JOB"], flush=True)
time.sleep(float(os.environ.get("WORK_S", "0")))
sys.exit(int(attempt) < int(os.environ.get("FAILURES", "0")))
"""


class Watcher:
    def __init__(self):
        self.ends = []
        self.running = 0
        self.most = 0
        self.began = threading.Event()
        self.over = threading.Event()

    def task_started(self, index, attempt):  # noqa: ARG002 - the protocol
        self.began.set()
        self.running += 1
        self.most = max(self.most, self.running)

    def task_ended(self, end):
        self.running -= 1
        self.ends.append(end)

    def execution_ended(self):
        self.over.set()


def run(bench, *, env=None, cancel=False, **of):
    """Run an execution to its end and give the watcher and the log."""

    def program(_place):
        return Program((sys.executable, "-S", "-I", "-c", SCRIPT), HERE, env or {})

    watcher = Watcher()
    batch = Batch("e", (Container("main", WHO, program),), environment={"CLOUD_RUN_JOB": "j"}, **of)
    bench.plane.announce("e")
    bench.plane.execute(batch, watcher)
    if cancel:
        assert watcher.began.wait(20)
        bench.plane.cancel("e")
    assert watcher.over.wait(20)
    return watcher, bench.plane.log("e")


def test_every_task_runs_once_when_all_is_well(bench):
    """Tasks know their index and how many they are."""
    watcher, log = run(bench, tasks=3)

    assert sorted(end.index for end in watcher.ends if end.succeeded) == [0, 1, 2]
    assert sorted(log) == [f"task {index} of 3 try 0 j" for index in range(3)]


def test_parallelism_is_a_limit(bench):
    """No more tasks run at once than `parallelism` says."""
    watcher, _ = run(bench, tasks=4, parallelism=2, env={"WORK_S": "0.1"})

    assert watcher.most <= 2
    assert len(watcher.ends) == 4


def test_a_failed_task_is_tried_again(bench):
    """A task that fails twice succeeds at its third try when retries allow it."""
    watcher, _ = run(bench, max_retries=2, env={"FAILURES": "2"})

    assert [(end.attempt, end.exit_code, end.last) for end in watcher.ends] == [
        (0, 1, False),
        (1, 1, False),
        (2, 0, True),
    ]


def test_retries_end(bench):
    """Without retries the first failure is the last."""
    watcher, _ = run(bench, max_retries=0, env={"FAILURES": "1"})

    assert [(end.exit_code, end.last) for end in watcher.ends] == [(1, True)]


def test_a_task_over_its_time_is_stopped(bench):
    """The timeout holds for each try."""
    watcher, log = run(bench, max_retries=0, timeout_s=0.3, env={"WORK_S": "30"})

    assert [end.exit_code for end in watcher.ends] == [None]
    assert any("maximum timeout" in line for line in log)


def test_a_cancelled_execution_stops(bench):
    """Cancelling stops running tasks and starts no more."""
    watcher, log = run(bench, tasks=3, parallelism=1, env={"WORK_S": "30"}, cancel=True)

    assert [end.cancelled for end in watcher.ends] == [True] * 3
    assert len(log) <= 1


def test_the_last_lines_are_there_when_the_end_is_told(bench):
    """Who hears of the end of a task may ask for its log: everything that it wrote has been read."""
    seen = []

    class Reader(Watcher):
        def task_ended(self, end):
            seen.append(bench.plane.log("e")[-1])
            super().task_ended(end)

    def program(_place):
        script = "for n in range(20000): print('line', n)"
        return Program((sys.executable, "-S", "-I", "-c", script), HERE, {})

    watcher = Reader()
    bench.plane.announce("e")
    bench.plane.execute(Batch("e", (Container("main", WHO, program),), max_retries=0), watcher)
    assert watcher.over.wait(20)

    assert seen == ["line 19999"]
