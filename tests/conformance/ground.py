"""What examples stand on: accounts, a secret."""

from typing import Any

from google.api_core import exceptions, retry

KNOWN_WITHIN_S = 180
"""An account that was just made is not known everywhere at once: kinds.md 1.1."""
_LATE = retry.Retry(
    predicate=lambda error: (
        isinstance(error, (exceptions.InvalidArgument, exceptions.NotFound)) and "does not exist" in str(error)
    ),
    initial=2.0,
    maximum=20.0,
    timeout=KNOWN_WITHIN_S,
)


def late(call: Any) -> Any:
    """Make a call that names an account that was just made."""
    return _LATE(call)


def accounts(operator: Any, *names: str) -> None:
    """Make service accounts."""
    api = operator.api("google.cloud.iam_admin_v1", "iam", "IAM")
    for name in names:
        api.create_service_account(request={"name": operator.at.top, "account_id": operator.at.name(name)})


def secret(operator: Any, *readers: str) -> None:
    """Make the secret `token` with two versions, which these accounts may read."""
    at = operator.at
    api = operator.api("google.cloud.secretmanager_v1", "secret_manager_service", "SecretManagerService")
    made = {"replication": {"automatic": {}}, "labels": dict(at.labels)}
    api.create_secret(request={"parent": at.top, "secret_id": at.name("token"), "secret": made})
    for _ in range(2 if readers else 0):
        api.add_secret_version(request={"parent": at.of_project("secrets", "token"), "payload": {"data": b"x"}})
    if readers:
        role = {"role": "roles/secretmanager.secretAccessor", "members": [at.member(reader) for reader in readers]}
        request = {"resource": at.of_project("secrets", "token"), "policy": {"bindings": [role]}}
        late(api.set_iam_policy)(request=request)
