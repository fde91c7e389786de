"""The bucket that inventories are kept in: whose it is, and whether strangers can read or lose it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from reconciler.core import errors
from reconciler.core.checkup import Answer, Check
from reconciler.core.membership import EVERYONE, EVERYONE_SIGNED_IN
from reconciler.engine.doctor.case import Case
from reconciler.gcp.calls import CALL_TIMEOUT_S, calling


def state_bucket(case: Case) -> Iterator[Check]:
    """Look at the bucket."""
    state = case.session.connection.state
    try:
        there = state.there
    except errors.NotOursError as error:
        yield Check("state-bucket", Answer.FAIL, f"{error.message}; {error.hint}")
        return
    if not there:
        yield Check("state-bucket", Answer.OK, f"gs://{state.name} is made by the first apply")
        return
    with calling("read", f"gs://{state.name}"):
        bucket = case.session.connection.storage.get_bucket(state.name, timeout=CALL_TIMEOUT_S)
    found = [*_open(bucket, state.name), *_weak(bucket, state.name)]
    yield from found or [Check("state-bucket", Answer.OK, f"gs://{state.name} is ours and closed")]


def _open(bucket: Any, name: str) -> Iterator[Check]:
    try:
        with calling("read the policy of", f"gs://{name}"):
            policy = bucket.get_iam_policy(requested_policy_version=3, timeout=CALL_TIMEOUT_S)
    except errors.NotPermitted as error:
        yield Check("state-bucket", Answer.UNKNOWN, f"could not look: {error.message}")
        return
    for binding in policy.bindings:
        for member in sorted({EVERYONE, EVERYONE_SIGNED_IN} & set(binding["members"])):
            role = binding["role"]
            command = f"gcloud storage buckets remove-iam-policy-binding gs://{name} --member={member} --role={role}"
            line = f"gs://{name} is open: {member} has {role}"
            yield Check("state-bucket", Answer.FAIL, line, commands=(command,))


def _weak(bucket: Any, name: str) -> Iterator[Check]:
    """Say what would make it safer."""
    update = f"gcloud storage buckets update gs://{name}"
    config = bucket.iam_configuration
    if not config.uniform_bucket_level_access_enabled:
        line = f"gs://{name} has access lists for single objects, beside its policy"
        yield Check("state-bucket", Answer.WARN, line, commands=(f"{update} --uniform-bucket-level-access",))
    if config.public_access_prevention != "enforced":
        line = f"gs://{name} could be opened to everyone"
        yield Check("state-bucket", Answer.WARN, line, commands=(f"{update} --public-access-prevention",))
    kept = bucket.soft_delete_policy.retention_duration_seconds if bucket.soft_delete_policy else 0
    if not (bucket.versioning_enabled or kept):
        line = f"gs://{name} keeps nothing that was deleted: no versions, no soft delete"
        yield Check("state-bucket", Answer.WARN, line, commands=(f"{update} --versioning",))
