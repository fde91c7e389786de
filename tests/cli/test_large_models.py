"""Model files that take long to read: a run that is stopped ends, and what no server could hold is refused."""

import os
import signal
import sys
import time
from pathlib import Path

import pytest

from reconciler.engine.inventory_store import InventoryStore
from tests.operating import BUCKET, spec

WANTED = spec(model={"uri": "./model", "framework": "custom"})
GIB = 2**30
PATIENCE_S = 60

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="what a process has open is read in /proc")


def sparse(shell, gib):
    """A file that is large and takes no room on the disk."""
    folder = shell.folder / "model"
    folder.mkdir()
    with (folder / "huge.bin").open("wb") as file:
        file.truncate(gib * GIB)
    shell.write(WANTED)


def until(process, happened):
    """Wait for something while a process runs."""
    deadline = time.monotonic() + PATIENCE_S
    while not happened():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        os.sched_yield()


def reads(process, name):
    """Tell whether a process has a file open."""
    for link in Path(f"/proc/{process.pid}/fd").iterdir():
        try:
            if link.readlink().name == name:
                return True
        except FileNotFoundError:
            continue
    return False


def test_a_plan_that_reads_a_large_file_stops(shell):
    """The reading takes most of a minute; the run ends long before, with the signal's code."""
    sparse(shell, 60)  # at most 64 are read
    process = shell.start("plan", "--local")
    until(process, lambda: reads(process, "huge.bin"))

    process.send_signal(signal.SIGTERM)
    _, told = process.communicate(timeout=PATIENCE_S)

    assert (process.returncode, told.splitlines()[-1]) == (143, "stopped")


def test_an_upload_of_a_large_file_stops_and_leaves_no_lock(shell, operator):
    """The upload is under the lock: it is let go, and no half a file is in the bucket."""
    sparse(shell, 1)
    process = shell.start("apply", "--local", "--yes")
    store = InventoryStore(operator.session())
    until(process, lambda: any(i.lock for i in store.read_all().values()) and reads(process, "huge.bin"))

    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=PATIENCE_S)

    assert process.returncode == 143
    assert [i.lock for i in store.read_all().values()] == [None]
    assert list(operator.connection.storage.list_blobs(BUCKET, prefix="models/")) == []


def test_a_folder_that_no_server_could_hold_is_refused(shell):
    """Before it is read: with its size, the limit, the file and what to do."""
    sparse(shell, 100)

    done = shell("plan", "--local")

    assert done.code == 1
    assert "100.0 GiB" in done.err
    assert "at most 64" in done.err
    assert "huge.bin" in done.err
    assert "gs://" in done.err
