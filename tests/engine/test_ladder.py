"""A budget that is spent, on the emulator: what the world looks like after each step, and when the month is over."""

import json
from contextlib import suppress
from datetime import timedelta
from decimal import Decimal

import pytest

from reconciler.core import errors
from reconciler.core.ladder.deciding import new_book
from reconciler.core.ladder.period import end_of
from reconciler.core.naming import CAP_LABEL
from reconciler.engine import retraining
from reconciler.engine.ladder.books import Books
from reconciler.engine.ladder.standing import lift, read_standings
from tests.conftest import HTTP
from tests.operating import BUCKET, REGION, spec
from tests.spending import LADDER, SUBSCRIPTION, World, budgeted

OTHER = [LADDER[0], {"at": 1.1, "do": "CapInstances", "maxInstances": 2}]
LIST = "google.monitoring.v3.MetricService/ListTimeSeries"


@pytest.fixture
def world(operator):
    return World(operator)


def test_a_month_goes_up_the_ladder_and_its_end_takes_all_of_it_back(world):
    """Each step changes the world and no revision; at the month's end all is as the spec has it."""
    operator = world.operator
    operator.apply(budgeted())
    before = operator.service().latest_created_revision
    assert world.reconcile(budgeted()) == []
    assert world.scaling == (1, 0)

    world.spend(946)
    (first, second) = world.reconcile(budgeted())
    assert "churn: over 50 % of its budget until 1 " in first
    assert "churn: no instance kept warm, by budget until 1 " in second
    assert "(105 % of 900 EUR; lift: mlservice budget lift churn)" in second
    assert world.scaling == (0, 0)

    world.spend(1100)
    assert len(world.reconcile(budgeted())) == 3
    assert world.scaling == (0, 1)
    assert operator.service().latest_created_revision == before
    planned = operator.plan(budgeted()).plan
    assert planned.empty
    (capped,) = [note for note in planned.notes if "capped by budget until 1 " in note.text]
    assert capped.where.endswith(": budget.actions[2]")
    assert world.waiting() == 0

    world.advance(end_of(world.now) - world.now)
    assert not operator.plan(budgeted()).plan.empty
    assert world.reconcile(budgeted()) == []
    assert world.scaling == (1, 0)
    assert world.book().taken == ()
    assert operator.plan(budgeted()).plan.empty


def test_a_laptop_undoes_what_its_spec_says_is_over(world):
    """A raised amount, a step that is gone, no budget at all: the plan follows from the spec and the book."""
    operator = world.operator
    operator.apply(budgeted())
    world.spend(1100)
    world.reconcile(budgeted())
    assert world.scaling == (0, 1)

    operator.apply(budgeted(1000))
    assert world.scaling == (0, 0)
    operator.apply(budgeted())
    assert world.scaling == (0, 1)
    operator.apply(budgeted(actions=[LADDER[2]]))
    assert world.scaling == (1, 1)
    operator.apply(spec(scaling={"minInstances": 1, "maxInstances": 3}))
    assert world.scaling == (1, 0)


def test_a_limit_of_costs_holds_no_cap_for_ever_and_judges_what_comes_after_it(world):
    """A plan is judged as if nothing were capped: the cap's end raises nothing, and what is behind it does."""
    operator = world.operator
    operator.apply(budgeted())
    limited = budgeted(limit=20)
    assert operator.plan(limited).plan.costs["churn"].over == "", "it was so dear before"
    operator.apply(limited)
    world.spend(1100)
    world.reconcile(limited)
    assert world.scaling == (0, 1)

    before, more = (operator.plan(budgeted(limit=20, most=most)).plan for most in (3, 30))
    assert before.empty
    assert Decimal(more.costs["churn"].worst) > 9 * Decimal(before.costs["churn"].worst)
    assert "above budget.planLimit" in more.costs["churn"].over
    assert "; less while capped until 1 " in more.costs["churn"].said()

    lift(operator.session(), "churn", None, do="CapInstances", lasts=timedelta(days=2), by="ana", dry=False)
    assert "; less while none is kept warm until 1 " in operator.plan(limited).plan.costs["churn"].said()
    world.reconcile(limited)
    assert world.scaling == (0, 0)

    world.advance(end_of(world.now) - world.now)
    world.reconcile(limited)
    assert world.scaling == (1, 0)
    assert "; less " not in operator.plan(limited).plan.costs["churn"].said()


