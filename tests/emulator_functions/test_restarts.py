"""What a kill of the emulator does to functions: nothing that lasts."""

import httpx
import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import functions_v2, run_v2, storage

from tests.conftest import Emulator
from tests.emulator.clients import client
from tests.emulator_functions.conftest import BUCKET, NAME, PLACE, Cloud
from tests.emulator_vertex.cloud import until

pytestmark = pytest.mark.slow
STATE = functions_v2.Function.State


def clients(emulator):
    """Google's clients of a daemon."""
    options = {"api_endpoint": emulator.http}
    buckets = storage.Client(project="local", credentials=AnonymousCredentials(), client_options=options)
    functions = client(emulator, functions_v2.FunctionServiceClient)
    return Cloud(emulator, functions, client(emulator, run_v2.ServicesClient), buckets.bucket(BUCKET))


@pytest.fixture
def start(tmp_path):
    """Starts a daemon on one state folder; those that still run end with the test."""
    running = []

    def begin():
        running.append(Emulator.start(tmp_path / "state"))
        return clients(running[-1])

    yield begin
    for emulator in running:
        if emulator.process.poll() is None:
            emulator.stop()


def test_a_function_answers_again_after_a_kill(start):
    """At the same address, without being built again."""
    cloud = start()
    cloud.bucket.create()
    made = cloud.create()
    assert cloud.call().text == "hello"
    cloud.emulator.kill()

    again = start()
    assert again.get() == made
    assert httpx.get(made.url, timeout=30, trust_env=False).text == "hello"


def test_a_deployment_that_was_killed_is_finished(start):
    """Before its service was made: the next start takes it up."""
    cloud = start()
    cloud.bucket.create()
    wanted = cloud.wanted()
    cloud.emulator.faults({"method": "*Services/UpdateService", "hang": True})
    request = {"parent": PLACE, "function_id": "greeter", "function": wanted}
    operation = cloud.functions.create_function(request=request).operation.name
    until(lambda: cloud.emulator.control("GET", "faults")[0]["waiting"], bool)
    assert cloud.get().state == STATE.DEPLOYING
    cloud.emulator.kill()

    again = start()
    finished = again.functions.get_operation({"name": operation})
    while not finished.done:
        finished = again.functions.get_operation({"name": operation})
    assert again.get(NAME).state == STATE.ACTIVE
    assert again.call().text == "hello"
