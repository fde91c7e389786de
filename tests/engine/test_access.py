"""Who may call is compared, not only added: what contradicts the spec is shown and closed, whoever did it."""

import json

import pytest
from google.iam.v1 import iam_policy_pb2

from reconciler.core.plan import Action
from reconciler.engine.importing import import_service
from reconciler.render.data import as_data
from reconciler.render.markdown import render_markdown
from reconciler.render.text import render_text
from tests.operating import HELLO, REGION, spec

PARENT = f"projects/local/locations/{REGION}"
VAULT = spec("vault", access={"invokers": ["user:ann@example.org"]})


def services(operator):
    return operator.api("google.cloud.run_v2", "services", "Services")


def members(operator):
    request = iam_policy_pb2.GetIamPolicyRequest(resource=f"{PARENT}/services/vault")
    return {m for b in services(operator).get_iam_policy(request=request).bindings for m in b.members}


def grant(operator, member, role="roles/run.invoker"):
    """A colleague gives somebody leave to call."""
    request = iam_policy_pb2.GetIamPolicyRequest(resource=f"{PARENT}/services/vault")
    policy = services(operator).get_iam_policy(request=request)
    policy.bindings.add(role=role, members=[member])
    services(operator).set_iam_policy(
        request=iam_policy_pb2.SetIamPolicyRequest(resource=f"{PARENT}/services/vault", policy=policy)
    )


CUSTOM = "projects/local/roles/caller"


def make_role(operator, name):
    """A colleague makes a role of the project's own."""
    made = {"title": name, "included_permissions": ["run.routes.invoke"]}
    iam = operator.api("google.cloud.iam_admin_v1", "iam", "IAM")
    return iam.create_role(request={"parent": "projects/local", "role_id": name, "role": made}).name


def turn_check_off(operator, name="vault"):
    """A colleague turns off that callers are asked who they are."""
    live = operator.service(name)
    live.invoker_iam_disabled = True
    services(operator).update_service(request={"service": live}).result()


@pytest.mark.parametrize(
    ("access", "who"),
    [
        ({"authentication": "Off"}, "anyone on the internet may call"),
        ({"authentication": "Off", "ingress": "Internal"}, "anyone in the project's networks may call"),
        ({"authentication": "Off", "iap": True}, None),
        ({"authentication": "IAM"}, None),
    ],
)
def test_that_nobody_is_asked_is_said_in_every_form_of_a_plan(operator, access, who):
    """That Cloud Run asks nobody opens a service as a grant to everyone does: in text, in Markdown and in JSON."""
    operator.apply(spec("vault"))

    plan = operator.plan(spec("vault", access=access)).plan

    said = [*(c.consequence for c in plan.pending), *(note.text for note in plan.notes)]
    forms = [render_text(plan, titles={}).plain, render_markdown(plan, titles={}), json.dumps(as_data(plan))]
    assert sum(who in each for each in said) == 2 if who else not any("may call" in each for each in said)
    assert all((f"{who}" in form) == bool(who) for form in forms)


def test_that_ingress_opens_what_asks_nobody_is_said(operator):
    """The check was off before, and callers come from further away now."""
    inside, outside = ({"authentication": "Off", "ingress": each} for each in ("Internal", "All"))
    operator.apply(spec("vault", access=inside))

    [change] = operator.plan(spec("vault", access=outside)).plan.pending

    assert change.consequence.startswith("anyone on the internet may call")


@pytest.mark.parametrize("everyone", ["allUsers", "allAuthenticatedUsers"])
@pytest.mark.parametrize(
    "role",
    [
        "roles/run.invoker",
        "roles/run.servicesInvoker",
        "roles/run.admin",
        "roles/run.serviceAgent",
        "roles/of.tomorrow",
        CUSTOM,
        "organizations/123/roles/caller",
    ],
)
def test_a_private_service_opened_to_everyone_is_closed(operator, everyone, role):
    """By whatever role: it is in the plan, an apply takes it away, and who may call stays."""
    operator.apply(VAULT)
    if role == CUSTOM:
        make_role(operator, "caller")
    grant(operator, everyone, role)

    [change] = operator.plan(VAULT).plan.pending
    assert (change.action, change.contradicts) == (Action.DELETE, True)
    assert not operator.apply(VAULT).failed

    assert members(operator) == {"user:ann@example.org"}
    assert operator.differences(VAULT) == []


