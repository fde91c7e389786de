"""Who calls the emulator: its developer, who needs no credentials, or one of its service accounts.

As an account, a run meets there the refusals that the same roles would meet on Google Cloud.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import grpc

from reconciler.core import errors
from reconciler.gcp.direct import auth_request

_EXTERNAL = "external_account"
SCOPES = ["https://www.googleapis.com/auth/cloud-platform"]


def account(key_file: str, http: str) -> Any:
    """Give the credentials of an account of the emulator, from its key file.

    Args:
        key_file: As `gcloud iam service-accounts keys create` writes it, or one of type `external_account`: what a CI
            that is let in signs in with.
        http: Where the emulator listens.

    Raises:
        UsageError: It is no key file, or one of somebody else: nothing signed with a real key is sent anywhere.
    """
    from google.oauth2 import service_account  # noqa: PLC0415 - late, for start-up

    hint = "gcloud iam service-accounts keys create, with the variables of `mlservice emulator env`"
    try:
        with open(key_file, encoding="utf-8") as file:  # noqa: PTH123 - a name that the user gave
            info = json.load(file)
    except (OSError, ValueError) as error:
        raise errors.UsageError(f"'{key_file}' is no key file of the emulator", hint=hint) from error
    if not isinstance(info, dict) or not _of_this_emulator(info, http):
        raise errors.UsageError(f"'{key_file}' holds no key of this emulator", hint=hint)
    if info.get("type") == _EXTERNAL:
        return _external(info)
    make: Any = service_account.Credentials.from_service_account_info
    return make(info, scopes=SCOPES)


def _of_this_emulator(info: Mapping[str, Any], http: str) -> bool:
    """Tell whether tokens are asked for here alone."""
    if info.get("type") == _EXTERNAL:
        acting = str(info.get("service_account_impersonation_url") or f"{http}/")
        return info.get("token_url") == f"{http}/v1/token" and acting.startswith(f"{http}/")
    return info.get("token_uri") == f"{http}/token"


def _external(info: Mapping[str, Any]) -> Any:
    from google.auth import identity_pool  # noqa: PLC0415 - late, for start-up

    make: Any = identity_pool.Credentials.from_info
    return make(info, scopes=SCOPES)


def emulated(key_file: str, http: str, acting_as: str = "", *, inside: bool = False) -> Any:
    """Give the credentials of an account of the emulator.

    Args:
        key_file: Key file of the account that calls; empty for none.
        http: Where the emulator listens.
        acting_as: E-mail of the account that the caller acts as; empty for itself.
        inside: Without a key file, the caller is the account of the container that this process runs in.

    Raises:
        UsageError: The key file is none of the emulator's.
        NotPermitted: The caller may not act as the account.
    """
    own = _quiet(account(key_file, http) if key_file else _of_the_container()) if key_file or inside else None
    return _acting(own, http, acting_as) if acting_as else own


def _quiet(account: Any) -> Any:
    """Give credentials with the account's tokens that call nobody but who issues these.

    Google's own for accounts also ask `iamcredentials.googleapis.com` beside each call, in a thread, where data of the
    account may lie: the emulator's token would go to the real one. Source: google-auth 2.62,
    `google.auth.credentials.CredentialsWithRegionalAccessBoundary`.
    """
    from google.auth import credentials  # noqa: PLC0415 - late, for start-up

    class Quiet(credentials.Credentials):
        service_account_email = account.service_account_email

        def refresh(self, request: Any) -> None:
            account.refresh(request)
            self.token, self.expiry = account.token, account.expiry

    make: Any = Quiet
    return make()


def _of_the_container() -> Any:
    from google.auth import compute_engine  # noqa: PLC0415 - late, for start-up

    make: Any = compute_engine.Credentials
    return make()


def _acting(own: Any, http: str, email: str) -> Any:
    from google.api_core import exceptions  # noqa: PLC0415 - late, for start-up
    from google.oauth2 import credentials  # noqa: PLC0415 - late, for start-up

    from reconciler.gcp.calls import calling  # noqa: PLC0415 - late, for start-up

    url = f"{http}/v1/projects/-/serviceAccounts/{quote(email, safe='@')}:generateAccessToken"
    with calling("act as", email):
        headers = {"content-type": "application/json"}
        if own is not None:
            own.before_request(auth_request(), "POST", url, headers)
        answer = auth_request()(url, method="POST", body=b"{}", headers=headers)
        told = json.loads(answer.data)
        if "accessToken" not in told:
            made: Any = exceptions.from_http_status
            raise made(answer.status, str(told.get("error", {}).get("message", "")))
    make: Any = credentials.Credentials
    return make(told["accessToken"])


class AsAccount(grpc.UnaryUnaryClientInterceptor):  # type: ignore[misc]  # grpc ships no types
    """Sends the account's token with each call. Every call of ours has one request and one answer."""

    def __init__(self, credentials: Any) -> None:
        self._credentials = credentials

    def intercept_unary_unary(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        """Make one call."""
        headers: dict[str, str] = {}
        self._credentials.before_request(auth_request(), "POST", "", headers)
        return continuation(_Details(client_call_details, headers["authorization"]), request)


class _Details(grpc.ClientCallDetails):  # type: ignore[misc]  # grpc ships no types
    """A call with one header more."""

    def __init__(self, call: Any, authorization: str) -> None:
        self.method, self.timeout, self.credentials = call.method, call.timeout, call.credentials
        self.metadata = (*(call.metadata or ()), ("authorization", authorization))
        self.wait_for_ready, self.compression = call.wait_for_ready, call.compression
