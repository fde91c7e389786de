"""What functions keep of trainings and windows, as passes read it: one list, and then only what changed."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.core.standings.training import needs, of_history, retraining, told_decision
from reconciler.engine.standings.measured import News, monitoring
from reconciler.engine.standings.trained import read_trained
from schemas.kept.measured import Monitoring
from schemas.kept.training import Retraining
from tests.operating import BUCKET, REGION, spec
from tests.page.samples import HOSTILE

NOW = datetime(2026, 11, 27, 6, tzinfo=UTC)
KEY = (REGION, "churn")
RUN = {"key": "k1", "trigger": "moved", "status": "Started", "name": "jobs/7", "claimed": "2026-11-27T01:00:00+00:00"}


def decision(number, action="Skip", guard="cooldown"):
    at = f"2026-11-27T{number // 60:02}:{number % 60:02}:00+00:00"
    told = {"trigger": "moved", "reason": f"event {number}", "guard": guard, "until": None, "numbers": {}}
    return {"action": action, "key": f"k{number}", "decided": at, "at": at, "about": "", **told}


def window(number, finding="Breach", sort="skew", columns=()):
    at = f"2026-11-27T{number:02}:00:00+00:00"
    return {"sort": sort, "job": f"j{number}", "at": at, "finding": finding, "reason": "r", "columns": list(columns)}


@pytest.fixture
def bucket(operator):
    """The state bucket, with a service applied."""
    operator.apply(spec())
    return operator.connection.storage.bucket(BUCKET)


def put(bucket, name, document):
    bucket.blob(f"retraining/{REGION}/churn/{name}").upload_from_string(json.dumps(document))


def read(operator, before=None, keys=(KEY,)):
    """What a pass reads; and the calls that it took."""
    operator.emulator.control("DELETE", "calls")
    found = read_trained(operator.session(), keys, {KEY: before or {}})
    return found, operator.emulator.calls()


def test_what_changed_is_read_and_nothing_else(operator, bucket):
    """Decisions with the training each led to, the newest first; a second look reads no object again."""
    put(bucket, "history.json", {"format": 1, "runs": [RUN], "circuitUntil": "2026-11-28T00:00:00+00:00"})
    put(bucket, "windows.json", {"format": 1, "windows": [window(1)]})
    for number in (1, 2):
        put(bucket, f"decisions/k{number}.json", decision(number, *([] if number == 2 else ["Start", None])))

    first, _ = read(operator)
    told = first.retraining[KEY]
    windows, source = first.windows[KEY]
    before = {"retraining": told, "monitoring": monitoring(None, News(windows, source), NOW)}
    again, calls = read(operator, before)

    assert [(each["key"], each["action"], each["guard"], each["run"]) for each in told["decisions"]] == [
        ("k2", "Skip", "cooldown", ""),
        ("k1", "Start", "", "jobs/7"),
    ]
    assert [run["name"] for run in told["runs"]] == ["jobs/7"]
    assert [each["which"] for each in before["monitoring"]["comparisons"]] == ["skew"]
    assert again.windows == {}
    assert again.retraining[KEY] | {"looked": ""} == told | {"looked": ""}
    assert calls == {"storage.objects.list": 2}, calls

    put(bucket, "decisions/k3.json", decision(3))
    more, calls = read(operator, before)
    assert [each["key"] for each in more.retraining[KEY]["decisions"]] == ["k3", "k2", "k1"]
    assert calls == {"storage.objects.list": 2, "storage.objects.get": 1}, calls


def test_a_pass_looks_for_decisions_at_a_few_services_in_turn(operator, bucket):
    """First at those whose history changed, then at those looked at longest ago."""
    other = (REGION, "other")
    put(bucket, "decisions/k1.json", decision(1))
    bucket.blob(f"retraining/{REGION}/other/history.json").upload_from_string(json.dumps({"format": 1, "runs": []}))
    session = operator.session()

    first = read_trained(session, [KEY, other], {}, most=1).retraining
    known = {key: {"retraining": each} for key, each in first.items()}
    second = read_trained(session, [KEY, other], known, most=1).retraining

    assert (first[KEY]["looked"], bool(first[other]["looked"])) == (None, True)
    assert [each["key"] for each in second[KEY]["decisions"]] == ["k1"]


def test_what_cannot_be_read_is_named_and_hides_nothing(operator, bucket):
    """A history of another version, windows that are none, a decision that is none: the rest is told."""
    put(bucket, "history.json", {"format": 2, "runs": [RUN]})
    put(bucket, "windows.json", [])
    put(bucket, "decisions/k1.json", decision(1))
    put(bucket, "decisions/bad.json", ["x"])

    found, _ = read(operator)

    assert "history.json is none of this version" in found.retraining[KEY]["problem"]
    assert "windows.json is none of this version" in found.problems[KEY]
    assert [each["key"] for each in found.retraining[KEY]["decisions"]] == ["k1"]
    assert needs("churn", found.retraining[KEY], NOW) == [("trainings", found.retraining[KEY]["problem"])]


def test_a_freeze_that_ended_by_itself_is_over():
    """Also where nobody wrote that down, and the history is not read again."""
    history = {"frozen": "by its budget", "frozenUntil": "2026-11-27T05:00:00+00:00"}
    before = retraining(None, of_history(history, "1"), [], datetime(2026, 11, 27, 4, tzinfo=UTC))

    assert before["frozen"] == "by its budget"
    assert retraining(before, None, None, NOW)["frozen"] == ""


def test_a_breach_lasts_as_long_as_it_was_known_to_whatever_is_kept_of_its_windows():
    """Its beginning is remembered where the windows that are kept begin later; a calm one ends it."""
    many = [window(n % 24, job) for n, job in enumerate(["Breach"] * 20)]
    first = monitoring(None, News(many, "1"), NOW)
    [known] = first["comparisons"]
    first["windows"] = first["windows"][10:]  # as where there was no room for them

    [still] = monitoring(first, News([window(21)], "2"), NOW)["comparisons"]
    [over] = monitoring(first, News([window(21, "Calm")], "2"), NOW)["comparisons"]

    assert (still["since"], still["windows"]) == (known["since"], 21)
    assert (over["finding"], over["since"]) == ("Calm", None)


KEPT = {
    "order-farther": ({"distance": 0.1, "limit": 0.3, "order": {"distance": 0.4, "limit": 0.2}}, (0.4, 0.2)),
    "order-nearer": ({"distance": 0.6, "limit": 0.2, "order": {"distance": 0.4, "limit": 0.2}}, (0.6, 0.2)),
    "no-limit-of-order": ({"distance": 0.1, "limit": 0.3, "order": {"distance": 0.4}}, (0.1, 0.3)),
    "no-other-limit": ({"distance": 0.1, "order": {"distance": 0.1, "limit": 0.2}}, (0.1, 0.2)),
    "no-order": ({"distance": 0.1}, (0.1, None)),
}


@pytest.mark.parametrize(("column", "kept"), KEPT.values(), ids=KEPT)
def test_of_two_distances_the_one_that_is_farther_by_its_limit_is_kept(column, kept):
    """The page shows one: that of the breach, where there is one."""
    [told] = monitoring(None, News([window(1, columns=[{"name": "age", **column}])], "1"), NOW)["windows"]

    assert (told["columns"][0]["distance"], told["columns"][0]["limit"]) == kept


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.sampled_from(HOSTILE),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def half_true(whole):
    """The document with anything in the place of some of it."""
    return st.fixed_dictionaries({key: st.just(value) | ANYTHING for key, value in whole.items()})


@settings(max_examples=40)
@given(
    st.lists(half_true(decision(1)), max_size=3),
    half_true({"format": 1, "runs": [RUN], "circuitUntil": "2026-11-28T00:00:00+00:00", "frozen": "x"}),
    half_true(RUN),
    st.lists(
        half_true(
            window(
                1,
                columns=[
                    {
                        "name": "age",
                        "finding": "Breach",
                        "distance": 0.5,
                        "order": {"distance": 1, "limit": 1},
                        "rows": 7,
                    }
                ],
            )
        ),
        max_size=4,
    ),
)
def test_whatever_a_function_wrote_comes_out_as_a_document(decisions, history, run, windows):
    """Anybody may write there: what is kept has its form, and what is none of it is left out."""
    runs = history["runs"]
    told = of_history(history | {"runs": [*runs, run] if isinstance(runs, list) else runs}, "1")
    found = [each for said in decisions if (each := told_decision(said, "k"))]

    kept = retraining(None, told, found, NOW)
    watched = monitoring(None, News(windows, "1"), NOW)

    assert Retraining.model_validate(kept).to_json() == kept | {"waits": ""}
    assert len(kept["decisions"]) <= len(decisions)
    assert watched is None or Monitoring.model_validate(watched).source == "1"
