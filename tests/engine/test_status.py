"""Status as programs read it, and what a read that is refused says."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from reconciler.core.address import Address
from reconciler.core.errors import NotPermitted, UsageError
from reconciler.core.inventory import Entry, Inventory, Lock
from reconciler.engine.inventory_store import InventoryStore
from reconciler.engine.status import read_status
from tests.operating import REGION, spec

READ = "google.cloud.run.v2.Services/GetService"


def test_status_tells_of_revisions_tags_and_who_is_at_work(operator):
    """The newest revision has the share and the tag of `latest`, the one before has neither."""
    latest = [{"version": "latest", "percent": 100, "tag": "candidate"}]
    operator.apply(spec(rollout={"strategy": "Manual"}, traffic=latest))
    operator.apply(spec(rollout={"strategy": "Manual"}, traffic=latest, env={"A": "1"}))
    [status] = read_status(operator.session(), ["churn"]).services
    expires = datetime.now(UTC) + timedelta(minutes=5)
    locked = replace(status, inventory=replace(status.inventory, lock=Lock("ann", "run-9", expires)))

    told = locked.to_json()

    assert [(each["percent"], each["latest"], each["tag"]) for each in told["revisions"]] == [
        (100, True, "candidate"),
        (0, False, ""),
    ]
    assert told["lock"] == {"holder": "ann", "runId": "run-9", "expires": expires.isoformat()}
    assert (told["working"], told["problem"], told["missing"]) == (True, "", [])
    assert set(told["tags"]) == {"candidate"}


def test_status_of_a_service_that_somebody_deleted(operator):
    """It does not work, and the reason is that it is gone."""
    operator.apply(spec())
    services = operator.api("google.cloud.run_v2", "services", "Services")
    services.delete_service(request={"name": operator.service().name}).result(timeout=20)

    [status] = read_status(operator.session(), []).services

    told = status.to_json()
    assert (told["working"], told["problem"]) == (False, "the Cloud Run service is gone")
    assert "run_service/europe-west1/churn" in told["missing"]


def test_status_of_a_service_that_a_killed_run_never_made(operator):
    """It is listed, since it was about to be made; nobody deleted it."""
    service = Entry(Address("run_service", REGION, "churn"))
    InventoryStore(operator.session()).take(Inventory("churn", REGION).claim([service]))

    [status] = read_status(operator.session(), ["churn"]).services

    assert status.problem.startswith("its Cloud Run service is not made yet")


def test_status_of_one_region(operator):
    """Two services of one name are told apart; the rest of the world is not shown."""
    store = InventoryStore(operator.session())
    for region in (REGION, "us-east1"):
        store.take(Inventory("churn", region).claim([Entry(Address("run_service", region, "churn"))]))

    assert len(read_status(operator.session(), ["churn"]).services) == 2
    [only] = read_status(operator.session(), ["churn"], "us-east1").services
    assert only.inventory.region == "us-east1"
    with pytest.raises(UsageError, match="not known in us-west1: churn"):
        read_status(operator.session(), ["churn"], "us-west1")


def test_a_read_that_is_refused_names_the_permission_and_a_role_that_has_it(operator):
    """Whatever Google's words are."""
    operator.apply(spec())
    refusal = "Permission 'run.services.get' denied on resource 'projects/local/locations/europe-west1'."
    operator.emulator.faults({"method": READ, "status": "PERMISSION_DENIED", "message": refusal})

    with pytest.raises(NotPermitted) as refused:
        operator.plan(spec())

    assert refused.value.permission == "run.services.get"
    assert refused.value.hint.startswith("permission run.services.get is missing: grant roles/run.")


def test_an_inventory_of_an_older_version_tells_private_from_public_by_what_it_lists(operator):
    """It does not say what the spec ruled out: everyone's role is a way in unless it is ours."""
    operator.apply(spec())
    client = operator.api("google.cloud.run_v2", "services", "Services")
    policy = client.get_iam_policy(request={"resource": operator.service().name})
    policy.bindings.add(role="roles/run.invoker", members=["allUsers"])
    client.set_iam_policy(request={"resource": operator.service().name, "policy": policy})
    operator.apply(spec("open", access={"authentication": "Public"}))
    store = InventoryStore(operator.session())
    for inventory in store.read_all().values():
        store.release(store.take(replace(inventory, closed=None)))

    found = read_status(operator.session(), [])

    assert {s.inventory.service: [o.role for o in s.open] for s in found.services} == {
        "churn": ["roles/run.invoker"],
        "open": [],
    }
    assert not found.well


def test_an_apply_records_what_an_older_inventory_lacks(operator):
    """Once, although nothing else is to be done."""
    operator.apply(spec())
    store = InventoryStore(operator.session())
    [inventory] = store.read_all().values()
    store.release(store.take(replace(inventory, closed=None)))

    operator.apply(spec())

    [after] = operator.inventories().values()
    assert after.closed
    operator.apply(spec())
    assert list(operator.inventories().values()) == [after]