def test_the_limit_that_a_cap_stands_in_for_comes_back(world):
    """Somebody's own limit is not lost by it."""
    operator = world.operator
    operator.apply(budgeted())
    service = operator.service()
    service.scaling.max_instance_count = 2
    services = operator.api("google.cloud.run_v2", "services", "Services")
    services.update_service(request={"service": service, "update_mask": {"paths": ["scaling"]}}).result(timeout=20)
    world.spend(1100)
    world.reconcile(budgeted(limit=20))
    assert world.scaling == (0, 1)
    assert operator.plan(budgeted(limit=20)).plan.empty

    world.advance(end_of(world.now) - world.now)
    world.reconcile(budgeted(limit=20))
    assert world.scaling == (1, 2)
    assert operator.plan(budgeted(limit=20)).plan.empty


def test_a_cap_that_somebody_takes_away_is_put_back(world):
    """And one that nobody of ours ever set is left as it is found."""
    operator = world.operator
    services = operator.api("google.cloud.run_v2", "services", "Services")

    def by_hand(most):
        service = operator.service()
        service.scaling.max_instance_count = most
        services.update_service(request={"service": service, "update_mask": {"paths": ["scaling"]}}).result(timeout=20)

    operator.apply(budgeted())
    by_hand(2)
    assert operator.plan(budgeted()).plan.empty

    world.spend(1100)
    world.reconcile(budgeted())
    by_hand(3)
    (change,) = operator.plan(budgeted()).plan.pending
    assert [(each.path, each.before, each.after) for each in change.changes] == [("service_max", 3, 1)]
    assert change.consequence == "the whole service has 1 instance at most, by its budget"


def test_a_cap_whose_book_is_gone_is_taken_away(world):
    """The service itself says whose its limit is; one that a person sets afterwards is theirs."""
    operator = world.operator
    operator.apply(budgeted())
    world.spend(1100)
    world.reconcile(budgeted())
    assert (world.scaling, operator.service().labels[CAP_LABEL]) == ((0, 1), "min-1-max-0")

    operator.connection.storage.bucket(BUCKET).blob(f"budgets/{REGION}/churn.json").delete()
    (change,) = operator.plan(budgeted()).plan.pending
    assert "the whole service is not capped any more" in change.consequence
    before = operator.service().latest_created_revision
    operator.apply(budgeted())
    service = operator.service()
    assert (world.scaling, service.latest_created_revision) == ((1, 0), before)
    assert CAP_LABEL not in service.labels
    assert service.labels["mlservice-service"] == "churn"

    service.scaling.max_instance_count = 2
    services = operator.api("google.cloud.run_v2", "services", "Services")
    services.update_service(request={"service": service, "update_mask": {"paths": ["scaling"]}}).result(timeout=20)
    assert operator.plan(budgeted()).plan.empty


def test_a_cap_goes_with_its_label_though_no_inventory_knows_it(world):
    """Left behind, the label would make the limit of a person ours."""
    operator = world.operator
    operator.apply(budgeted())
    service = operator.service()
    service.scaling.max_instance_count = 1
    service.labels[CAP_LABEL] = "budget"
    services = operator.api("google.cloud.run_v2", "services", "Services")
    paths = {"paths": ["labels", "scaling"]}
    services.update_service(request={"service": service, "update_mask": paths}).result(timeout=20)

    operator.apply(budgeted())
    assert world.scaling == (1, 0)
    assert CAP_LABEL not in operator.service().labels
    assert operator.plan(budgeted()).plan.empty


@pytest.mark.parametrize(
    "how",
    [{"correct": False}, {"dry_run": True}],
    ids=["reporting", "dry-run"],
)
def test_a_pass_that_changes_nothing_takes_no_step(world, how):
    """It reads no notice either: the next one that may act does."""
    world.operator.apply(budgeted())
    world.spend(1100)
    world.reconcile(budgeted(), **how)

    assert world.scaling == (1, 0)
    assert world.waiting() > 1


