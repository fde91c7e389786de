"""Status as programs read it, and what a read that is refused says."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from reconciler.core.errors import NotPermitted
from reconciler.core.inventory import Lock
from reconciler.engine.status import read_status
from tests.operating import spec

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


def test_a_read_that_is_refused_names_the_permission_and_a_role_that_has_it(operator):
    """Whatever Google's words are."""
    operator.apply(spec())
    refusal = "Permission 'run.services.get' denied on resource 'projects/local/locations/europe-west1'."
    operator.emulator.faults({"method": READ, "status": "PERMISSION_DENIED", "message": refusal})

    with pytest.raises(NotPermitted) as refused:
        operator.plan(spec())

    assert refused.value.permission == "run.services.get"
    assert refused.value.hint.startswith("permission run.services.get is missing: grant roles/run.")
