"""Google's packages are imported one client at a time, and each of them stands it."""

import importlib
import json
from concurrent import futures

import grpc
import pytest

from benchmarks.google_packages import PACKAGES
from tests.start_up.fresh import python

IN_EVERY_CHECK = {"google.cloud.run_v2", "google.pubsub_v1", "google.cloud.monitoring_v3"}

USUAL = """
from reconciler.gcp.light import client_class
light = client_class("google.pubsub_v1", "publisher", "PublisherClient")
import google.pubsub_v1 as whole
assert whole.PublisherClient is light, "two classes of one name"
assert whole.types.pubsub.Topic is whole.Topic, "a module is not where its package has it"
assert whole.services.subscriber.client.SubscriberClient is whole.SubscriberClient
assert "SubscriberAsyncClient" in dir(whole)
assert not hasattr(whole, "no_such_thing")
from google.pubsub_v1.types import *
assert Topic is whole.Topic
"""

TOGETHER = """
import importlib, sys, threading
from reconciler.gcp.light import client_class, transport_class, types_module
def light(service):
    found.append(client_class("google.pubsub_v1", service.lower(), service + "Client"))
    transport_class("google.pubsub_v1", service.lower(), service + "GrpcTransport")
def topic(_): found.append(types_module("google.pubsub_v1", "pubsub").Topic)
def whole(service): found.append(getattr(importlib.import_module("google.pubsub_v1"), service + "Client"))
jobs = [(do, service) for do in (light, topic, whole) for service in ("Publisher", "Subscriber")] * 3
if sys.argv[1] == "whole first":
    jobs.reverse()
found = []
threads = [threading.Thread(target=do, args=(service,), daemon=True) for do, service in jobs]
for thread in threads: thread.start()
for thread in threads: thread.join(100)
assert len(found) == len(jobs), found
assert len(set(found)) == 3, found
"""


class Anything(grpc.GenericRpcHandler):
    """Answers every method with an empty message, and keeps what was asked."""

    def __init__(self):
        self.asked = []

    def service(self, handler_call_details):
        """No serialisers: requests and answers are bytes."""

        def answer(request, context):
            self.asked.append((handler_call_details.method, request))
            return b""

        return grpc.unary_unary_rpc_method_handler(answer)


@pytest.fixture(scope="module")
def google():
    """A server that has every API, and its address."""
    handler = Anything()
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=2), handlers=[handler])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield handler, f"127.0.0.1:{port}"
    server.stop(grace=None).wait()


def camel(snake: str) -> str:
    return "".join(part.capitalize() for part in snake.split("_"))


@pytest.mark.parametrize(
    "package", [each if each in IN_EVERY_CHECK else pytest.param(each, marks=pytest.mark.slow) for each in PACKAGES]
)
def test_clients_work_in_a_process_that_imported_nothing_else(google, package):
    """Connect, call, make a message: with these services of the package imported, and no other."""
    handler, address = google
    handler.asked.clear()
    readings = PACKAGES[package]

    messages, services = json.loads(python("-m", "tests.start_up.light_client", address, package))

    assert [method.rsplit("/", 1)[1] for method, _ in handler.asked] == [camel(each.method) for each in readings]
    assert all(b"projects/some-project" in request for _, request in handler.asked)
    assert messages == [each.message.partition(".")[2] for each in readings]
    assert services == sorted(each.service for each in readings)


def test_what_is_asynchronous_is_not_imported():
    """Every command that reads a registry paid for it."""
    names = '"google.cloud.artifactregistry_v1", "artifact_registry", "ArtifactRegistryClient"'
    loaded = f"from reconciler.gcp.light import client_class; client_class({names}); import sys; print(*sys.modules)"

    assert "aiohttp" not in python("-c", loaded).split()
    assert importlib.import_module("aiohttp")


def test_nothing_unusual_is_left_of_a_light_import():
    """Who imports the package ordinarily afterwards gets the same classes at the same places."""
    python("-c", USUAL)


@pytest.mark.parametrize("order", ["light first", "whole first"])
def test_threads_may_import_a_package_in_every_way_at_once(order):
    """One import at a time is under way, and all get the same classes."""
    python("-c", TOGETHER, order)
