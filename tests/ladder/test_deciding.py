"""What a budget does when it is spent."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.core.ladder.deciding import Evidence, lifted, new_book, next_step
from reconciler.core.ladder.notices import NoNotice, Notice, read
from reconciler.core.ladder.period import day_of, end_of, start_of
from reconciler.core.ladder.steps import in_force, restraint_by, restraint_of, step_of
from schemas.kept import BudgetBook
from schemas.kept.budget import MOST_READINGS, Reading, Step
from schemas.sections.budget import Budget

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
START = datetime(2026, 11, 1, 7, tzinfo=UTC)
LADDER = [
    {"at": 0.8, "do": "Notify"},
    {"at": 1.0, "do": "FreezeRetraining"},
    {"at": 1.2, "do": "CapInstances", "maxInstances": 1},
]


def budget(amount=900, actions=LADDER, currency="EUR"):
    said = [{**each, "at": float(each["at"])} for each in actions]
    return Budget.model_validate({"amount": Decimal(amount), "currency": currency, "actions": said})


def notice(share, at=NOW, *, message="", start=START, budget="b1", currency="EUR", amount=900):
    return Notice(
        message or f"{at:%d%H%M}", at, budget, "churn", start, Decimal(str(share)) * 900, Decimal(amount), currency
    )


def said_twice(share, at=NOW):
    return (notice(share, at - timedelta(minutes=30)), notice(share, at))


def decided(*notices, book=None, now=NOW, of=None, **more):
    book = book or new_book("churn", "europe-north1", now)
    return next_step(of or budget(), book, Evidence(notices, budget="b1", **more), now)


def kinds(decision):
    return [each.step.do for each in decision.book.taken]


@pytest.mark.parametrize(
    ("notices", "taken", "why"),
    [
        pytest.param((), [], "nothing is known of what was spent this month", id="nothing-known"),
        pytest.param(said_twice(0.5), [], "50 % billed of 900 EUR", id="below"),
        pytest.param((notice(1.5),), [], "150 % was said once, and is to be said again", id="once-is-not-enough"),
        pytest.param((notice(1.5), notice(1.5)), [], "150 % was said once", id="delivered-twice-is-once"),
        pytest.param(
            (notice(1.5, message="a"), notice(1.5, NOW - timedelta(minutes=2), message="b")),
            [],
            "once",
            id="published-twice",
        ),
        pytest.param(said_twice(0.9), ["Notify"], "90 % billed of 900 EUR", id="first-step"),
        pytest.param(said_twice(1.0), ["Notify", "FreezeRetraining"], "100 % billed", id="exactly-all-of-it"),
        pytest.param(said_twice(2), ["Notify", "FreezeRetraining", "CapInstances"], "", id="all"),
        pytest.param(
            (*said_twice(2), notice(0, NOW + timedelta(hours=1)), notice(0, NOW + timedelta(hours=2))),
            ["Notify", "FreezeRetraining", "CapInstances"],
            "",
            id="taken-back",
        ),
        pytest.param(tuple(reversed(said_twice(1.1))), ["Notify", "FreezeRetraining"], "110 %", id="in-any-order"),
        pytest.param(tuple(replace(n, budget="b2") for n in said_twice(2)), [], "of another budget", id="another"),
        pytest.param(tuple(replace(n, currency="USD") for n in said_twice(2)), [], "not in EUR", id="currency"),
        pytest.param(
            tuple(replace(n, start=datetime(2026, 10, 1, 7, tzinfo=UTC)) for n in said_twice(2)),
            [],
            "2 notices not counted: about another month",
            id="late",
        ),
        pytest.param(tuple(replace(n, amount=Decimal(0)) for n in said_twice(2)), [], "of nothing", id="of-nothing"),
    ],
)
def test_steps_are_taken_on_two_notices(notices, taken, why):
    """A step needs two notices of this budget, month and currency; whatever is not done has its reason."""
    decision = decided(*notices)

    assert kinds(decision) == taken
    assert why in "; ".join(decision.held)
    assert len(taken) == len(LADDER) or decision.book.said


def test_our_own_estimate_counts_as_the_bill_does():
    """The bill is hours late: an estimate that was made twice takes a step before it."""
    once = decided(own=Decimal(1000), now=NOW)
    again = decided(own=Decimal(990), now=NOW + timedelta(hours=1), book=once.book)

    assert (kinds(once), kinds(again)) == ([], ["Notify", "FreezeRetraining"])
    assert {each.source for each in again.taken} == {"own"}
    assert again.taken[0].cost == 990


def test_what_confirms_a_bill_is_kept_whatever_else_is_said():
    """It is neither among the highest nor among the newest where somebody sends as many of either as are kept."""
    real = notice(1.0, NOW - timedelta(hours=2), message="real")
    high = [notice(2, NOW - timedelta(hours=1), message=f"high-{number}") for number in range(MOST_READINGS)]
    low = [notice(0.1, message=f"low-{number}") for number in range(MOST_READINGS)]

    decision = decided(real, *high, *low)

    assert kinds(decision) == ["Notify", "FreezeRetraining"]
    assert len(decision.book.readings) < MOST_READINGS + 3


def test_a_month_later_nothing_holds():
    """Every step ends with the billing month, which is that of Los Angeles, whether or not a pass looks."""
    book = decided(*said_twice(2)).book
    last, first = datetime(2026, 12, 1, 7, 59, tzinfo=UTC), datetime(2026, 12, 1, 8, tzinfo=UTC)
    later = decided(book=book, now=first)

    assert len(in_force(budget(), book, last)) == 3
    assert not in_force(budget(), book, first)
    assert (kinds(later), {why for _, why in later.undone}) == ([], {"a new month has begun"})
    assert not later.book.readings


def test_a_raised_budget_undoes_what_it_is_above():
    """With a larger amount a step's share is not reached any more, and it comes again only when it is."""
    book = decided(*said_twice(1.3)).book
    raised = budget(1100)

    assert [each.step.do for each in in_force(raised, book, NOW)] == ["Notify", "FreezeRetraining"]
    decision = next_step(raised, book, Evidence(budget="b1"), NOW)
    assert [each.step.do for each, _ in decision.undone] == ["CapInstances"]
    assert "the budget is 1100 EUR now" in decision.undone[0][1]
    assert "106 % billed of 1100 EUR" in "; ".join(decision.held)


