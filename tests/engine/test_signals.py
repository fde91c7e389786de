"""Signals that end a command, at whatever moment they come."""

import os
import signal
import subprocess
import sys
from pathlib import Path

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


def test_an_error_of_the_block_is_not_hidden_by_the_signal(caught):
    """Both are told: the signal ends the command, and says what it came upon."""
    with pytest.raises(signals.Stopped) as stop:
        block([], fails)

    assert isinstance(stop.value.__context__, ValueError)
