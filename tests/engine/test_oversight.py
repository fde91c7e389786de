"""What the latest reports say of each service: whole or not, fresh or not, of whatever version."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from reconciler.core.errors import UnreadableInventory
from reconciler.core.inventory import Inventories, Inventory
from reconciler.engine.inventory_store import InventoryStore
from reconciler.engine.oversight import Oversight, read_oversight
from reconciler.engine.status import read_status
from reconciler.render.moments import ago
from reconciler.render.operator import log_lines, pass_lines
from schemas.kept import KeptError, PassReport
from tests.operating import BUCKET, REGION, spec

NOW = datetime(2026, 11, 26, 12, 0, 30, tzinfo=UTC)
PROBLEM = "it would destroy what the spec protects"


def report(minutes_ago=1, index=0, count=1, **more):
    moment = (NOW - timedelta(minutes=minutes_ago)).isoformat()
    said = {"format": PassReport.form(), "shard": {"index": index, "count": count}, "started": moment, "ended": moment}
    return PassReport.read(said | more)


def told(state="ok", *problems, region=REGION):
    return {"region": region, "state": state, "problems": list(problems)}


def job(*reports, **more):
    return Oversight("mlservice", NOW, "*/5 * * * *", shards=1, reports=reports, **more)


@pytest.mark.parametrize(
    ("state", "needs"),
    [("ok", False), ("changed", False), ("frozen", False), ("locked", False), ("reported", True), ("blocked", True),
     ("refused", True), ("failed", True), ("needs a person", True)],
)  # fmt: skip
def test_what_the_last_pass_found(state, needs):
    """Each state is said in words, and a person is called where one is needed."""
    found = job(report(services={"churn": told(state, PROBLEM)})).of(REGION, "churn")

    assert (found.state, found.problems, bool(found.needs), found.stale) == (state, (PROBLEM,), needs, False)
    assert found.said
    assert found.alarm == (f"{state}: {PROBLEM}" if needs else "")


def test_a_service_that_no_report_names():
    """Nobody reconciles it, nobody has reported, no spec wants it, or it was not looked at: four different things."""
    orphan = report(orphaned=[{"region": REGION, "name": "churn"}])
    unread = report(problems=["specs/churn.yaml:3: no such key"])

    assert Oversight("", NOW).of(REGION, "churn").state == "by hand"
    assert job().of(REGION, "churn").state == "not reported"
    assert job(orphan).of(REGION, "churn").state == "orphaned"
    assert "mlservice destroy churn" in job(orphan).of(REGION, "churn").needs
    going = report(orphaned=[{"region": REGION, "name": "churn", "reason": "it goes after noon", "goes": True}])
    assert (job(going).of(REGION, "churn").state, [*job(going).alarms()]) == ("going", []), "nobody has to do anything"
    assert job(unread).of(REGION, "churn").problems == ("specs/churn.yaml:3: no such key",)
    elsewhere = job(report(services={"churn": told(region="us-east1")}))
    assert elsewhere.of(REGION, "churn").state == "not looked at"


def test_what_nothing_was_made_of():
    """Named once, whatever number of shards told of it; not where nobody can know that, or where it would be."""
    said = {name: told("refused") for name in ("churn", "known", "broken")} | {"lost": told("refused", region="")}
    known = Inventories({(REGION, "known"): Inventory(service="known", region=REGION)})
    known.broken = {f"inventories/{REGION}/broken.json": UnreadableInventory("damaged")}

    assert [*job(report(services=said), report(9, index=1, services=said)).beyond(known)] == [(REGION, "churn")]


def test_the_newer_report_is_believed():
    """Another number of shards gave a service to another one; what its old shard said of it is past."""
    old = report(9, index=1, services={"churn": told("failed", "no")})
    new = report(1, index=0, services={"churn": told()})

    assert job(new, old).of(REGION, "churn").state == "ok"


@pytest.mark.parametrize(
    ("minutes", "more", "stale"),
    [(3, {}, False), (6, {}, False), (12, {}, True), (900, {"paused": True}, False), (900, {"time_zone": "?"}, False)],
)
def test_two_missed_passes_make_a_report_stale(minutes, more, stale):
    """One may be at work still; of a job that is paused, or whose time nobody here can tell, none is due."""
    found = job(report(minutes, services={"churn": told()}), **more)

    assert found.of(REGION, "churn").stale is stale
    assert any("no pass has reported since" in problem for problem in found.problems) is stale


def test_a_pass_that_takes_long_is_waited_for():
    """What was due while the last one may still have been at work was not missed."""
    assert job(report(12, seconds=600.0)).problems == ()


def test_half_a_set_of_reports_is_said():
    """One shard has never reported, another one stopped to."""
    found = Oversight("m", NOW, "*/5 * * * *", shards=3, reports=(report(1, 0, 3), report(60, 2, 3)))

    assert [problem.split(" since")[0] for problem in found.problems] == [
        "shard 2 has not reported",
        "shard 1 has never reported: what is its share is not known",
    ]


def put(operator, name, content):
    operator.connection.storage.bucket(BUCKET).blob(f"operators/mlservice/latest/{name}").upload_from_string(content)


def test_reports_that_cannot_be_read_are_named_and_hide_no_other(operator):
    """A newer version, damage, and what is no JSON; an older version is read."""
    store = InventoryStore(operator.session())
    store.take(Inventory(service="operator_mlservice", region=REGION))
    old = {"format": "mlservice/report/v1", "shard": {"index": 0, "count": 4}, "started": NOW.isoformat(),
           "ended": NOW.isoformat(), "services": {"churn": told() | {"changes": []}}}  # fmt: skip
    put(operator, "0.json", json.dumps(old))
    put(operator, "1.json", json.dumps(old | {"format": "mlservice/report/v3"}))
    put(operator, "2.json", json.dumps(old | {"ended": "soon"}))
    put(operator, "3.json", "[" * 100_000)

    found = read_oversight(operator.session(), store.read_all())

    assert found.of(REGION, "churn").state == "ok"
    assert [trouble.partition(".json: ")[2][:28] for trouble in found.problems] == [
        "a newer mlservice wrote it (", "it is damaged: ended: Value ", "it is no JSON",
    ]  # fmt: skip


@pytest.mark.usefixtures("faultless")
def test_services_are_shown_though_reports_cannot_be_read(operator):
    """Whoever may see services need not be one who may see the job."""
    operator.apply(spec())
    store = InventoryStore(operator.session())
    store.take(Inventory(service="operator_mlservice", region=REGION))
    operator.emulator.faults({"method": "storage.objects.list", "status": "PERMISSION_DENIED", "skip": 1})

    found = read_status(operator.session(), [])

    assert [each.inventory.service for each in found.services] == ["churn"]
    assert found.oversight.problems[0].startswith("what the job's passes did cannot be read")
    assert not found.well


@pytest.fixture
def faultless(emulator):
    """No fault is left behind."""
    yield
    emulator.faults()


def test_reads_of_a_fleet_do_not_grow_with_it(operator):
    """But for the policy of each service, which nothing reads in bulk."""

    def reads():
        before = operator.emulator.calls()
        read_status(operator.session(), [])
        after = operator.emulator.calls()
        made = {name: count - before.get(name, 0) for name, count in after.items()}
        return sum(count for name, count in made.items() if not name.endswith("/GetIamPolicy"))

    operator.apply(spec("s0"), spec("s1"))
    few = reads()
    operator.apply(*(spec(f"s{number}") for number in range(6)))

    assert reads() == few


EXTREMES = [None, True, -1, 1 << 200, 1e308, float("inf"), float("nan"), "", "\ud800\n", [], {}, [[None]],
            "9999-12-31T23:59:59+00:00", "0001-01-01T00:00:00+00:00", "2026-11-26\n12:00:00+00:00"]  # fmt: skip


def places(value, path=()):
    """Every place in a document."""
    if path:
        yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in items:
        yield from places(each, (*path, key))


def with_it(document, path, value):
    """The same document with another value in one place."""
    changed = json.loads(json.dumps(document))
    holder = changed
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = value
    return changed


def test_any_report_is_told_of_or_refused_with_a_sentence():
    """Whoever may write to the bucket may write anything: no number and no moment ends a command in a traceback."""
    change = {"address": "a", "action": "update", "outcome": "done", "fields": [{"path": "p", "before": 1}]}
    whole = report(
        services={"churn": told("failed", "no") | {"changes": [change]}, "operator_mlservice": told("failed", "no")},
        orphaned=[{"region": REGION, "name": "gone", "since": NOW.isoformat(), "changes": [change]}],
        calls=[{"api": "run.googleapis.com", "calls": 3, "throttled": 1}],
        bundle={"digest": "d"}, source={"kind": "git"}, problems=["p"], warnings=["w"],
        canary={"build": {"version": "1"}, "held": {"a": "b"}},
    ).to_json()  # fmt: skip
    read = 0

    for path in places(whole):
        for value in EXTREMES:
            try:
                found = PassReport.read(with_it(whole, path, value))
            except KeptError:
                continue
            read += 1
            overseen = job(found)
            shown = [*pass_lines(found.to_json(), ago(found.ended, NOW)), *log_lines(found.to_json())]
            assert shown, path
            assert overseen.problems is not None
            assert [overseen.of(REGION, name).to_json() for name in ("churn", "gone")], path
    assert read > len(EXTREMES)