def test_what_cannot_be_read_is_said_and_stops_nothing(world):
    """Without a subscription, without a word of what a dollar is: the pass goes on, and says so."""
    world.operator.apply(budgeted())
    subscriber = world.operator.api("google.pubsub_v1", "subscriber", "Subscriber")
    subscriber.delete_subscription(request={"subscription": SUBSCRIPTION})
    told = world.reconcile(budgeted(rate=None))

    assert any(
        "what is billed is not known: there is no subscription churn-budget-europe-west1" in text for text in told
    )
    assert any("there is no estimate of our own: prices are in US dollars" in text for text in told)
    assert "ScaleToZero at 100 % is not taken: nothing is known of what was spent this month" in world.book().said


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param({"method": "storage.objects.insert", "status": "PERMISSION_DENIED", "times": 9}, id="no-book"),
        pytest.param({"method": "storage.objects.insert", "status": "UNAVAILABLE", "when": "after"}, id="lost-answer"),
        pytest.param({"method": "*Subscriber/Acknowledge", "status": "PERMISSION_DENIED", "times": 9}, id="no-ack"),
        pytest.param({"method": "*Services/UpdateService", "status": "PERMISSION_DENIED", "times": 9}, id="no-update"),
    ],
)
def test_what_breaks_on_the_way_is_finished_by_the_next_pass(world, fault):
    """Notices are acknowledged when a book has them, and not before; a step that is written down is taken."""
    world.operator.apply(budgeted())
    world.spend(1100)
    world.emulator.faults(fault)
    with suppress(errors.ReconcilerError):  # the pass failed, and says so
        world.reconcile(budgeted())
    world.emulator.faults()
    world.advance(timedelta(minutes=11))

    world.reconcile(budgeted())
    assert world.scaling == (0, 1)
    assert world.waiting() == 0
    assert world.operator.plan(budgeted()).plan.empty


def test_a_damaged_book_is_named_and_stops_no_other(world):
    """What it says is not guessed: its service is left alone, and the others are looked after."""
    other = spec("other")
    world.operator.apply(budgeted(), other)
    bucket = world.operator.connection.storage.bucket(BUCKET)
    bucket.blob(f"budgets/{REGION}/churn.json").upload_from_string("[")
    world.operator.apply(other)
    services = world.operator.api("google.cloud.run_v2", "services", "Services")
    services.delete_service(request={"name": f"projects/local/locations/{REGION}/services/other"}).result(timeout=20)

    (told,) = world.reconcile(budgeted(), other)
    assert "the book of its budget cannot be read: gs://local-mlservice/budgets/europe-west1/churn.json" in told
    assert "; delete it: the next pass begins a new one" in told
    with pytest.raises(errors.PlansRefused) as refused:
        world.operator.plan(budgeted())
    assert refused.value.hint.startswith("delete it: ")
    with pytest.raises(errors.UsageError) as refused:
        lift(world.operator.session(), "churn", None, do="", lasts=None, by="ana", dry=True)
    assert refused.value.hint.startswith("delete it: ")
    (said,) = read_standings(world.operator.session(), []).unreadable
    assert "; delete it: " in said
    assert {each.name.rpartition("/")[2] for each in world.operator.services()} == {"churn", "other"}


class Overtaken(Books):
    """Others write and delete between its list and its reads."""

    def _listed(self):
        found = super()._listed()
        first, second = sorted(found, key=lambda blob: blob.name)
        content = json.loads(first.download_as_bytes())
        first.bucket.blob(first.name).upload_from_string(json.dumps({**content, "currency": "CHF"}))
        second.bucket.blob(second.name).delete()
        return found


def test_a_book_that_changes_while_it_is_read_is_read_again(world):
    """Another pass of a sharded job writes all the time: it is as it is by now, or it is not there."""
    world.operator.apply(spec())
    session, now = world.operator.session(), world.now
    for name in ("basket", "churn"):
        Books(session).write(new_book(name, REGION, now), 0)

    found = Overtaken(session).find([(REGION, "basket"), (REGION, "churn")])

    assert {name: kept.book.currency for (_, name), kept in found.books.items()} == {"basket": "CHF"}
    Books(session).write(new_book("basket", REGION, now), found.books[REGION, "basket"].generation)


