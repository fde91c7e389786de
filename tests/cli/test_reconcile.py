"""`mlservice reconcile` as the job runs it: what it reports of specs and services it knows little of."""

import json

import pytest

from reconciler.cli.context import runtime_image
from reconciler.core.bundle import Fetched
from reconciler.core.orders import Orders
from reconciler.core.orphans import NEVER, NOT_OURS, PROTECTED
from reconciler.engine.job import Job
from reconciler.engine.shard import Shard
from tests.operating import BUCKET, REGION, spec

TOLD = {"name": "mlservice", "region": REGION, "environment": "", "drift": "Correct", "deletes": 10}
ORDERS = json.dumps(TOLD | {"timeZone": "Etc/UTC", "freeze": [], "runtimeImage": ""})
AS_THE_JOB = {"MLSERVICE_OPERATOR": ORDERS}
WEEK_S = 7 * 86_400
ALWAYS = [{"day": "Mon", "at": "00:00", "lasts": 6 * 86_400}, {"day": "Sun", "at": "00:00", "lasts": 86_400}]
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
    [orphan] = report(operator)["orphaned"]
    assert UNWANTED in messages(gone)
    assert (orphan["name"], orphan["state"], orphan["reason"]) == ("churn", "orphaned", NEVER)


def pruning(**orders):
    """The orders of a job that prunes."""
    rule = {"orphans": {"prune": True, "after": WEEK_S, "most": 1}}
    return {"MLSERVICE_OPERATOR": json.dumps(json.loads(ORDERS) | rule | orders)}


def orphans(operator):
    """State and reason of each orphan, as the last pass left it."""
    return {each["name"]: (each["state"], each["reason"]) for each in report(operator)["orphaned"]}


def left(operator):
    return {service.name.rpartition("/")[2] for service in operator.services()}


def test_orphans_go_when_it_was_ordered_and_not_before(shell, operator):
    """After the time, within the limits, outside of freezes, one a pass; never what is protected or somebody else's."""
    operator.apply(spec("theirs"))
    kept, guarded = spec("kept"), spec("guarded", management={"deletion": "Protect"})
    shell.write(spec("one"), spec("two"), guarded, kept)
    assert shell("reconcile", "--local", env=pruning()).code == 0

    shell.write(kept)
    assert shell("reconcile", "--local", env=pruning()).code == 0
    young = orphans(operator)
    operator.emulator.advance(WEEK_S)
    stays = {
        "nothing is changed in a freeze": pruning(freeze=ALWAYS),
        "the operator only reports": pruning(drift="Report"),
        "the first pass of another version only observes": pruning(image="another"),
        "more than 0 objects would be deleted": pruning(image="another", deletes=0),
    }
    for reason, orders in stays.items():
        assert shell("reconcile", "--local", env=orders).code == 0
        assert orphans(operator)["one"][1].startswith(reason)
    before = left(operator)
    done = shell("reconcile", "--local", env=pruning(image="another"))

    assert young["theirs"] == ("orphaned", NOT_OURS)
    assert young["one"][1].startswith("it goes after")
    assert before == {"theirs", "one", "two", "guarded", "kept"}
    assert left(operator) == {"theirs", "two", "guarded", "kept"}, done.err
    found = orphans(operator)
    assert (found["one"][0], found["two"][0], found["guarded"][1]) == ("pruned", "orphaned", PROTECTED)
    assert {key[1] for key in operator.inventories()} == {"theirs", "two", "guarded", "kept"}
    gone = shell("history", "one", "--local", "-o", "json").json[0]
    assert (gone["outcome"], gone["by"]["kind"], gone["reason"]) == ("destroyed", "operator", found["one"][1])
    assert {change["action"] for change in gone["changes"]} == {"delete"}


@pytest.mark.parametrize("specs", [(), (spec("a", immage="x"),)], ids=["none-left", "one-is-broken"])
def test_without_specs_that_can_be_read_no_orphan_goes(shell, operator, specs):
    """Nothing but the operator's document, or a document that may be the service's: no wish to be rid of anything."""
    shell.write(spec("a"), spec("b"))
    assert shell("reconcile", "--local", env=pruning()).code == 0
    shell.write(spec("b"))
    assert shell("reconcile", "--local", env=pruning()).code == 0
    operator.emulator.advance(WEEK_S)
    body = {"region": REGION}
    document = {"apiVersion": "mlservice/v1", "kind": "Operator", "metadata": {"name": "another"}, "spec": body}
    shell.write(document, *specs)

    done = shell("reconcile", "--local", env=pruning())

    assert left(operator) == {"a", "b"}
    reason = "no wish to be rid" if not specs else "nobody knows which services"
    assert reason in json.dumps(report(operator)), done.err


def test_another_operators_document_is_told_of(shell, operator):
    """Renamed in the specs, nobody knows whether this one is meant: it says so, and destroys nothing."""
    document = {"apiVersion": "mlservice/v1", "kind": "Operator", "metadata": {"name": "another"}}
    shell.write(spec("a"), spec("b"))
    shell("reconcile", "--local", env=pruning())
    shell.write(spec("a"))
    shell("reconcile", "--local", env=pruning())
    operator.emulator.advance(WEEK_S)
    shell.write(spec("a"), document | {"spec": {"region": REGION}})

    done = shell("reconcile", "--local", env=pruning())

    assert left(operator) == {"a", "b"}, done.err
    assert any("no document of this operator, mlservice, and one of another" in e for e in report(operator)["warnings"])
    assert "another operator's document" in orphans(operator)["b"][1]


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


def test_specs_that_no_folder_holds_are_reported(operator, monkeypatch):
    """Whatever the disk refuses ends in a report, and not in a pass that nobody hears of."""
    told = []
    monkeypatch.setattr(Job, "of", lambda job, specs, _: told.append((job.trouble, specs.documents)) or 1)
    orders = Orders.read(ORDERS)
    made = Job(operator.session(), None, orders, Shard(), None, "v", dry_run=False, about=None, started=0.0)

    assert made.of_fetched(Fetched({"a": b"", "a/b": b""})) == 1

    [(trouble, documents)] = told
    assert trouble.startswith("no specs could be read, and nothing was done: the specs cannot be unpacked")
    assert documents == ()
