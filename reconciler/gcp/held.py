"""Which of some permissions the caller has, as Google says: `testIamPermissions`, which itself needs none.

Source:
    https://cloud.google.com/iam/docs/testing-permissions. Google warns that it may fail open: it is for showing, never
    for deciding.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from reconciler.core import errors
from reconciler.gcp.calls import CALL_TIMEOUT_S, READING, calling
from reconciler.gcp.connection import Connection

_AT_ONCE = 100


def held_on(api: Any, resource: str, asked: Iterable[str]) -> tuple[frozenset[str], frozenset[str]]:
    """Ask about a resource that has a policy.

    Args:
        api: Google's client of its API.
        resource: Full name.
        asked: Permissions.

    Returns:
        Those that the caller has, and those that cannot be asked about there.

    Raises:
        ApiError: Google could not be asked.
    """
    have: set[str] = set()
    beyond: set[str] = set()
    wanted = sorted(set(asked))
    for at in range(0, len(wanted), _AT_ONCE):
        one, other = _ask(api, resource, wanted[at : at + _AT_ONCE])
        have |= one
        beyond |= other
    return frozenset(have), frozenset(beyond)


def _ask(api: Any, resource: str, wanted: Sequence[str]) -> tuple[set[str], set[str]]:
    """Ask once; where one permission is not one of that sort of resource, Google refuses all: find which."""
    from google.iam.v1 import iam_policy_pb2  # noqa: PLC0415 - late, for start-up

    request = iam_policy_pb2.TestIamPermissionsRequest(resource=resource, permissions=wanted)
    try:
        with calling("ask for permissions on", resource):
            found = api.test_iam_permissions(request=request, retry=READING, timeout=CALL_TIMEOUT_S)
    except errors.InvalidRequest:
        if len(wanted) == 1:
            return set(), set(wanted)
        half = len(wanted) // 2
        first, second = (_ask(api, resource, part) for part in (wanted[:half], wanted[half:]))
        return first[0] | second[0], first[1] | second[1]
    return set(found.permissions), set()


def held_on_bucket(connection: Connection, bucket: str, asked: Iterable[str]) -> frozenset[str]:
    """Ask about a bucket.

    Raises:
        NotFoundError: There is none of that name.
    """
    with calling("ask for permissions on", f"gs://{bucket}"):
        found = connection.storage.bucket(bucket).test_iam_permissions(sorted(set(asked)), timeout=CALL_TIMEOUT_S)
    return frozenset(found)
