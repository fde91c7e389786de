"""The better model is taken, and what cannot be compared is refused with a reason."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.retraining.outcome import LARGEST, LONGEST, Evaluation, Measures, Unmeasured, judge, measures

AUC = Evaluation("auroc", min_gain=0.002)
ERROR = Evaluation("rmse", lower_is_better=True)

JUDGED = {
    "better": (Measures(0.84, 0.83), AUC, None, True, "auroc 0.84 against 0.83 on the same rows: better by 0.01"),
    "too-little": (
        Measures(0.831, 0.83), AUC, None, False,
        "auroc 0.831 against 0.83 on the same rows: better by 0.001, where better by 0.002 is asked for",
    ),
    "worse": (
        Measures(0.8, 0.83), AUC, None, False,
        "auroc 0.8 against 0.83 on the same rows: worse by 0.03, where better by 0.002 is asked for",
    ),
    "lower-is-better": (Measures(1.5, 2), ERROR, None, True, "rmse 1.5 against 2 on the same rows: better by 0.5"),
    "higher-error": (
        Measures(2.5, 2), ERROR, None, False,
        "rmse 2.5 against 2 on the same rows: worse by 0.5, where better by 0 is asked for",
    ),
    "as-good": (Measures(2, 2), ERROR, None, True, "rmse 2 against 2 on the same rows: the same"),
    "recorded": (
        Measures(0.84), AUC, 0.83, True,
        "auroc 0.84 against 0.83 as recorded when that one was trained: better by 0.01",
    ),
    "the-same-rows-count-before-the-record": (
        Measures(0.84, 0.85), AUC, 0.1, False,
        "auroc 0.84 against 0.85 on the same rows: worse by 0.01, where better by 0.002 is asked for",
    ),
    "the-first": (Measures(0.5), AUC, None, True, "auroc 0.5; no model to compare with"),
}  # fmt: skip


@pytest.mark.parametrize(("measured", "evaluation", "recorded", "better", "reason"), JUDGED.values(), ids=JUDGED)
def test_models_are_compared_by_the_measure_of_the_spec(measured, evaluation, recorded, better, reason):
    """With both numbers in the reason."""
    verdict = judge(measured, evaluation, recorded=recorded)

    assert (verdict.better, verdict.reason) == (better, reason)
    assert verdict.numbers["candidate"] == measured.candidate


@given(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6), st.floats(1e-9, 1e3), st.booleans())
def test_no_two_models_are_each_better_than_the_other(one, other, gain, lower):
    """And the direction mirrors the verdict."""
    evaluation = Evaluation("m", lower_is_better=lower, min_gain=gain)
    there = judge(Measures(one, other), evaluation, recorded=None).better
    back = judge(Measures(other, one), evaluation, recorded=None).better
    mirrored = judge(Measures(-one, -other), Evaluation("m", lower_is_better=not lower, min_gain=gain), recorded=None)

    assert not (there and back)
    assert mirrored.better is there


BROKEN = {
    "empty": b"",
    "no-json": b"auroc: 0.8",
    "a-list": b"[0.8]",
    "deep": b"[" * 100_000,
    "another-metric": b'{"accuracy": 0.8}',
    "nan": b'{"auroc": NaN}',
    "infinite": b'{"auroc": 1e999}',
    "endless-integer": b'{"auroc": 1' + b"0" * 400 + b"}",
    "too-large-to-differ": b'{"auroc": 1e308, "live": {"auroc": -1e308}}',
    "text": b'{"auroc": "0.8"}',
    "true": b'{"auroc": true}',
    "null": b'{"auroc": null}',
    "live-without-it": b'{"auroc": 0.8, "live": {}}',
    "live-is-nan": b'{"auroc": 0.8, "live": {"auroc": NaN}}',
    "live-is-a-number": b'{"auroc": 0.8, "live": 0.7}',
    "large": b" " * (LONGEST + 1),
    "no-text": b"\xff\xfe\x00",
}


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN)
def test_a_metrics_file_that_says_nothing_is_refused(content):
    """In words; never as a number that happens to compare."""
    with pytest.raises(Unmeasured, match=r"metrics file|of the (new|live) model"):
        measures(content, "auroc")


@pytest.mark.parametrize("name", ["k" * 900_000, "k\ud800"], ids=["long", "half-a-character"])
def test_names_in_a_metrics_file_are_quoted_within_bounds(name):
    """What a training writes makes no history grow, and can be written by whoever reads it."""
    content = json.dumps({f"{number}{name}": 1 for number in range(1 if len(name) > 10 else 20)}).encode()

    with pytest.raises(Unmeasured) as refused:
        measures(content, "auroc")

    assert len(str(refused.value)) < 600
    assert str(refused.value).encode()


@given(st.floats(-LARGEST, LARGEST), st.none() | st.floats(-LARGEST, LARGEST))
def test_what_is_written_is_read(candidate, live):
    """To the last bit."""
    content = {"auroc": candidate, "loss": math.pi} | ({} if live is None else {"live": {"auroc": live}})

    assert measures(json.dumps(content).encode(), "auroc") == Measures(candidate, live)
