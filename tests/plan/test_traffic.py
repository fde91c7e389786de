"""Which revision each of the spec's words means."""

import pytest
from google.cloud.run_v2.types import condition
from google.cloud.run_v2.types import revision as run_v2_revision
from google.cloud.run_v2.types import service as run_v2_service

from reconciler.kinds.run_service.record import LATEST, STABLE, Revision, Runs, TrafficShare
from reconciler.kinds.run_service.traffic import read_runs, resolve


def revision(name, version="", *, ready=True):
    return Revision(name, version, ready, "2026-11-22T00:00:00+00:00")


NEW = Runs()
ONE = Runs([revision("r1", "v1")], "r1", {"r1": 100})
SPLIT = Runs([revision("r2", "v2"), revision("r1", "v1")], "r2", {"r1": 90, "r2": 10})
MOVED = Runs([revision("r2", "v2"), revision("r1", "v1")], "r2", {"r2": 100})
FAILED = Runs([revision("r2", "v2", ready=False), revision("r1", "v1")], "r2", {"r1": 100})
THREE = Runs([revision("r3", "v3"), revision("r2"), revision("r1")], "r3", {"r1": 50, "r2": 50})
CANARY = (TrafficShare(STABLE, 90), TrafficShare(LATEST, 10, "candidate"))


def share(version, percent, tag=""):
    return TrafficShare(version, percent, tag)


@pytest.mark.parametrize(
    ("shares", "runs", "new_revision", "expected"),
    [
        pytest.param(CANARY, NEW, True, [share(LATEST, 100, "candidate")], id="first-apply-has-no-stable"),
        pytest.param(CANARY, ONE, True, [share(LATEST, 10, "candidate"), share("r1", 90)], id="new-beside-stable"),
        pytest.param(CANARY, ONE, False, [share(LATEST, 100, "candidate")], id="one-revision-is-both"),
        pytest.param(CANARY, SPLIT, False, [share(LATEST, 10, "candidate"), share("r1", 90)], id="split-stays"),
        pytest.param(CANARY, SPLIT, True, [share(LATEST, 10, "candidate"), share("r1", 90)], id="stable-serves-most"),
        pytest.param(CANARY, MOVED, True, [share(LATEST, 10, "candidate"), share("r2", 90)], id="promoted-is-stable"),
        pytest.param(CANARY, FAILED, True, [share(LATEST, 10, "candidate"), share("r1", 90)], id="mending-a-failure"),
        pytest.param(CANARY, FAILED, False, [share(LATEST, 10, "candidate"), share("r1", 90)], id="failed-is-latest"),
        pytest.param(CANARY, THREE, True, [share(LATEST, 10, "candidate"), share("r2", 90)], id="newest-of-equals"),
        pytest.param((share(STABLE, 100),), SPLIT, False, [share("r1", 100)], id="back-to-stable"),
        pytest.param((share("v1", 100),), SPLIT, False, [share("r1", 100)], id="by-model-version"),
        pytest.param((share("r1", 100),), SPLIT, False, [share("r1", 100)], id="by-revision"),
        pytest.param((share("v9", 100),), ONE, True, [share(LATEST, 100)], id="the-version-that-comes"),
        pytest.param((share("v1", 80), share(LATEST, 20)), NEW, True, [share(LATEST, 100)], id="nothing-runs-yet"),
        pytest.param(
            (share(LATEST, 60, "a"), share("v9", 40, "b")),
            ONE,
            True,
            [share(LATEST, 0, "b"), share(LATEST, 100, "a")],
            id="one-revision-two-tags",
        ),
        pytest.param(
            (share("v1", 100), share(LATEST, 0, "try")), ONE, True, [share(LATEST, 0, "try"), share("r1", 100)],
            id="only-a-tag",
        ),
        pytest.param((share("v1", 100), share(LATEST, 0)), ONE, True, [share("r1", 100)], id="nothing-is-left-out"),
    ],
)  # fmt: skip
def test_words_become_revisions(shares, runs, new_revision, expected):
    """`stable` serves most, the newest aside; `latest` is what comes, or the newest; versions are found by label."""
    assert resolve(shares, runs, new_revision=new_revision, version="v9") == tuple(expected)


@pytest.mark.parametrize("new_revision", [True, False])
@pytest.mark.parametrize("runs", [NEW, ONE, SPLIT, THREE, FAILED], ids=["new", "one", "split", "three", "failed"])
def test_the_file_s_own_version_is_the_latest_before_an_apply_and_after_it(runs, new_revision):
    """By the revision's name it would be left by the next edit, which would look like somebody's hand."""
    own = next((each.version for each in runs.revisions if each.name == runs.latest), "v9")

    assert resolve((share(own, 100),), runs, new_revision=new_revision, version=own) == (share(LATEST, 100),)


@pytest.mark.parametrize("word", ["v2", "v7"], ids=["not-ready", "unknown"])
def test_a_version_that_nothing_runs_is_refused(word):
    """A share of a version that no ready revision carries cannot be given, and what there is is named."""
    with pytest.raises(LookupError, match="no revision runs it") as refusal:
        resolve((share(word, 100),), FAILED, new_revision=False, version="v9")

    assert "r1" in refusal.value.args[1]
    assert "v1" in refusal.value.args[1]


@pytest.mark.parametrize("runs", [NEW, ONE, SPLIT, MOVED, FAILED, THREE])
@pytest.mark.parametrize("new_revision", [True, False])
def test_nothing_is_lost_on_the_way(runs, new_revision):
    """Whatever runs, shares still sum to 100 and no tag is lost."""
    found = resolve(CANARY, runs, new_revision=new_revision, version="")

    assert sum(s.percent for s in found) == 100
    assert [s.tag for s in found if s.tag] == ["candidate"]


def test_the_newest_of_two_revisions_of_one_version_is_meant():
    """A version that was deployed twice is its newer revision, whatever the order of the list."""
    made = ("r2", "2026-11-02T09:00:00+00:00"), ("r1", "2026-11-01T09:00:00+00:00")
    older_first = [live_revision(name, when) for name, when in reversed(made)]

    runs = read_runs(run_v2_service.Service(latest_created_revision="services/churn/revisions/r2"), older_first)

    assert [revision.name for revision in runs.revisions] == ["r2", "r1"]
    assert resolve((share("v1", 100),), runs, new_revision=False, version="v9") == (share("r2", 100),)


def live_revision(name, when):
    """A ready revision of version v1 as Google's client gives it."""
    ready = condition.Condition(type_="Ready", state="CONDITION_SUCCEEDED")
    return run_v2_revision.Revision(
        name=f"services/churn/revisions/{name}",
        labels={"mlservice-version": "v1"},
        create_time=when,
        conditions=[ready],
    )
