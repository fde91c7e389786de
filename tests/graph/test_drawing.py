"""What a drawing makes of what was wanted and found: a cloud of two toys, an account and who may do what."""

from dataclasses import dataclass, replace

import pytest

from reconciler.core.address import GLOBAL, Address
from reconciler.core.diff import FieldChange
from reconciler.core.flow import Each, Flow, Group, Outside
from reconciler.core.graph import Line, State, graph_of
from reconciler.core.graph.drawing import Found
from reconciler.core.kind import Kind, Kinds
from reconciler.core.membership import Membership
from reconciler.core.objects import Desired
from reconciler.core.paid import NOTHING
from reconciler.core.plan import Action, Change
from schemas import load
from tests.graph.drawings import PROJECT, WHOLE

REGION = "europe-west1"
[CHURN] = load([WHOLE]).services


@dataclass(frozen=True)
class Roads:
    """Where things go to, as a toy's record."""

    to: tuple = ()


def roads(want, service, project):
    """Say what leaves a toy."""
    for end in want.fields.to:
        yield Flow(want.address, end, "rows")


def kind(name, title, group):
    """Make one that does nothing."""
    return Kind(name, title, Roads, desired=lambda *_: iter(()), connect=lambda _: None, paid=NOTHING, group=group,
                flows=roads if group is not Group.ACCESS else (lambda *_: iter(())))  # fmt: skip


KINDS = Kinds.of(
    kind("service_account", "Account", Group.ACCESS),
    kind("iam_member", "Role", Group.ACCESS),
    kind("shelf", "Shelf", Group.DATA),
    kind("shop", "Shop", Group.SERVING),
)
SHOP, SHELF = Address("shop", REGION, "churn"), Address("shelf", REGION, "churn")
ACCOUNT = Address("service_account", GLOBAL, "churn-run")


def want(address, *to, **more):
    """Want an object from which things go to others."""
    return Desired(address, Roads(to), "churn", **more)


def drawn(*wanted, access=False, **found):
    """Draw what is wanted."""
    made = {each.address: each for each in wanted}
    return graph_of(KINDS, CHURN, PROJECT, Found(made, **found), access=access)


def named(graph):
    """Nodes by name."""
    return {node.name: node for node in graph.nodes}


def change(address, action, *paths, **more):
    """Decide something."""
    return Change(address, action, ("churn",), changes=tuple(FieldChange(path, 1, 2) for path in paths), **more)


def test_what_is_made_is_told_from_what_is_used_and_what_is_left():
    """What the spec uses is somebody else's, also where the plan looked at it; what it made once is ours still."""
    used, left = Address("shelf", REGION, "theirs"), Address("shelf", REGION, "old")
    unknown = Address("rocket", REGION, "new")
    changes = [change(SHOP, Action.NO_OP), change(used, Action.NO_OP), change(left, Action.DELETE),
               change(unknown, Action.DELETE)]  # fmt: skip

    seen = named(drawn(want(SHOP), want(SHELF), used=[used, SHELF], changes=changes))

    assert {name: node.made for name, node in seen.items() if node.kind == "shelf"} == {
        "churn": True,
        "theirs": False,
        "old": True,
    }
    assert "new" not in seen, "a kind that this version does not know"
    assert not drawn(want(SHOP)).live
    assert drawn(want(SHOP), changes=[]).live


def test_where_an_object_is_stands_beside_its_name():
    """Its project where that is another one, its place where it has one."""
    far = Address("shelf", GLOBAL, "theirs", "elsewhere")

    seen = drawn(
        want(SHOP, Address("shelf", GLOBAL, "unseen", "elsewhere"), Address("rocket", REGION, "one")), used=[far]
    )

    assert {(node.title, node.name, node.location) for node in seen.nodes} == {
        ("Shop", "churn", REGION),
        ("Shelf", "elsewhere: theirs", ""),
        ("Shelf", "elsewhere: unseen", ""),
        ("rocket", "one", ""),
    }


