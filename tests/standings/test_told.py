"""What is told of a service, value by value: what it costs, its budget, its versions, its trainings; and any words."""

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from reconciler.core.cost import Cost
from reconciler.core.standings import words
from reconciler.core.standings.money import needs, told_budget, told_cost
from reconciler.core.standings.training import held, of_history, retraining, told_decision, told_run
from reconciler.core.standings.training import needs as needs_of_trainings
from reconciler.core.standings.versions import told_versions
from schemas.kept import BudgetBook
from schemas.kept.document import MOST
from schemas.kept.standings import MOST_VERSIONS
from schemas.kept.training import MOST_DECIDED, MOST_RUNS
from schemas.kept.words import LONGEST_TEXT, LONGEST_WORD

NOW = datetime(2026, 11, 27, 20, tzinfo=UTC)
ENDS, AT = "2026-12-01T08:00:00+00:00", "2026-11-27T18:00:00+00:00"
SECRET = "ya29." + "A1b2" * 10


def book(**said):
    """A budget's book of November."""
    given = {"service": "churn", "region": "us-east1", "period": "2026-11-01T07:00:00+00:00", "currency": "USD"}
    return BudgetBook.read({"format": BudgetBook.form(), **given, **said})


def test_what_a_service_costs():
    """Of a thousand predictions as well, at one a second; where nobody calls there is no such price."""
    cost = Cost("10.00", "73.00", "200.00", missing=tuple(f"price {number:02}" for number in range(60)))

    told = told_cost(cost, Decimal("0.5"), Decimal(2))

    assert {name: told[name] for name in ("floor", "expected", "worst", "per1000")} == {
        "floor": "10.00",
        "expected": "73.00",
        "worst": "200.00",
        "per1000": "0.0278",
    }
    assert told["missing"] == [f"price {number:02}" for number in range(50)]
    assert told_cost(cost, Decimal(0), Decimal(2))["per1000"] is None
    assert told_cost(Cost("0", "0", "0", missing=("x" * 400,)), Decimal(1), Decimal(1))["missing"] == ["x" * 300]


def test_how_a_budget_stands():
    """The most that a source said last, where that leads, and each step with how it stands and why."""
    free, stop, cap = ({"at": "0.8", "do": "FreezeRetraining"}, {"at": "1", "do": "StopJobs"},
                       {"at": "1.2", "do": "CapInstances", "max_instances": 1})  # fmt: skip
    since = {"since": AT, "until": ENDS, "cost": "85", "amount": "100", "source": "own"}
    readings = [
        {"source": "bill", "at": "2026-11-26T18:00:00+00:00", "cost": "95"},
        {"source": "bill", "at": AT, "cost": "70", "id": "n2"},
        {"source": "own", "at": AT, "cost": "85.456"},
    ]
    lifted = {"step": stop, "until": ENDS, "by": "ann", "at": AT}
    told = told_budget(
        book(amount="100", steps=[free, stop, cap], readings=readings, lifts=[lifted], looked=NOW.isoformat(),
             taken=[{"step": free, **since}], said=["CapInstances (1) at 120 % is not taken: 85 is less than 120"]),
        NOW,
    )  # fmt: skip

    steps = told.pop("steps")
    assert told | {"forecast": ""} == {
        "limit": "100.00",
        "spent": "85.46",
        "forecast": "",
        "currency": "USD",
        "source": "own",
        "at": AT,
        "ends": ENDS,
    }
    assert steps == [
        {"step": "FreezeRetraining at 80 %", "at": "0.8000", "do": "FreezeRetraining", "state": "taken", "since": AT,
         "until": ENDS, "why": ""},
        {"step": "StopJobs at 100 %", "at": "1.0000", "do": "StopJobs", "state": "lifted", "since": AT, "until": ENDS,
         "why": "by ann"},
        {"step": "CapInstances (1) at 120 %", "at": "1.2000", "do": "CapInstances", "state": "not taken",
         "since": None, "until": None, "why": "85 is less than 120"},
    ]  # fmt: skip
    assert needs("churn", {"steps": steps}) == [
        ("budget", "by its budget: FreezeRetraining at 80 % holds: mlservice budget churn")
    ]
    assert needs("churn", {"steps": [{**steps[0], "do": "Notify"}]}) == []


