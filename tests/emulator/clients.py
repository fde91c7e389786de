"""Google's own clients, pointed at the emulator over both wires."""

from typing import Any

import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import resourcemanager_v3

from tests.conftest import Emulator

WIRES = ["grpc", "rest"]
both_wires = pytest.mark.parametrize("wire", WIRES)


def client(emulator: Emulator, cls: Any, wire: str = "grpc") -> Any:
    """A client of class `cls`; the endpoint and the credentials are all that differs from the real cloud.

    The same one for every test on this emulator.
    """
    made = emulator.clients
    if (cls, wire) not in made:
        made[cls, wire] = new_client(emulator, cls, wire)
    return made[cls, wire]


def new_client(emulator: Emulator, cls: Any, wire: str = "grpc") -> Any:
    """A client with a connection of its own."""
    if wire == "grpc":
        return cls(transport=cls.get_transport_class("grpc")(channel=emulator.channel()))
    transport = cls.get_transport_class("rest")
    return cls(transport=transport(host=emulator.http, credentials=AnonymousCredentials()))


def let_agents_publish(emulator: Any, project: str = "local", *, of: str = "") -> None:
    """Give Google's own accounts of Pub/Sub and Cloud Storage what its pages say they need.

    Args:
        emulator: The emulator.
        project: Where topics and subscriptions are.
        of: The project whose own accounts they are; the same, if left out.

    Source:
        https://cloud.google.com/pubsub/docs/handling-failures#grant_forwarding_permissions;
        https://cloud.google.com/storage/docs/reporting-changes#prereqs.
    """
    projects = client(emulator, resourcemanager_v3.ProjectsClient)
    number = projects.get_project(name=f"projects/{of or project}").name.rpartition("/")[2]
    agents = [
        f"serviceAccount:service-{number}@{of}.iam.gserviceaccount.com"
        for of in ("gcp-sa-pubsub", "gs-project-accounts")
    ]
    request = {"resource": f"projects/{project}", "options": {"requested_policy_version": 3}}
    policy = projects.get_iam_policy(request=request)
    policy.version = 3
    for role in ("roles/pubsub.publisher", "roles/pubsub.subscriber"):
        policy.bindings.add(role=role, members=agents)
    projects.set_iam_policy(request={"resource": f"projects/{project}", "policy": policy})
