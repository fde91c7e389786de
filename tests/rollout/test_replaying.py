"""Answers of two versions to the same logged requests, compared pair by pair."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.rollout.asking import Answered
from reconciler.core.rollout.binning import TENTHS, binning_of
from reconciler.core.rollout.replaying import (
    FEWEST,
    UNANSWERED,
    Logged,
    Replaying,
    answers_of,
    asked_again,
    highest,
    judged,
    paired,
    same,
    too_few,
)
from reconciler.core.rollout.series import Check
from schemas.sections.rollout import OnInsufficientData

NOW = datetime(2026, 11, 27, 9, tzinfo=UTC)
REPLAY = Replaying("p.d.t", "europe-west1", ("a",), "score", agreement=0.95, divergence=0.1, per_second=20)
NUMBERS = st.floats(-1e6, 1e6)
PREDICTIONS = st.lists(NUMBERS, min_size=FEWEST, max_size=80) | st.lists(
    st.sampled_from(["a", "b", "c"]) | st.booleans(), min_size=FEWEST, max_size=80
)


def logged(predictions):
    return [Logged({"a": place}, each) for place, each in enumerate(predictions)]


@given(PREDICTIONS)
def test_the_same_answers_pass(predictions):
    """Whatever they are, and with no tolerance at all."""
    check = judged(paired(logged(predictions), predictions, 0.0), REPLAY)

    assert check.passed, check.why


@given(st.lists(NUMBERS, min_size=FEWEST, max_size=80), st.floats(0, 1), st.floats(0.01, 10))
def test_a_small_change_is_within_its_tolerance(predictions, share, tolerance):
    """Nothing is apart that is changed by less, and everything that is changed by more."""
    near = [each + share * tolerance for each in predictions]
    far = [each + 1.01 * tolerance + 2e-6 * abs(each) + 1 for each in predictions]

    assert paired(logged(predictions), near, tolerance).same == len(predictions)
    assert paired(logged(predictions), far, tolerance).same == 0


@given(PREDICTIONS, st.data())
def test_order_does_not_matter(predictions, data):
    """It is a set of pairs."""
    answers = data.draw(st.permutations(predictions))
    pairs = data.draw(st.permutations([*zip(predictions, answers, strict=True)]))
    first = paired(logged(predictions), answers, 0.5)
    second = paired(logged([stable for stable, _ in pairs]), [mine for _, mine in pairs], 0.5)

    assert (first.same, first.largest) == (second.same, second.largest)
    assert first.apart.value == pytest.approx(second.apart.value)


@given(PREDICTIONS)
def test_a_version_that_refuses_what_was_answered_fails(predictions):
    """However well it would answer the rest, of which there is none."""
    check = judged(paired(logged(predictions), [UNANSWERED] * len(predictions), 0.0), REPLAY)

    assert check.passed is False
    assert f"{len(predictions)} not answered" in check.why


@given(st.integers(1, 500), st.data())
def test_a_share_is_below_its_upper_bound(of, data):
    """And the bound is a share; more rows bring it nearer."""
    hits = data.draw(st.integers(0, of))

    assert hits / of <= highest(hits, of) <= 1
    assert highest(hits, of) >= highest(hits * 10, of * 10) - 1e-9


def test_a_few_wrong_rows_are_chance_and_many_are_not():
    """Of twenty rows one proves nothing against 95 %; of two hundred, thirty do."""
    few = paired(logged([1.0] * 20), [1.0] * 19 + [2.0], 0.0)
    many = paired(logged([1.0] * 200), [1.0] * 170 + [2.0] * 30, 0.0)
    loose = Replaying("p.d.t", "x", ("a",), "score", agreement=0.95)

    assert judged(few, loose).passed
    assert not judged(many, loose).passed


@pytest.mark.parametrize(
    ("stable", "candidate", "alike"),
    [
        (0.1, 0.10000000149011612, True),
        (0.1, 0.1001, False),
        ("setosa", "setosa", True),
        ("0", 0, True),
        ("true", True, True),
        (True, "true", True),
        ("a", None, False),
        (1.0, None, False),
    ],
)
def test_answers_are_the_same_as_the_log_has_them(stable, candidate, alike):
    """A number of 32 bits, a class that is a number, and truth, each as text and as JSON."""
    assert same(stable, candidate, 0.0) is alike


@given(st.lists(NUMBERS, min_size=1), st.one_of(NUMBERS, st.text(), st.none(), st.booleans()))
def test_every_prediction_has_one_bin(values, other):
    """Whatever is answered: of numbers in tenths, each tenth of them, and the rest in one."""
    binning = binning_of(values)
    counts = binning.counts([*values, other])

    assert sum(counts) == len(values) + 1
    assert 0 <= binning.place(other) < binning.size <= TENTHS + 1
    assert counts == binning.counts([other, *reversed(values)])


@given(
    st.binary()
    | st.recursive(
        st.none() | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(st.just("predictions"), inner)
    ).map(lambda value: json.dumps(value).encode()),
    st.integers(1, 3),
)
def test_any_answer_is_read_or_is_none(body, count):
    """What is no list of single values is said so, and raises nothing."""
    found = answers_of(Answered(200, 0.1, body), count)

    assert found is None or len(found) == count


class Server:
    """Answers rows, refuses those of a set, and keeps the time that passed."""

    def __init__(self, refused=(), status=200):
        self.refused, self.status, self.now, self.sent = set(refused), status, 0.0, []

    def send(self, request):
        rows = json.loads(request.body)["instances"]
        self.sent.append((self.now, len(rows)))
        if self.refused & {row["a"] for row in rows}:
            return Answered(422, 0.0, b"{}")
        return Answered(self.status, 0.0, json.dumps({"predictions": [row["a"] for row in rows]}).encode())

    def wait(self, seconds):
        self.now += seconds


def replayed(server, rows, *, late=False, **more):
    replay = Replaying("p.d.t", "x", ("a",), "score", **more)
    return asked_again(rows, replay, server.send, wait=server.wait, clock=lambda: server.now, late=late)


@given(st.integers(1, 60), st.sets(st.integers(0, 59), max_size=5), st.integers(1, 50))
def test_each_row_has_its_answer_and_no_second_has_too_many(count, refused, per_second):
    """One that is refused takes no other along; the server is asked no more than it is told to bear."""
    server = Server(refused)

    answers = replayed(server, logged(range(count)), per_second=per_second)

    assert answers == [UNANSWERED if place in refused else place for place in range(count)]
    for place, (at, _) in enumerate(server.sent):
        assert sum(rows for _, rows in server.sent[:place]) <= per_second * at + 1e-6


@pytest.mark.parametrize(("status", "late", "passed"), [(503, False, None), (503, True, False), (403, True, None)])
def test_a_version_out_of_reach_is_not_compared(status, late, passed):
    """It waits, and fails when its time is over; who may not ask has nothing against it."""
    found = replayed(Server(status=status), logged(range(30)), late=late)

    assert isinstance(found, Check)
    assert found.passed is passed


@pytest.mark.parametrize(
    ("rule", "late", "passed"),
    [
        *((rule, False, None) for rule in OnInsufficientData),
        (OnInsufficientData.HOLD, True, None),
        (OnInsufficientData.PROCEED, True, True),
        (OnInsufficientData.ROLLBACK, True, False),
    ],
)
def test_too_little_to_ask_is_what_the_spec_says(rule, late, passed):
    """Neither good nor bad, until its time is over."""
    assert too_few(3, rule, late=late).passed is passed


def test_names_in_the_query_are_names():
    """Whatever they are, nothing of them is read as SQL."""
    replay = Replaying("p.d.t", "x", ("a`; DROP TABLE t",), "sco're", needed=frozenset({"a`; DROP TABLE t"}))

    query = replay.query("it's", "rev\\", NOW)

    assert r"`a\`; DROP TABLE t`" in query
    assert r"'it\'s'" in query
    assert r"'rev\\'" in query