@pytest.mark.parametrize(
    ("fields", "why"),
    [(["a"], "a"), ([*"abcde"], "a, b, c, d, e"), ([*"abcdef"], "a, b, c, d, e and 1 more"),
     ([*"abcdefgh"], "a, b, c, d, e and 3 more")],
)  # fmt: skip
def test_the_first_of_many_differences_are_named(fields, why):
    """Five of them, and how many more there are."""
    for action in (Action.UPDATE, Action.REPLACE):
        assert named(drawn(want(SHOP), changes=[change(SHOP, action, *fields)]))["churn"].why == why


@pytest.mark.parametrize(
    ("found", "state", "why"),
    [
        ({}, State.UNKNOWN, ""),
        ({"changes": []}, State.UNKNOWN, ""),
        ({"changes": [change(SHOP, Action.NO_OP)]}, State.THERE, ""),
        ({"changes": [change(SHOP, Action.WAIT, "size")]}, State.CHANGING, ""),
        ({"changes": [change(SHOP, Action.NO_OP, problem="it burns")]}, State.BROKEN, "it burns"),
        ({"changes": [change(SHOP, Action.NO_OP)], "hidden": frozenset({SHOP})}, State.HIDDEN, ""),
    ],
)
def test_how_an_object_stands_is_what_was_found(found, state, why):
    """Fields are named where they are to change, and nowhere else."""
    [shop] = drawn(want(SHOP), **found).nodes

    assert (shop.state, shop.why) == (state, why)


def test_lines_lead_to_objects_and_to_what_is_outside():
    """To each of a kind, to one that is there, to something that has a name or none."""
    ends = (Each("shelf"), SHELF, Outside("mailbox", "ann"), Outside("callers"))

    graph = drawn(want(SHOP, *ends), want(SHELF), want(Address("shelf", REGION, "second")))

    assert {(edge.source, edge.target) for edge in graph.edges} == {
        (str(SHOP), end) for end in (str(SHELF), f"shelf/{REGION}/second", "mailbox: ann", "callers")
    }


def role(on, name, member, *, location=REGION, project="", title="", within=None):
    """Want somebody to have a role."""
    address = Membership(on, name, "roles/run.invoker", member, title).at(location, project)
    return replace(want(address), within=within)


def test_roles_lead_from_who_has_them_to_what_they_are_on():
    """By their addresses where those are objects of the graph, by what they are where not; none where nobody asks."""
    mail = f"serviceAccount:churn-run@{PROJECT}.iam.gserviceaccount.com"
    other = Address("shop", REGION, "other")
    roles = [
        role("shop", "churn", mail),
        role("shop", "churn", "serviceAccount:robot@other.iam.gserviceaccount.com"),
        role("shop", "churn", "allUsers", title="by day"),
        role("shop", "churn", "robot:r2"),
        role("shop", "unseen", "user:ann@acme.example", within=other),
        role("shelf", "theirs", "group:staff@acme.example", project="elsewhere"),
        role("shelf", "churn", "domain:acme.example"),
        role("project", "", "user:ann@acme.example"),
    ]
    missing = [change(roles[0].address, Action.CREATE)]
    wanted = [want(SHOP), want(SHELF), want(other), want(ACCOUNT), *roles]

    graph = drawn(*wanted, access=True, changes=missing)

    lines = {(edge.source, edge.what, edge.target) for edge in graph.edges if edge.line is Line.ACCESS}
    assert lines == {
        (str(ACCOUNT), "run.invoker", str(SHOP)),
        ("account: robot@other.iam.gserviceaccount.com", "run.invoker", str(SHOP)),
        ("callers: allUsers", "run.invoker, limited", str(SHOP)),
        ("robot: r2", "run.invoker", str(SHOP)),
        ("person: ann@acme.example", "run.invoker", str(other)),
        ("group of people: staff@acme.example", "run.invoker", "Shelf: elsewhere: theirs"),
        ("everyone of a domain: acme.example", "run.invoker", str(SHELF)),
        ("person: ann@acme.example", "run.invoker", f"project: {PROJECT}"),
    }
    assert {edge.source: edge.state for edge in graph.edges if edge.state is not State.UNKNOWN} == {
        str(ACCOUNT): State.MISSING
    }
    assert not drawn(*wanted).edges
