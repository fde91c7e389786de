"""Small parts that many decisions stand on, each with the values at which it turns."""

import json
import math
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from google.api import metric_pb2

from reconciler.core import baseline, labels, notes
from reconciler.core.address import GLOBAL, Address
from reconciler.core.brought import images_of
from reconciler.core.canary import Build
from reconciler.core.cost import Cost
from reconciler.core.decide import Owner, decide, observed_digest
from reconciler.core.diff import FieldChange, gone_keys
from reconciler.core.errors import Clash, NotOurs, PlanError, PlansRefused
from reconciler.core.facts import Facts
from reconciler.core.inventory import Entry, Inventories, Inventory
from reconciler.core.kind import Extra, Kinds, Ownership, Permissions, Roles
from reconciler.core.measures import BREACH, breach_descriptor
from reconciler.core.notes import Note
from reconciler.core.objects import Observed, several
from reconciler.core.orders import Orders
from reconciler.core.orphans import Rule
from reconciler.core.paid import fields
from reconciler.core.parquet import _Reader
from reconciler.core.plain import in_json
from reconciler.core.plan import Action, Change, Plan
from reconciler.core.planned import Planned, compose, entry_of
from reconciler.core.quota import gpu_quota
from reconciler.core.stamp import RUN, Stamp
from reconciler.kinds import KINDS
from schemas import load
from tests.plan.test_orders import SAID
from tests.toys import KINDS as TOYS
from tests.toys import TOY, Toy, toy

NOW = datetime(2026, 11, 28, tzinfo=UTC)
GOLDEN = Path(__file__).resolve().parents[1] / "golden"


@pytest.mark.parametrize(
    ("names", "said"),
    [("", ""), ("ba", "a, b"), ("abcdea", "a, b, c, d, e"), ("abcdef", "a, b, c, d, e and 1 more"),
     ("hgfedcba", "a, b, c, d, e and 3 more")],
)  # fmt: skip
def test_the_first_of_many_names_are_listed(names, said):
    """Five, each once and in order, and how many there are besides."""
    assert several(names) == said


@pytest.mark.parametrize(
    ("now", "weaker"),
    [
        ({}, False),
        ({"after_s": 99}, True),
        ({"after_s": 101}, False),
        ({"most": 4}, True),
        ({"most": 2}, False),
        ({"prune": False, "after_s": 1}, False),
    ],
)
def test_a_rule_that_lets_go_more_or_sooner_is_weaker(now, weaker):
    """Beside the one of before; where nothing went before, any that lets go is."""
    before = Rule(prune=True, after_s=100, most=3)
    rule = replace(before, **now)

    assert rule.weaker_than(before) is weaker
    assert rule.weaker_than(replace(before, prune=False)) is rule.prune


def test_documents_hide_secrets_and_obey_nobody():
    """What JSON has no number for is null, what looks like a secret is hidden, and no terminal is told anything."""
    token = "ya29." + "A1b2" * 10
    document = {"n": math.nan, "at": datetime(2026, 11, 28, tzinfo=UTC), "token": token, "bell": "\x07\x7f"}

    said = in_json(document)

    assert token not in said
    assert json.loads(said) == {"n": None, "at": "2026-11-28 00:00:00+00:00", "token": "(hidden)", "bell": "\x07\x7f"}
    assert all(" " <= letter <= "~" or letter == "\n" for letter in said)
    assert said.startswith('{\n "n": null')
    assert "\n" not in in_json(document, indent=None)


def test_a_changed_field_costs_what_it_is_a_part_of():
    """The field, what is in it and what it is in; but for what is priced by another object that is made."""
    priced = fields("scaling.window", "keep", begins=frozenset({"keep"}))

    told = {path: priced(FieldChange(path, 1, 2)) for path in ("scaling", "scaling.window.s", "keep[0]", "keeper", "s")}

    assert told == {"scaling": True, "scaling.window.s": True, "keep[0]": True, "keeper": False, "s": False}
    assert not priced(FieldChange("keep", None, 2))
    assert priced(FieldChange("scaling.window", None, 2))
    assert not fields()(FieldChange("keep", 1, 2))


@pytest.mark.parametrize(
    ("live", "condition"),
    [
        ({}, False),
        ({"requirePartitionFilter": True}, True),
        ({"timePartitioning": {"requirePartitionFilter": True}}, True),
        ({"timePartitioning": {}, "requirePartitionFilter": False}, False),
    ],
)
def test_what_bigquery_tells_of_a_table_of_labels(live, condition):
    """Its columns by name, where it is, and whether every question needs a condition."""
    schema = {"fields": [{"name": "id", "type": "STRING", "mode": "REQUIRED"}, {"name": "late", "type": "INTEGER"}]}

    found = labels.of_table("table t", {"schema": schema, "location": "EU", **live})

    assert (found.what, found.location, found.needs_condition) == ("table t", "EU", condition)
    assert list(found.columns) == ["id", "late"]
    assert labels.of_table("table t", {}) == labels.LabelsTable("table t", {})


