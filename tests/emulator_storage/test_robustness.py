"""What happens to Cloud Storage when things go wrong around it, or get large."""

import os
import re
import subprocess
import sys
from pathlib import Path

import httpx
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


@pytest.mark.slow
def test_the_advertised_variables_are_enough(emulator):
    """A program that knows nothing of an emulator uses it when started with its variables."""
    program = (
        "from google.cloud import storage\n"
        "blob = storage.Client().create_bucket('plain').blob('x')\n"
        "blob.upload_from_string('hello')\n"
        "print(blob.download_as_text(), storage.Client().project)"
    )
    env = {**os.environ, **emulator.env}

    done = subprocess.run([sys.executable, "-c", program], env=env, capture_output=True, text=True, check=False)

    assert done.stdout == "hello local\n", done.stderr


@pytest.mark.slow
def test_objects_survive_a_kill(tmp_path):
    """Everything acknowledged is there after the daemon was killed and started again."""
    from google.auth.credentials import AnonymousCredentials  # noqa: PLC0415 - Google's packages load slowly
    from google.cloud import storage  # noqa: PLC0415 - Google's packages load slowly

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


ODD = [
    pytest.param("POST", "b?project=local", {"name": 5}, id="name-is-a-number"),
    pytest.param("POST", "b?project=local", {"name": "odd-labels", "labels": {"a": 5}}, id="label-is-a-number"),
    pytest.param("POST", "b?project=local", [1], id="no-object"),
    pytest.param("PATCH", "b/{bucket}", {"iamConfiguration": "x"}, id="text-for-an-object"),
    pytest.param("PUT", "b/{bucket}/iam", {"bindings": [5]}, id="no-binding"),
    pytest.param("PATCH", "b/{bucket}/o/x", {"metadata": {"a": {}}}, id="metadata-is-an-object"),
    pytest.param("POST", "b/{bucket}/o/y/compose", {"sourceObjects": [5]}, id="no-source"),
    pytest.param("GET", "b/{bucket}/o?maxResults=-1", None, id="less-than-nothing"),
    pytest.param("GET", "b/{bucket}/o?matchGlob=[z-a]", None, id="glob"),
    pytest.param("GET", "b/{bucket}/o/x?generation=one", None, id="generation"),
    pytest.param("GET", "b/{bucket}/o/x?ifGenerationMatch=", None, id="condition"),
]


@pytest.mark.parametrize(("verb", "path", "body"), ODD)
def test_an_odd_request_is_refused(emulator, bucket, verb, path, body):
    """What has the wrong type is the caller's mistake, said as one, and changes nothing."""
    bucket.blob("x").upload_from_string(b"x")

    answer = httpx.request(verb, f"{emulator.http}/storage/v1/{path.format(bucket=bucket.name)}", json=body)

    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["errors"][0]["reason"] in {"invalid", "parseError"}
    assert bucket.get_blob("x").metageneration == 1


def test_an_odd_part_does_not_spoil_a_batch(emulator, bucket):
    """A part that is no request is answered as such; the next is carried out."""
    bucket.blob("x").upload_from_string(b"x")
    good = f"DELETE /storage/v1/b/{bucket.name}/o/x HTTP/1.1"
    parts = [f"--m\r\nContent-Type: application/http\r\n\r\n{line}\r\n\r\n" for line in ("GET http://[ HTTP/1.1", good)]
    kind = {"Content-Type": "multipart/mixed; boundary=m"}

    answer = httpx.post(f"{emulator.http}/batch/storage/v1", content="".join(parts) + "--m--", headers=kind)

    assert [line for line in answer.text.splitlines() if line.startswith("HTTP/1.1")] == [
        "HTTP/1.1 400 Bad Request",
        "HTTP/1.1 204 No Content",
    ]
    assert not bucket.blob("x").exists()
