"""Statistics of tables, and distances between them, beside values that TFDV or scipy give."""

import json
import math
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon

from benchmarks import drift_beside_tfdv
from emulator.statistics import distances, histograms, labels, numeric
from emulator.statistics.batches import Batch, Labels, Numbers
from emulator.statistics.histograms import Histogram
from emulator.statistics.profiles import profile

VECTORS = json.loads((Path(__file__).parent / "drift_vectors.json").read_text())
CASES = {case["id"]: case for case in VECTORS["cases"]}
ROUNDED = 5e-7
"""The vectors give six digits."""


def histogram(case, side):
    """A histogram as a case gives it."""
    rows = [[each["low"], each["high"], each["count"]] for each in case[f"{side}_histogram"]]
    return Histogram(*np.array(rows).T, nan=case.get(f"{side}_nan", 0))


def read(values, chunk=1 << 20, missing=0):
    """A table of one column, read in chunks."""
    found = np.asarray(values, dtype=np.float64)
    parts = [found[at : at + chunk] for at in range(0, len(found), chunk)] or [found]

    def batches():
        for number, part in enumerate(parts):
            lost = missing if number == 0 else 0
            yield Batch(len(part) + lost, {"x": Numbers(part, lost)})

    return batches


def summary(values, **how):
    """What is kept of numbers."""
    return profile(read(values, **how)).columns["x"]


def distance(case):
    """What we make of a case."""
    if "baseline_histogram" in case:
        return distances.divergence_of_histograms(histogram(case, "baseline"), histogram(case, "target"))
    if "baseline_values" in case:
        one, other = (summary(case[f"{side}_values"]).standard() for side in ("baseline", "target"))
        return distances.divergence_of_histograms(one, other)
    if case["metric"] == "l_infinity":
        return distances.l_infinity(case["baseline"], case["target"])[1]
    return distances.divergence_of_labels(case["baseline"], case["target"])


def masses(case):
    """Both sides in the same buckets, worked out one point at a time: slow, and with none of our code."""
    if "baseline" in case:
        names = sorted({*case["baseline"], *case["target"]})
        return [[case[side].get(name, 0) for name in names] for side in ("baseline", "target")]
    sides = []
    for side in ("baseline", "target"):
        rows = [[each["low"], each["high"], each["count"]] for each in case.get(f"{side}_histogram", [])]
        if values := case.get(f"{side}_values"):
            counts, ends = np.histogram(values, 10) if min(values) < max(values) else ([len(values)], values[:2])
            rows = list(zip(ends[:-1], ends[1:], counts, strict=True))
        sides.append(rows)
    ends = sorted({end for rows in sides for low, high, _ in rows if low < high for end in (low, high)})
    points = sorted({low for rows in sides for low, high, _ in rows if low == high})
    found = [
        [
            sum(n * (b - a) / (high - low) for low, high, n in rows if low < high and low <= a and b <= high)
            for a, b in pairwise(ends)
        ]
        + [sum(n for low, high, n in rows if low == high == point) for point in points]
        for rows in sides
    ]
    if case["id"] == "jsd-histogram-nan-same-boundaries":
        found[0] += [case["baseline_nan"], 0]
        found[1] += [0, case["target_nan"]]
    return found


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_every_vector(case):
    """Our distance is the vector's to its six digits, and scipy's (or plain arithmetic's) to 1e-9."""
    ours = distance(case)
    one, other = (np.array(side, dtype=float) / np.sum(side) for side in masses(case))
    exact = np.abs(one - other).max() if case["metric"] == "l_infinity" else jensenshannon(one, other, base=2) ** 2

    assert abs(ours - case["expected"]) <= ROUNDED
    assert abs(ours - exact) <= 1e-9
    assert abs(ours - case["tfdv_1_16_1"]) <= case.get("tolerance_to_tfdv", 0) + 2 * ROUNDED


def test_counts_of_the_raw_vector():
    """Ten buckets between a side's own ends hold what the vector says."""
    case = CASES["jsd-raw-equal-width"]
    for side in ("baseline", "target"):
        found = summary(case[f"{side}_values"], chunk=4)

        assert found.standard().counts.tolist() == case[f"{side}_counts"]
        assert [found.low, found.high] == case[f"{side}_min_max"]


NUMBERS = st.lists(st.floats(allow_nan=True, allow_infinity=True), max_size=40)
COUNTS = st.dictionaries(st.text(max_size=2), st.integers(1, 1000).map(float), max_size=12)


@settings(max_examples=80, deadline=None)
@given(one=NUMBERS, other=NUMBERS, chunk=st.integers(1, 50))
def test_distances_of_numbers_behave(one, other, chunk):
    """Symmetric, bounded, and the same however the rows are cut; 0 to oneself, unless NaN or infinities differ."""
    a, b = summary(one, chunk=chunk), summary(other)
    there = distances.divergence_of_histograms(a.standard(), b.standard())
    back = distances.divergence_of_histograms(b.standard(), a.standard())
    again = summary(one)
    itself = distances.divergence_of_histograms(a.standard(), again.standard())

    assert (there is None) == (back is None)
    assert there is None or (0 <= there <= 1 and abs(there - back) <= 1e-9)
    assert np.array_equal(a.standard().counts, again.standard().counts)
    assert a.values == len(one)
    if one and np.isfinite(one).all() and len(a.standard().counts):
        assert itself == 0


