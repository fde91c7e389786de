"""Cloud Run through Google's clients, with as little typing as the tests can do with."""

from typing import Any

import httpx
from google.cloud import run_v2

from tests.conftest import Emulator
from tests.emulator.clients import client

PARENT = "projects/local/locations/europe-west1"
HELLO = "us-docker.pkg.dev/cloudrun/container/hello"
LATEST = run_v2.TrafficTargetAllocationType.TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST
REVISION = run_v2.TrafficTargetAllocationType.TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION
STATE = run_v2.Condition.State


class Cloud:
    """The clients of one emulator."""

    def __init__(self, emulator: Emulator, wire: str = "grpc") -> None:
        self.emulator = emulator
        self.services = client(emulator, run_v2.ServicesClient, wire)
        self.revisions = client(emulator, run_v2.RevisionsClient, wire)
        self.jobs = client(emulator, run_v2.JobsClient, wire)
        self.executions = client(emulator, run_v2.ExecutionsClient, wire)
        self.tasks = client(emulator, run_v2.TasksClient, wire)

    def create(self, service_id: str = "hello", wanted: run_v2.Service | None = None, **of: Any) -> run_v2.Service:
        """Create a service and wait for it."""
        request = {"parent": PARENT, "service_id": service_id, "service": wanted or service(**of)}
        return self.services.create_service(request=request).result(timeout=30)

    def get(self, service_id: str = "hello") -> run_v2.Service:
        """Read a service."""
        return self.services.get_service(name=f"{PARENT}/services/{service_id}")

    def update(self, changed: run_v2.Service, *paths: str, **of: Any) -> run_v2.Service:
        """Write a service and wait for it."""
        request = {"service": changed, "update_mask": {"paths": list(paths)}, **of}
        return self.services.update_service(request=request).result(timeout=30)

    def revision_ids(self, service_id: str = "hello") -> list[str]:
        """Names of a service's revisions, oldest first."""
        found = self.revisions.list_revisions(parent=f"{PARENT}/services/{service_id}")
        return sorted(short(each.name) for each in found)


def service(
    image: str = HELLO, *, env: dict[str, str] | None = None, public: bool = True, **template: Any
) -> run_v2.Service:
    """A service of one container."""
    variables = [run_v2.EnvVar(name=name, value=value) for name, value in (env or {}).items()]
    container = run_v2.Container(image=image, env=variables, **template.pop("container", {}))
    return run_v2.Service(
        template=run_v2.RevisionTemplate(containers=[container], **template), invoker_iam_disabled=public
    )


def to(revision: str, percent: int = 0, tag: str = "") -> run_v2.TrafficTarget:
    """A traffic target that names a revision."""
    return run_v2.TrafficTarget(type_=REVISION, revision=short(revision), percent=percent, tag=tag)


def latest(percent: int = 100, tag: str = "") -> run_v2.TrafficTarget:
    """A traffic target that follows the latest ready revision."""
    return run_v2.TrafficTarget(type_=LATEST, percent=percent, tag=tag)


def short(name: str) -> str:
    """The last part of a name."""
    return name.rpartition("/")[2]


def who(uri: str, **of: Any) -> str:
    """The revision that answers a request."""
    return httpx.get(uri, timeout=20, **of).raise_for_status().json()["revision"]
