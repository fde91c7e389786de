"""The job that reconciles by itself: installed, fired by the emulator's clock, working as its own account."""

import json

import pytest

from tests.operating import BUCKET, REGION, spec

OPERATOR = {
    "apiVersion": "mlservice/v1",
    "kind": "Operator",
    "metadata": {"name": "mlservice"},
    "spec": {"region": REGION, "schedule": "*/10 * * * *"},
}
PASS_S = 600
pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def installed(shell, operator):
    """A project whose operator was installed, before anything was published."""
    shell.write(spec(), OPERATOR)
    done = shell("install", "--local", "--yes")
    assert done.code == 0, done.err
    return shell


def edit(operator, **template):
    """Somebody changes the service by hand."""
    client = operator.api("google.cloud.run_v2", "services", "Services")
    live = operator.service()
    for name, value in template.items():
        setattr(live.template, name, value)
    client.update_service(request={"service": live}).result(timeout=20)


def reports(operator):
    """Every report that is kept, oldest first."""
    blobs = operator.connection.storage.list_blobs(BUCKET, prefix="operators/mlservice/2")
    return [json.loads(blob.download_as_bytes()) for blob in blobs]


def test_the_job_makes_services_and_mends_what_is_changed_behind_its_back(installed, operator):
    """The schedule fires it, it makes the service, and puts back what a hand changed; the report says so."""
    shell = installed
    again = shell("install", "--local", "--yes")
    assert "Nothing to do" in again.out
    assert shell("publish", "--local").code == 0

    operator.emulator.advance(PASS_S)
    assert operator.service().template.max_instance_request_concurrency == 80
    edit(operator, max_instance_request_concurrency=7)
    operator.emulator.advance(PASS_S)

    assert operator.service().template.max_instance_request_concurrency == 80
    made, mended = reports(operator)
    assert made["services"]["churn"]["state"] == "changed"
    [change] = mended["services"]["churn"]["changes"]
    assert (change["outcome"], change["fields"]) == ("done", [{"path": "concurrency", "before": 7, "after": 80}])
    assert change["reason"].startswith("config drift")
    assert mended["services"]["operator_mlservice"]["state"] == "ok"
    by_job = shell("history", "churn", "--local", "-o", "json").json
    assert [(each["outcome"], each["by"]["kind"]) for each in by_job] == [("changed", "operator")] * 2
    assert by_job[0]["changes"][0]["fields"] == change["fields"]
    assert by_job[0]["source"]["bundle"] == mended["bundle"]["digest"]
    told = shell("operator", "status", "--local")
    assert (told.code, "1 changed" in told.out) == (0, True), told.out

    assert shell("operator", "pause", "--local").code == 0
    again = shell("operator", "pause", "--local")
    assert (again.code, "paused already" in again.out) == (0, True), "what is done already is no failure"
    edit(operator, max_instance_request_concurrency=7)
    operator.emulator.advance(2 * PASS_S)
    assert operator.service().template.max_instance_request_concurrency == 7
    assert shell("operator", "resume", "--local").code == 0
    assert shell("operator", "run", "--local").code == 0
    assert operator.service().template.max_instance_request_concurrency == 80
    assert "done update run_service" in shell("operator", "logs", "--local").out

    gone = shell("uninstall", "--local", "--yes")
    assert gone.code == 0, gone.err
    assert [service.name.rpartition("/")[2] for service in operator.services()] == ["churn"]
    assert {key[1] for key in operator.inventories()} == {"churn"}
    assert shell("operator", "status", "--local").code == 64
