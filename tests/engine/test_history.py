"""What becomes of services is kept, change by change, and read back: bounded, whole, and with no secret in it."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from reconciler.core.address import Address
from reconciler.core.diff import FieldChange
from reconciler.core.errors import UsageError
from reconciler.core.plan import Action, Change
from reconciler.core.told import told_change
from reconciler.engine import history as module
from reconciler.engine.entries import Circumstances, of_orphans, of_pass
from reconciler.engine.history import History
from reconciler.engine.passes import Service
from schemas.kept import PassReport
from schemas.kept.changes import Orphan
from tests.operating import BUCKET, REGION

START = datetime(2026, 11, 26, 10, tzinfo=UTC)
ADDRESS = Address("run_service", REGION, "churn")
DONE = told_change(Change(ADDRESS, Action.UPDATE, ("churn",), reason="config drift"), "done")
LEFT = DONE | {"outcome": "blocked"}


def about(minutes=0, run="run-1"):
    moment = (START + timedelta(minutes=minutes)).isoformat()
    return Circumstances("local", "", moment, moment, {"kind": "person", "name": "ann", "run": run}, {})


def entry(minutes=0, service="churn", region=REGION, **more):
    return about(minutes, **more).entry((region, service), "changed", [DONE], [])


@pytest.fixture
def kept(operator):
    """A project's history, empty."""
    operator.connection.state.make()
    return History(operator.session())


def test_the_newest_ones_come_first_and_only_as_many_as_were_asked_for(kept):
    """Of each region, of one, since a moment; how many older ones there are is told."""
    kept.write([entry(minutes) for minutes in range(4)])
    kept.write([entry(9, region="us-east1"), entry(8, "churn-b")])

    found = kept.of("churn", limit=3)

    assert [(each.region, each.ended[14:16]) for each in found.entries] == [
        ("us-east1", "09"), (REGION, "03"), (REGION, "02"),
    ]  # fmt: skip
    assert found.older == 2
    assert len(kept.of("churn", REGION, limit=9).entries) == 4
    assert len(kept.of("churn", limit=9, since=START + timedelta(minutes=3)).entries) == 2
    assert kept.of("none", limit=9).entries == ()


def test_a_service_keeps_its_last_entries(kept, monkeypatch):
    """Who writes one removes what is too old, of that service alone."""
    monkeypatch.setattr(module, "KEPT", 3)
    kept.write([entry(service="other")])
    for minutes in range(5):
        kept.write([entry(minutes)])

    assert [each.ended[14:16] for each in kept.of("churn", limit=9).entries] == ["04", "03", "02"]
    assert len(kept.of("other", limit=9).entries) == 1


def test_one_that_cannot_be_read_hides_no_other(kept, operator):
    """Damage, a newer version, another service's entry and a stranger's file: each is named or left out."""
    kept.write([entry(), entry(1)])
    bucket = operator.connection.storage.bucket(BUCKET)
    [whole] = kept.of("churn", limit=1).entries
    folder = f"history/churn/{REGION}/"
    lies = {
        "20261126T110000.000Z-a.json": "{",
        "20261126T110001.000Z-b.json": json.dumps(whole.to_json() | {"format": "mlservice/history/v9"}),
        "20261126T110002.000Z-c.json": json.dumps(whole.to_json() | {"service": "other"}),
        "20261126T110003.000Z-d.json": "[" * 100_000,
        "notes.txt": "mine",
        "../../20261126T110004.000Z-e.json": "{}",
    }
    for name, content in lies.items():
        bucket.blob(folder + name).upload_from_string(content)

    found = kept.of("churn", limit=9)

    assert len(found.entries) == 2
    assert [why.partition(": ")[2].split(":")[0][:22] for why in found.unreadable] == [
        "it is no JSON", "it says that it is of ", "a newer mlservice wrot", "it is no JSON",
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["../inventory", "churn/", "Churn", "", "a" * 100, "churn\n", "*"])
def test_what_is_no_name_reads_nothing(kept, name):
    """A name becomes a part of a path in the bucket."""
    with pytest.raises(UsageError):
        kept.of(name, limit=1)