def test_a_budget_of_which_nothing_is_known_tells_nothing():
    """Nobody said anything, or only of a month that is over; what no budget is is no amount."""
    said = [{"source": "bill", "at": AT, "cost": "70"}]
    empty = {"limit": None, "spent": None, "forecast": None, "source": "", "at": None}

    for told in (told_budget(book(), NOW), told_budget(book(readings=said), NOW + timedelta(days=4))):
        assert {name: told[name] for name in empty} == empty
    assert told_budget(book(amount="1" + "0" * 20), NOW)["limit"] is None
    assert told_budget(book(amount="9" * 20), NOW)["limit"] == "9" * 20 + ".00"
    assert len(told_budget(book(steps=[{"at": "1", "do": "Notify"}] * 40), NOW)["steps"]) == 30


@dataclass(frozen=True)
class Made:
    """A revision, as standings see one."""

    name: str
    version: str
    ready: bool
    created: str
    images: tuple
    hash: str
    problem: str


def made(name, **more):
    """Make one, well and unused."""
    return Made(**{"name": name, "version": f"v-{name}", "ready": True, "created": AT, "images": ("image", "sidecar"),
                   "hash": f"h-{name}", "problem": "", **more})  # fmt: skip


def test_what_is_told_of_versions():
    """How each stands, what it has of the traffic and where it is reached; the newest has the address of the latest."""
    revisions = [
        made("r4", ready=False),
        made("r3"),
        made("r2", images=(), hash=""),
        made("r1", problem="no memory"),
        made("r0"),
    ]

    told = told_versions(
        revisions,
        {"r3": 130, "r2": -1, "r1": 20},
        {"latest": "new", "r3": "canary"},
        {"h-r0": "too slow", "": "nobody"},
    )

    assert [(each["revision"], each["state"], each["percent"], each["tag"], each["rejected"]) for each in told] == [
        ("r4", "starting", 0, "new", ""),
        ("r3", "serving", 100, "canary", ""),
        ("r2", "serving", 0, "", ""),
        ("r1", "failed", 20, "", ""),
        ("r0", "ready", 0, "", "too slow"),
    ]
    assert told[1] | {"state": ""} == {
        "revision": "r3",
        "version": "h-r3",
        "image": "image",
        "model": "v-r3",
        "percent": 100,
        "tag": "canary",
        "created": AT,
        "state": "",
        "problem": "",
        "rejected": "",
    }
    assert (told[2]["image"], told[2]["version"], told[3]["problem"]) == ("", "", "no memory")
    assert told_versions([], {}, {}, {}) == []


def test_of_many_versions_those_that_matter_are_told():
    """What serves or has an address, however old, and beside those the newest."""
    revisions = [made(f"r{number:03}") for number in range(MOST_VERSIONS + 20)]
    serving, tags = {f"r{MOST_VERSIONS + 5:03}": 100}, {f"r{MOST_VERSIONS + 9:03}": "old"}

    told = [each["revision"] for each in told_versions(revisions, serving, tags, {})]

    assert told == [*(f"r{number:03}" for number in range(MOST_VERSIONS - 2)), *serving, *tags]
    everywhere = {each.name: 1 for each in revisions}
    assert len(told_versions(revisions, everywhere, {}, {})) == MOST_VERSIONS


def test_what_is_told_of_one_training_and_of_one_decision():
    """What the function wrote, value by value; what is none of it is nothing."""
    run = {"key": "k1", "trigger": "moved", "status": "Failed", "name": "jobs/7", "claimed": AT, "ended": ENDS,
           "why": "no memory", "rows": 70, "version": "v2", "verdict": {"better": False},
           "forced": "by ann"}  # fmt: skip
    said = {"decided": AT, "at": ENDS, "action": "Skip", "trigger": "moved", "reason": "too soon", "guard": "cooldown",
            "until": ENDS}  # fmt: skip

    assert told_run(run) == {**{key: value for key, value in run.items() if key != "verdict"}, "better": False}
    assert told_run({"verdict": {"better": 1}})["better"] is None
    assert told_run({"verdict": True})["better"] is None
    assert told_decision(said, "k9") == {"key": "k9", "at": AT, "trigger": "moved", "action": "Skip", "why": "too soon",
                                         "guard": "cooldown", "until": ENDS, "run": ""}  # fmt: skip
    assert told_decision({**said, "decided": None}, "k9")["at"] == ENDS
    assert told_decision({**said, "action": ""}, "k9") is None
    assert told_decision({"action": "Skip"}, "k9") is None


def at(minute):
    """A moment of one day."""
    return f"2026-11-27T{minute // 60:02}:{minute % 60:02}:00+00:00"


