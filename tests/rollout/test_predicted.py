"""Rows of the query of predictions become bins of two versions."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.rollout.evidence import evidence
from reconciler.core.rollout.policy import Policy
from reconciler.core.rollout.position import Known, Live, Phase, Share, Version, Wanted, locate
from reconciler.core.rollout.predicted import FEWEST, LATE, Compared, Contest, predicted, query
from reconciler.core.rollout.record import Record, written
from reconciler.core.rollout.series import Bins, Seen, Series
from schemas.sections.rollout import Strategy

START = datetime(2026, 1, 5, 9, 0, 30, tzinfo=UTC)
NUMBERS = Compared("p.ml.churn", "europe-west1", "score", numbers=True)
CLASSES = replace(NUMBERS, numbers=False)
CONTEST = Contest(NUMBERS, "churn", "b", "a", START)


def row(span, revision, name, count, place=0):
    return {"place": place, "span": span, "revision": revision, "bin": name, "n": count}


def before(names):
    return [row(-1, "a", name, FEWEST) for name in names]


COUNTED = st.lists(
    st.tuples(st.integers(0, 30), st.sampled_from("ab"), st.sampled_from("0123456789"), st.integers(1, 50)), max_size=40
)


@given(COUNTED, st.integers(0, 40))
def test_every_complete_span_is_counted_once(counted, minutes):
    """For the version that predicted it, and none that may still get rows; what others asked is not ours."""
    now = START + timedelta(minutes=minutes)
    rows = [row(*each) for each in counted]
    others = [row(*each, place=1) for each in counted]

    found = predicted([*before("0123456789"), *rows, *others], 0, CONTEST, now)

    seen = [each for each in counted if CONTEST.began + timedelta(minutes=each[0] + 1) <= now - LATE]
    assert found.seen == Seen(now - LATE)
    assert sum(sum(each.candidate) for each in found.bins) == sum(n for _, name, _, n in seen if name == "b")
    assert sum(sum(each.stable) for each in found.bins) == sum(n for _, name, _, n in seen if name == "a")
    assert [each.at for each in found.bins] == sorted({each.at for each in found.bins})


def test_a_class_that_was_never_answered_is_a_bin_of_its_own():
    """A new version that answers something else altogether is another one."""
    contest = replace(CONTEST, compared=CLASSES)
    rows = [*before(["no", "yes"]), row(0, "b", "perhaps", 7), row(0, "a", "no", 9)]

    [bins] = predicted(rows, 0, contest, START + timedelta(minutes=9)).bins

    assert bins.candidate == (0, 0, 7)
    assert bins.stable == (9, 0, 0)


@given(st.integers(0, 60 * 24 * 90))
def test_a_long_rollout_has_no_more_spans(minutes):
    """And each is whole minutes."""
    now = START + timedelta(minutes=minutes)

    assert CONTEST.span_s(now) % 60 == 0
    assert minutes * 60 / CONTEST.span_s(now) <= 500


def test_names_in_the_query_are_names():
    """Whatever tables, columns, services and ids are called."""
    odd = Contest(replace(NUMBERS, column="a`b", table="p.ml.t`"), "it's", "b'", "a\\", START, ("x'y",))

    text = query([odd, CONTEST], START)

    for name in (r"`a\`b`", r"`p.ml.t\``", r"'it\'s'", r"'b\''", r"'a\\'", r"'x\'y'"):
        assert name in text


@pytest.mark.parametrize(("keep", "gates"), [(0, []), (1, ["predictions"])])
def test_alone_there_is_nobody_to_be_apart_from(keep, gates):
    """A version that has everything is looked at by other gates; with a percent of the other one by this one, too."""
    policy = Policy(Strategy.BLUE_GREEN, predictions=0.1, bake_s=1800, keep_percent=keep)
    record = Record("new", "a", {"a": keep, "b": 100 - keep} if keep else {"b": 100}, START, START, final=True)
    shares = tuple(Share(name, percent) for name, percent in record.traffic.items())
    live = Live((Version("b", "new", ready=True), Version("a", "old", ready=True)), shares, written(record, ()))
    rollout = locate(Wanted("new", policy), live, Known())
    bins = (Bins(START, (9, 9), (0, 9)),)

    found = evidence(rollout, Series(predictions=bins, predictions_seen=Seen(START + timedelta(hours=1))), START)

    assert rollout.phase is Phase.BAKE
    assert [each.gate for each in found.gates] == gates
