"""Signals that end a command, at whatever moment they come."""

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Empty, SimpleQueue

import pytest

from reconciler.engine import signals

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def caught():
    """Signals are ours for the length of a test."""
    before = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signals.end_commands()
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.mark.slow
def test_a_signal_at_any_moment_leaves_no_worker_waiting():
    """A lock that the main thread has in its hands as it is stopped would hold up a worker, and the end, for ever."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.engine.every_moment"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    stopped, moments = done.stdout.split(" of ")
    assert int(stopped) == int(moments) > 100


ELSEWHERE = """
import signal, threading
from reconciler.engine.pool import Pool
from reconciler.engine.signals import Stopped, end_commands

end_commands()
waits, over = threading.Event(), threading.Event()

def work():
    waits.wait(60)
    threading.Event().wait(0.5)
    signal.pthread_kill(threading.get_ident(), signal.SIGTERM)
    print("ended by itself" if over.wait(60) is False else "told to end")

with Pool(1) as pool:
    task = pool.submit(work)
    waits.set()
    try:
        task.result()
    except Stopped:
        print("stopped")
    over.set()
"""


@pytest.mark.slow
def test_a_signal_that_another_thread_was_given_ends_the_wait():
    """So does one that comes between the last look and the wait: neither wakes the main thread by itself."""
    done = subprocess.run(
        [sys.executable, "-c", ELSEWHERE], cwd=ROOT, capture_output=True, text=True, timeout=100, check=False
    )

    assert (done.returncode, done.stdout.split("\n")[:2]) == (0, ["stopped", "told to end"]), done.stderr


def block(done, rest):
    """Hold signals back, get one, and go on."""
    with signals.held():
        os.kill(os.getpid(), signal.SIGTERM)
        rest()
        done.append("the rest")


def waits():
    """Wait for something, with no lock in hand."""
    with signals.let_through():
        pass


def fails():
    """Fail."""
    raise ValueError("mine")


def test_what_is_held_back_comes_where_the_block_ends(caught):
    """Nothing of a block is left out, and the signal is not lost."""
    done = []
    with pytest.raises(signals.Stopped) as stop:
        block(done, lambda: None)

    assert done == ["the rest"]
    assert stop.value.exit_code == 143


def test_a_wait_within_lets_it_through(caught):
    """Also one that came before the wait began; and outside nothing is held back any more."""
    done = []
    with pytest.raises(signals.Stopped):
        block(done, waits)
    with pytest.raises(signals.Stopped):
        os.kill(os.getpid(), signal.SIGTERM)

    assert not done


def test_a_wait_that_is_ended_leaves_signals_held_back(caught):
    """What comes while the block puts its things in order waits for its end, as before."""
    done = []

    def tidied():
        with pytest.raises(signals.Stopped):
            waits()
        os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(signals.Stopped):
        block(done, tidied)

    assert done == ["the rest"]


def test_every_signal_that_ends_commands_is_ours_but_what_a_shell_has_ignored():
    """Ctrl-C, the end of a job, a terminal that is closed."""
    usual = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL, signal.SIGHUP: signal.SIG_DFL}
    before = {number: signal.signal(number, handler) for number, handler in usual.items()}
    try:
        signals.end_commands()
        ours = {number: signal.getsignal(number) for number in usual}
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        signals.end_commands()
        ignored = signal.getsignal(signal.SIGHUP)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

    assert len(set(ours.values())) == 1
    assert not set(ours.values()) & set(usual.values())
    assert ignored is signal.SIG_IGN


def test_a_wait_with_an_end_ends():
    """What is there is given, however short the wait; nothing in time is said."""
    queue = SimpleQueue()
    queue.put("there")

    assert signals.take(queue, 60) == "there"
    with pytest.raises(Empty):
        signals.take(queue, 0.001)


def test_an_error_of_the_block_is_not_hidden_by_the_signal(caught):
    """Both are told: the signal ends the command, and says what it came upon."""
    with pytest.raises(signals.Stopped) as stop:
        block([], fails)

    assert isinstance(stop.value.__context__, ValueError)


class Looks:
    """A queue that nothing comes into, and that notes for how long somebody waits."""

    def __init__(self):
        self.waits = []

    def get(self, timeout=None):
        self.waits.append(timeout)
        raise Empty


def test_who_hears_no_signals_waits_without_looking_for_them():
    """Threads of the pool are many: only the main one is waked several times a second."""
    queue = Looks()
    with ThreadPoolExecutor(1) as pool, pytest.raises(Empty):
        pool.submit(signals.take, queue, 60.0).result()

    assert queue.waits == [60.0]
