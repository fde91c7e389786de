"""Where Infracost has a rule, ours comes to as much of it."""

from dataclasses import replace
from decimal import Decimal

import pytest

from benchmarks.cost_beside_infracost import SPECS, service, theirs
from reconciler.cost.estimate import estimate
from reconciler.cost.shape import shape_of
from reconciler.cost.usage import usage_of


@pytest.mark.parametrize("name", SPECS)
def test_the_same_is_priced(name):
    """Every quantity that both know, of requests of whole tenths of a second; with a GPU at least as many."""
    asked = service(name)
    usage = replace(usage_of(asked.spec), request_duration_ms=Decimal(200))
    found = estimate("churn", shape_of(asked), usage)
    quantities = theirs(found)

    ours = {line.key: line.quantity for line in found.lines}
    assert quantities.keys() <= ours.keys()
    for key, quantity in quantities.items():
        if found.shape.instances.by_instance and key in {"cpu", "memory"}:
            assert ours[key].expected >= quantity
        else:
            assert ours[key].expected == pytest.approx(quantity, rel=Decimal("1e-20"))
