"""Google's own Pub/Sub emulator, where this machine has it: a Java program that comes with gcloud."""

import os
import shutil
import signal
import socket
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

import grpc

PLACES = (
    Path("/usr/lib/google-cloud-sdk/platform/pubsub-emulator/bin/cloud-pubsub-emulator"),
    Path.home() / "google-cloud-sdk/platform/pubsub-emulator/bin/cloud-pubsub-emulator",
)


def program():
    """The script that starts it, or None."""
    found = next((each for each in PLACES if each.exists()), None)
    return found if found and shutil.which("java") else None


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


@contextmanager
def running(folder, within_s=60):
    """Start it; gives its `host:port` once it answers."""
    port = free_port()
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(
            [program(), "--host=127.0.0.1", f"--port={port}"],
            stdout=log,
            stderr=log,
            cwd=folder,
            start_new_session=True,
        )
    try:
        until = time.monotonic() + within_s
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            grpc.channel_ready_future(channel).result(until - time.monotonic())
        yield f"127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, signal.SIGTERM)  # the script and the Java machine it started
        process.wait(20)
