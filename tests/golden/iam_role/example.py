"""A custom role whose stage somebody else sets."""

from google.cloud.iam_admin_v1.types import iam

from reconciler.core.address import Address
from reconciler.core.naming import note
from reconciler.kinds.iam_role import IamRole
from tests.conformance.example import Example

NAME = "projects/local/roles/churn_extra"


def api(operator):
    return operator.api("google.cloud.iam_admin_v1", "iam", "IAM")


def read(operator):
    return api(operator).get_role(request={"name": NAME})


def meddle(operator):
    request = {"name": NAME, "role": {"stage": iam.Role.RoleLaunchStage.BETA}, "update_mask": {"paths": ["stage"]}}
    api(operator).update_role(request=request)


EXAMPLE = Example(
    address=Address("iam_role", "global", "churn_extra"),
    fields=IamRole("Extra of churn", note("churn"), ("storage.buckets.get", "storage.buckets.list")),
    edits=(
        {"title": "More of churn"},
        {"description": f"{note('churn')} again"},
        {"permissions": ("storage.buckets.get",)},
        {"permissions": ("run.jobs.get", "storage.buckets.get", "storage.buckets.list")},
    ),
    read=read,
    message=iam.Role,
    places={"title": ["title"], "description": ["description"], "permissions": ["included_permissions"]},
    unmarked={"description": "made by hand"},
    meddle=meddle,
    theirs=lambda operator: read(operator).stage == iam.Role.RoleLaunchStage.BETA,
)
