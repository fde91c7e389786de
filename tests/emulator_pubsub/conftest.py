"""Pub/Sub through Google's own clients."""

import pytest
from google.pubsub_v1 import PublisherClient, SubscriberClient

from tests.emulator.clients import WIRES, client, let_agents_publish

PROJECT = "projects/local"
TOPIC, OTHER = f"{PROJECT}/topics/scores", f"{PROJECT}/topics/rejected"
SUBSCRIPTION = f"{PROJECT}/subscriptions/scorer"


@pytest.fixture(autouse=True)
def agents(request):
    """Pub/Sub's and Cloud Storage's own accounts may publish, wherever a test uses the emulator."""
    if {"emulator", "pubsub"} & set(request.fixturenames) and "own" not in request.fixturenames:
        let_agents_publish(request.getfixturevalue("emulator"))


@pytest.fixture(params=WIRES)
def wire(request):
    """Each test runs over both."""
    return request.param


@pytest.fixture
def publisher(emulator, wire):
    """The client of topics."""
    return client(emulator, PublisherClient, wire)


@pytest.fixture
def subscriber(emulator, wire):
    """The client of subscriptions and snapshots."""
    return client(emulator, SubscriberClient, wire)


@pytest.fixture
def topic(publisher):
    """A topic that is there."""
    return publisher.create_topic(name=TOPIC).name
