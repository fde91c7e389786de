"""What views say of a service: numbers that every program can read, whatever documents hold."""

import json

import pytest

from page.views.measures import ratio, worst


@pytest.mark.parametrize(
    ("distance", "limit", "wanted"),
    [(0.3, 0.2, 1.5), (0.0, 0.2, 0.0), (0.3, None, None), (None, 0.2, None), (0.3, 0.0, None), (0.3, 1e-320, 1e9)],
)
def test_a_distance_is_a_multiple_of_its_limit(distance, limit, wanted):
    """One that JSON has: nothing is infinitely far."""
    column = {"name": "x", "distance": distance, "limit": limit}

    assert ratio(column) == wanted
    assert json.dumps(ratio(column), allow_nan=False)
    assert worst([column]) == (column if wanted is not None else None)