def test_each_region_of_a_service_hears_what_the_budget_tells(world):
    """They have one budget, and tasks of a job that see nothing of each other: what one read the other reads, too."""
    here, there = budgeted(), budgeted(region="europe-north1")
    world.operator.apply(here)
    world.operator.apply(there)
    world.spend(1100)
    first, second = world.reconcile(here), world.reconcile(there)

    assert len(first) == len(second) == len(LADDER)
    assert all("capped by budget" in told[-1] for told in (first, second))
    assert world.operator.plan(here).plan.empty
    assert world.operator.plan(there).plan.empty


def test_what_strangers_publish_is_counted_and_not_repeated(world):
    """A thousand messages that are none make a sentence for each sort of it, and none of their words is in the book."""
    world.operator.apply(budgeted())
    world.spend(1100)
    publisher = world.operator.api("google.pubsub_v1", "publisher", "Publisher")
    evil = {"costIntervalStart": "2026-11-01T08:00:00Z", "budgetAmount": 1, "currencyCode": "evil", "costAmount": 0}
    odd = [b"evil words", *(json.dumps({**evil, "currencyCode": f"E{a}{b}"}).encode() for a in "VIL" for b in "VIL")]
    odd += [json.dumps({**evil, "evil": each}).encode() for each in range(40)]
    publisher.publish(request={"topic": "projects/local/topics/churn-budget", "messages": [{"data": x} for x in odd]})
    told = world.reconcile(budgeted())

    assert any(
        "40 messages of churn-budget-europe-west1 cannot be read: currencyCode is no currency" in x for x in told
    )
    assert any("a message of churn-budget-europe-west1 cannot be read: it is no JSON" in text for text in told)
    assert "9 notices not counted: of another budget" in world.book().said
    assert "evil" not in json.dumps(world.book().to_json()) + " ".join(told)
    assert world.scaling == (0, 1)


def test_steps_that_left_the_spec_begin_anew_when_they_come_back(world):
    """What was spent before is not held against them; until then nothing holds, and it is said why."""
    world.operator.apply(budgeted())
    world.spend(1100)
    world.reconcile(budgeted())
    without = spec(scaling={"minInstances": 1, "maxInstances": 3})
    assert world.reconcile(without) == []
    (standing,) = read_standings(world.operator.session(), ["churn"]).services
    assert (standing.to_json()["steps"], standing.to_json()["bill"]) == ([], None)
    assert standing.to_json()["said"] == ["budget.actions is no longer in the spec"]
    assert world.scaling == (1, 0)

    (told,) = world.reconcile(budgeted())
    assert "there is no subscription" in told
    assert world.scaling == (1, 0)
    world.advance(timedelta(hours=30))
    assert len(world.reconcile(budgeted())) == len(LADDER)


def test_the_time_of_instances_is_read_once_for_all_services(world):
    """However many have a budget."""
    specs = [budgeted(), budgeted() | {"metadata": {"name": "basket"}}]
    world.operator.apply(*specs)
    world.advance(timedelta(hours=1))
    counts = []
    for some in (specs[:1], specs):
        world.emulator.control("DELETE", "calls")
        world.reconcile(*some)
        counts.append(world.emulator.calls().get(LIST, 0))
        world.advance(timedelta(minutes=20))

    shown = 2  # requests and latencies, for standings
    assert counts == [4 + shown, 4 + shown], "what is billed, who is seen, what requests and what starts took"


def test_the_book_goes_with_the_service(world):
    """Nothing of it is left in the bucket, and so no bucket."""
    world.operator.apply(budgeted())
    world.spend(1100)
    world.reconcile(budgeted())
    world.operator.destroy("churn")

    assert list(world.operator.connection.storage.list_blobs(BUCKET, prefix="budgets/")) == []


HISTORY = f"retraining/{REGION}/churn/history.json"
TRAINED = {"run": {"cloudRunJob": {"name": "train"}}}
FREEZING = [{"at": 1.0, "do": "FreezeRetraining"}, {"at": 1.5, "do": "StopJobs"}]


