"""How a budget is called: Google keeps 60 characters, and our mark is among them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.naming import noted
from reconciler.kinds.billing_budget.record import shares, title
from schemas import SpecError, load, to_yaml
from tests.operating import spec

LONGEST = 48


@given(st.from_regex(r"[a-z]([-a-z0-9]{0,46}[a-z0-9])?", fullmatch=True))
def test_every_name_can_be_read_back(name):
    """Of any length that a service with a budget may have, whole."""
    called = title(name)

    assert len(called) <= 60
    assert noted(called) == name


@pytest.mark.parametrize(("length", "refused"), [(LONGEST, False), (LONGEST + 1, True)])
def test_a_name_that_has_no_room_there_is_refused(tmp_path, length, refused):
    """Where there is a budget, and nowhere else."""
    file, name = tmp_path / "mlservice.yaml", "x" * length
    for sections, wrong in (({}, False), ({"budget": 900}, refused)):
        file.write_text(to_yaml(spec(name, **sections)), encoding="utf-8")
        if wrong:
            with pytest.raises(SpecError, match="has a budget"):
                load(file)
        else:
            load(file)


@given(st.lists(st.sampled_from([0.1, 0.5, 0.75, 0.8, 1.0, 1.2, 10.0]), unique=True))
def test_shares_are_written_in_one_order(alerts):
    """However the spec lists them: the order of thresholds means nothing."""
    assert shares(alerts) == shares(reversed(alerts))
    assert [float(each) for each in shares(alerts)] == sorted(alerts)
