"""Versions of a model, what trained them and where they serve; what fires trainings; what becomes of them."""

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest

from reconciler.core import errors
from reconciler.engine import promotion, retraining
from reconciler.engine.models import read_models
from reconciler.engine.status import read_status
from reconciler.engine.triggers import read_triggers
from reconciler.render.models import render_models
from reconciler.render.status import render_status
from reconciler.render.triggers import render_triggers
from tests.operating import BUCKET, REGION, spec
from tests.operating_registry import Registered

ALIASED = spec(model={"alias": "champion"})
NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)


def run(key, version="", *, better=None, status="Succeeded", **rest):
    """A training as the retraining function remembers it."""
    found = {"key": key, "trigger": "weekly", "claimed": f"2026-11-2{key[-1]}T03:00:00+00:00", "status": status}
    if version:
        ended = f"2026-11-2{key[-1]}T04:00:00+00:00"
        found |= {
            "version": version,
            "artifact": f"gs://{BUCKET}/retraining/{REGION}/churn/runs/{key}/model/",
            "ended": ended,
        }
    if better is not None:
        reason = f"auroc 0.8{key[-1]} against 0.81: {'better' if better else 'worse'}"
        found["verdict"] = {
            "better": better,
            "reason": reason,
            "metric": "auroc",
            "candidate": 0.8 + 0.01 * int(key[-1]),
        }
    return found | rest


def remember(operator, *runs, **rest):
    """Write a history as the retraining function does."""
    if not operator.connection.state.there:
        operator.connection.state.make()
    blob = operator.connection.storage.bucket(BUCKET).blob(f"retraining/{REGION}/churn/history.json")
    blob.upload_from_string(json.dumps({"format": 1, "runs": list(runs), **rest}))


@pytest.fixture
def models(operator):
    """Three versions: the champion, which serves; one that lost; one that was better."""
    found = Registered(operator)
    found.version("run1", "champion")
    assert not operator.apply(ALIASED).failed
    found.version("run2")
    found.version("run3", "candidate", about="said when it was registered")
    remember(operator, run("run1", "1"), run("run2", "2", better=False), run("run3", "3", better=True))
    return found


def read(operator, **of):
    return read_models(operator.session(), REGION, "churn", **of)


def choose(operator, wanted=None, **how):
    how = {"alias": "champion", "serving": "", "by": "ann", "force": False} | how
    return promotion.choose(read(operator), wanted, **how)


def test_every_version_is_told_with_its_training_and_where_it_serves(operator, models):
    """The newest first; names that only the function knows are left out."""
    found = read(operator)

    assert [(v.number, v.aliases, dict(v.serves), v.lost) for v in found.versions] == [
        ("3", ("candidate",), {}, False),
        ("2", (), {}, True),
        ("1", ("champion", "default"), {REGION: 100}, False),
    ]
    text = render_models(found.to_json()).plain
    assert "auroc 0.83" in text
    assert "refused: auroc 0.82 against 0.81: worse" in text
    assert "weekly run3" in text
    assert "run-run" not in text


def test_a_version_of_that_number_elsewhere_is_this_one_only_by_its_folder(operator, models):
    """Each region's registry counts by itself; a spec of another region may name our files."""
    ours = {"uri": models.folder("run3"), "version": "3"}
    theirs = {"uri": "gs://acme/other/", "version": "1"}
    assert not operator.apply(spec(region="us-central1", model=ours)).failed
    assert not operator.apply(spec(region="europe-west4", model=theirs)).failed

    serves = {version.number: dict(version.serves) for version in read(operator).versions}

    assert serves == {"3": {"us-central1": 100}, "2": {}, "1": {REGION: 100}}


def test_a_training_of_a_model_that_was_deleted_is_not_told_of_the_new_one(operator, models):
    """Registries count from one again: what was measured of the old version 2 is not about this one."""
    remember(operator, run("old2", "2", better=True), run("run3", "3", better=True))

    assert {version.number: bool(version.run) for version in read(operator).versions} == {
        "3": True,
        "2": False,
        "1": False,
    }


def test_a_model_of_another_name_is_found_by_its_label(operator):
    """Trainings registered it; a service without any says so."""
    assert read(operator).model == ""
    Registered(operator, model="leavers").version("a")

    assert (read(operator).model, len(read(operator).versions)) == ("leavers", 1)
    with pytest.raises(errors.NotFoundError):
        read(operator, model="nothing")


def test_the_candidate_is_what_is_promoted(operator, models):
    """Its alias moves, and what was decided on is kept beside the history."""
    chosen = choose(operator)
    promotion.move_alias(operator.session(), chosen)

    assert chosen.title == "churn: model 1 -> 3 (alias champion)"
    assert "- why: auroc 0.83 against 0.81: better" in chosen.body
    assert models.holder("champion") == "3"
    [kept] = operator.connection.storage.list_blobs(BUCKET, prefix=f"retraining/{REGION}/churn/promotions/")
    told = json.loads(kept.download_as_bytes())
    assert (told["before"]["version"], told["after"]["version"], told["by"], told["forced"]) == ("1", "3", "ann", False)