@pytest.mark.slow
def test_trainings_are_frozen_and_stopped_until_the_month_ends(world):
    """The function asks before each start, and says why it does not start; a wish is held back as well."""
    operator = world.operator
    operator.make_job()
    operator.apply(budgeted(actions=[]))
    world.spend(1400)  # before there is a function, which would look after nothing every ten minutes
    frozen = budgeted(actions=FREEZING, retraining=TRAINED)
    operator.apply(frozen)
    found = []
    while not found:  # notices come every four hours, and one of them now and then nine hours late
        world.advance(timedelta(hours=5))
        found = world.reconcile(frozen)
    (said, stopped) = found
    session, until = operator.session(), end_of(world.now)

    assert "churn: retraining frozen by budget until 1 " in said
    assert "churn: running trainings stopped by budget until 1 " in stopped
    assert operator.plan(frozen).plan.empty
    key = retraining.wish(session, REGION, "churn")
    decision = retraining.awaited(session, REGION, "churn", key, within_s=60)
    assert (decision["action"], decision["guard"]) == ("Skip", "frozen")
    assert decision["until"] == until.isoformat()
    assert "retraining frozen by budget" in retraining.read_retraining(session, REGION, "churn", last=0).frozen

    told = lift(session, "churn", None, do="FreezeRetraining", lasts=timedelta(hours=1), by="ana", dry=False)
    assert told[0].startswith("FreezeRetraining at 100 % ends, and is not taken until ")
    key = retraining.wish(session, REGION, "churn", dry=True)
    assert retraining.awaited(session, REGION, "churn", key, within_s=60)["action"] == "WouldStart"

    world.advance(timedelta(hours=2))
    world.reconcile(frozen)
    assert retraining.read_retraining(operator.session(), REGION, "churn", last=0).frozen


def test_what_a_person_froze_stays_frozen(world):
    """A budget ends only what it began."""
    bucket = world.operator.connection.storage.bucket(BUCKET)
    world.operator.apply(budgeted())
    world.spend(100)
    world.reconcile(budgeted())
    session = world.operator.session()
    wanted = retraining.Restraint(frozen="by budget", until=end_of(world.now))
    assert retraining.restrain(session, REGION, "churn", wanted)
    assert not retraining.restrain(session, REGION, "churn", wanted)
    assert retraining.restrain(session, REGION, "churn", retraining.Restraint())
    history = json.loads(bucket.blob(HISTORY).download_as_bytes())
    assert (history["frozen"], history["frozenUntil"], history["runs"]) == ("", None, [])
    over = (world.now - timedelta(seconds=1)).isoformat()
    bucket.blob(HISTORY).upload_from_string(json.dumps({**history, "frozen": "a budget", "frozenUntil": over}))
    assert retraining.read_retraining(session, REGION, "churn", last=0).frozen == ""

    bucket.blob(HISTORY).upload_from_string(json.dumps({**history, "frozen": "audit"}))
    assert not retraining.restrain(session, REGION, "churn", retraining.Restraint())
    assert not retraining.restrain(session, REGION, "churn", wanted)
    assert retraining.read_retraining(session, REGION, "churn", last=0).frozen == "audit"


def test_a_lifted_step_is_not_taken_before_it_is_over(world):
    """The cap goes with the next pass, is held off for as long as was said, and comes back."""
    world.operator.apply(budgeted())
    world.spend(1100)
    world.reconcile(budgeted())
    assert world.scaling == (0, 1)

    session = world.operator.session()
    assert lift(session, "churn", None, do="CapInstances", lasts=timedelta(days=2), by="ana", dry=True)
    assert world.operator.plan(budgeted()).plan.empty
    lift(session, "churn", None, do="CapInstances", lasts=timedelta(days=2), by="ana", dry=False)
    (standing,) = read_standings(session, ["churn"]).services
    told = "by ana; no pass has looked since: instances follow with the next, or an apply"
    assert standing.to_json()["steps"][2]["why"] == told
    world.advance(timedelta(seconds=2))
    world.reconcile(budgeted())
    assert world.scaling == (0, 0)
    (standing,) = read_standings(world.operator.session(), ["churn"]).services
    assert [each["state"] for each in standing.to_json()["steps"]] == ["taken", "taken", "lifted"]
    assert standing.to_json()["steps"][2]["why"] == "by ana"
    world.advance(timedelta(days=2))
    world.reconcile(budgeted())
    assert world.scaling == (0, 1)
    world.operator.apply(budgeted(actions=OTHER))
    lift(world.operator.session(), "churn", None, do="", lasts=timedelta(days=1), by="ana", dry=False)
    world.reconcile(budgeted(actions=OTHER))
    assert (world.scaling, world.book().taken) == ((1, 0), ()), "a step that is new since is held off as well"
    for wrong in ({"do": "StopJobs", "lasts": None}, {"do": "", "lasts": timedelta(days=32)}):
        with pytest.raises(errors.UsageError):
            lift(session, "churn", None, by="ana", dry=False, **wrong)
    with pytest.raises(errors.UsageError):
        lift(session, "chrn", None, do="", lasts=None, by="ana", dry=False)