def test_reads_do_not_grow_with_what_there_is(kept, operator):
    """One list and as many reads as entries were asked for."""
    kept.write([entry(minutes) for minutes in range(30)])
    before = operator.emulator.calls()

    kept.of("churn", limit=2)

    after = operator.emulator.calls()
    made = {name: count - before.get(name, 0) for name, count in after.items() if count > before.get(name, 0)}
    assert made["storage.objects.list"] == 1
    assert made["storage.objects.get"] <= 4, made


def test_secrets_are_in_no_entry(kept, operator):
    """Not by the name of a variable, not by their shape, not as half of one that was cut."""
    token = "ghp_" + "a1B2" * 9
    changes = (
        FieldChange("env.API_TOKEN", "hunter2hunter2", "correct horse"),
        FieldChange("env.NOTE", None, f"use {token}"),
        FieldChange("description", "x" * 490 + token, "y"),
    )
    told = told_change(Change(ADDRESS, Action.UPDATE, ("churn",), changes=changes), "done", error=f"refused {token}")
    kept.write([about().entry((REGION, "churn"), "changed", [told], [f"bad {token}"])])

    [blob] = operator.connection.storage.list_blobs(BUCKET, prefix="history/")
    text = blob.download_as_bytes().decode()

    assert not [secret for secret in ("hunter2", "correct horse", token[:12]) if secret in text], text


def test_an_entry_stays_small_whatever_was_done(kept):
    """Of a thousand changes a hundred are told, the others counted; long values are cut."""
    long = told_change(
        Change(ADDRESS, Action.UPDATE, ("churn",), changes=(FieldChange("a", "x " * 9000, ["y"] * 9000),)), "done"
    )
    kept.write([about().entry((REGION, "churn"), "changed", [long] * 1000, [])])

    [found] = kept.of("churn", limit=1).entries

    assert (len(found.changes), found.left_out) == (100, 900)
    assert len(json.dumps(found.to_json())) < 300_000


def report(**services):
    moment = START.isoformat()
    told = {name: service.to_json() for name, service in services.items()}
    return PassReport.read({"format": PassReport.form(), "shard": {"index": 0}, "started": moment, "ended": moment,
                            "services": told})  # fmt: skip


BLOCKED = Service(REGION, "blocked", ["it would delete"], [LEFT])
OK = Service(REGION)
CHANGED = Service(REGION, "changed", [], [DONE])


@pytest.mark.parametrize(
    ("before", "now", "outcome"),
    [
        (None, OK, None),
        (OK, OK, None),
        (OK, CHANGED, "changed"),
        (CHANGED, CHANGED, "changed"),
        (CHANGED, OK, None),
        (None, BLOCKED, "blocked"),
        (OK, BLOCKED, "blocked"),
        (BLOCKED, BLOCKED, None),
        (BLOCKED, replace(BLOCKED, problems=["something else"]), "blocked"),
        (BLOCKED, OK, "ok"),
        (BLOCKED, Service(REGION, "locked", ["held"]), None),
        (Service(REGION, "locked", ["held"]), OK, None),
        (BLOCKED, Service(REGION, "failed", ["no"], [DONE, DONE | {"outcome": "failed"}]), "partly"),
    ],
)
def test_a_pass_adds_what_is_news(before, now, outcome):
    """What was changed, what newly is in the way, and that it is gone; the same once more adds nothing."""
    known = None if before is None else report(churn=before)

    assert [each["outcome"] for each in of_pass({"churn": now}, known, about())] == ([outcome] if outcome else [])


def test_where_nobody_keeps_reports_only_changes_are_kept():
    """A pass by hand cannot tell what is new."""
    told = {"a": BLOCKED, "b": CHANGED}

    assert [each["service"] for each in of_pass(told, None, about(), alone=True)] == ["b"]


@pytest.mark.parametrize(
    ("state", "outcome"), [("pruned", "destroyed"), ("failed", "failed"), ("orphaned", None)], ids=str
)
def test_a_service_that_went_for_want_of_a_spec_has_an_entry(state, outcome):
    """With the reason; one that stays has none, and one that cannot go has it once."""
    orphan = {"region": REGION, "name": "churn", "state": state, "reason": "no spec wanted it", "changes": []}
    before = report()
    after = before.model_copy(update={"orphaned": (Orphan.model_validate(orphan),)})

    [*found] = of_orphans([orphan], before, about())

    assert [(each["outcome"], each["reason"]) for each in found] == ([(outcome, orphan["reason"])] if outcome else [])
    assert len([*of_orphans([orphan], after, about())]) == (state == "pruned")
