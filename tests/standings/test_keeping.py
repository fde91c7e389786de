"""What passes keep in the bucket, whatever was there and whatever is in the way."""

import json
from dataclasses import replace
from decimal import Decimal

import jsonschema
import pytest

from reconciler.core.orders import Orders
from reconciler.engine.ladder.books import Books
from reconciler.engine.shard import Shard
from schemas.kept import BudgetBook, PassReport, compact
from schemas.kept.published import schema_text
from tests.operating import BUCKET, REGION, spec
from tests.page.samples import HOSTILE
from tests.standings.passes import MINE, Passes

TOKEN = "ghp_0123456789abcdefABCDEF0123456789abcd"
"""Looks like a credential of a code host."""
WRITE = "storage.objects.insert"


def decided(at, why):
    """A decision as an earlier pass kept it."""
    return {"since": at, "until": at, "count": 1, "phase": "Step", "why": why, "action": "step 1", "wait": ""}


def test_words_of_strangers_are_kept_as_words_and_secrets_not_at_all(operator):
    """Labels, annotations, an owner and reasons: cut to their bounds, without what looks like a credential."""
    words = [word for word in HOSTILE if word.isprintable()][:9]  # the others are no words of a spec
    wanted = [spec(f"s{number}") for number in range(len(words))]
    for each, word in zip(wanted, words, strict=True):
        each["metadata"]["annotations"] = {"owner": f"{word} {TOKEN} " + "long " * 400}
    passes = Passes(operator)
    passes.make(spec("s1"), MINE)
    wanted[0]["spec"]["image"] = f"{REGION}-docker.pkg.dev/local/ml/none:1"

    passes.make(*wanted, MINE)

    said = passes.said()
    jsonschema.validate(said, json.loads(schema_text("standings")))
    assert TOKEN not in json.dumps(said)
    assert passes.blob().download_as_bytes().decode() == compact(said), "as large as it was counted to be"
    found = {each.name: each for each in passes.kept().services}
    assert found.keys() == {each["metadata"]["name"] for each in wanted}
    for number, word in enumerate(words[1:], 1):
        assert found[f"s{number}"].owner.startswith(f"{word} (hidden)"[:200]), word
    refused = found["s0"]
    assert (refused.state, refused.versions, refused.checked) == ("refused", (), None)
    assert "there is no such tag" in refused.problem
    assert [(each.kind, each.why) for each in refused.needs] == [("refused", refused.needs_you[0])]


@pytest.mark.parametrize(
    ("there", "said"),
    [
        pytest.param(b'{"format": "mlservice/standings/v2", "services": []}', "a newer mlservice wrote it", id="newer"),
        pytest.param(b'{"format": "mlservice/report/v2"}', "it is no mlservice/standings of ours", id="another"),
        pytest.param(b"\xff{", "it is no mlservice/standings of ours", id="damaged"),
    ],
)
def test_what_cannot_be_believed_is_begun_anew(operator, there, said):
    """With a sentence in what is written instead; the pass has done its work, and has not failed."""
    passes = Passes(operator)
    passes.make(spec(), MINE)
    passes.blob().upload_from_string(there)

    assert passes.make(spec(), MINE) == 0

    assert any(said in each for each in passes.kept().warnings)
    assert passes.of().versions


def test_what_is_damaged_of_one_service_costs_no_other_its_past(operator):
    """A stranger's part is left out, with all else that was known of it before; the other goes on with its own."""
    passes = Passes(operator)
    passes.make(spec("good"), spec("bad"), MINE)
    said = passes.said()
    for each in said["services"]:
        each["trail"] = [decided("2026-11-26T10:00:00+00:00", f"of {each['name']}")]
    bad = next(each for each in said["services"] if each["name"] == "bad")
    bad["monitoring"] = {"windows": [7], "jobs": []}
    bad["retraining"] = {"decisions": ["x"], "looked": {}}
    said["services"] += [None, 7, {"name": ["x"]}]
    passes.blob().upload_from_string(json.dumps(said))

    passes.make(spec("good"), spec("bad"), MINE)

    assert [each.why for each in passes.of("good").trail][:1] == ["of good"]
    assert "of bad" not in [each.why for each in passes.of("bad").trail]
    assert len(passes.kept().services) == 2


def test_nothing_in_the_way_fails_a_pass(operator):
    """Neither Cloud Monitoring that may not be asked nor a bucket that takes no standings; reports are written."""
    passes = Passes(operator)
    operator.emulator.faults({"method": "*ListTimeSeries", "status": "PERMISSION_DENIED", "times": None})
    assert passes.make(spec(), MINE) == 0
    assert "cannot read request" in passes.of().signals.problem
    operator.emulator.control("DELETE", "calls")
    operator.emulator.faults()
    passes.make(spec(), MINE)
    before, writes = passes.kept(), operator.emulator.calls()[WRITE]
    operator.emulator.advance(300)
    refused = {"method": WRITE, "status": "PERMISSION_DENIED", "skip": writes - 1, "times": None}
    operator.emulator.faults(refused)  # all writes but the last one, which is of standings

    assert passes.make(spec(), MINE) == 0

    operator.emulator.faults()
    report = operator.connection.storage.bucket(BUCKET).blob("operators/m/latest/0.json").download_as_bytes()
    assert PassReport.read(json.loads(report)).ended > before.at
    assert passes.kept() == before


