"""`mlservice reconcile` as the job runs it: what it reports of specs and services it knows little of."""

import json

import pytest

from reconciler.cli.context import runtime_image
from tests.operating import BUCKET, REGION, spec

TOLD = {"name": "mlservice", "region": REGION, "environment": "", "drift": "Correct", "deletes": 10}
ORDERS = json.dumps(TOLD | {"timeZone": "Etc/UTC", "freeze": [], "runtimeImage": ""})
AS_THE_JOB = {"MLSERVICE_OPERATOR": ORDERS}
UNWANTED = "no spec wants these any more; they stay"


def report(operator):
    """The latest report of the job."""
    blob = operator.connection.storage.bucket(BUCKET).blob("operators/mlservice/latest/0.json")
    return json.loads(blob.download_as_bytes())


def messages(done):
    return [json.loads(line)["message"] for line in done.err.splitlines()]


def test_a_service_whose_spec_is_broken_is_not_called_unwanted(shell, operator):
    """A misspelt key is no wish to be rid of the service; without that spec, it is one."""
    operator.apply(spec())
    watched = {"management": {"mode": "Observe"}}
    shell.write(spec("other", **watched), spec(immage="x"))

    broken = shell("reconcile", "--local", "--dry-run", env=AS_THE_JOB)
    told = report(operator)
    shell.write(spec("other", **watched))
    gone = shell("reconcile", "--local", "--dry-run", env=AS_THE_JOB)

    assert (broken.code, UNWANTED in messages(broken), told["orphaned"]) == (1, False, []), broken.err
    assert (UNWANTED in messages(gone), report(operator)["orphaned"]) == (True, [{"region": REGION, "name": "churn"}])


@pytest.mark.usefixtures("faultless")
def test_a_pass_is_reported_even_if_it_cannot_tell_what_is_unwanted(shell, operator):
    """What was changed must not be lost because a last question has no answer."""
    operator.connection.state.make()
    shell.write(spec())
    operator.emulator.faults({"method": "storage.objects.list", "status": "PERMISSION_DENIED", "times": None})

    done = shell("reconcile", "--local", env=AS_THE_JOB)

    assert "pass done" in messages(done)
    assert any("no spec wants" in problem for problem in report(operator)["problems"])
    assert (done.code, report(operator)["exitCode"]) == (1, 1)


@pytest.fixture
def faultless(emulator):
    """No fault is left behind."""
    yield
    emulator.faults()


def test_the_image_that_the_job_was_told_comes_after_the_environments(monkeypatch):
    """A variable wins over the job's orders, these over the version's own image; no variable is set on the way."""
    assert runtime_image("acme", "registry/told:1") == "registry/told:1"

    monkeypatch.setenv("MLSERVICE_RUNTIME_IMAGE", "registry/named:1")
    assert runtime_image("acme", "registry/told:1") == "registry/named:1"
