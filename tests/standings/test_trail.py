"""Which decisions are kept of many."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.standings.trail import after, thinned

WAITS = ("Hold", "NotEnoughData", "Approval", "")


def made(minute, wait, why="", step=1):
    at = f"2026-11-26T{minute // 60:02}:{minute % 60:02}:00+00:00"
    told = {"phase": "Step", "step": step, "percent": 20, "version": "v", "wait": wait, "why": why, "gates": []}
    return {"since": at, "until": at, "count": 1, "action": "" if wait else "moved", **told}


DECISIONS = st.lists(st.tuples(st.sampled_from(WAITS), st.sampled_from(["a", "b", "c"])), max_size=40)


def trail_of(decisions, most):
    trail, gone = [], 0
    for minute, (wait, why) in enumerate(decisions):
        trail, more = after(trail, made(minute, wait, why), most)
        gone += more
    return trail, gone


@given(DECISIONS, st.integers(1, 12))
def test_nothing_is_lost_but_numbers_and_then_the_oldest(decisions, most):
    """Never more than so many; in order; the newest is the last; where none had to go, every pass is counted."""
    trail, gone = trail_of(decisions, most)

    assert len(trail) <= most
    ends = [moment for each in trail for moment in (each["since"], each["until"])]
    assert ends == sorted(ends)
    if decisions:
        last = made(len(decisions) - 1, *decisions[-1])
        assert (trail[-1]["until"], trail[-1]["wait"], trail[-1]["why"]) == (last["until"], last["wait"], last["why"])
    if not gone:
        assert sum(each["count"] for each in trail) == len(decisions)
    for one, other in pairwise(trail):
        assert {**one, "since": 0, "until": 0, "count": 0} != {**other, "since": 0, "until": 0, "count": 0}


def test_a_long_wait_pushes_out_no_step():
    """Numbers of the old part of the wait go, and what was done before it stays."""
    decisions = [("", "first step"), *[("NotEnoughData", f"{n} of 900 requests") for n in range(500)]]

    trail, gone = trail_of(decisions, 50)

    assert (trail[0]["why"], trail[0]["action"], gone, len(trail)) == ("first step", "moved", 0, 50)
    assert trail[1]["count"] == 500 - 48
    assert [each["count"] for each in trail[2:]] == [1] * 48
    assert trail[-1]["why"] == "499 of 900 requests"


def test_what_is_said_again_is_counted_and_nothing_goes():
    """One decision, from when it was first made to when it was last."""
    first, again = made(0, "Hold", "a"), made(9, "Hold", "a")

    assert after([first], again, 1) == ([{**first, "until": again["until"], "count": 2}], 0)
    assert after([], first, 1) == ([first], 0)


def test_a_wait_of_another_step_is_another():
    """Steps that each waited for data stay apart, whatever has to go."""
    trail = [made(n, "NotEnoughData", str(n), step=n // 5) for n in range(20)]

    kept, gone = thinned(trail, 4)

    assert ([each["step"] for each in kept], gone) == ([0, 1, 2, 3], 0)
    assert [each["count"] for each in kept] == [5, 5, 5, 5]