def test_a_role_that_lets_nobody_call_is_told_and_left(operator):
    """Everyone may look and not call: nothing is taken away, the exit code asks for a person."""
    operator.apply(VAULT)
    grant(operator, "allUsers", "roles/run.viewer")

    report = operator.apply(VAULT)

    assert report.exit_code == 1
    assert "roles/run.viewer lets nobody call" in next(iter(report.unwell.values()))
    assert "allUsers" in members(operator)


def test_many_grants_are_closed_at_once(operator):
    """Each is a change of its own."""
    operator.apply(VAULT)
    roles = [make_role(operator, f"caller{n}") for n in range(5)]
    for role in roles:
        grant(operator, "allUsers", role)
        grant(operator, "allAuthenticatedUsers", role)

    assert len(operator.plan(VAULT).plan.pending) == 10
    assert not operator.apply(VAULT).failed

    assert members(operator) == {"user:ann@example.org"}


def test_a_check_that_was_turned_off_is_turned_on(operator):
    """Without the check everybody may call, whatever the policy says."""
    operator.apply(VAULT)
    turn_check_off(operator)

    [change] = operator.plan(VAULT).plan.pending
    assert [(c.path, c.before, c.after) for c in change.changes] == [("invoker_check", False, True)]
    assert change.reason.startswith("config drift")
    revision = operator.service("vault").latest_created_revision
    operator.apply(VAULT)

    assert not operator.service("vault").invoker_iam_disabled
    assert operator.service("vault").latest_created_revision == revision, "closing it makes no revision"


def test_public_then_private_closes_what_somebody_else_opened(operator):
    """Everyone's leave was there before the spec said Public; when it says IAM it goes all the same."""
    operator.apply(VAULT)
    grant(operator, "allUsers")
    operator.apply(spec("vault", access={"authentication": "Public"}))

    operator.apply(VAULT)

    assert members(operator) == {"user:ann@example.org"}


def test_it_is_closed_although_a_rollout_fails(operator):
    """A revision that does not start holds nothing open."""
    operator.apply(VAULT)
    grant(operator, "allUsers")
    broken = spec("vault", access=VAULT["spec"]["access"], env={"HELLO_EXIT": "3"})

    assert operator.apply(broken).failed

    assert members(operator) == {"user:ann@example.org"}


def test_what_is_left_to_others_is_told_loudly(operator):
    """The spec leaves callers to others, and it is open to everyone: nothing is changed, and the exit code says so."""
    left = spec("vault", management={"deletion": "Delete", "externallyOwned": ["access.invokers"]})
    operator.apply(left)
    grant(operator, "allUsers")

    report = operator.apply(left)

    assert report.exit_code == 1
    [why] = report.unwell.values()
    assert "contradicts the spec: access.authentication is IAM" in why
    assert "externallyOwned" in why
    assert members(operator) == {"allUsers"}


def test_observing_shows_and_leaves(operator):
    """With mode Observe it is in the plan, and stays."""
    operator.apply(VAULT)
    grant(operator, "allUsers")
    watching = spec("vault", access=VAULT["spec"]["access"], management={"deletion": "Delete", "mode": "Observe"})

    assert [c.action for c in operator.plan(watching).plan.changes if c.contradicts] == [Action.DELETE]
    operator.apply(watching)

    assert "allUsers" in members(operator)


@pytest.mark.parametrize(("way", "said"), [("check-off", "'Off'"), ("everyone", "Public")])
def test_an_open_service_is_imported_as_open(operator, way, said):
    """The YAML that import writes says which way it is open."""
    service = {"template": {"containers": [{"image": HELLO}]}}
    services(operator).create_service(request={"parent": PARENT, "service_id": "vault", "service": service}).result()
    turn_check_off(operator) if way == "check-off" else grant(operator, "allUsers")

    text, _ = import_service(operator.session(), "vault", REGION)

    assert f"authentication: {said}" in text
