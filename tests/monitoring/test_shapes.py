"""What people look at: both sides of a column over the same bins."""

from math import inf, nextafter

from hypothesis import example, given, settings
from hypothesis import strategies as st

from reconciler.engine.monitoring.shapes import BINS, OTHERS, shape_of


def numbers(*buckets):
    """One side, as Model Monitoring tells it; a field that is 0 is left out."""
    told = [
        {"highValue": high, "sampleCount": count, **({"lowValue": low} if low else {})} for low, high, count in buckets
    ]
    return side({"numStats": {"histograms": [{"type": "QUANTILES", "buckets": []}, {"buckets": told}]}})


def labels(**counts):
    told = [{"label": label, "sampleCount": count} for label, count in counts.items()]
    return side({"stringStats": {"rankHistogram": {"buckets": told}}})


def side(feature):
    return {"distributionValue": {"distribution": {"features": [feature]}}}


def test_numbers_are_spread_over_bins_that_both_sides_have():
    """Evenly, as the distance does; what lies at one point lies in one bin."""
    shape = shape_of({"baselineStats": numbers((0, 10, 4), (10, 20, 0)), "currentStats": numbers((20, 20, 7))})

    assert (shape.bins[0], shape.bins[-1], shape.end) == ("0", "18", 20)
    assert [round(each, 6) for each in shape.baseline] == [0.2] * 5 + [0] * 5
    assert shape.serving == (0,) * 9 + (1,)


def test_labels_are_ranked_by_the_baseline_and_the_rest_is_one_bin():
    """A label that only one side has is shown."""
    many = {f"l{n:02}": 20 - n for n in range(15)}

    few = shape_of({"baselineStats": labels(a=1, b=3), "currentStats": labels(c=5)})
    long = shape_of({"baselineStats": labels(**many), "currentStats": labels(**many)})

    assert (few.bins, few.baseline, few.serving, few.end) == (("b", "a", "c"), (0.75, 0.25, 0), (0, 0, 1), None)
    assert (len(long.bins), long.bins[-1]) == (BINS, OTHERS)
    assert abs(sum(long.serving) - 1) < 1e-9


ODD = [{}, {"baselineStats": 7}, {"currentStats": side("?")}, {"currentStats": side({"numStats": {"histograms": [3]}})}]


def test_what_makes_no_sense_has_no_shape():
    """And one side that has nothing is empty."""
    assert [shape_of(each) for each in ODD] == [None] * len(ODD)
    assert sum(shape_of({"currentStats": numbers((0, 1, 5))}).baseline) == 0


def near(start, steps):
    """Numbers so near each other that bins between them have no width."""
    found = [start]
    for _ in range(steps):
        found.append(nextafter(found[-1], inf))
    return found


ANY = st.floats(allow_nan=False)
NEAR = st.builds(near, st.floats(-1e300, 1e300), st.integers(0, 4))
ENDS = st.one_of(st.just(ANY), NEAR.map(st.sampled_from))


@settings(deadline=None, max_examples=100)
@given(ENDS.flatmap(lambda end: st.lists(st.tuples(end, end, st.floats(0, 1e12)), min_size=1, max_size=6)))
@example([(0.0, 0.0, 5e-324), (0.0, 1.0, 5e-324)])
@example([(1.0, 1.0, 2.0), (1.0, nextafter(1.0, 2), 1.0), (nextafter(1.0, 2), nextafter(1.0, 2), 1.0)])
def test_no_value_is_lost_and_none_is_made(found):
    """Whatever the ends are: of a side that has values the shares are one in all."""
    sides = numbers(*((min(low, high), max(low, high), count) for low, high, count in found))

    shape = shape_of({"baselineStats": sides, "currentStats": sides})

    if shape is not None:
        assert all(share >= 0 for share in shape.baseline)
        assert sum(shape.baseline) == 0 or abs(sum(shape.baseline) - 1) < 1e-6