def test_credits_do_not_make_a_cap_come_and_go():
    """What is spent may fall; what was done stays until the month ends."""
    book = decided(*said_twice(1.3)).book
    less = [notice(0.5, NOW + timedelta(hours=hour)) for hour in (1, 2)]

    assert len(kinds(decided(*less, book=book, now=NOW + timedelta(hours=2)))) == 3


def test_a_step_that_left_the_spec_ends():
    """So does one that was changed: it is another one."""
    book = decided(*said_twice(1.3)).book
    changed = budget(actions=[*LADDER[:2], {**LADDER[2], "maxInstances": 2}])
    decision = next_step(changed, book, Evidence(budget="b1"), NOW)

    assert [(each.step.max_instances, why) for each, why in decision.undone] == [
        (1, "the spec has no such step any more")
    ]
    assert [each.step.max_instances for each in decision.taken] == [2]


def test_a_budget_in_another_currency_begins_anew():
    """Amounts of two do not compare, and a notice does not choose: before the spec says one, none counts."""
    book = decided(*said_twice(1.3)).book
    dollars = tuple(replace(each, currency="USD", id=each.id + "$") for each in said_twice(0.9))
    decision = next_step(budget(currency="USD"), book, Evidence((*said_twice(2), *dollars), budget="b1"), NOW)

    assert {why for _, why in decision.undone} == {"the budget is in USD now"}
    assert kinds(decision) == ["Notify"]
    assert "2 notices not counted: not in USD" in decision.held
    assert kinds(decided(*said_twice(2), of=budget(currency=None))) == []


def test_a_step_of_a_later_version_is_told_as_it_is():
    """Who shows a book, or lifts a step of it, may be older than who wrote it."""
    book = decided(*said_twice(1.3)).book
    last = book.taken[-1]
    book = book.model_copy(update={"taken": (last.model_copy(update={"step": Step(at=Decimal(1), do="CloseShop")}),)})

    ((_, said),) = restraint_by("churn", book, NOW).said
    assert said.startswith("CloseShop by budget until 1 December (130 % of 900 EUR;")


