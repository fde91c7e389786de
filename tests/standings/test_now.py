"""Standings without a job: what is there now, for whoever looks from a laptop."""

from functools import partial

from reconciler.engine.planning import make_plan
from reconciler.engine.standings.now import standings_now
from schemas import load
from tests.operating import BUCKET, HELLO, REGION, spec
from tests.standings.passes import MINE
from tests.standings.test_rollouts import wanted


def look(operator, *specs, before=None):
    """What somebody sees who has these specs."""
    session = operator.session()
    loaded = load(operator.write(*specs)).documents
    return standings_now(session, loaded, partial(make_plan, session, runtime_image=HELLO), before=before)


def test_services_with_and_without_a_spec_here_are_told_of(operator):
    """One that differs, with what does; one that is not there yet; one whose spec is elsewhere. Nothing is written."""
    operator.apply(spec("here"), spec("elsewhere"))
    names = {blob.name for blob in operator.connection.storage.list_blobs(BUCKET)}

    found = {each.name: each for each in look(operator, spec("here", env={"A": "1"}), spec("new"), MINE).services}

    assert found.keys() == {"here", "elsewhere", "new"}
    assert [change.address for change in found["here"].pending] == ["run_service/europe-west1/here"]
    assert found["here"].needs_you == ("it differs from its spec: mlservice plan, then mlservice apply",)
    assert found["here"].cost is not None
    assert (found["new"].url, found["new"].versions, found["new"].problem != "") == ("", (), True)
    assert found["elsewhere"].url
    assert [(each.percent, each.state) for each in found["elsewhere"].versions] == [(100, "serving")]
    assert {blob.name for blob in operator.connection.storage.list_blobs(BUCKET)} == names


def test_who_looks_on_sees_each_decision_once(operator):
    """With what was seen before: a version that was made meanwhile, and that it waits, are decisions of their own."""
    operator.apply(wanted(V="1"))
    first = look(operator, wanted(V="1"))
    operator.apply(wanted(V="2"))
    second = look(operator, wanted(V="2"), before=first)
    third = look(operator, wanted(V="2"), before=second)

    assert first.services[0].rollout.phase == "Steady"
    assert second.services[0].rollout.phase != "Steady"
    assert len(third.services[0].trail) == len(second.services[0].trail) > len(first.services[0].trail)
    assert third.services[0].trail[-1].count == 2


def test_an_inventory_that_cannot_be_read_hides_no_other(operator):
    """Of a service without a spec here: it is named, and the others are told of."""
    operator.apply(spec("here"), spec("elsewhere"), spec("damaged"))
    bucket = operator.connection.storage.bucket(BUCKET)
    bucket.blob(f"inventory/{REGION}/damaged.json").upload_from_string(b"{")

    found = look(operator, spec("here"))

    assert [each.name for each in found.services] == ["elsewhere", "here"]
    assert any("damaged.json" in each for each in found.warnings), found.warnings


def test_a_spec_that_cannot_be_planned_hides_no_other(operator):
    """It is told with why, and the other as it is."""
    operator.apply(spec("good"))
    broken = spec("bad", image="europe-west1-docker.pkg.dev/local/ml/none:1")

    found = {each.name: each for each in look(operator, spec("good"), broken).services}

    assert (found["good"].state, found["bad"].state) == ("ok", "refused")
    assert "there is no such tag" in found["bad"].problem
