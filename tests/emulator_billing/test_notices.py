"""What a budget tells its topic, on the virtual clock."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from google.cloud.billing.budgets_v1.types import budget_model
from google.pubsub_v1 import PublisherClient
from hypothesis import given
from hypothesis import strategies as st

from emulator.apis.billingbudgets.bill import Line
from emulator.apis.billingbudgets.periods import ZONE, period
from tests.emulator.clients import client
from tests.emulator_billing.conftest import ACCOUNT, MONTH, TOPIC

HOUR = 3600
TIMES = st.integers(1_500_000_000, 4_000_000_000).map(lambda at: datetime.fromtimestamp(at, UTC))


def test_notices_come_several_times_a_day_crossed_or_not(bill):
    """Each says what was spent in the month so far, of how much; a threshold only where it was reached."""
    made = bill.make(notifications_rule=bill.topic())
    bill.spend("40.25")
    bill.emulator.advance(30 * HOUR)
    below = bill.told()
    bill.spend("10")
    bill.emulator.advance(20 * HOUR)
    above = bill.told()

    assert len(below) >= 3
    whose = {"billingAccountId": ACCOUNT.rpartition("/")[2], "budgetId": made.name.rpartition("/")[2]}
    assert all(attributes == whose | {"schemaVersion": "1.0"} for attributes, _ in below)
    first = below[0][1]
    start = datetime.fromisoformat(first.pop("costIntervalStart")).astimezone(ZONE)
    assert first == {
        "budgetDisplayName": "churn",
        "costAmount": 40.25,
        "budgetAmount": 100.0,
        "budgetAmountType": "SPECIFIED_AMOUNT",
        "currencyCode": "USD",
    }
    assert (start.day, start.hour) == (1, 0)
    assert {(said["costAmount"], said.get("alertThresholdExceeded")) for _, said in above} >= {(50.25, 0.5)}


def test_some_come_late_and_some_twice(bill):
    """In a month of them: one that comes after newer ones says less than they, and one comes again word for word."""
    bill.make(notifications_rule=bill.topic())
    told = []
    for _ in range(12):
        for _ in range(3):
            bill.spend("1")
            bill.emulator.advance(20 * HOUR)
        told += [(said["costIntervalStart"], said["costAmount"]) for _, said in bill.told()]

    assert told != sorted(told), "late"
    assert len(told) > 36 * 5, "twice, or there would be five for each stretch of twenty hours"


def test_what_is_not_of_its_project_and_label_is_not_counted(bill):
    """One label pair, and one project; the rest of the bill is others'."""
    rule = bill.topic()
    bill.make(budget_filter={"projects": ["projects/local"], "labels": {"team": ["growth"]}}, notifications_rule=rule)
    for amount, more in (
        ("1", {"labels": {"team": "growth", "a": "b"}}),
        ("2", {"labels": {"team": "other"}}),
        ("4", {}),
        ("8", {"project": "other", "labels": {"team": "growth"}}),
        ("-0.5", {"labels": {"team": "growth"}}),
    ):
        bill.spend(amount, **more)
    bill.emulator.advance(20 * HOUR)

    assert {said["costAmount"] for _, said in bill.told()} == {0.5}


def test_without_e_mails_no_threshold_is_told(bill):
    """Source: pricing.md section 5. The amounts are told all the same."""
    rule = bill.topic() | {"disable_default_iam_recipients": True}
    bill.make(notifications_rule=rule)
    bill.spend("400")
    bill.emulator.advance(20 * HOUR)

    told = [said for _, said in bill.told()]
    assert told
    assert {(said["costAmount"], "alertThresholdExceeded" in said) for said in told} == {(400.0, False)}


def test_a_topic_that_billing_may_not_publish_to_gets_nothing(bill):
    """Nor does one that is taken off; nothing of it is made up for later."""
    made = bill.make(notifications_rule=bill.topic())
    policy = {"resource": TOPIC, "policy": {"bindings": []}}
    client(bill.emulator, PublisherClient).set_iam_policy(request=policy)
    bill.emulator.advance(30 * HOUR)
    refused = bill.told()
    bill.budgets.delete_budget(name=made.name)
    bill.emulator.advance(30 * HOUR)

    assert (refused, bill.told()) == ([], [])


@given(TIMES)
def test_a_month_is_one_of_pacific_time(now):
    """It begins at midnight there, at 07:00 or 08:00 UTC, and the next one where it ends."""
    begin, end = period(MONTH, now)

    assert begin <= now < end
    assert (begin.day, begin.hour in (7, 8)) == (1, True)
    assert period(MONTH, end)[0] == end


@pytest.mark.parametrize(
    ("sort", "months"), [("MONTH", (1, 1)), ("QUARTER", (4, 3)), ("YEAR", (1, 12))], ids=["month", "quarter", "year"]
)
def test_longer_periods_begin_with_their_first_month(sort, months):
    """May is in the quarter that begins in April."""
    chosen = budget_model.Filter.pb()(calendar_period=budget_model.CalendarPeriod[sort])
    begin, end = (each.astimezone(ZONE).date() for each in period(chosen, datetime(2026, 5, 20, tzinfo=UTC)))

    first = date(2026, {"MONTH": 5, "QUARTER": 4, "YEAR": 1}[sort], 1)
    assert begin == first
    assert (end.year - begin.year) * 12 + end.month - begin.month == months[1]


@given(TIMES, st.integers(0, 10**7), TIMES, st.decimals(-1000, 1000, places=4))
def test_a_line_is_counted_once_in_all_periods_together(since, lasts_s, cut, amount):
    """Wherever a period ends: what the one before has and what the one after has are the whole of it."""
    until = datetime.fromtimestamp(since.timestamp() + lasts_s, UTC)
    line = Line("billingAccounts/x", "p", str(amount), since.isoformat(), until.isoformat())
    first, last = datetime(2000, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
    parts = line.within(first, cut) + line.within(cut, last)

    assert abs(parts - amount) <= Decimal("1e-18")
