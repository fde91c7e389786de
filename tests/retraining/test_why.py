"""Why a service was retrained or not, as people and programs read it."""

import json
from types import SimpleNamespace

import pytest

from reconciler.cli.commands.retrain import GUARDS as GUARDS_OF_COMMAND
from reconciler.cli.commands.retrain import _told as words_of
from reconciler.core.address import Address
from reconciler.core.errors import UsageError
from reconciler.core.inventory import Entry, Inventory
from reconciler.engine.retraining import key_of_wish, read_decision, read_retraining, region_of, reset_circuit
from reconciler.engine.status import RETRAINS, WATCHES, windows_said
from reconciler.kinds.functions_function import VARIABLE
from reconciler.render.retraining import render_retraining
from runtime.retraining.events import MANUAL, key_of
from runtime.retraining.guards import Guard
from tests.operating import REGION, spec
from tests.retraining.conftest import pushed

GUARDS = {"cooldown": 3600, "max_per_day": 9, "max_concurrent": 9}


def read(retraining, last=10):
    return read_retraining(retraining.operator.session(), REGION, "churn", last=last)


def test_the_last_decisions_come_first_with_their_reasons(retraining):
    """And so do the trainings; no more decisions than were asked for."""
    retraining.job()
    for number in ("1", "2", "3"):
        retraining.deliver(pushed(number), "new-data", guards=GUARDS)

    found, now = read(retraining), retraining.operator.session().clock.now()
    text = render_retraining(found.to_json(), now=now).plain

    assert [each["action"] for each in found.decisions] == ["Skip", "Skip", "Start"]
    assert len(read(retraining, last=2).decisions) == 2
    assert [run["status"] for run in found.runs] == ["Started"]
    assert "churn  europe-west1  1 training" in text
    assert "message 1" in text
    assert "cooldown" in text


def test_what_cannot_be_read_is_named_and_hides_nothing(retraining):
    """A damaged history, and a decision that is none."""
    retraining.deliver(pushed("1"), "new-data")
    bucket = retraining.storage.bucket("local-mlservice")
    bucket.blob(f"retraining/{REGION}/churn/history.json").upload_from_string("[]")
    bucket.blob(f"retraining/{REGION}/churn/decisions/zzz.json").upload_from_string(b"\xff")

    found = read(retraining)

    assert len(found.decisions) == 1
    assert len(found.unreadable) == 2
    assert all("is no JSON object of ours" in line for line in found.unreadable)


def test_windows_of_monitors_that_cannot_be_read_are_told_with_the_reason(retraining):
    """Of a service that is trained again by what monitors find; no other has any."""
    retraining.deliver(pushed("1"), "new-data")
    path = f"retraining/{REGION}/churn/windows.json"
    retraining.storage.bucket("local-mlservice").blob(path).upload_from_string("[]")
    of = [Address(kind, REGION, "churn") for kind in (RETRAINS, WATCHES)]
    inventories = [Inventory(f"s{n}", REGION, {a: Entry(a) for a in of[n:]}) for n in (1, 2)]
    watched = Inventory("churn", REGION, {a: Entry(a) for a in of})

    found = windows_said(retraining.operator.session(), [watched, *inventories], {})

    assert found == {(REGION, "churn"): ((), f"gs://local-mlservice/{path} is no JSON object of ours")}


def test_windows_of_labels_are_told_where_the_function_judges_those(retraining):
    """With no monitor beside it; what was said before the spec left that out is old, and told no more."""
    windows = [{"sort": sort, "at": "2026-11-27T06:00:00+00:00", "finding": "Calm"} for sort in ("skew", "performance")]
    blob = retraining.storage.bucket("local-mlservice").blob(f"retraining/{REGION}/churn/windows.json")
    blob.upload_from_string(json.dumps({"format": 1, "windows": windows}))
    function = Address(RETRAINS, REGION, "churn")
    inventory, session = Inventory("churn", REGION, {function: Entry(function)}), retraining.operator.session()

    def said(settings):
        seen = {function: SimpleNamespace(fields=SimpleNamespace(environment={VARIABLE: settings}))}
        return [each.which for found, _ in windows_said(session, [inventory], seen).values() for each in found]

    assert said('{"performance": {"least": 5}}') == ["performance"]
    assert (said("{}"), said("no JSON")) == ([], [])


