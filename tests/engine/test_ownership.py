"""Whose things are: lost inventories, things deleted by hand, what is kept on purpose, services that share."""

import copy
import hashlib
import threading

import pytest

from reconciler.core.errors import PlansRefused
from reconciler.core.plan import Action
from tests.engine.fleet import bindings
from tests.operating import BUCKET, REGION, spec

RUN = ("google.cloud.run_v2", "services", "Services")
ACCOUNTS = ("google.cloud.iam_admin_v1", "iam", "IAM")
REPOSITORIES = ("google.cloud.artifactregistry_v1", "artifact_registry", "ArtifactRegistry")
PARENT = {"parent": f"projects/local/locations/{REGION}"}
INVENTORY = f"inventory/{REGION}/churn.json"


def actions(plan):
    return {str(c.address): c.action for c in plan.changes if c.action is not Action.NO_OP}


def repositories(operator):
    found = operator.api(*REPOSITORIES).list_repositories(request=PARENT)
    return [each.name.rpartition("/")[2] for each in found]


def test_a_service_deleted_by_hand_is_made_anew(operator):
    """What somebody deletes comes back, and with it who may call it."""
    wanted = spec(access={"invokers": ["user:ann@example.com"]})
    operator.apply(wanted)
    client = operator.api(*RUN)
    client.delete_service(request={"name": operator.service().name}).result()

    assert set(actions(operator.plan(wanted).plan).values()) == {Action.CREATE}
    assert not operator.apply(wanted).failed
    assert operator.differences(wanted) == []
    assert not operator.service().reconciling


def lose_inventory(operator):
    operator.connection.storage.bucket(BUCKET).blob(INVENTORY).delete()


def test_a_lost_inventory_is_refused_with_the_way_out(operator):
    """A label alone makes nothing ours; with `adopt: IfIdentical` the same things are taken over without a write."""
    operator.apply(spec())
    lose_inventory(operator)
    before = operator.service()

    with pytest.raises(PlansRefused, match="no inventory lists it") as refusal:
        operator.plan(spec())
    assert "adopt: IfIdentical" in refusal.value.hint

    taking = spec(management={"deletion": "Delete", "adopt": "IfIdentical"})
    assert not operator.apply(taking).failed
    assert operator.service().generation == before.generation
    assert operator.differences(spec()) == []


def test_an_inventory_of_any_size_is_kept(operator):
    """Hundreds of keys do not fit the metadata that one list call reads; the object's body holds them."""
    many = spec(env={f"VARIABLE_NUMBER_{n}_{hashlib.sha256(b'%d' % n).hexdigest()[:40]}": str(n) for n in range(400)})

    assert not operator.apply(many).failed

    blob = next(b for b in operator.connection.storage.list_blobs(BUCKET) if b.name == INVENTORY)
    assert not blob.metadata["packed"], "it is too big for the metadata, or this test shows nothing"
    assert operator.differences(many) == []
    assert [line.split(" [")[0] for line in operator.differences(spec())] == [f"update run_service/{REGION}/churn"]


def test_a_service_in_two_regions_shares_its_account_and_nothing_else(operator):
    """Applied by files of their own; destroying one leaves the other whole, its account too."""
    here, there = spec(), spec()
    there["spec"]["region"] = "us-central1"
    operator.apply(here)
    assert not operator.apply(there).failed
    assert operator.differences(here) == []
    assert operator.differences(there) == []

    assert not operator.destroy("churn").failed

    assert operator.services() == []
    assert operator.differences(there) == []
    assert [key[0] for key in operator.inventories()] == ["us-central1"]


def test_a_repository_goes_with_its_section_and_by_consent(operator):
    """Taking the section away plans a delete that loses data, so it is named as needing consent."""
    operator.apply(spec(registry={"repository": "ml"}))

    planned = operator.plan(spec(management={"deletion": "Protect"}))

    assert [str(c.address) for c in planned.plan.protected] == [f"artifact_repository/{REGION}/ml"]
    operator.apply(spec())
    assert repositories(operator) == []


def test_prune_never_keeps_what_the_spec_dropped(operator):
    """It stays, stays ours, and goes with the service."""
    kept = spec(management={"deletion": "Delete", "prune": "Never"})
    operator.apply(spec(registry={"repository": "ml"}))

    operator.apply(kept)
    assert repositories(operator) == ["ml"]
    assert operator.differences(kept) == []

    operator.destroy("churn")
    assert repositories(operator) == []


