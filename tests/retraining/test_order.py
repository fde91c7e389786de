"""The distance of two samples' order: what it is of, what leaves it as it is, how seldom chance makes more of it."""

import math
from itertools import pairwise
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from emulator.statistics.histograms import equal_count
from runtime.retraining.watching import order
from runtime.retraining.watching.order import Ends

BASELINE = 10_000


def ends(values):
    """As Google's buckets of equal count, which the emulator makes."""
    found = equal_count(np.sort(np.asarray(values, dtype=float)), len(values), 0)
    return Ends.of(zip(found.lows.tolist(), found.highs.tolist(), found.counts.tolist(), strict=True))


numbers = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-3, 3).map(float)
samples = st.lists(numbers, min_size=1, max_size=60).map(ends)


@given(one=samples, other=samples)
def test_it_is_of_two_sides_that_are_alike_whichever_comes_first(one, other):
    """Between 0 and 1, 0 from itself, and the same the other way round."""
    found = order.distance(one, other)

    assert 0 <= found <= 1
    assert order.distance(one, one) == 0
    assert found == order.distance(other, one)


@given(one=st.lists(st.floats(0, 1), min_size=1, max_size=40), apart=st.floats(1.5, 1e9))
def test_nothing_of_one_among_the_other_is_one(one, apart):
    """Also of constants."""
    assert order.distance(ends(one), ends([each + apart for each in one])) == pytest.approx(1)


tiny = st.sampled_from([0.0, 5e-324, 1e-320, 1e-300, 1.0, 1e16, 1e300])
odd = st.lists(st.tuples(tiny | numbers | st.just(math.inf), tiny), min_size=2, max_size=12).map(
    lambda told: Ends.of(
        (low, high, held) for (low, held), (high, _) in pairwise(sorted(told))
    )
).filter(lambda found: found is not None)  # fmt: skip


@example(
    one=Ends.of([(0.0, 1.0, 1e16), (1.0, 2.0, 1.0)]),
    other=Ends.of([(0.0, 1.0, 1.0)]),
)
@example(
    one=Ends.of([(n * 1e-322, (n + 1) * 1e-322, 1.0) for n in range(10)]),
    other=Ends.of([(n * 1e-322 + 5e-323, (n + 1) * 1e-322 + 5e-323, 1.0) for n in range(10)]),
)
@given(one=odd, other=odd)
def test_it_is_a_distance_of_whatever_ends_and_counts_an_answer_has(one, other):
    """Numbers that hardly differ, one row in ever so many, infinite ends: no arithmetic comes to nothing by it."""
    found = order.distance(one, other)

    assert 0 <= found <= 1
    assert found == order.distance(other, one)
    assert order.distance(one, one) == 0


few = st.lists(st.integers(0, 8), min_size=1, max_size=60)


@example(one=[0, 1, *[2] * 5], other=[1, *[2] * 10])
@given(one=few, other=few)
def test_of_few_values_it_is_no_more_than_what_is_so_for_certain(one, other):
    """Where a tenth of the rows may lie anywhere within a value's: no farther than the rows themselves are.

    Or hardly, where few of a grid's values are there, and of some many: rows are taken to be even on it.
    """

    def below(values, cut):
        return sum(each <= cut for each in values) / len(values)

    more = less = 0.0
    for cut in {*one, *other}:
        f, g = below(one, cut), below(other, cut)
        h = (f + g) / 2
        apart = (f - g) / (2 * math.sqrt(h * (1 - h))) if 0 < h < 1 else 0.0
        more, less = max(more, apart), min(less, apart)

    assert order.distance(ends(one), ends(other)) <= math.hypot(more, less) + 0.05


SCALES = {
    "log": np.log,
    "root": np.sqrt,
    "inverse": lambda values: -1 / values,
    "cube": lambda values: values**3,
}


@pytest.mark.parametrize("scale", SCALES.values(), ids=SCALES)
def test_only_the_order_counts_but_for_what_is_between_two_ends(scale):
    """The same change is as far on any scale: of amounts times 1.5 as far as of their logarithms."""
    random = np.random.default_rng(5)
    before, after = random.lognormal(0, 1, BASELINE), 1.5 * random.lognormal(0, 1, 2000)

    found = order.distance(ends(before), ends(after))

    assert found == pytest.approx(0.161, abs=0.03)
    assert order.distance(ends(scale(before)), ends(scale(after))) == pytest.approx(found, abs=0.01)


def test_a_value_that_both_sides_are_cut_off_at_takes_nothing_away():
    """As ages at 90: what lies below is as far apart as before."""
    random = np.random.default_rng(5)
    before, after = random.normal(0, 1, BASELINE), random.normal(0.5, 1, 2000)

    cut = [np.minimum(each, 2) for each in (before, after)]

    assert order.distance(*map(ends, cut)) == pytest.approx(order.distance(ends(before), ends(after)))


SHIFTS = [(0.1, 1, 0.04), (0.25, 1, 0.1), (0.38, 1, 0.15), (0.64, 1, 0.25), (1, 1, 0.38),
          (0, 1.2, 0.09), (0, 1.35, 0.15), (0, 1.75, 0.25)]  # fmt: skip
"""By how many deviations a normal feature moved, how many times as wide it is, and the distance that is documented."""