def test_nothing_that_fired_is_said_in_words(retraining):
    """A service that was never retrained."""
    found = read(retraining)

    assert render_retraining(found.to_json(), now=None).plain.endswith("nothing has fired yet\n")
    json.dumps(found.to_json())


def test_an_open_circuit_is_seen(retraining):
    """With the time at which it closes, until then."""
    guards = {**GUARDS, "cooldown": 0, "failures": 1, "pause": 86_400}
    retraining.deliver(pushed("1"), "new-data", guards=guards)  # there is no job: refused, a failure

    found, now = read(retraining), retraining.operator.session().clock.now()

    assert found.circuit_until > now.isoformat()
    assert "circuit open until" in render_retraining(found.to_json(), now=now).plain


def test_a_wish_is_found_by_its_number(retraining):
    """The command and the function make the same key of it; no code is shared by them."""
    retraining.deliver(pushed("1", trigger=MANUAL, key="wish-1", by="ann"))

    assert key_of_wish("wish-1") == key_of(MANUAL, "wish-1")
    decision = read_decision(retraining.operator.session(), REGION, "churn", key_of_wish("wish-1"))
    assert decision["about"] == "asked for by ann"


def test_a_service_is_found_by_name(retraining):
    """One that nobody applied is named with those that somebody did."""
    retraining.operator.apply(spec("fraud"))
    session = retraining.operator.session()

    assert region_of(session, "fraud", None) == REGION
    with pytest.raises(UsageError) as unknown:
        region_of(session, "churn", None)
    assert unknown.value.hint == "services applied here: fraud"


def test_a_circuit_is_closed_by_hand(retraining):
    """What failed before does not count any more, and nothing else is lost."""
    guards = {**GUARDS, "cooldown": 0, "failures": 1, "pause": 86_400}
    retraining.deliver(pushed("1"), "new-data", guards=guards)
    assert retraining.deliver(pushed("2"), "new-data", guards=guards)[0]["guard"] == "openCircuitAfter"
    session = retraining.operator.session()

    assert reset_circuit(session, REGION, "churn")

    assert read(retraining).circuit_until == ""
    assert len(read(retraining).runs) == 1
    retraining.job()
    assert retraining.deliver(pushed("3"), "new-data", guards=guards)[0]["action"] == "Start"
    assert not reset_circuit(session, REGION, "never-trained")


def test_a_dry_run_decides_and_starts_nothing(retraining):
    """The decision is kept, so that who asked can read it; no run is claimed."""
    retraining.job()

    answer, status = retraining.deliver(pushed("1", trigger=MANUAL, dryRun="true", by="ann"))

    assert (answer["action"], status) == ("WouldStart", 200)
    assert retraining.executions() == []
    assert retraining.kept("history.json") is None


def test_the_command_knows_every_guard_of_the_function():
    """They are two programs; what one offers the other takes."""
    assert set(GUARDS_OF_COMMAND) == {str(guard) for guard in Guard}


def test_a_wish_that_could_not_be_started_is_told_as_such(retraining):
    """No word of a training that starts, where whoever trains refused."""
    answer, _ = retraining.deliver(pushed("1", trigger=MANUAL))

    assert words_of(answer).startswith("training did not start: it could not be started: cannot run ")


def test_what_is_overwritten_while_it_is_read_is_read_again(retraining):
    """The function writes between the look at an object and the read of its bytes: the next look finds the new one."""
    retraining.deliver(pushed("1"), "new-data")
    method = {"method": "storage.objects.get", "status": "NOT_FOUND"}
    retraining.operator.emulator.faults(method | {"skip": 1, "times": 1})

    assert [run["status"] for run in read(retraining).runs] == ["Failed"]
