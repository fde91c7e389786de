"""What errors carry for those who catch them, and what they tell those who read them."""

import pytest

from reconciler.core.address import GLOBAL, Address
from reconciler.core.errors import NotConverged, NotPermitted, StalePlan
from reconciler.core.plan import Plan
from reconciler.engine.session import naming_roles
from reconciler.gcp.roles import role_with
from reconciler.kinds import KINDS

TOPIC = Address("pubsub_topic", GLOBAL, "scores")


def test_a_stale_plan_says_what_moved_and_what_to_do():
    """Each object on a line of its own, and the next step as the hint."""
    error = StalePlan(["one moved", "two is gone"])

    assert str(error).endswith("nothing was changed\n  one moved\n  two is gone")
    assert error.hint == "make a new plan, read it, and apply that one"
    assert error.moved == ("one moved", "two is gone")


def test_a_refused_call_keeps_googles_words_and_the_permission():
    """Without a remedy there is no hint."""
    error = NotPermitted("update", TOPIC, "Permission denied", permission="pubsub.topics.update")

    assert str(error) == f"cannot update {TOPIC}: Permission denied"
    assert (error.verb, error.address, error.why) == ("update", TOPIC, "Permission denied")
    assert (error.permission, error.hint) == ("pubsub.topics.update", "")


@pytest.mark.parametrize(
    ("permission", "role"),
    [
        ("pubsub.topics.getIamPolicy", "roles/pubsub.admin"),
        ("secretmanager.secrets.setIamPolicy", "roles/secretmanager.admin"),
        ("resourcemanager.projects.setIamPolicy", "roles/resourcemanager.projectIamAdmin"),
    ],
)
def test_a_policy_s_own_role_is_the_remedy(permission, role):
    """Who may not read a topic's policy is not told to manage the project's."""
    hint = f"permission {permission} is missing: grant {role_with(permission)}"
    refused = NotPermitted("read", "x", "denied", hint=hint, permission=permission)

    with pytest.raises(NotPermitted) as told, naming_roles(KINDS.by_name["iam_member"].roles):
        raise refused

    assert role in told.value.hint


def test_what_did_not_read_back_is_named():
    """The object and each field."""
    error = NotConverged(TOPIC, ["labels", "retention"])

    assert str(error) == f"{TOPIC} did not take on what was written: labels, retention"
    assert (error.address, error.fields) == (TOPIC, ("labels", "retention"))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        pytest.param(lambda saved: saved | {"format": 1}, "no saved plan of this version", id="older"),
        pytest.param(
            lambda saved: {k: v for k, v in saved.items() if k != "digest"}, "printed, not saved", id="printed"
        ),
        pytest.param(lambda saved: saved | {"project": "theirs"}, "was edited", id="edited"),
    ],
)
def test_a_file_that_is_no_saved_plan_says_which_kind_it_is(change, says):
    """Three ways to be none, three sentences."""
    saved = Plan(project="ours", services=(), changes=()).to_json()

    with pytest.raises(ValueError, match=says):
        Plan.from_json(change(saved))
