"""A plan is data: it survives being saved, and says in which order things go."""

import json

import pytest

from reconciler.core.address import Address
from reconciler.core.diff import FieldChange
from reconciler.core.plan import Action, Change, Note, Plan

ACCOUNT = Address("service_account", "global", "churn-run")
SERVICE = Address("run_service", "europe-west1", "churn")
INVOKER = Address("iam_member", "europe-west1", "run_service:churn roles/run.invoker user:a@example.com")


def change(address, action, *, needs=()):
    return Change(address, action, ("churn",), needs=frozenset(needs), desired={"a": 1})


def earlier(kind):
    return {"run_service"} if kind == "service_account" else set()


def plan(*changes):
    return Plan.of(changes, project="local", services=("churn",))


def test_creates_wait_for_what_they_need():
    """An object is made after the objects it needs, as far as those are in the plan too."""
    made = plan(change(SERVICE, Action.CREATE, needs={ACCOUNT, INVOKER}), change(ACCOUNT, Action.CREATE))

    assert made.edges(earlier) == {SERVICE: frozenset({ACCOUNT}), ACCOUNT: frozenset()}


def test_deletes_come_last_and_in_reverse():
    """Nothing goes while something of the same service may still use it."""
    made = plan(change(ACCOUNT, Action.DELETE), change(SERVICE, Action.DELETE), change(INVOKER, Action.CREATE))

    assert made.edges(earlier)[ACCOUNT] == {SERVICE, INVOKER}
    assert made.edges(earlier)[SERVICE] == {INVOKER}


def test_a_saved_plan_reads_back_the_same():
    """Saving and loading a plan loses nothing."""
    made = Plan.of(
        [
            Change(
                SERVICE,
                Action.UPDATE,
                ("churn",),
                "the spec or what it names changed",
                "makes a new revision",
                (FieldChange("env.A", "1", None), FieldChange("traffic[0].percent", 100, 80)),
                frozenset({ACCOUNT}),
                {"env": {}},
                {"env": {"A": "1"}},
                "7",
                "uid",
                guarded=True,
            )
        ],
        project="local",
        services=("churn",),
        notes=(Note("churn", "text", "mlservice.yaml:3:1"),),
        made="2026-11-22T00:00:00+00:00",
        observing=("other",),
    )

    assert Plan.from_json(json.loads(json.dumps(made.to_json()))) == made


def test_an_edited_plan_is_refused():
    """A saved plan that somebody changed does not pass for the one that was read."""
    data = plan(change(SERVICE, Action.CREATE)).to_json()
    data["changes"][0]["desired"]["a"] = 2

    with pytest.raises(ValueError, match="was edited"):
        Plan.from_json(data)


@pytest.mark.parametrize(
    ("deletion", "protected"),
    [({"churn": "Delete"}, False), ({"churn": "Protect"}, True), ({}, True)],
    ids=["consented", "protected", "unsaid"],
)
def test_a_guarded_delete_needs_its_specs_consent(deletion, protected):
    """What loses data or stops serving is protected unless the spec of every service it is for consents."""
    gone = Change(SERVICE, Action.DELETE, ("churn",), guarded=True)
    made = Plan.of([gone], project="local", services=("churn",), deletion=deletion)

    assert bool(made.protected) == protected