def test_without_a_candidate_the_newest_that_was_better_waits(operator, models):
    """One that is older than what serves does not."""
    models.registry.give("churn", "3", "-candidate")

    assert choose(operator).after.number == "3"
    models.move("champion", "3")
    with pytest.raises(errors.UsageError, match="no better model waits"):
        choose(operator)


def test_a_version_that_lost_is_refused_unless_forced(operator, models):
    """With what it lost by; who forces it is in the words for the reviewer."""
    with pytest.raises(promotion.NotBetter, match=r"version 2 lost: auroc 0\.82 against 0\.81"):
        choose(operator, "2")

    forced = choose(operator, "2", force=True)
    assert "FORCED by ann" in forced.body
    assert forced.to_json()["forced"] is True


def test_a_version_that_is_not_there_is_refused(operator, models):
    """With those that are."""
    with pytest.raises(errors.UsageError, match="has no version 9") as refused:
        choose(operator, "9")

    assert "3, 2, 1" in refused.value.hint


@pytest.mark.parametrize("serving", ["1", f"gs://{BUCKET}/retraining/{REGION}/churn/runs/run1/model"])
def test_what_a_spec_without_an_alias_serves_is_known_by_number_or_folder(operator, models, serving):
    """So that a reviewer sees from what to what."""
    assert choose(operator, alias="", serving=serving).title == "churn: model 1 -> 3"


TRAINED = spec(
    triggers=[
        {"name": "weekly", "when": {"schedule": "0 3 * * 1", "timeZone": "Europe/Paris"}},
        {"name": "new-files", "when": {"storage": "gs://acme-data/churn/"}},
        {"name": "new-data", "when": {"pubsub": "ready"}},
    ],
    retraining={"run": {"cloudRunJob": {"name": "train"}}},
)


@pytest.fixture
def trained(operator):
    """A service that is trained again by a schedule, a file and a message."""
    publisher = operator.api("google.pubsub_v1", "publisher", "Publisher")
    publisher.create_topic(request={"name": "projects/local/topics/ready"})
    operator.connection.storage.create_bucket("acme-data")
    operator.make_job()
    assert not operator.apply(TRAINED).failed
    return operator


@pytest.mark.slow
def test_each_trigger_tells_its_source_its_last_event_and_when_it_is_due(trained):
    """The next time is the reader's; the sweep of ours is none of them."""
    remember(trained, run("run1"), run("run2", status="Failed", trigger="new-files"))
    told = {
        "action": "Skip",
        "guard": "cooldown",
        "trigger": "new-data",
        "reason": "too soon",
        "decided": "2026-11-25T01:00:00+00:00",
    }
    bucket = trained.connection.storage.bucket(BUCKET)
    bucket.blob(f"retraining/{REGION}/churn/decisions/k.json").upload_from_string(json.dumps(told))

    found = read_triggers(trained.session(), "churn", REGION, last=50)

    assert [(t.name, t.kind, t.source) for t in found.triggers] == [
        ("new-data", "pubsub", "ready"),
        ("new-files", "storage", "gs://acme-data/churn/"),
        ("weekly", "schedule", "0 3 * * 1 Europe/Paris"),
    ]
    assert [t.decision.get("guard", t.decision.get("action")) for t in found.triggers] == [
        "cooldown",
        "NotStarted",
        "Start",
    ]
    due = datetime.fromisoformat(found.triggers[2].next)
    assert due.weekday() == 0
    text = render_triggers(found.to_json(), zone=timezone(timedelta(hours=9), "JST")).plain
    assert f"{due.astimezone(timezone(timedelta(hours=9))):%Y-%m-%d %H:%M} JST" in text
    assert "2026-11-25 10:00 JST" in text


@pytest.mark.slow
def test_status_tells_of_trainings_and_who_has_to_see_to_them(trained):
    """The last run, what is frozen, a better model that waits; an open circuit needs a person."""

    def status():
        return read_status(trained.session(), ["churn"])

    def text():
        [service] = status().services
        return render_status(service.to_json(), now=NOW).plain

    assert status().well
    assert "retraining    idle\n" in text()
    remember(trained, run("run3", "3", better=True), frozen="the budget is used up")
    assert status().well
    assert "frozen: the budget is used up · last succeeded 2026-11-23 04:00 (weekly) · version 3 is better" in text()
    remember(trained, run("run3", status="Failed"), circuitUntil="2999-01-01T00:00:00+00:00")
    assert not status().well
    assert (
        "NEEDS YOU     trainings failed in a row, and none starts until 2999-01-01 00:00 UTC: mlservice why churn"
        in text()
    )
    retraining.reset_circuit(trained.session(), REGION, "churn")
    assert status().well
