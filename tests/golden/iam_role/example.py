"""A custom role whose stage somebody else sets; one that disables it is put back."""

from google.cloud.iam_admin_v1.types import iam

from reconciler.core.address import Address
from reconciler.core.naming import note
from reconciler.kinds.iam_role import IamRole
from tests.conformance.example import Example


def name(operator):
    return f"{operator.at.top}/roles/{operator.at.role('churn_extra')}"


def api(operator):
    return operator.api("google.cloud.iam_admin_v1", "iam", "IAM")


def read(operator):
    return api(operator).get_role(request={"name": name(operator)})


def stage(operator, name_of_it):
    chosen = iam.Role.RoleLaunchStage[name_of_it]
    request = {"name": name(operator), "role": {"stage": chosen}, "update_mask": {"paths": ["stage"]}}
    api(operator).update_role(request=request)


def examples(at):
    """Give the examples of a place."""
    mark = note(at.name("churn"))
    example = Example(
        address=Address("iam_role", "global", at.role("churn_extra")),
        fields=IamRole("Extra of churn", mark, ("storage.buckets.get", "storage.buckets.list")),
        edits=(
            {"title": "More of churn"},
            {"description": f"{mark} again"},
            {"permissions": ("storage.buckets.get",)},
            {"permissions": ("run.jobs.get", "storage.buckets.get", "storage.buckets.list")},
        ),
        read=read,
        message=iam.Role,
        places={"title": ["title"], "description": ["description"], "permissions": ["included_permissions"]},
        owner=at.name("churn"),
        unmarked={"description": "made by hand"},
        meddle=lambda operator: stage(operator, "BETA"),
        theirs=lambda operator: read(operator).stage == iam.Role.RoleLaunchStage.BETA,
        by_hand={"stage": lambda operator: stage(operator, "DISABLED")},
    )
    return (example,)
