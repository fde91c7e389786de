"""Who calls, and what time Google says it is: one call that needs no permission and no API."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

from reconciler.gcp.calls import calling
from reconciler.gcp.connection import Connection, Endpoint
from reconciler.gcp.direct import auth_request

TOKEN_INFO = "https://oauth2.googleapis.com/tokeninfo"  # noqa: S105 - an address
_PATIENCE_S = 10
_ACCOUNT = ".gserviceaccount.com"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls.

    Args:
        email: Address; empty where Google does not tell it, or nobody is signed in.
        through: The account or file that stands behind it, in words; empty for none.
        now: What time it is there; None where that was not told.
    """

    email: str
    through: str = ""
    now: datetime | None = None

    @property
    def member(self) -> str:
        """Give the caller as policies name members."""
        sort = "serviceAccount" if self.email.endswith(_ACCOUNT) else "user"
        return f"{sort}:{self.email}" if self.email else "MEMBER"

    def __str__(self) -> str:
        """Give the form for people."""
        return f"{self.email or 'somebody whose address is not told'}{f' ({self.through})' if self.through else ''}"


def caller_of(connection: Connection) -> Caller:
    """Ask whose the token is that calls are made with.

    Source:
        https://developers.google.com/identity/sign-in/web/backend-auth#calling-the-tokeninfo-endpoint. The token goes
        into the body, so that no log of a proxy has it.
    """
    local = connection.local
    with calling("ask who calls at", "Google Cloud"):
        credentials, through = _emulated(local, connection.acting_as) if local else _real(connection)
        request = auth_request() if local else _request()
        if credentials is not None and not credentials.token:
            credentials.refresh(request)
        token = "" if credentials is None else str(credentials.token)
        body = f"access_token={token}".encode()
        url = f"{local.http}/tokeninfo" if local else TOKEN_INFO
        headers = {"content-type": "application/x-www-form-urlencoded"}
        answer = request(url, method="POST", body=body, headers=headers, timeout=_PATIENCE_S)
    return Caller(_email(answer.data, credentials, local), through, _date(answer.headers))


def _emulated(local: Endpoint, acting_as: str) -> tuple[Any, str]:
    from reconciler.gcp.caller import emulated  # noqa: PLC0415 - only when asked for

    if not (local.as_account or acting_as):
        return None, "the emulator's developer"
    return emulated(local.key_file, local.http, acting_as, inside=local.inside), "an account of the emulator"


def _real(connection: Connection) -> tuple[Any, str]:
    credentials = connection.credentials
    source = getattr(credentials, "_source_credentials", None)  # of an impersonated account
    behind = getattr(source, "service_account_email", "") or getattr(source, "account", "")
    return credentials, f"impersonated by {behind}" if behind else ""


def _request() -> Any:
    import google.auth.transport.requests  # noqa: PLC0415 - late, for start-up

    return google.auth.transport.requests.Request()


def _email(body: bytes, credentials: Any, local: Endpoint | None) -> str:
    try:
        told = json.loads(body)
    except ValueError:
        told = {}
    named = str(told.get("email", "")) if isinstance(told, dict) else ""
    own = str(getattr(credentials, "service_account_email", "") or getattr(credentials, "account", "") or "")
    return named or own or ("developer@example.com" if local and credentials is None else "")


def _date(headers: Mapping[str, str]) -> datetime | None:
    try:
        return parsedate_to_datetime(headers.get("date") or headers.get("Date") or "")
    except (TypeError, ValueError):
        return None


def signed_in_without_quota_project(environ: Mapping[str, str] = os.environ) -> bool:
    """Tell whether a person's own credentials name no project that pays for calls.

    Source:
        https://cloud.google.com/docs/quotas/set-quota-project: some APIs refuse such calls, or count them against a
        project of gcloud's.
    """
    if environ.get("GOOGLE_CLOUD_QUOTA_PROJECT"):
        return False
    home = Path(environ.get("CLOUDSDK_CONFIG") or Path.home() / ".config" / "gcloud")
    file = environ.get("GOOGLE_APPLICATION_CREDENTIALS") or str(home / "application_default_credentials.json")
    try:
        found = json.loads(Path(file).read_text())
    except (OSError, ValueError):
        return False
    return isinstance(found, dict) and found.get("type") == "authorized_user" and not found.get("quota_project_id")
