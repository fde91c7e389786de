"""`mlservice rollout` shows where versions are; promote, pause, resume, abort, retry and rollback are orders."""

import json

import pytest

from reconciler.core.rollout.record import ORDER, as_annotation
from reconciler.engine import rollouts
from reconciler.engine.inventory_store import InventoryStore
from reconciler.engine.rollouts import standings
from tests.operating import REGION, spec

CANARY = {"strategy": "Canary", "steps": [{"traffic": 20, "hold": "1h"}, {"traffic": 60, "hold": "1h"}]}


def wanted(version, region="europe-west1", rollout=CANARY, **sections):
    return spec(env={"V": version}, rollout=rollout, region=region, **sections)


def shares(operator, region="europe-west1"):
    found = {}
    for each in operator.service(region=region).traffic:
        found[each.revision] = found.get(each.revision, 0) + each.percent
    return sorted(percent for percent in found.values() if percent)


def under_way(shell, operator, *files):
    """A second version has its first share; of each region that is named a file."""
    for region in files or (REGION,):
        for version in ("1", "2", "2"):
            operator.apply(wanted(version, region))
        shell.write(wanted("2", region), name=f"{region}.yaml" if files else "mlservice.yaml")


def test_each_order_is_a_command_that_makes_one_pass(shell, operator):
    """Asked first, then done: held, let go on, moved by hand's word with its reason kept, taken back, tried again."""
    under_way(shell, operator)
    before, there = operator.service(), shell("rollout", "churn", "--local")
    refused = shell("abort", "churn", "--local")
    assert refused.code != 0
    assert "add --yes" in refused.err
    assert operator.service() == before
    assert "step 1, 20 %" in there.out

    def go(*words):
        done = shell(*words, "--local", "--yes")
        assert done.code == 0, done.err
        planned = operator.plan(wanted("2"))
        return standings(planned, operator.session().kinds)[0].to_json()

    assert go("pause", "churn")["wait"] == "Paused"
    assert go("resume", "churn")["wait"] != "Paused"
    told = go("promote", "churn", "--ignore-gates", "--reason", "its errors are a test's")
    assert (told["step"], shares(operator)) == (2, [40, 60])
    assert "its errors are a test's" in shell("history", "churn", "--local").out
    aborted = go("abort", "churn", "--reason", "it charges twice")
    assert (aborted["phase"], shares(operator)) == ("RolledBack", [100])
    assert "it charges twice" in json.dumps(aborted["rejected"])
    assert go("retry", "churn")["phase"] in {"Starting", "Preview"}


def test_an_order_for_another_version_or_step_is_refused_in_words(shell, operator):
    """What was approved is what goes on: nothing is written for anything else, nor over gates without a reason."""
    under_way(shell, operator)
    version = json.loads(shell("rollout", "--local", "-o", "json").out)[0]["version"]
    before = operator.service()
    for words, said in (
        (("promote", "churn", "--version", "abc"), f"it is for version abc, and this one is {version}"),
        (("promote", "churn", "--version", version, "--step", "2"), "it is for step 2, and step 1 is on"),
        (("promote", "churn", "--ignore-gates"), "--ignore-gates needs --reason"),
        (("retry", "churn"), "the rollout is Step"),
        (("abort", "churnn"), "no spec here is of a service 'churnn'"),
        (("rollout", "churnn"), "no spec here is of a service 'churnn'"),
    ):
        done = shell(*words, "--local", *(["--yes"] if words[0] != "rollout" else []))
        assert done.code == 64, (words, done.out, done.err)
        assert said in done.err, done.err
    assert operator.service() == before

    done = shell("promote", "churn", "--version", version, "--step", "1", "--local", "--yes", "-o", "json")

    assert done.code == 0, done.err
    [told] = done.json
    assert (told["order"]["version"], told["order"]["step"], told["refused"]) == (version, 1, None)
    assert told["report"]["results"]
    assert shares(operator) == [40, 60]


@pytest.mark.parametrize("reason", ["fine\n  - delete bucket", "x" * 501], ids=["two-lines", "endless"])
def test_a_reason_is_one_line_of_bounded_length(shell, reason):
    """Others read it in a plan: it is refused before anything is read."""
    shell.write(wanted("1"))

    refused = shell("abort", "churn", "--local", "--yes", "--reason", reason)

    assert refused.code == 64
    assert "--reason is" in refused.err


def test_what_is_observed_takes_no_order(shell, operator):
    """It is refused before anything is written."""
    operator.apply(wanted("1"))
    shell.write(wanted("2", management={"mode": "Observe"}))
    before = operator.service()

    observed = shell("abort", "churn", "--local", "--yes")

    assert observed.code != 0
    assert "is observed only" in observed.err
    assert operator.service() == before


def test_a_service_in_two_regions_is_asked_where_that_is_said_or_everywhere(shell, operator):
    """One after the other; a region in which an order has no meaning says so, and the other one goes on."""
    regions = ("europe-west4", REGION)
    under_way(shell, operator, *regions)
    files = [word for region in regions for word in ("--file", f"{region}.yaml")]

    def go(*words):
        done = shell(*words, *files, "--local", "--yes")
        assert done.code == 0, done.err
        return done, [shares(operator, region) for region in regions]

    done, there = go("promote", "churn", "--region", REGION, "-o", "json")
    assert [each["region"] for each in done.json] == [REGION]
    assert there == [[20, 80], [40, 60]]
    assert go("promote", "churn", "--region", "europe-west4")[1] == [[40, 60], [40, 60]]
    assert go("abort", "churn", "--region", REGION)[1] == [[40, 60], [100]]
    done, there = go("abort", "churn")
    assert there == [[100], [100]]
    assert f"{REGION}: abort of" in done.err
    assert [each["region"] for each in shell("rollout", "churn", *files, "--local", "-o", "json").json] == [*regions]