@pytest.mark.parametrize(
    ("live", "empty"),
    [
        ({}, True),
        ({"type": "TABLE"}, True),
        ({"type": "SNAPSHOT"}, True),
        ({"type": "VIEW"}, False),
        ({"numRows": "7"}, False),
        ({"streamingBuffer": {"estimatedRows": "7"}}, False),
    ],
)
def test_a_baseline_is_empty_where_somebody_counted_no_row(live, empty):
    """Of a view nobody counts them, and rows that arrive are not among those that are counted."""
    assert baseline.of_table("table t", {"numRows": "0", **live}).empty is empty


def test_google_takes_the_metric_that_alerts_look_at():
    """As its own message: a number of now, of which alerts can say that it was 1."""
    made = metric_pb2.MetricDescriptor(**breach_descriptor())

    assert (made.type, made.metric_kind, made.value_type) == (
        BREACH,
        metric_pb2.MetricDescriptor.GAUGE,
        metric_pb2.MetricDescriptor.INT64,
    )
    assert made.display_name
    assert made.description


def test_what_is_kept_is_read_as_it_was():
    """A build and the image that an operator runs."""
    built = Build("0.2.0", "europe-west1-docker.pkg.dev/acme/ml/mlservice@sha256:1")

    assert Build.from_json(built.to_json()) == built
    assert Orders.read(json.dumps(SAID | {"image": "ours:1"})).image == "ours:1"


def test_keys_that_go_are_those_of_the_field_and_no_others():
    """For an update that takes them away one by one."""
    changes = [FieldChange("labels.a", "1", None), FieldChange("labels.b", "1", "2"), FieldChange("env.c", "1", None)]

    assert gone_keys(changes, "labels") == {"a"}


def test_a_quota_of_an_accelerator_that_is_not_known_yet_has_a_name_like_the_others():
    """By Google's way of naming them."""
    assert gpu_quota("nvidia-t9", zonal=True) == "NvidiaT9GpuAllocPerProjectRegion"
    assert gpu_quota("nvidia-t9", zonal=False) == "NvidiaT9GpuAllocNoZonalRedundancyPerProjectRegion"


def test_images_are_gathered_behind_what_is_of_no_service_that_asks():
    """Whatever else the plan changes before and after."""
    image = "europe-west1-docker.pkg.dev/acme/ml/scorer@sha256:1"
    wanted = {"image": image, "traffic": []}
    made = [
        Change(Address("run_service", "europe-west1", name), Action.CREATE, (name,), desired=wanted)
        for name in ("calm", "churn", "fraud")
    ]

    found = images_of(Plan.of(made, project="acme", services=("calm", "churn", "fraud")), {}, KINDS, ["fraud", "churn"])

    assert {name: each.new for name, each in found.items()} == {"churn": (image,), "fraud": (image,)}


def test_what_a_kind_needs_for_some_specs_is_added_for_those():
    """Roles, permissions and APIs of what a spec asks for, behind those of every spec."""
    kind = replace(
        TOY,
        roles=Roles(("roles/toys.viewer",), ("roles/toys.editor",)),
        permissions=Permissions(("toys.get",), ("toys.update",)),
        apis=("toys.googleapis.com",),
        extras=tuple(
            Extra(what, asked.__eq__, (f"roles/{what}.viewer",), (f"{what}.get",), (f"{what}.googleapis.com",))
            for what, asked in (("boxes", "boxed"), ("bows", "tied"))
        ),
    )

    boxed = kind.of_specs(["plain", "boxed"])

    assert boxed.roles == Roles(("roles/toys.viewer", "roles/boxes.viewer"), ("roles/toys.editor",))
    assert boxed.permissions == Permissions(("toys.get", "boxes.get"), ("toys.update",))
    assert boxed.apis == ("toys.googleapis.com", "boxes.googleapis.com")
    assert kind.of_specs(["plain"]) is kind


def test_where_something_is_that_takes_more_than_one_write_is_told():
    """By its kind, of what is there and does not move now; asked with what the inventory remembers of it."""
    address = Address("toy", GLOBAL, "one")
    kinds = Kinds.of(replace(TOY, progress=lambda want, there: f"{there.fields.size} of {want.fields.size}"))
    want, there = replace(toy(size=3), asked="steps"), Observed(address, Toy(size=1))

    def told(*, wants=want, seen=there, moving=()):
        return list(notes.progress(kinds, {address: wants}, {address: seen}, {address: Owner(("churn",))}, moving))

    assert told() == [Note("churn", "1 of 3", "rollout")]
    assert told(moving=[address]) == []
    assert told(wants=replace(want, asked=None)) == []
    assert told(seen=None) == []
    assert told(seen=replace(there, hidden="may not be looked at")) == []