def test_abandon_leaves_everything_and_forgets_it(operator):
    """A destroy with `deletion: Abandon` deletes nothing and lists nothing as ours any more."""
    operator.apply(spec(management={"deletion": "Abandon"}, registry={"repository": "ml"}))

    assert not operator.destroy("churn").failed

    assert len(operator.services()) == 1
    assert repositories(operator) == ["ml"]
    assert operator.inventories() == {}


def test_two_runs_do_not_fight_over_what_they_share(operator):
    """What another service applied is not changed under it: refused in every run, with both names and the way out."""
    one = spec("one", registry={"repository": "ml"})
    two = spec("two", registry={"repository": "ml", "immutableTags": True})
    operator.apply(one)

    with pytest.raises(PlansRefused, match=r"service one shares it, and .* immutable_tags stays False") as refusal:
        operator.plan(two)

    assert "apply them together" in refusal.value.hint
    assert operator.differences(one) == []
    together = [copy.deepcopy(each) for each in (one, two)]
    together[0]["spec"]["registry"] = two["spec"]["registry"]
    assert not operator.apply(*together).failed
    assert operator.differences(two) == []


def test_a_repository_stays_with_the_service_that_still_wants_it(operator):
    """One of two services drops it: it stays; the other one drops it too: it goes."""
    one, two = (spec(name, registry={"repository": "ml"}) for name in ("one", "two"))
    bare = {name: spec(name) for name in ("one", "two")}
    operator.apply(one, two)

    operator.apply(bare["one"], two)
    assert repositories(operator) == ["ml"]
    assert operator.differences(bare["one"], two) == []

    operator.apply(bare["one"], bare["two"])
    assert repositories(operator) == []


def test_what_others_scale_stays_as_they_scaled_it(operator):
    """A field in `externallyOwned` is set once and then left, also by an update of other fields."""
    management = {"deletion": "Delete", "externallyOwned": ["scaling.maxInstances"]}
    wanted = spec(scaling={"maxInstances": 3}, management=management)
    operator.apply(wanted)
    live = operator.service()
    assert live.template.scaling.max_instance_count == 3
    live.template.scaling.max_instance_count = 9
    operator.api(*RUN).update_service(request={"service": live}).result()

    assert operator.differences(wanted) == []
    edited = copy.deepcopy(wanted)
    edited["spec"]["env"] = {"MODE": "a"}
    operator.apply(edited)

    assert operator.service().template.scaling.max_instance_count == 9
    assert operator.differences(edited) == []


def test_observe_shows_and_changes_nothing(operator):
    """`mode: Observe` has the differences in the plan and leaves the world alone."""
    watching = spec(env={"MODE": "a"}, management={"mode": "Observe"})

    assert operator.differences(watching)
    assert operator.apply(watching).results == ()
    assert operator.services() == []
    assert operator.inventories() == {}


def test_a_grant_that_two_services_need_stays_until_the_last_of_them_goes(operator):
    """Applied apart, as shards do: whoever made it, both list it, and it does not go with the first that goes."""
    publisher = operator.api("google.pubsub_v1", "publisher", "Publisher")
    topic = publisher.create_topic(request={"name": "projects/local/topics/alerts"}).name
    notified = {"notifications": [{"pubsub": "alerts"}]}
    before = bindings(publisher, topic)
    operator.apply(spec("a", **notified))
    operator.apply(spec("b", **notified))
    granted = bindings(publisher, topic)
    assert granted != before

    operator.destroy("a")
    assert bindings(publisher, topic) == granted
    assert operator.differences(spec("b", **notified)) == []
    operator.destroy("b")

    assert bindings(publisher, topic) == before


def test_what_another_run_makes_while_this_one_looks_is_known_to_be_ours(operator):
    """Inventories are read before objects: what came in between is marked as ours, and not of a lost inventory."""
    events = {each: {"topic": name, "create": True} for each, name in (("requests", "orders"), ("answers", "scores"))}
    one, other = (spec(name, events=events) for name in ("one", "other"))
    operator.emulator.faults({"method": "*Publisher/ListTopics", "times": 1, "hang": True})
    made = []
    planning = threading.Thread(target=lambda: made.append(operator.plan(one)))
    planning.start()
    while not operator.emulator.control("GET", "faults")[0]["waiting"]:
        assert planning.is_alive()

    assert not operator.apply(other).failed
    operator.emulator.faults()
    planning.join(60)

    [planned] = made
    [topic] = [c for c in planned.plan.changes if str(c.address) == "pubsub_topic/global/scores"]
    assert topic.action is Action.NO_OP
    assert not operator.apply(one).failed
    assert operator.differences(one) == []