def test_our_own_estimate_acts_before_the_bill_does(world):
    """Nobody told what is billed: two looks at the time of instances, ten minutes apart, take a step."""
    ladder = [{"at": 0.0001, "do": "CapInstances", "maxInstances": 1}]
    small = budgeted(0.001, ladder, access={"authentication": "Public"})
    world.operator.apply(small)
    subscriber = world.operator.api("google.pubsub_v1", "subscriber", "Subscriber")
    for _ in range(2):
        assert HTTP.get(world.operator.service().uri).is_success
        world.advance(timedelta(minutes=15))
        subscriber.delete_subscription(request={"subscription": SUBSCRIPTION})
        world.reconcile(small)

    book = world.book()
    assert {each.source for each in book.readings} == {"own"}
    first, second = (each.cost for each in book.readings)
    assert 0 < first < second
    assert [each.source for each in book.taken] == ["own"]
    assert world.scaling == (1, 1)


def test_who_may_read_neither_is_told_what_to_grant(world):
    """And the rest of the pass goes on: what somebody changed by hand is put back."""
    world.operator.apply(budgeted())
    services = world.operator.api("google.cloud.run_v2", "services", "Services")
    service = world.operator.service()
    service.scaling.min_instance_count = 0
    services.update_service(request={"service": service, "update_mask": {"paths": ["scaling"]}}).result(timeout=20)
    refused = {"status": "PERMISSION_DENIED", "times": 9}
    world.emulator.faults(
        {"method": "*Subscriber/Pull", **refused}, {"method": "*MetricService/ListTimeSeries", **refused}
    )
    told = " ".join(world.reconcile(budgeted()))
    world.emulator.faults()

    assert "what is billed is not known: cannot pull from churn-budget-europe-west1" in told
    assert "there is no estimate of our own: cannot read container/billable_instance_time of Cloud Run" in told
    assert world.scaling == (1, 0)
    assert "Notify at 50 % is not taken: nothing is known of what was spent this month" in world.book().said


CANARY = {
    "strategy": "Canary",
    "steps": [{"traffic": 20, "hold": "2m"}],
    "gates": {"errorRate": 0.05, "minRequests": 40},
}


def test_a_cap_leaves_a_rollout_on_its_way(world):
    """No revision is made for it, and the new version takes its own steps, capped: one write of the same pass."""

    def wanted(version):
        return budgeted(rollout=CANARY, env={"V": version})

    operator = world.operator
    operator.apply(wanted("1"))
    operator.apply(wanted("2"))
    before = operator.service()

    world.spend(1100)
    assert any("capped by budget" in text for text in world.reconcile(wanted("2")))

    after = operator.service()
    assert world.scaling == (0, 1)
    assert after.latest_created_revision == before.latest_created_revision
    assert [each.percent for each in before.traffic if each.percent] == [100]
    assert sorted(each.percent for each in after.traffic if each.percent) == [20, 80], "its own step, in the same write"
    notes = [note.text for note in operator.plan(wanted("2")).plan.notes]
    assert any(text.startswith("rollout") for text in notes), notes


def test_two_services_of_a_project_have_one_bill(world):
    """Each budget of the project counts all of it: what one spends caps both, each with its own book and lift."""
    other = spec("basket", scaling={"minInstances": 1, "maxInstances": 3}, budget=budgeted()["spec"]["budget"])
    world.operator.apply(budgeted(), other)
    world.spend(1100)

    world.reconcile(budgeted(), other)

    scaled = {each.name.rpartition("/")[2]: each.scaling.max_instance_count for each in world.operator.services()}
    assert scaled == {"churn": 1, "basket": 1}
    keys = [(REGION, "basket"), (REGION, "churn")]
    assert [len(kept.book.taken) for _, kept in sorted(Books(world.operator.session()).find(keys).books.items())] == [
        3,
        3,
    ]
