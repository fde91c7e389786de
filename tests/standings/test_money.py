"""What will be spent when the month ends, told from what was spent since the service is there."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.ladder.period import end_of, start_of
from reconciler.core.standings.money import told_budget
from schemas.kept import BudgetBook

NOW = datetime(2026, 11, 27, 20, tzinfo=UTC)


def forecast(spent, made=None, at=NOW):
    """What a budget's standing says of the month's end."""
    reading = {"source": "bill", "cost": str(spent), "at": at.isoformat()}
    said = {"service": "churn", "region": "us-east1", "period": start_of(at).isoformat(), "amount": "100"}
    book = BudgetBook.read({"format": BudgetBook.form(), **said, "currency": "USD", "readings": [reading]})
    told = told_budget(book, at, made)["forecast"]
    return None if told is None else Decimal(told)


def test_a_service_of_yesterday_is_not_spread_over_the_month():
    """It spent six dollars in a day, and does so until the month ends."""
    found = forecast(6, NOW - timedelta(days=1))

    assert found == pytest.approx(
        Decimal(6) + 6 * Decimal((end_of(NOW) - NOW) / timedelta(days=1)), abs=Decimal("0.01")
    )


def test_hours_say_nothing_of_a_month():
    """Nor does the first night of a month."""
    assert forecast(6, NOW - timedelta(hours=2)) is None
    assert forecast(6, at=start_of(NOW) + timedelta(hours=2)) is None


@given(days=st.floats(1, 400), spent=st.decimals(0, 10_000, places=2))
def test_no_month_ends_with_less_than_was_spent(days, spent):
    """Whenever it was made."""
    assert forecast(spent, NOW - timedelta(days=days)) >= spent
    assert forecast(spent, NOW - timedelta(days=days)) >= forecast(spent) - Decimal("0.01")