def test_the_newest_trainings_and_decisions_are_kept():
    """Of more than can be told; each decision with the training that it or its verdict led to."""
    runs = [{"key": f"k{n}", "name": f"jobs/{n}", "claimed": at(n)} for n in range(MOST_RUNS + 5)]
    told = of_history({"runs": [*reversed(runs), {"key": "unclaimed"}, "none"], "circuitUntil": ENDS}, "7")
    decisions = [
        {"key": f"k{n}{more}", "at": at(n), "run": ""} for n in range(MOST_DECIDED) for more in ("", ".verdict")
    ]

    kept = retraining(None, told, decisions, NOW, "bad")

    assert [run["name"] for run in kept["runs"]] == [f"jobs/{MOST_RUNS + 4 - n}" for n in range(MOST_RUNS)]
    assert (kept["circuitUntil"], kept["source"], kept["looked"], kept["problem"]) == (
        ENDS,
        "7",
        NOW.isoformat(),
        "bad",
    )
    assert len(kept["decisions"]) == MOST_DECIDED
    newest = MOST_DECIDED - 1
    assert [each["at"] for each in kept["decisions"]][:3] == [at(newest), at(newest), at(newest - 1)]
    led = {run["key"]: run["name"] for run in kept["runs"]}
    assert all(each["run"] == led.get(each["key"].removesuffix(".verdict"), "") for each in kept["decisions"])
    again = retraining(kept, None, None, NOW + timedelta(days=1))
    assert again == {**kept, "problem": ""}
    assert retraining(None, None, None, NOW) == {
        "runs": [], "circuitUntil": None, "frozen": "", "frozenUntil": None, "source": "", "decisions": [],
        "looked": None, "problem": "",
    }  # fmt: skip


def test_trainings_that_fail_in_a_row_need_somebody():
    """Until they may start again; then nobody."""
    until = datetime(2026, 11, 28, 1, 30, tzinfo=timezone(timedelta(hours=1)))
    told = {"circuitUntil": until.isoformat(), "problem": "it cannot be read"}

    [(sort, circuit), problem] = needs_of_trainings("churn", told, NOW)

    assert sort == "trainings"
    assert "none starts until 2026-11-28 00:30 UTC: mlservice why churn" in circuit
    assert problem == ("trainings", "it cannot be read")
    assert needs_of_trainings("churn", {"circuitUntil": None, "problem": ""}, NOW) == []
    assert held("churn", until, until) == ""
    assert held("churn", until, until - timedelta(seconds=1))


def test_anybodys_words_are_cut_and_without_secrets():
    """Names are ours or Google's and stay as they are; what anybody wrote is looked through, also where it is cut."""
    assert [words.name(None), words.word(None), words.text(None)] == [""] * 3
    assert (words.name(7), words.word(7), words.text(7)) == ("7", "7", "7")
    long = "n" * (LONGEST_TEXT + 1)
    assert (words.name(long), words.word(long)) == ("n" * LONGEST_WORD,) * 2
    assert words.text(long) == "n" * LONGEST_TEXT
    assert SECRET not in words.word(f"token {SECRET}")
    assert SECRET not in words.text(f"token {SECRET}")
    for said, most in ((words.word, LONGEST_WORD), (words.text, LONGEST_TEXT)):
        assert "ya29" not in said("x" * (most - 20) + " " + SECRET), "half of one is nobody's to see"
    assert words.name("a\ud800b") == words.text("a\ud800b") == "a?b"


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        (NOW, "2026-11-27T20:00:00+00:00"),
        (NOW.replace(microsecond=7), "2026-11-27T20:00:00+00:00"),
        (NOW.replace(tzinfo=None), None),
        (AT, AT),
        ("", None),
        ("tomorrow", None),
        (7, None),
        (None, None),
    ],
)
def test_a_moment_is_one_or_none(value, moment):
    """As documents have it, with its zone."""
    assert words.moment(value) == moment


@pytest.mark.parametrize(
    ("value", "number", "count", "share"),
    [
        (True, None, None, 0.0),
        ("1", None, None, 0.0),
        (None, None, None, 0.0),
        (math.nan, None, None, 0.0),
        (math.inf, None, None, 0.0),
        (0, 0.0, 0, 0.0),
        (-1, -1.0, None, 0.0),
        (0.25, 0.25, None, 0.25),
        (7, 7.0, 7, 1.0),
        (MOST, float(MOST), MOST, 1.0),
        (-MOST, float(-MOST), None, 0.0),
        (MOST + 1, None, None, 0.0),
    ],
)
def test_a_number_is_one_that_documents_can_have(value, number, count, share):
    """Within bounds, and nothing that only looks like one."""
    assert (words.number(value), words.count(value), words.share(value)) == (number, count, share)
