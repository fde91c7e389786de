"""What happens to Cloud Storage when things go wrong around it, or get large."""

import os
import re
from pathlib import Path

import pytest
from google.api_core import exceptions

from tests.conftest import Emulator

MIB = 1024 * 1024


def test_a_lost_answer_leaves_the_write(emulator, bucket):
    """A fault after the write loses the answer, not the object; and the client's retry finds it there."""
    emulator.faults({"method": "storage.objects.insert", "when": "after", "status": "UNAVAILABLE", "times": 1})

    with pytest.raises(exceptions.PreconditionFailed):
        bucket.blob("lock").upload_from_string(b"mine", if_generation_match=0)

    assert bucket.blob("lock").download_as_bytes() == b"mine"


def test_a_refused_call_writes_nothing(emulator, bucket):
    """A fault before the write leaves no object, and its status is the one asked for."""
    emulator.faults({"method": "storage.objects.*", "mutating": True, "status": "PERMISSION_DENIED", "message": "no"})

    with pytest.raises(exceptions.Forbidden, match="no"):
        bucket.blob("x").upload_from_string(b"x")

    assert not bucket.blob("x").exists()


def test_calls_are_counted_by_google_s_names(emulator, bucket, client):
    """The call log names methods as Google's audit log does, the ones inside a batch too."""
    bucket.blob("x").upload_from_string(b"x")
    emulator.control("DELETE", "calls")
    bucket.blob("x").download_as_bytes()
    with client.batch():
        bucket.delete_blob("x")

    assert emulator.calls() == {"storage.objects.get": 1, "storage.objects.delete": 1}


def test_objects_survive_a_kill(tmp_path):
    """Everything acknowledged is there after the daemon was killed and started again."""
    from google.auth.credentials import AnonymousCredentials  # noqa: PLC0415 - Google's packages load slowly
    from google.cloud import storage  # noqa: PLC0415

    def connect(running):
        options = {"api_endpoint": running.http}
        return storage.Client(project="local", credentials=AnonymousCredentials(), client_options=options)

    first = Emulator.start(tmp_path / "state")
    connect(first).create_bucket("kept").blob("a/b").upload_from_string(b"bytes")
    first.kill()
    second = Emulator.start(tmp_path / "state")
    try:
        blob = connect(second).bucket("kept").get_blob("a/b")
        assert blob.download_as_bytes() == b"bytes"
        blob.upload_from_string(b"next", if_generation_match=blob.generation)
    finally:
        second.stop()


@pytest.mark.slow
def test_large_objects_do_not_fill_the_memory(emulator, bucket, tmp_path):
    """200 MiB go in and out while the daemon grows by a fraction of it."""
    if not Path("/proc/self/status").exists():
        pytest.skip("the daemon's memory is read from /proc")
    source, target = tmp_path / "in", tmp_path / "out"
    with source.open("wb") as file:
        for _ in range(200):
            file.write(os.urandom(MIB))
    before = peak_mib(emulator)

    bucket.blob("large", chunk_size=32 * MIB).upload_from_filename(source)
    bucket.blob("large").download_to_filename(target)

    assert target.stat().st_size == 200 * MIB
    assert peak_mib(emulator) - before < 64


def peak_mib(emulator):
    """The most memory the daemon ever held, in MiB."""
    status = Path(f"/proc/{emulator.process.pid}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) // 1024
