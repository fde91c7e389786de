"""The reconciler against the emulator, in this process: specs in, the world out."""

import itertools
from datetime import timedelta
from pathlib import Path
from typing import Any

import yaml

from reconciler.core.plan import Plan
from reconciler.engine.apply import Report, apply
from reconciler.engine.clock import SystemClock
from reconciler.engine.inventory_store import InventoryStore
from reconciler.engine.planning import Planned, make_plan, plan_destroy
from reconciler.engine.pool import Pool
from reconciler.engine.session import Session
from reconciler.gcp.connection import Connection, Endpoint
from reconciler.kinds import KINDS
from schemas import load
from tests.conformance.place import LOCAL

HELLO = "us-docker.pkg.dev/cloudrun/container/hello"
REGION = "europe-west1"
BUCKET = "local-mlservice"
RUNS = itertools.count(1)


def spec(name: str = "churn", **sections: Any) -> dict[str, Any]:
    """A small service on the image that starts fastest."""
    body = {"region": REGION, "image": HELLO, "management": {"deletion": "Delete"}, **sections}
    return {"apiVersion": "mlservice/v1", "kind": "MLService", "metadata": {"name": name}, "spec": body}


class Operator:
    """Plans and applies as the command line does, in this process."""

    at = LOCAL

    def __init__(self, emulator: Any, pool: Pool, folder: Path) -> None:
        self.emulator = emulator
        self.folder = folder
        endpoint = Endpoint(emulator.http, emulator.grpc, str(emulator.state / "credentials.json"))
        made = emulator.clients.setdefault(Connection, {})  # clients hold nothing of a test
        self.connection = Connection("local", BUCKET, endpoint, _made=made)
        self.pool = pool

    def session(self) -> Session:
        """A run of its own, at the emulator's time."""
        offset = timedelta(seconds=self.emulator.control("GET", "clock")["offset_s"])
        number = next(RUNS)
        clock = SystemClock(offset)
        return Session(self.connection, KINDS, self.pool, clock, f"tester {number}", f"run-{number}")

    def write(self, *specs: dict[str, Any]) -> Path:
        """Put specs into a file."""
        path = self.folder / "mlservice.yaml"
        path.write_text("---\n".join(yaml.safe_dump(s, sort_keys=False) for s in specs))
        return path

    def plan(self, *specs: dict[str, Any]) -> Planned:
        """Plan."""
        return make_plan(self.session(), load(self.write(*specs)).services, runtime_image=HELLO)

    def apply(self, *specs: dict[str, Any]) -> Report:
        """Plan and apply."""
        session = self.session()
        planned = make_plan(session, load(self.write(*specs)).services, runtime_image=HELLO, tries=True)
        return apply(session, planned)

    def destroy(self, *names: str) -> Report:
        """Destroy by name."""
        session = self.session()
        return apply(session, plan_destroy(session, [(REGION, name) for name in names]))

    def make_job(self, name: str = "train") -> None:
        """Make a Cloud Run job, as somebody who trains would."""
        image = "us-docker.pkg.dev/cloudrun/container/job:latest"
        wanted = {"template": {"template": {"containers": [{"image": image}], "max_retries": 0}}}
        parent = f"projects/local/locations/{REGION}"
        jobs = self.api("google.cloud.run_v2", "jobs", "Jobs")
        jobs.create_job(request={"parent": parent, "job": wanted, "job_id": name}).result(timeout=20)

    def differences(self, *specs: dict[str, Any]) -> list[str]:
        """What a plan would do, one line each."""
        return told(self.plan(*specs).plan)

    def inventories(self) -> dict[Any, Any]:
        """Everything that is listed as ours."""
        return InventoryStore(self.session()).read_all()

    def api(self, package: str, service: str, stem: str) -> Any:
        """Google's client, for what happens behind the reconciler's back."""
        return self.connection.client(package, service, stem)

    def services(self) -> list[Any]:
        """Cloud Run services, by Google's client."""
        client = self.api("google.cloud.run_v2", "services", "Services")
        return list(client.list_services(request={"parent": f"projects/local/locations/{REGION}"}))

    def service(self, name: str = "churn", region: str = REGION) -> Any:
        """One Cloud Run service, by Google's client."""
        client = self.api("google.cloud.run_v2", "services", "Services")
        return client.get_service(request={"name": f"projects/local/locations/{region}/services/{name}"})


def told(plan: Plan) -> list[str]:
    """Say what a plan does, for a failing test to show."""
    return [
        f"{c.action} {c.address} {[(x.path, x.before, x.after) for x in c.changes]}"
        for c in plan.changes
        if c.action != "no-op"
    ]
