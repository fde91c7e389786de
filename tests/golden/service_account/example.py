"""An account that somebody disables."""

from google.cloud.iam_admin_v1.types import iam

from reconciler.core.address import Address
from reconciler.core.naming import note
from reconciler.kinds.service_account import ServiceAccount
from tests.conformance.example import Example

NAME = "projects/local/serviceAccounts/churn-run@local.iam.gserviceaccount.com"


def api(operator):
    return operator.api("google.cloud.iam_admin_v1", "iam", "IAM")


def read(operator):
    return api(operator).get_service_account(request={"name": NAME})


EXAMPLE = Example(
    address=Address("service_account", "global", "churn-run"),
    fields=ServiceAccount("Runs churn", note("churn"), disabled=False),
    edits=({"display_name": "Runs it"}, {"description": f"{note('churn')} again"}, {"disabled": True}),
    read=read,
    message=iam.ServiceAccount,
    by_method=frozenset({"disabled"}),
    places={"display_name": ["display_name"], "description": ["description"], "disabled": ["disabled"]},
    unmarked={"description": "made by hand"},
    meddle=lambda operator: api(operator).disable_service_account(request={"name": NAME}),
    theirs=lambda operator: read(operator).disabled,
)