@pytest.mark.parametrize(
    ("cost", "written"), [("0E-7", "0.0000000"), ("1E-9", "0.000000001"), ("1E+3", "1000"), ("-0.50", "-0.50")]
)
def test_amounts_are_written_without_an_exponent(cost, written):
    """As the published form of a book says."""
    assert Reading(source="own", at=NOW.isoformat(), cost=Decimal(cost)).model_dump(mode="json")["cost"] == written


def test_a_lifted_step_stays_lifted_until_then():
    """A person's word ends what was taken, holds it off, and ends itself; so does a word for all."""
    book = decided(*said_twice(1.3)).book
    cap, until = step_of(budget().actions[2]), NOW + timedelta(days=2)
    book = lifted(book, cap, until=until, by="ana@acme.example", now=NOW)

    held = decided(*said_twice(1.4, until - timedelta(minutes=1)), book=book, now=until - timedelta(minutes=1))
    assert kinds(held) == ["Notify", "FreezeRetraining"]
    assert "ana@acme.example lifted it until 2026-11-22 12:00 UTC" in "; ".join(held.held)
    assert kinds(decided(book=held.book, now=until)) == ["Notify", "FreezeRetraining", "CapInstances"]
    assert kinds(decided(book=lifted(book, None, until=until, by="", now=NOW))) == []
    other = lifted(book, step_of(budget().actions[0]), until=until + timedelta(days=1), by="", now=until)
    assert [each.step.do for each in other.lifts] == ["Notify"]
    with pytest.raises(ValueError, match="31 days"):
        lifted(book, None, until=NOW + timedelta(days=32), by="", now=NOW)


def test_what_hinders_a_step_is_said():
    """What a step would change may be left to others."""
    decision = decided(*said_twice(2), hindered={"CapInstances": "management.mode is Observe"})

    assert kinds(decision) == ["Notify", "FreezeRetraining"]
    assert decision.held == ("CapInstances (1) at 120 % is not taken: management.mode is Observe",)


def test_what_is_wanted_while_steps_hold():
    """The cap is of the whole service, what is frozen says why and until when, and each step is said."""
    actions = [*LADDER[:2], {"at": 1.1, "do": "ScaleToZero"}, LADDER[2]]
    ladder = budget(actions=actions)
    book = decided(*said_twice(1.25), of=ladder).book
    held, free = (restraint_of("churn", ladder, book, at) for at in (NOW, end_of(NOW)))

    assert (held.most, held.warm(2), held.until) == (1, 0, end_of(NOW))
    assert "retraining frozen by budget until 1 December (125 % of 900 EUR; lift: mlservice budget lift churn)" in (
        held.frozen
    )
    assert held.said[3] == (
        3,
        "capped by budget until 1 December (125 % of 900 EUR; lift: mlservice budget lift churn)",
    )
    assert held.said[0] == (
        0,
        "over 80 % of its budget until 1 December (125 % of 900 EUR; lift: mlservice budget lift churn)",
    )
    assert held.less == "while capped until 1 December"
    assert (free.most, free.warm(2), free.frozen, free.said, free.less) == (0, 2, "", (), "")
    assert restraint_of("churn", None, book, NOW).most == 0
    assert restraint_of("churn", ladder, None, NOW).most == 0


def test_without_a_cap_it_is_said_until_when_none_is_kept_warm():
    """And trainings are stopped that were claimed before the step was taken, which is not moved by later passes."""
    ladder = budget(actions=[{"at": 1.0, "do": "ScaleToZero"}, {"at": 1.1, "do": "StopJobs"}])
    book = decided(*said_twice(1.25), of=ladder).book

    held = restraint_of("churn", ladder, book, NOW + timedelta(hours=5))

    assert (held.cold, held.less, held.stop) == (True, "while none is kept warm until 1 December", NOW)


@pytest.mark.parametrize("year", range(2007, 2050))
def test_the_month_is_that_of_los_angeles(year):
    """Without a table of time zones, as with one."""
    zone = ZoneInfo("America/Los_Angeles")
    for month in range(1, 13):
        first = datetime(year, month, 1, tzinfo=zone).astimezone(UTC)
        assert start_of(first) == first
        assert end_of(first - timedelta(seconds=1)) == first
        assert day_of(first).startswith("1 ")


