"""Google's own clients with a service account's token, and what policies give it."""

import importlib
import json
import re
from functools import cache
from typing import Any

import grpc
from google.auth.crypt import RSASigner
from google.auth.transport.requests import AuthorizedSession, Request
from google.cloud import iam_admin_v1, resourcemanager_v3, storage
from google.iam.v1 import iam_policy_pb2, policy_pb2
from google.oauth2 import service_account
from google.oauth2.credentials import Credentials

from tests.conftest import Emulator
from tests.emulator.clients import client

PROJECT = "projects/local"


class WithToken(
    grpc.UnaryUnaryClientInterceptor, grpc.UnaryStreamClientInterceptor, grpc.StreamStreamClientInterceptor
):
    """Sends a token with each call."""

    def __init__(self, token: str) -> None:
        self._header = ("authorization", f"Bearer {token}")

    def _with(self, details: Any) -> Any:
        class Details(grpc.ClientCallDetails):
            """The same call, with the header."""

            method, timeout, credentials = details.method, details.timeout, details.credentials
            metadata = (*(details.metadata or ()), self._header)
            wait_for_ready, compression = details.wait_for_ready, details.compression

        return Details()

    def intercept_unary_unary(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        """One request, one answer."""
        return continuation(self._with(client_call_details), request)

    def intercept_unary_stream(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        """One request, several answers."""
        return continuation(self._with(client_call_details), request)

    def intercept_stream_stream(self, continuation: Any, client_call_details: Any, request_iterator: Any) -> Any:
        """Streams both ways."""
        return continuation(self._with(client_call_details), request_iterator)


@cache
def signer_of(key_id: str, pem: str) -> RSASigner:
    """Read a key once: that takes longer than to get a token by it."""
    return RSASigner.from_string(pem, key_id)


class Account:
    """A service account of the emulator, and clients that call as it.

    Args:
        emulator: Where.
        name: The first part of its e-mail.
        made: It is there already.
    """

    def __init__(self, emulator: Emulator, name: str = "caller", *, made: bool = False) -> None:
        self.emulator = emulator
        self.email = f"{name}@local.iam.gserviceaccount.com"
        self.member = f"serviceAccount:{self.email}"
        admin = client(emulator, iam_admin_v1.IAMClient)
        if not made:
            admin.create_service_account(name=PROJECT, account_id=name)
        key = admin.create_service_account_key(name=f"{PROJECT}/serviceAccounts/{self.email}")
        self.key = key.private_key_data.decode()
        self.token = self._token()

    def _token(self) -> str:
        scopes = ["https://www.googleapis.com/auth/cloud-platform"]
        told = json.loads(self.key)
        signer = signer_of(told["private_key_id"], told["private_key"])
        credentials = service_account.Credentials(signer, told["client_email"], told["token_uri"], scopes=scopes)
        request = Request()
        credentials.refresh(request)
        request.session.close()
        return str(credentials.token)

    def client(self, cls: Any, wire: str = "grpc") -> Any:
        """A client of class `cls` that calls as the account."""
        transport = cls.get_transport_class(wire)
        if wire == "grpc":
            channel = grpc.intercept_channel(self.emulator.channel(), WithToken(self.token))
            return cls(transport=transport(channel=channel))
        return cls(transport=transport(host=self.emulator.http, credentials=Credentials(self.token)))

    def storage(self) -> Any:
        """Cloud Storage's client that calls as the account."""
        session = AuthorizedSession(Credentials(self.token))
        session.trust_env = False
        options = {"api_endpoint": self.emulator.http}
        return storage.Client(project="local", _http=session, credentials=session.credentials, client_options=options)


def grant(
    emulator: Emulator, *bindings: tuple[str, str] | tuple[str, str, str], api: Any = None, on: str = PROJECT
) -> None:
    """Replace a policy: `(role, member[, condition])` each; on the project, or on what another client's API holds."""
    made = []
    for role, member, *condition in bindings:
        binding = policy_pb2.Binding(role=role, members=[member])
        if condition:
            binding.condition.title, binding.condition.expression = "when", condition[0]
        made.append(binding)
    policy = policy_pb2.Policy(bindings=made, version=3)
    holder = client(emulator, api or resourcemanager_v3.ProjectsClient)
    holder.set_iam_policy(request=iam_policy_pb2.SetIamPolicyRequest(resource=on, policy=policy))


def client_class(package: str, service: str) -> Any:
    """The client class of a service's last name: `Services` of `google.cloud.run_v2`.

    A package with a library written by hand on top (Cloud Logging) has them just in its folder `services`.
    """
    found = getattr(importlib.import_module(package), f"{service}Client", None)
    if found is not None:
        return found
    folder = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", service).lower()
    return getattr(importlib.import_module(f"{package}.services.{folder}"), f"{service}Client")