ONE = Address("toy", GLOBAL, "one")


def test_what_is_decided_may_depend_on_what_is_remembered_and_on_what_is_there():
    """A kind that goes in steps: what the inventory remembers is in what is wanted, and where it is is the reason."""
    kind = replace(
        TOY,
        refine=lambda want, _: replace(want.fields, size=want.memory.get("next", 9)),
        progress=lambda want, there: f"{there.fields.size} of {want.fields.size}",
    )
    owner = Owner(("churn",), Entry(ONE, memory={"next": 4}))

    change = decide(kind, toy(size=8), Observed(ONE, Toy(size=3), mark="churn"), owner)

    assert (change.action, change.desired["size"], change.reason) == (Action.UPDATE, 4, "3 of 8")
    shared = replace(kind, ownership=Ownership.SHARED)
    other = {"fraud": Entry(ONE)}
    assert (
        decide(shared, toy(), Observed(ONE, Toy(), mark="fraud"), replace(owner, entry=None, others=other)).desired[
            "size"
        ]
        == 9
    )


def test_what_another_service_applied_as_it_is_is_not_changed():
    """Its next apply would change it back: which service, which fields, and what helps."""
    kind = replace(TOY, ownership=Ownership.SHARED)
    there = Observed(ONE, Toy(size=3), mark="fraud")
    others = {"fraud": Entry(ONE, digest=observed_digest(kind, there, {}))}

    with pytest.raises(Clash, match="service fraud shares it, and its spec was applied so that size stays 3") as clash:
        decide(kind, toy(size=8), there, Owner(("churn",), Entry(ONE), others=others))

    assert clash.value.hint == "make the specs agree, and apply them together with that of fraud"
    moved = replace(there, fields=Toy(size=5))
    assert decide(kind, toy(size=8), moved, Owner(("churn",), Entry(ONE), others=others)).action is Action.UPDATE


@pytest.mark.parametrize(
    ("ownership", "labels"),
    [
        (Ownership.SHARED, "managed-by=mlservice"),
        (Ownership.EXCLUSIVE, "managed-by=mlservice and mlservice-service=churn"),
    ],
)
def test_a_mark_that_is_gone_is_put_back_by_its_labels(ownership, labels):
    """The inventory lists it, and nothing of the object says so."""
    there = Observed(ONE, Toy(), uid="of another day")

    with pytest.raises(NotOurs) as refused:
        decide(replace(TOY, ownership=ownership), toy(), there, Owner(("churn",), Entry(ONE)))

    assert f"put it back ({labels})" in refused.value.hint


def test_what_somebody_else_granted_already_is_left_and_is_not_ours():
    """It is as wanted, and goes when they take it away."""
    kind = replace(TOY, ownership=Ownership.ANONYMOUS)

    change = decide(kind, toy(), Observed(ONE, Toy()), Owner(("churn",)))

    assert (change.action, change.owned, change.reason) == (Action.NO_OP, False, "already granted by someone else")
    assert decide(kind, toy(), Observed(ONE, Toy()), Owner(("churn",), Entry(ONE))).owned


def test_a_new_service_has_an_empty_inventory_of_its_own():
    """Where it is; another operator's is none of its business."""
    [loaded] = load([GOLDEN / "first_apply" / "mlservice.yaml"]).services
    others = Inventories({("us-east1", "operator_other"): Inventory("operator_other", "us-east1")})

    kinds = Kinds.of(replace(TOY, primary=True))

    made = compose(kinds, [loaded], [Facts("acme", "b")], others, lambda _: {}, project="acme", now=NOW)

    key = (loaded.region, loaded.name)
    assert made.inventories == {key: Inventory(loaded.name, loaded.region)}
    assert made.plan.regions == {loaded.name: loaded.region}


def test_the_part_of_a_plan_that_is_one_documents_alone():
    """Its own changes, notes, costs and inventory; what it shares with others is not among them."""
    [loaded] = load([GOLDEN / "first_apply" / "mlservice.yaml"]).services
    mine, both, theirs = (
        Change(Address("toy", GLOBAL, name), Action.CREATE, services)
        for name, services in (("mine", (loaded.name,)), ("both", (loaded.name, "z")), ("theirs", ("z",)))
    )
    cost = Cost("1", "2", "3")
    plan = Plan.of(
        [mine, both, theirs], project="acme", services=(loaded.name, "z"),
        notes=(Note(loaded.name, "mine"), Note("z", "theirs")), costs={loaded.name: cost, "z": cost},
        scans={loaded.name: "mine", "z": "theirs"},
    )  # fmt: skip
    keys = [(loaded.region, loaded.name), (loaded.region, "z")]
    whole = Planned(plan, {}, {}, {}, {key: Inventory(key[1], key[0]) for key in keys})

    part = whole.only(loaded)

    assert (part.plan.changes, part.plan.services) == ((mine,), (loaded.name,))
    assert (part.plan.notes, part.plan.costs) == ((Note(loaded.name, "mine"),), {loaded.name: cost})
    assert part.plan.scans == {loaded.name: "mine"}
    assert part.inventories == {keys[0]: Inventory(loaded.name, loaded.region)}