def test_rollback_goes_back_also_where_versions_go_out_at_once(shell, operator):
    """What an alert tells people to do works for any service that had a version before."""
    once = {"strategy": "AllAtOnce"}
    for version in ("1", "2"):
        operator.apply(wanted(version, rollout=once))
    shell.write(wanted("2", rollout=once))
    newest = operator.service().latest_created_revision.rpartition("/")[2]

    done = shell("rollback", "churn", "--local", "--yes", "--reason", "it is slow")

    assert done.code == 0, done.err
    [serving] = [each.revision for each in operator.service().traffic if each.percent]
    assert serving not in {newest, ""}
    assert operator.differences(wanted("2", rollout=once)) == []
    again = shell("rollback", "churn", "--local", "--yes")
    assert again.code == 64
    assert "is RolledBack" in again.err


def test_an_order_that_another_run_is_in_the_way_of_stays(shell, operator):
    """Whoever is at work, or the next pass, carries it out."""
    under_way(shell, operator)
    store = InventoryStore(operator.session())
    held = store.take(operator.inventories()[REGION, "churn"])

    done = shell("abort", "churn", "--local", "--yes")

    assert done.code == 4, done.err
    assert "the order is left" in done.err
    store.release(held)
    operator.apply(wanted("2"))
    assert shares(operator) == [100]


def test_an_abort_that_waits_is_not_lost_to_an_order_of_somebody_else(shell, operator):
    """Who promotes is told whose order stands there; the next pass takes the version back, whatever else was asked."""
    under_way(shell, operator)
    store = InventoryStore(operator.session())
    held = store.take(operator.inventories()[REGION, "churn"])
    assert shell("abort", "churn", "--local", "--yes").code == 4
    left = operator.service().annotations[ORDER]

    for verb in ("promote", "resume", "pause"):
        refused = shell(verb, "churn", "--local", "--yes")
        assert refused.code == 64, refused.err
        assert f"{verb} of" in refused.err
        assert "abort of" in refused.err
    again = shell("rollback", "churn", "--local", "--yes")

    assert again.code == 4, again.err
    assert "abort of" in again.err
    assert operator.service().annotations[ORDER] == left
    store.release(held)
    operator.apply(wanted("2"))
    assert shares(operator) == [100]


def leave(operator, verb, **words):
    """Somebody else's command leaves an order."""
    planned = operator.plan(wanted("2"))
    session = operator.session()
    [standing] = standings(planned, session.kinds)
    rollouts.leave(session, planned, standing, rollouts.order_of(standing, verb, session, **words))


def while_it_writes(shell, operator, happens, *words):
    """A command is held at its second write, which is that of the traffic; something happens; then it goes on."""
    operator.emulator.faults({"method": "*/UpdateService", "skip": 1, "times": 1, "hang": True})
    process = shell.start(*words, "churn", "--local", "--yes")
    while not operator.emulator.control("GET", "faults")[0]["waiting"]:
        assert process.poll() is None, process.communicate()
    happens()
    operator.emulator.faults()
    out, err = process.communicate(timeout=60)
    return process.wait(), out + err


def test_an_order_that_gave_way_is_not_told_as_done(shell, operator):
    """An abort comes while a step up is written: it wins, and whoever asked for the step reads what was written."""
    under_way(shell, operator)

    code, told = while_it_writes(
        shell, operator, lambda: leave(operator, "abort"), "promote", "--ignore-gates", "--reason", "it is well"
    )

    assert (code, shares(operator)) == (1, [100]), told
    assert "this was written instead: rollout: version" in told
    assert "is taken back" in shell("history", "churn", "--local", "-o", "json").json[0]["problems"][0]


def test_no_run_carries_out_a_step_up_that_it_did_not_show(shell, operator):
    """Somebody writes his order over an abort by a tool of his own: the abort moves nothing, and does not say so."""
    under_way(shell, operator)

    def forged():
        planned = operator.plan(wanted("2"))
        session = operator.session()
        [standing] = standings(planned, session.kinds)
        words = {"ignore_gates": True, "reason": "mine"}
        order = rollouts.order_of(standing, "promote", session, **words)
        client = session.client(session.kinds.primary)
        client.annotate(planned.seen[standing.address], {ORDER: as_annotation(order)})

    code, told = while_it_writes(shell, operator, forged, "abort")

    assert (code, shares(operator)) == (1, [20, 80]), told
    assert "nothing was written; next would be: rollout: version" in told


def test_an_answer_that_was_lost_is_no_other_step(shell, operator):
    """The traffic was written and nobody heard it: the command ends well, and the step after is the next pass's."""
    under_way(shell, operator)
    operator.emulator.faults(
        {"method": "*/UpdateService", "skip": 1, "times": 1, "when": "after", "status": "UNAVAILABLE"}
    )

    done = shell("promote", "churn", "--local", "--yes", "--ignore-gates", "--reason", "it is well")

    assert (done.code, shares(operator)) == (0, [40, 60]), done.err