SAID = {
    "budgetDisplayName": "churn",
    "costAmount": 45.12,
    "costIntervalStart": "2026-11-01T07:00:00Z",
    "budgetAmount": 50,
    "budgetAmountType": "SPECIFIED_AMOUNT",
    "currencyCode": "EUR",
    "aWordOfTomorrow": {},
}


def test_a_notice_is_read_exactly():
    """Amounts are read as they are written; words that are not known do not matter, and thresholds are not asked."""
    found = read("7", NOW, {"budgetId": "b1"}, json.dumps(SAID).encode())

    assert (found.cost, found.amount, found.start, found.budget) == (Decimal("45.12"), 50, START, "b1")


@pytest.mark.parametrize(
    ("written", "cost"), [("1e-50", "0"), ("0.1" + "0" * 60, "0.1"), ("12." + "3" * 60, "12.333333333"), ("-0.0", "0")]
)
def test_an_amount_is_as_exact_as_money(written, cost):
    """A book takes it, however many digits somebody wrote."""
    found = read("7", NOW, {"budgetId": "b1"}, json.dumps(SAID).replace("45.12", written).encode())

    assert found.cost == Decimal(cost)
    assert len(found.cost.as_tuple().digits) <= 40


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"\xff", "JSON"),
        (b"[" * 60_000, "JSON"),
        (b"1" * 70_000, "too long"),
        (b"7", "no JSON object"),
        (json.dumps({**SAID, "costAmount": "12"}).encode(), "costAmount is no amount"),
        (json.dumps({**SAID, "costAmount": True}).encode(), "costAmount is no amount"),
        (json.dumps({**SAID, "costAmount": None}).encode(), "costAmount is no amount"),
        (json.dumps(SAID).replace("45.12", "NaN").encode(), "costAmount is no amount"),
        (json.dumps(SAID).replace("45.12", "1e999999").encode(), "costAmount is no amount"),
        (json.dumps({**SAID, "costIntervalStart": "2026-11-01"}).encode(), "since when"),
        (json.dumps({**SAID, "costIntervalStart": 7}).encode(), "since when"),
        (json.dumps({**SAID, "costIntervalStart": "0001-01-01T00:00:00+14:00"}).encode(), "since when"),
        (json.dumps({**SAID, "costIntervalStart": "9999-12-31T23:59:59-14:00"}).encode(), "since when"),
        (json.dumps({**SAID, "currencyCode": "E" * 60_000}).encode(), "no currency"),
        (json.dumps({**SAID, "currencyCode": "EU\n"}).encode(), "no currency"),
        (json.dumps({**SAID, "currencyCode": None}).encode(), "no currency"),
    ],
)
def test_what_is_no_notice_is_refused(data, why):
    """Whoever may publish to the topic may send anything."""
    with pytest.raises(NoNotice, match=why):
        read("7", NOW, {}, data)


# ---- properties: of any month, however its notices come

SHARES = st.lists(st.integers(0, 300).map(lambda n: Decimal(n) / 100), min_size=0, max_size=8)


def month_of(costs):
    """Notices of a month, an hour apart. What was spent may fall: of credits, corrections, or a stranger's word."""
    return [notice(share, START + timedelta(hours=index + 1)) for index, share in enumerate(costs)]


def end(book, notices, now=NOW):
    return next_step(budget(), book, Evidence(tuple(notices), budget="b1"), now)


FRESH = new_book("churn", "europe-north1", NOW)


@settings(deadline=None, max_examples=60)
@given(costs=SHARES, data=st.data())
def test_order_and_repeats_do_not_matter(costs, data):
    """However a month's notices are delivered, and in however many passes, the same steps hold at its end."""
    notices = month_of(costs)
    together = end(FRESH, notices)
    shuffled = data.draw(
        st.permutations([*notices, *data.draw(st.lists(st.sampled_from(notices)) if notices else st.just([]))])
    )
    book, at = FRESH, 0
    while at < len(shuffled):
        size = data.draw(st.integers(1, 4))
        book = end(book, shuffled[at : at + size]).book
        at += size
    apart = end(book, ())

    assert {each.step.do for each in apart.book.taken} == {each.step.do for each in together.book.taken}
    assert end(apart.book, shuffled).book == apart.book
    assert not end(apart.book, shuffled).taken


