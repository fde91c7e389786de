"""The caller's identity token: what a private Cloud Run service asks for."""

from __future__ import annotations

import subprocess
from typing import Any

from reconciler.core import errors
from reconciler.gcp.connection import Connection


def identity_token(connection: Connection, audience: str) -> str:
    """Get a token for an address.

    Service accounts and metadata servers give one through Google's library. A person's own credentials carry no
    audience, so for those gcloud is asked, as Google's documentation says to.

    Args:
        connection: Whose credentials.
        audience: Address of the service.

    Raises:
        NotPermitted: There is no identity to call with.

    Source:
        cloud.google.com/run/docs/authenticating/developers.
    """
    if connection.local and not connection.local.inside:
        return _from_key_file(connection.local.key_file or connection.local.credentials_file, audience)
    import google.auth.exceptions  # noqa: PLC0415 - late, for start-up
    import google.auth.transport.requests  # noqa: PLC0415 - late, for start-up
    from google.oauth2 import id_token  # noqa: PLC0415 - late, for start-up

    try:
        request = google.auth.transport.requests.Request()
        return str(id_token.fetch_id_token(request, audience))  # type: ignore[no-untyped-call]  # google-auth is half typed
    except google.auth.exceptions.GoogleAuthError:
        return _from_gcloud()


def _from_key_file(path: str, audience: str) -> str:
    from google.oauth2 import service_account  # noqa: PLC0415 - late, for start-up

    from reconciler.gcp.calls import calling  # noqa: PLC0415 - late, for start-up
    from reconciler.gcp.direct import auth_request  # noqa: PLC0415 - late, for start-up

    make: Any = service_account.IDTokenCredentials.from_service_account_file
    with calling("get an identity token for", audience):
        credentials = make(path, target_audience=audience)
        credentials.refresh(auth_request())
        return str(credentials.token)


def _from_gcloud() -> str:
    try:
        command = ["gcloud", "auth", "print-identity-token"]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout.strip()  # noqa: S603 - fixed words
    except (OSError, subprocess.SubprocessError) as error:
        hint = "run `gcloud auth login`, or use a service account's credentials"
        raise errors.NotPermitted("get", "an identity token", str(error), hint=hint) from error
