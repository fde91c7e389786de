"""The benchmark of prices in plans prices what plans have."""

from benchmarks.cost import MUCH, plan_of, spec
from reconciler.core.costing import costs_of
from reconciler.kinds import KINDS
from schemas import load


def test_its_services_are_priced_before_and_after(tmp_path):
    """Services as they are add nothing; what there is of each has no part in what it may cost."""
    for number in range(2):
        (tmp_path / f"{number}.yaml").write_text(spec(number, MUCH))
    services = load(tmp_path).documents

    as_it_is = costs_of(services, plan_of(services, 0), KINDS)
    changed = costs_of(services, plan_of(services, 51), KINDS)

    assert [each.more for each in as_it_is.values()] == ["+0.00", "+0.00"]
    assert [(each.worst, each.missing) for each in changed.values()] == [
        (each.worst, each.missing) for each in as_it_is.values()
    ]
    assert float(changed["s000"].worst) < float(changed["s001"].worst)