def test_an_entry_of_what_was_applied_says_what_is_known_of_it():
    """Which keys we wrote into maps of others, what was applied, and who the object is."""
    change = Change(ONE, Action.CREATE, ("churn",), desired={"env": {"A": "1"}, "size": 1})

    assert entry_of(TOYS, change) == Entry(ONE, keys={"env": frozenset({"A"})})
    there = Observed(ONE, Toy(), uid="u1", server_name="toys/1")
    assert entry_of(TOYS, change, seen=there, changed="today", digest="d") == Entry(
        ONE, uid="u1", keys={"env": frozenset({"A"})}, digest="d", changed="today", server_name="toys/1"
    )


def test_a_plan_of_another_version_says_of_which():
    """Whoever saved it sees what to use instead."""
    with pytest.raises(ValueError, match=r"of this version of mlservice .'mlservice/plan/v1'."):
        Plan.from_json({"format": "mlservice/plan/v1"})


def test_what_is_refused_and_left_out_is_told_at_its_place():
    """With why, what helps, and where the spec asks for it; to every service that wants it, and no other."""
    [loaded] = load([GOLDEN / "first_apply" / "mlservice.yaml"]).services
    wants = {each.address: replace(each, service=loaded.name, spared="scaling") for each in (toy("two"), toy("one"))}
    refused = {
        address: PlanError(address, "it is taken", hint="rename it" if address.name == "one" else "")
        for address in wants
    }

    told = list(notes.spared(refused, wants, [loaded]))

    where = str(loaded.where("spec.scaling"))
    assert told == [
        Note(loaded.name, "left out: cannot plan toy/global/one: it is taken; rename it", where),
        Note(loaded.name, "left out: cannot plan toy/global/two: it is taken", where),
    ]
    assert "mlservice.yaml:" in where
    others = {address: replace(each, service="other") for address, each in wants.items()}
    assert list(notes.spared(refused, others, [loaded])) == []


def test_a_project_has_one_operator():
    """A second one would undo what the first does; its own inventory is no second one."""
    operators = load([GOLDEN / "operator" / "mlservice.yaml"]).operators
    [loaded] = operators
    others = Inventories({("us-east1", "operator_other"): Inventory("operator_other", "us-east1")})

    with pytest.raises(PlansRefused, match="operator 'other' in us-east1 is at work in this project") as refused:
        compose(KINDS, operators, [Facts("acme", "b")], others, lambda _: {}, project="acme", now=NOW)

    assert "mlservice uninstall" in refused.value.hint
    assert loaded.name in str(refused.value)


def test_yes_and_no_in_lists_and_maps_take_a_byte_each():
    """In a field they are its type; what follows is read from the right place."""
    listed = bytes([0x19, 0x21, 1, 2, 0x15, 10, 0])
    mapped = bytes([0x1B, 1, 0x11, 1, 2, 0x15, 10, 0])
    plain = bytes([0x11, 0x12, 0x15, 10, 0])

    assert dict(_Reader(listed).fields(0)) == {1: [True, False], 2: 5}
    assert dict(_Reader(mapped).fields(0)) == {1: {}, 2: 5}
    assert dict(_Reader(plain).fields(0)) == {1: True, 2: False, 3: 5}


def test_a_stamp_takes_the_place_of_an_earlier_one():
    """Others' keys stay; of what nothing is known nothing is left; what others wrote there is cut."""
    stamp = Stamp("0123456789", uncommitted=True, run="run-1", specs="of the specs")
    plain, annotations, labels = {}, {"theirs": "x", **Stamp("abcdef0", run="run-0").annotations}, {"theirs": "x"}

    for each in (plain, annotations):
        stamp.write(each)
    stamp.label(labels)

    assert annotations == {"theirs": "x", **plain}
    assert [Stamp.read(each) for each in (plain, annotations)] == [stamp, stamp]
    assert labels.keys() == annotations.keys()
    assert Stamp.read({}) == Stamp()
    Stamp().write(annotations)
    Stamp().label(labels)
    assert annotations == labels == {"theirs": "x"}
    assert Stamp.read({RUN: "r" * 500}).run == "r" * 100
