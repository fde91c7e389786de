"""IAM policies of tables.

Source: reference/rest/v2/tables/getIamPolicy, setIamPolicy, testIamPermissions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from emulator.apis.bigquery import access, errors, records
from emulator.apis.bigquery.tables import ref_of
from emulator.apis.bigquery.wire import Call, Reply
from emulator.core.failures import ApiFailure

if TYPE_CHECKING:
    from emulator.apis.bigquery.names import Ref


def name_of(ref: Ref) -> str:
    """Under which name the policy of a table is kept."""
    return f"projects/{ref.project}/datasets/{ref.dataset}/tables/{ref.table}"


def get(call: Call) -> Reply:
    """The policy of a table."""
    from emulator.identity import iam_policy  # noqa: PLC0415 - imports Google's messages

    ref = records.find_table(call.world, ref_of(call)).ref
    return Reply(shown(iam_policy.stored(call.world, name_of(ref))))


def put(call: Call) -> Reply:
    """Replace the policy of a table."""
    from google.iam.v1 import iam_policy_pb2  # noqa: PLC0415 - few tables have policies
    from google.protobuf import json_format  # noqa: PLC0415 - few tables have policies

    from emulator.identity import iam_policy  # noqa: PLC0415 - imports Google's messages

    try:
        request = json_format.ParseDict(
            {"policy": call.json().get("policy") or {}}, iam_policy_pb2.SetIamPolicyRequest()
        )
        with call.world.store.transaction():  # or one that is deleted meanwhile leaves it to the next of its name
            ref = records.find_table(call.world, ref_of(call)).ref
            policy = iam_policy.set_policy(call.world, name_of(ref), request, public=True)
    except json_format.ParseError as error:
        raise errors.invalid(f"Invalid policy: {error}") from error
    except ApiFailure as failure:
        raise errors.BigQueryError(failure.http, "invalid", failure.message) from failure
    return Reply(shown(policy))


def test(call: Call) -> Reply:
    """Of some permissions, those that the caller has."""
    ref = records.find_table(call.world, ref_of(call)).ref
    return Reply({"permissions": access.held(call.world, call.caller, call.json().get("permissions") or [], ref)})


def shown(policy: Any) -> dict[str, Any]:
    """A policy as JSON."""
    from google.protobuf import json_format  # noqa: PLC0415 - few tables have policies

    found: dict[str, Any] = json_format.MessageToDict(policy)
    return found