@settings(deadline=None, max_examples=60)
@given(costs=SHARES, own=st.lists(st.integers(0, 300), max_size=3), more=st.integers(0, 100))
def test_never_above_what_is_spent_and_more_with_more(costs, own, more):
    """No step is above what some source said twice; whoever spends more is never let off."""

    def climbed(extra):
        book = end(FRESH, month_of([each + Decimal(extra) / 100 for each in costs])).book
        for index, cost in enumerate(own):
            evidence = Evidence(own=Decimal(cost + extra) * 9, budget="b1")
            book = next_step(budget(), book, evidence, NOW + timedelta(hours=index)).book
        return book

    book, twice = climbed(0), [*sorted(costs)[-2:-1], *(Decimal(each) / 100 for each in sorted(own)[-2:-1])]
    justified = max(twice, default=Decimal(0))
    assert all(each.step.at <= justified for each in book.taken)
    assert {each.step.do for each in book.taken} <= {each.step.do for each in climbed(more).taken}


LESS = st.sampled_from([1, 5, 50]).flatmap(lambda size: st.lists(st.integers(-300, 0), min_size=size, max_size=size))


@settings(deadline=None, max_examples=30)
@given(costs=SHARES, forged=LESS, data=st.data())
def test_no_number_of_notices_talks_a_bill_away(costs, forged, data):
    """Whoever may publish may say less, as often as he likes, before, between and after: what is true still counts."""
    true, minutes = month_of(costs), st.integers(0, 60 * (len(costs) + 2))
    false = [
        notice(each / 100, START + timedelta(minutes=data.draw(minutes)), message=f"forged{index}")
        for index, each in enumerate(forged)
    ]
    mixed, book = data.draw(st.permutations([*true, *false])), FRESH
    for at in range(0, len(mixed), 7):
        book = end(book, mixed[at : at + 7]).book

    assert {each.step.do for each in book.taken} == {each.step.do for each in end(FRESH, true).book.taken}
    assert len(book.readings) <= MOST_READINGS + 2


@settings(deadline=None, max_examples=60)
@given(costs=SHARES, days=st.integers(0, 40), amount=st.integers(1, 3000))
def test_every_step_ends_and_none_flaps(costs, days, amount):
    """What holds is over at the month's end; what was undone for a larger budget does not come back by itself."""
    book, later = end(FRESH, month_of(costs)).book, NOW + timedelta(days=days)
    other = budget(amount)
    first = next_step(other, book, Evidence(budget="b1"), later)
    second = next_step(other, first.book, Evidence(budget="b1"), later)

    assert not in_force(budget(), book, end_of(NOW))
    assert {str(each.step) for each in first.book.taken} == {str(each.step) for each in second.book.taken}
    assert not second.taken
    assert not second.undone
    if later >= end_of(NOW):
        assert not second.book.taken


@settings(deadline=None, max_examples=60)
@given(
    costs=SHARES, minutes=st.integers(1, 31 * 24 * 60), which=st.sampled_from([0, 1, 2, None]), passed=st.integers(0)
)
def test_a_lift_holds_for_as_long_as_it_was_said(costs, minutes, which, passed):
    """Whatever is said meanwhile, a lifted step is not taken before the lift ends."""
    step = None if which is None else step_of(budget().actions[which])
    until = NOW + timedelta(minutes=minutes)
    book = lifted(end(FRESH, month_of(costs)).book, step, until=until, by="ana", now=NOW)
    during = NOW + timedelta(minutes=passed % minutes)
    after = end(book, month_of([*costs, Decimal(3), Decimal(3)]), during).book

    assert all(step is not None and each.step != step for each in after.taken)


@settings(deadline=None, max_examples=60)
@given(costs=SHARES)
def test_a_book_is_read_as_it_was_written(costs):
    """What a pass wrote the next one reads, to the cent."""
    book = end(FRESH, month_of(costs)).book

    assert BudgetBook.read(json.loads(json.dumps(book.to_json()))) == book