def test_who_has_no_operator_keeps_nothing(operator):
    """Neither a pass by hand nor one that only tries: the bucket is as it was."""
    passes = Passes(operator, Orders())
    passes.make(spec(), MINE)
    Passes(operator).make(spec(env={"A": "1"}), MINE, dry_run=True)

    names = {blob.name for blob in operator.connection.storage.list_blobs(BUCKET)}
    assert not [name for name in names if "standings" in name]


def test_of_a_spec_that_cannot_be_read_what_was_known_stays(operator):
    """It may be the one that is broken; of one that is gone for good nothing is left."""
    passes = Passes(operator)
    passes.make(spec("a"), spec("b"), spec("c"), MINE)

    passes.make(spec("a"), spec("broken", scaling={"minInstances": "many"}), MINE)

    found = {each.name: each for each in passes.kept().services}
    assert found.keys() == {"a", "b", "c"}
    assert {found[name].state for name in "bc"} == {"not looked at"}
    assert all(found[name].versions and "no spec of it" in found[name].needs_you[0] for name in "bc")
    passes.make(spec("a"), MINE)
    assert [each.name for each in passes.kept().services] == ["a"]


def test_a_service_that_moves_to_another_shard_takes_its_past_along(operator):
    """Another number of shards: what was kept by one is read by the one that has it now."""
    names = [f"s{number}" for number in range(6)]
    alone = Passes(operator)
    alone.make(*map(spec, names), MINE)
    said = alone.said()
    for each in said["services"]:
        each["trail"] = [decided("2026-11-26T10:00:00+00:00", f"of {each['name']}")]
    alone.blob().upload_from_string(json.dumps(said))

    shards = [Passes(operator, shard=Shard(index, 2)) for index in (1, 0)]
    for each in shards:
        each.make(*map(spec, names), MINE)

    found = {one.name: one for each in shards for one in each.kept(each.shard.index).services}
    assert found.keys() == set(names)
    assert all(each.trail[0].why == f"of {name}" for name, each in found.items())


def test_how_a_budget_stands_is_there_for_people(operator):
    """What is spent of it and what that comes to, each step with why; a step that holds something back needs a look."""
    budget = {
        "amount": 100,
        "currency": "USD",
        "actions": [{"at": 0.5, "do": "FreezeRetraining"}, {"at": 1.0, "do": "CapInstances", "maxInstances": 1}],
    }
    passes = Passes(operator)
    for _ in range(2):  # what was never applied has no book
        passes.make(spec(budget=budget), MINE)
    session = operator.session()
    [(key, kept)] = Books(session).find([(REGION, "churn")]).books.items()
    book = kept.book
    reading = {"source": "bill", "at": session.clock.now().isoformat(), "cost": "120", "id": "1"}
    taken = {
        "step": book.steps[1].to_json(),
        "since": reading["at"],
        "until": "2999-01-01T00:00:00+00:00",
        "cost": "120",
        "amount": "100",
        "source": "bill",
    }
    said = book.to_json() | {"readings": [reading], "taken": [taken]}
    Books(session).write(BudgetBook.read(said), kept.generation)
    passes.orders = replace(passes.orders, correct=False)

    passes.make(spec(budget=budget), MINE)

    found = passes.of()
    assert (found.budget.limit, found.budget.spent, found.budget.currency) == ("100.00", "120.00", "USD"), key
    assert found.budget.forecast is None or Decimal(found.budget.forecast) >= 120
    assert [(each.do, each.state) for each in found.budget.steps] == [
        ("FreezeRetraining", "not taken"),
        ("CapInstances", "taken"),
    ]
    assert any("by its budget: CapInstances (1) at 100 % holds" in each for each in found.needs_you)
    assert (found.cost.floor, found.cost.missing) == ("0.00", ())


def counted(operator, passes, count):
    """Calls of a pass with nothing to do, by method, of so many services."""
    wanted = [spec(f"s{number:02}") for number in range(count)]
    passes.make(*wanted, MINE)
    operator.emulator.control("DELETE", "calls")
    passes.make(*wanted, MINE)
    calls = operator.emulator.calls()
    return {name: n for name, n in calls.items() if "storage" in name.lower() or "TimeSeries" in name}


def test_a_pass_makes_as_many_calls_more_for_many_as_for_few(operator):
    """Whatever there are of services: reads and writes of the bucket, and lists of Cloud Monitoring, stay as many."""
    few, many = counted(operator, Passes(operator), 2), counted(operator, Passes(operator), 5)

    assert few == many
    assert sum(n for name, n in many.items() if "ListTimeSeries" in name) == 2
