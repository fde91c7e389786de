"""Locks of runs that were killed on this machine, with the emulator."""

import subprocess
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from reconciler.core.inventory import Inventory, Lock
from reconciler.engine.dead_holders import without_dead

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
ME, GONE = "ann@here pid 7", 9_999_999
"""No machine gives the second one to a process: 4194304 is the greatest of Linux."""


def held(holder):
    """An inventory that somebody holds for another minute."""
    return Inventory("churn", "europe-west1", lock=Lock(holder, "run-9", NOW + timedelta(minutes=1)))


def test_the_lock_of_a_process_that_is_gone_ends_now():
    """It need not be waited for, and who held it is still told."""
    found = without_dead(held(f"ann@here pid {GONE}"), ME, NOW)

    assert found.lock == Lock(f"ann@here pid {GONE}", "run-9", NOW)


def test_who_lives_keeps_the_lock():
    """And is not disturbed by being asked."""
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        holder = held(f"ann@here pid {other.pid}")
        assert without_dead(holder, ME, NOW) == holder
        assert other.communicate(b"still here") == (b"still here", None)


@pytest.mark.parametrize(
    ("holder", "me"),
    [
        (f"ann@there pid {GONE}", ME),
        (f"bob@here pid {GONE}", ME),
        (f"ann@here, by hand {GONE}", ME),
        (f"ann@here pid {GONE}", "ann@here"),
    ],
    ids=["another-machine", "another-user", "no-process", "who-are-we"],
)
def test_the_lock_of_who_is_not_known_to_be_dead_is_left(holder, me):
    """Another machine's processes, another user's, and what no process is."""
    assert without_dead(held(holder), me, NOW) == held(holder)


def test_what_is_over_or_free_stays_as_it_is():
    """An expired lock ended when it did."""
    over = replace(held(f"ann@here pid {GONE}"), lock=Lock(f"ann@here pid {GONE}", "run-9", NOW - timedelta(hours=1)))

    assert without_dead(over, ME, NOW) == over
    assert without_dead(replace(over, lock=None), ME, NOW).lock is None
