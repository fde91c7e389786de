"""What Google's refusals mean, by the words that each API has for them; no emulator."""

import pytest
from google.api_core import exceptions

from reconciler.core import errors
from reconciler.gcp.calls import translate

LACKS = "The principal (user or service account) lacks IAM permission"


@pytest.mark.parametrize(
    "words",
    [
        pytest.param("Service account a@acme.iam.gserviceaccount.com does not exist.", id="policies"),
        pytest.param(
            "Permission 'iam.serviceaccounts.actAs' denied on service account a (or it may not exist).", id="run"
        ),
        pytest.param(
            f'{LACKS} "iam.serviceAccounts.actAs" for the resource "a@acme" (or the resource may not exist).',
            id="scheduler",
        ),
    ],
)
def test_an_account_that_is_not_known_yet(words):
    """Whatever API says it: what was made a moment ago is waited for."""
    error = translate("create", "some/where/x", exceptions.PermissionDenied(words))

    assert isinstance(error, errors.NotReadyYet)
    assert "roles/iam.serviceAccountUser" in error.hint


@pytest.mark.parametrize(
    "words",
    [
        pytest.param("Permission 'run.services.create' denied on resource 'x' (or it may not exist).", id="run"),
        pytest.param(
            f'{LACKS} "run.services.create" for the resource "x" (or the resource may not exist).', id="scheduler"
        ),
        pytest.param("caller does not have run.services.create access to the project.", id="storage"),
    ],
)
def test_a_permission_that_is_missing_is_named(words):
    """It is nothing that waiting would mend."""
    error = translate("create", "some/where/x", exceptions.PermissionDenied(words))

    assert isinstance(error, errors.NotPermitted)
    assert error.permission == "run.services.create"


@pytest.mark.parametrize(
    ("words", "helps"),
    [
        pytest.param(
            "Revision 'x-00001-abc' is not ready and cannot serve traffic. "
            "Quota exceeded for total allowable count of GPUs per project per region.",
            "iam-admin/quotas",
            id="gpus",
        ),
        pytest.param("An internal error has occurred.", "run again in a moment", id="internal"),
    ],
)
def test_a_quota_that_is_used_up_is_not_waited_for(words, helps):
    """An operation that ends for want of it is told with what helps; of other failures a moment may."""
    assert helps in translate("create", "some/where/x", exceptions.InternalServerError(words)).hint