@settings(max_examples=80, deadline=None)
@given(one=COUNTS, other=COUNTS)
def test_distances_of_labels_behave(one, other):
    """Symmetric, bounded, 0 to oneself; the divergence says nothing of an empty side."""
    there, back = distances.divergence_of_labels(one, other), distances.divergence_of_labels(other, one)
    apart = distances.l_infinity(one, other)[1]

    assert (there is None) == (not one or not other)
    assert there is None or (0 <= there <= 1 and abs(there - back) <= 1e-12)
    assert 0 <= apart <= 1
    assert apart == distances.l_infinity(other, one)[1]
    assert distances.l_infinity(one, one)[1] == 0
    assert distances.divergence_of_labels(one, one) == (0 if one else None)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        pytest.param([math.nan] * 5, [1.0, 2.0], None, id="all-nan-on-one-side-is-not-measured"),
        pytest.param([math.nan] * 5, [math.nan] * 3, 1.0, id="nan-never-equals-nan"),
        pytest.param([], [1.0, 2.0], None, id="nothing-on-one-side-is-not-measured"),
        pytest.param([math.inf] * 4, [math.inf] * 4, 1.0, id="infinity-never-equals-infinity"),
        pytest.param([-1.7e308, 1.7e308], [0.0, 1.0], None, id="a-width-that-overflows-is-not-measured"),
        pytest.param([0.0] * 9 + [1.7e308], [-9.0, 9.0], 1.0, id="a-mass-times-a-width-may-overflow"),
        pytest.param([1.0, 1.0 + 2**-52], [1.0, 1.0 + 2**-52], 0.0, id="neighbours-share-a-bucket"),
    ],
)
def test_bad_numbers(one, other, expected):
    """What TFDV does with them, read in its source and run."""
    found = distances.divergence_of_histograms(summary(one).standard(), summary(other).standard())

    assert found == expected


def test_what_is_kept_of_numbers():
    """Moments and extremes leave out NaN, infinities and what is missing; those are counted by themselves."""
    rng = np.random.default_rng(5)
    plain = rng.normal(1e6, 2, 5000)
    found = summary([*plain, math.nan, math.inf, -math.inf, -math.inf], chunk=700, missing=7)

    assert (found.present, found.missing, found.values) == (5004, 7, 5004)
    assert (found.nan, found.above, found.below) == (1, 1, 2)
    assert (found.low, found.high) == (plain.min(), plain.max())
    assert abs(found.mean - plain.mean()) <= 1e-6
    assert abs(found.deviation - plain.std()) <= 1e-9
    assert abs(found.median - np.median(plain)) <= 1e-9
    assert found.standard().counts.tolist() == [2, *np.histogram(plain, 10)[0], 1]
    assert found.quantiles().counts.tolist() == [500.0] * 10


def test_quantiles_of_many_are_near():
    """Beyond the sample they are off by less than the percent of TFDV's own sketch."""
    values = np.random.default_rng(1).permutation(400_000).astype(float)
    found = summary(values, chunk=65_536)

    assert np.abs(found.quantiles().highs - np.linspace(40_000, 400_000, 10)).max() < 4000
    assert len(found._sample.ordered()) <= numeric.SAMPLE_MOST


def test_rare_labels_are_dropped_before_sharing():
    """The thousand most frequent count; of equally frequent ones the larger."""
    found = labels.LabelSummary()
    found.add(Labels([f"v{n:04}" for n in range(3000)], np.where(np.arange(3000) < 500, 2, 1)), 3500)

    assert found.unique == 3000
    assert len(found.compared()) == 1000
    assert [label for label, _ in found.top(2)] == ["v0499", "v0498"]
    assert min(found.compared()) == "v0000"
    assert "v2999" in found.compared()
    assert "v2499" not in found.compared()


def test_labels_without_end_do_not_fill_memory(monkeypatch):
    """The rarer half of too many is forgotten; frequent ones are counted to the row."""
    monkeypatch.setattr(labels, "HELD_MOST", 100)
    found = labels.LabelSummary()
    for at in range(50):
        found.add(Labels(["often", *(f"{at}-{n}" for n in range(60))], np.array([9, *[1] * 60])), 69)

    assert len(found._counts) <= 160
    assert found.top(1) == [("often", 450)]
    assert found.unique == 3001


def test_equal_count_of_nothing():
    """No value, no bucket."""
    assert len(histograms.equal_count(histograms.nothing(), 0, 3).counts) == 0


@pytest.mark.parametrize("name", drift_beside_tfdv.SETS)
def test_we_agree_with_tfdv_on_real_data(name):
    """Labels to the last digit. Numbers to 0.02, since TFDV interpolates; to 0.16 where they lie on boundaries.

    What TFDV 1.16.1 answered is kept by `python -m benchmarks.drift_beside_tfdv --write`.
    """
    kept = json.loads((Path(__file__).parent / "tfdv_cases.json").read_text())
    cases = {case: answer for case, answer in kept.items() if case.startswith(f"{name}: ")}
    table = drift_beside_tfdv.baseline(name)

    assert len(cases) == len(drift_beside_tfdv.SHIFTS)
    for case, answer in cases.items():
        shift = case.removeprefix(f"{name}: ")
        mine = drift_beside_tfdv.ours(table, drift_beside_tfdv.shifted(table, shift))
        most = 0.16 if shift == "rounded to whole deviations" else 0.02
        wrong = {
            column: (mine[column], theirs)
            for column, theirs in answer.items()
            if abs(mine[column] - theirs) > (most if column[0] == "f" else 1e-9)
        }

        assert (case, wrong) == (case, {})
        assert {column for column, found in mine.items() if found is not None} == set(answer)
