"""IAM v1: keys of service accounts. With one, google-auth gets tokens of that account from the emulator, unchanged.

Every key file holds the emulator's own private key; what tells keys apart is their id, which google-auth sends in the
header of its assertions. A deleted key, and any key of a disabled account, gets no token.

Source: `ServiceAccountKey` of google/iam/admin/v1/iam.proto.
"""

import uuid
from datetime import UTC, datetime
from typing import Any

from google.cloud.iam_admin_v1.types import iam
from google.protobuf.empty_pb2 import Empty

from emulator.apis.iam.accounts import API, SERVICE, invalid, not_found, require
from emulator.core.api import Call
from emulator.core.resources import Collection, timestamp
from emulator.core.world import World
from emulator.identity import accounts
from emulator.identity.tokens import Tokens

Key = iam.ServiceAccountKey.pb()
KEYS = Collection(accounts.KEYS, Key, "projects/*/serviceAccounts/*/keys/*", missing=lambda _: not_found("Unknown key"))
MOST = 10
FOREVER = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
JSON_FILE = iam.ServiceAccountPrivateKeyType.TYPE_GOOGLE_CREDENTIALS_FILE
USER_MANAGED = iam.ListServiceAccountKeysRequest.KeyType.USER_MANAGED
GOOGLE_PROVIDED = iam.ServiceAccountKeyOrigin.GOOGLE_PROVIDED


@API.method(SERVICE + "CreateServiceAccountKey")
def create_service_account_key(world: World, request: Any, _: Call) -> Any:
    """A key file; its private part is shown only now. An account has at most ten."""
    account = require(world, request.name)
    if request.private_key_type not in (0, JSON_FILE):
        raise invalid("The emulator makes keys of type TYPE_GOOGLE_CREDENTIALS_FILE only.")
    if len(KEYS.all(world, f"{account.name}/keys/")) >= MOST:
        raise invalid(f"A service account has at most {MOST} keys.")
    key_id = uuid.uuid4().hex
    key = Key(
        name=f"{account.name}/keys/{key_id}",
        private_key_type=JSON_FILE,
        key_algorithm=iam.ServiceAccountKeyAlgorithm.KEY_ALG_RSA_2048,
        key_origin=GOOGLE_PROVIDED,
        key_type=USER_MANAGED,
        valid_after_time=timestamp(world.clock.now()),
        valid_before_time=timestamp(FOREVER),
    )
    KEYS.save(world, key)
    token_uri = f"{world.http_url}/token"
    text = world.part(Tokens).key_file(account.email, account.project_id, token_uri, key_id=key_id)
    key.private_key_data = text.encode()
    return key


@API.method(SERVICE + "GetServiceAccountKey")
def get_service_account_key(world: World, request: Any, _: Call) -> Any:
    """One key, without its private part."""
    return KEYS.get(world, full_name(world, request.name))


@API.method(SERVICE + "ListServiceAccountKeys")
def list_service_account_keys(world: World, request: Any, _: Call) -> Any:
    """All keys of an account; the emulator has none that Google would manage."""
    account = require(world, request.name)
    types = list(request.key_types)
    found = KEYS.all(world, f"{account.name}/keys/") if not types or USER_MANAGED in types else []
    return iam.ListServiceAccountKeysResponse.pb()(keys=found)


@API.method(SERVICE + "DeleteServiceAccountKey")
def delete_service_account_key(world: World, request: Any, _: Call) -> Any:
    """The key gets no more tokens."""
    KEYS.remove(world, full_name(world, request.name))
    return Empty()


def full_name(world: World, name: str) -> str:
    """A key's name with the account's e-mail and project in it."""
    account, _, key_id = name.partition("/keys/")
    return f"{require(world, account).name}/keys/{key_id}"