@pytest.mark.parametrize(("moved", "wider", "far"), SHIFTS)
def test_of_a_normal_feature_it_is_what_is_documented(moved, wider, far):
    """That many rows leave little to chance."""
    at = [NormalDist().inv_cdf((n + 0.5) / BASELINE) for n in range(BASELINE)]

    assert order.distance(ends(at), ends([wider * each + moved for each in at])) == pytest.approx(far, abs=0.006)


def _with(random, rows, shares):
    """Amounts, of which so many have a value instead."""
    found = random.lognormal(0, 1, rows)
    drawn, below = random.random(rows), 0.0
    for value, share in shares.items():
        found[(drawn >= below) & (drawn < below + share)] = value
        below += share
    return found


DRAWN = {
    "normal": lambda random, rows: random.normal(size=rows),
    "a heavy tail": lambda random, rows: random.lognormal(0, 2, rows),
    "no variance at all": lambda random, rows: random.standard_cauchy(rows),
    "all magnitudes": lambda random, rows: 10 ** random.uniform(-5, 5, rows),
    "most at both ends": lambda random, rows: random.beta(0.3, 0.3, rows),
    "few whole numbers": lambda random, rows: random.poisson(3, rows),
    "two whole numbers": lambda random, rows: random.random(rows) < 0.3,
    "years": lambda random, rows: random.integers(18, 70, rows),
    "many are 0": lambda random, rows: np.where(random.random(rows) < 0.4, 0, random.lognormal(0, 1, rows)),
    "hardly any below a value of many": lambda random, rows: _with(random, rows, {-1: 0.005, 0: 0.12}),
    "hardly any above a value of many": lambda random, rows: -_with(random, rows, {-1: 0.005, 0: 0.12}),
    "hardly any below, of whole numbers": lambda random, rows: random.binomial(20, 0.18, rows),
    "many have the middle one": lambda random, rows: _with(random, rows, {1.3: 0.15}),
    "tenths": lambda random, rows: np.round(random.lognormal(2, 1, rows), 1),
}


@pytest.mark.parametrize("draw", DRAWN.values(), ids=DRAWN)
@pytest.mark.parametrize("rows", [30, 100, 1000])
def test_chance_makes_more_of_it_no_more_often_than_stated(draw, rows):
    """In one window of twenty, and of so many windows in no more than so many but once in a hundred thousand tries."""
    random = np.random.default_rng([ord(each) for each in str(rows)])
    before, most, windows = ends(draw(random, BASELINE)), order.by_chance(rows, BASELINE, 0.05), 120

    beyond = sum(order.distance(before, ends(draw(random, rows))) > most for _ in range(windows))

    assert beyond <= 17


def test_few_rows_and_heavy_tails_are_heard():
    """A hundred amounts that are half as large again: the distance of equal-width buckets is the one of no change."""
    random = np.random.default_rng(7)
    before = ends(random.lognormal(0, 1, BASELINE))
    calm = sorted(order.distance(before, ends(random.lognormal(0, 1, 100))) for _ in range(100))
    moved = sorted(order.distance(before, ends(1.5 * random.lognormal(0, 1, 100))) for _ in range(100))

    assert moved[5] > calm[50], "95 of 100 are farther than half of those to which nothing happened"
    assert order.by_chance(1000, BASELINE, 0.01) < 0.1 < order.by_chance(100, BASELINE, 0.01)


@given(
    rows=st.integers(1, 10**6), baseline=st.integers(1, 10**6), chance=st.floats(1e-6, 0.5),
)  # fmt: skip
def test_more_rows_and_more_chance_need_less(rows, baseline, chance):
    """And a side without any tells nothing."""
    most = order.by_chance(rows, baseline, chance)

    assert 0 < order.by_chance(rows * 2, baseline, chance) <= most <= 1
    assert order.by_chance(rows, baseline, min(0.5, chance * 2)) <= most
    assert order.by_chance(0, baseline, chance) == order.by_chance(rows, 0, chance) == 1


NONE = {
    "nothing": [],
    "empty": [(0.0, 1.0, 0.0)],
    "out of order": [(1.0, 2.0, 1.0), (0.0, 1.0, 1.0)],
    "falling": [(1.0, 0.0, 1.0)],
    "no number": [(math.nan, 1.0, 1.0)],
    "no count": [(0.0, 1.0, math.nan)],
    "too much": [(0.0, 1.0, math.inf)],
    "too much together": [(0.0, 1.0, 1e308), (1.0, 2.0, 1e308)],
    "less than none": [(0.0, 1.0, 5.0), (1.0, 2.0, -1.0)],
    "one that nobody counted": [(0.0, 1.0, 5.0), (1.0, 2.0, math.nan), (2.0, 3.0, 5.0)],
}


@pytest.mark.parametrize("buckets", NONE.values(), ids=NONE)
def test_what_are_no_buckets_tell_nothing(buckets):
    """An answer may hold anything."""
    assert Ends.of(buckets) is None


def test_infinite_ends_and_gaps_have_their_place():
    """Nothing is known of what is between a number and infinity, and nothing lies in a gap."""
    far = Ends.of([(-math.inf, -math.inf, 5.0), (0.0, 1.0, 3.0), (2.0, math.inf, 2.0)])

    assert far.at == (-math.inf, -math.inf, 0.0, 1.0, 2.0, math.inf)
    assert order.distance(far, far) == 0
    assert order.distance(far, ends([3.0] * 9)) > 0.8
