"""How this run reaches Google Cloud, or the emulator: endpoint and credentials, nothing else."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from reconciler.core import errors
from reconciler.core.pace import api_of
from reconciler.gcp.direct import direct_session
from reconciler.gcp.light import client_class, transport_class
from reconciler.gcp.state_bucket import StateBucket
from reconciler.gcp.throttle import Throttle

if TYPE_CHECKING:
    from reconciler.gcp.rest import Rest

LOCAL_PROJECT = "local"
"""Too short to be a real project id: those have 6 to 30 characters."""
_STORAGE = "storage.googleapis.com"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where the embedded emulator listens.

    Args:
        http: Such as `http://127.0.0.1:8085`.
        grpc: Such as `127.0.0.1:8086`.
        credentials_file: Key file of the emulator's own caller.
        key_file: Key file of the account that calls instead; empty for the developer, who may do everything.
        inside: This process is a container there, and calls as its own account, by the metadata server.
    """

    http: str
    grpc: str
    credentials_file: str
    key_file: str = ""
    inside: bool = False

    @property
    def state(self) -> Path:
        """Give the folder of the emulator's state."""
        return Path(self.credentials_file).parent

    @property
    def as_account(self) -> bool:
        """Tell whether calls carry an account's token."""
        return bool(self.key_file) or self.inside


class Listener(Protocol):
    """Hears all that a connection says, each call once however often the throttle sends it."""

    def interceptor(self) -> Any:
        """Give what stands before every gRPC call."""

    def adapter(self, inner: Any, host: str) -> Any:
        """Give what stands before every request of an HTTP session.

        Args:
            inner: The adapter of `requests` that sends.
            host: Google's name of where it goes, also where an emulator answers.
        """


@dataclass(slots=True)
class Connection:
    """Builds Google's clients, each once.

    Args:
        project: Project id every call is about.
        bucket: Bucket of the inventory and of uploaded models.
        local: The emulator; None for Google Cloud.
        chosen: The user named the bucket.
        stopped: Set when somebody stops this run. What works on for long asks between its steps.
        acting_as: E-mail of a service account to call as, with one's own permission to do so; empty for oneself.
        patience_s: How long to wait for one long-running operation.
        throttle: Paces the calls; one for a whole process, whoever it calls as.
        listener: Hears the calls; None for nobody.
    """

    project: str
    bucket: str
    local: Endpoint | None = None
    patience_s: float = 900.0
    chosen: bool = False
    acting_as: str = ""
    stopped: threading.Event = field(default_factory=threading.Event)
    throttle: Throttle = field(default_factory=Throttle)
    listener: Listener | None = None
    state: StateBucket = field(init=False)
    _made: dict[str, Any] = field(default_factory=dict)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def __post_init__(self) -> None:
        """Refuse what could send real credentials to a stranger.

        Raises:
            UsageError: The environment points Cloud Storage elsewhere while we talk to Google Cloud.
        """
        elsewhere = os.environ.get("STORAGE_EMULATOR_HOST")
        if self.local is None and elsewhere:
            raise errors.UsageError(
                f"STORAGE_EMULATOR_HOST is set to {elsewhere}, and this run is not --local",
                hint="unset it, or add --local",
            )
        self.throttle.stopped = self.stopped
        self.throttle.limited = self.local is None
        self.state = StateBucket(self.project, lambda: self.storage, self.bucket, chosen=self.chosen)

    def acting(self, account: str) -> Connection:
        """Give the same connection as a service account, with clients of its own.

        Args:
            account: Its e-mail.
        """
        return replace(self, acting_as=account, _made={}, _lock=threading.RLock())

    def client(self, package: str, service: str, stem: str, host: str = "") -> Any:
        """Give one of Google's generated clients.

        Args:
            package: Such as `google.cloud.run_v2`.
            service: Such as `services`.
            stem: Such as `Services`, of `ServicesClient`.
            host: Of the API, for a client that knows of none.
        """
        with self._lock:
            key = f"{package}.{stem}"
            if key not in self._made:
                self._made[key] = self._build(package, service, stem, host)
            return self._made[key]

    def _build(self, package: str, service: str, stem: str, host: str) -> Any:
        from reconciler.gcp.refusals import Paced  # noqa: PLC0415 - imports grpc

        client = client_class(package, service, f"{stem}Client")
        transport = transport_class(package, service, f"{stem}GrpcTransport")
        named = host  # a few clients are for APIs of others, and have none
        host = host or getattr(client, "DEFAULT_ENDPOINT", package)
        heard = [self.listener.interceptor()] if self.listener else []
        before = (*heard, Paced(self.throttle, api_of(host)))
        if self.local is None:
            paced = partial(_paced, transport, before)
            if named:  # such a client takes a transport, and asks no other one
                return client(transport=paced(credentials=self.credentials, host=named))
            return client(credentials=self.credentials, transport=paced)
        from reconciler.gcp.reaching import Answered  # noqa: PLC0415 - imports grpc

        before = (*before, Answered(self._watch(self.local)))
        return client(transport=transport(channel=_intercepted(self._channel(self.local), before)))

    def _watch(self, local: Endpoint) -> Any:
        from reconciler.gcp.watch import Watch  # noqa: PLC0415 - where there is an emulator

        return self._made.setdefault("watch", Watch(local.http, local.state))

    def _channel(self, local: Endpoint) -> Any:
        import grpc  # noqa: PLC0415 - only when a client is built

        if "channel" not in self._made:
            channel = grpc.insecure_channel(
                local.grpc, options=[("grpc.max_receive_message_length", -1), ("grpc.enable_http_proxy", 0)]
            )
            named = local.as_account or self.acting_as
            self._made["channel"] = self._as_account(channel, local) if named else channel
        return self._made["channel"]

    def _as_account(self, channel: Any, local: Endpoint) -> Any:
        import grpc  # noqa: PLC0415 - only when a client is built

        from reconciler.gcp.caller import AsAccount  # noqa: PLC0415 - only when asked for

        return grpc.intercept_channel(channel, AsAccount(self._caller(local)))

    def _caller(self, local: Endpoint) -> Any:
        """Give who calls the emulator, once for all clients: to read a key takes 40 ms, and a token is a call."""
        with self._lock:
            if "caller" not in self._made:
                self._made["caller"] = _local_credentials(local, self.acting_as)
            return self._made["caller"]

    @property
    def storage(self) -> Any:
        """Google's Cloud Storage client."""
        with self._lock:
            if "storage" not in self._made:
                self._made["storage"] = self._storage()
            return self._made["storage"]

    def _storage(self) -> Any:
        from google.cloud.storage import Client  # noqa: PLC0415 - late, for start-up

        if self.local is None:
            made = Client(project=self.project, credentials=self.credentials)
            self._pace(made._http, _STORAGE)  # noqa: SLF001 - the session that it makes, with the user's certificates
            return made
        options = {"api_endpoint": self.local.http}
        credentials = self._caller(self.local)
        session = self._pace(direct_session(credentials), _STORAGE)
        return Client(project=self.project, credentials=credentials, client_options=options, _http=session)

    def rest(self, host: str, version: str) -> Rest:
        """Give one of Google's APIs as plain JSON.

        Args:
            host: Such as `europe-west1-aiplatform.googleapis.com`.
            version: Such as `v1`.
        """
        from reconciler.gcp.rest import Rest  # noqa: PLC0415 - late, for start-up

        with self._lock:
            if host not in self._made:
                self._made[host] = self._pace(self._session(), host)
            base = f"https://{host}" if self.local is None else self.local.http
            return Rest(self._made[host], f"{base}/{version}")

    def _pace(self, session: Any, host: str) -> Any:
        """Let what an HTTP session sends pass the throttle, which is for an API and not for each of its hosts."""
        from reconciler.gcp.refusals import PacedAdapter  # noqa: PLC0415 - late, for start-up

        for scheme in ("https://", "http://"):
            adapter = session.get_adapter(scheme)
            if self.local is not None:
                from reconciler.gcp.reaching import AnsweredAdapter  # noqa: PLC0415 - late, for start-up

                adapter = AnsweredAdapter(adapter, self._watch(self.local))
            paced = PacedAdapter(adapter, self.throttle, api_of(host))
            session.mount(scheme, self.listener.adapter(paced, host) if self.listener else paced)
        return session

    def _session(self) -> Any:
        if self.local is not None:
            return direct_session(self._caller(self.local))
        from google.auth.transport.requests import AuthorizedSession  # noqa: PLC0415 - late, for start-up

        signed: Any = AuthorizedSession
        return signed(self.credentials)

    @property
    def credentials(self) -> Any:
        """Application Default Credentials; never asked for in local mode."""
        with self._lock:
            if "credentials" not in self._made:
                own = application_default()[0]
                self._made["credentials"] = _acting(own, self.acting_as) if self.acting_as else own
            return self._made["credentials"]

    def access_token(self) -> str:
        """Give an access token of the caller's, for a registry to sign in with.

        Raises:
            NotPermitted: There are no credentials, or they are refused.
        """
        import google.auth.transport.requests  # noqa: PLC0415 - late, for start-up

        from reconciler.gcp.caller import account  # noqa: PLC0415 - only when asked for
        from reconciler.gcp.calls import calling  # noqa: PLC0415 - late, for start-up
        from reconciler.gcp.direct import auth_request  # noqa: PLC0415 - late, for start-up

        local = self.local
        with self._lock, calling("get", "an access token"):
            held: Any = account(local.key_file, local.http) if local else self.credentials
            if not held.valid:
                held.refresh(auth_request() if local else google.auth.transport.requests.Request())
            return str(held.token)


def _paced(transport: Any, before: Sequence[Any], **told: Any) -> Any:
    """Make a transport as Google's client asks for it, on a channel whose calls are paced."""

    def channel(*arguments: Any, **options: Any) -> Any:
        return _intercepted(transport.create_channel(*arguments, **options), before)

    return transport(channel=channel, **told)


def _intercepted(channel: Any, before: Sequence[Any]) -> Any:
    import grpc  # noqa: PLC0415 - only when a client is built

    return grpc.intercept_channel(channel, *before)


def _local_credentials(local: Endpoint, acting_as: str) -> Any:
    """Give the credentials of the emulator's developer, who needs none, or of the account that calls."""
    if local.as_account or acting_as:
        from reconciler.gcp.caller import emulated  # noqa: PLC0415 - only when asked for

        return emulated(local.key_file, local.http, acting_as, inside=local.inside)
    from google.auth.credentials import AnonymousCredentials  # noqa: PLC0415 - late, for start-up

    nobody: Any = AnonymousCredentials
    return nobody()


def _acting(own: Any, account: str) -> Any:
    """Give the credentials of an account that one may act as.

    Source:
        https://cloud.google.com/iam/docs/create-short-lived-credentials-direct.
    """
    from google.auth import impersonated_credentials  # noqa: PLC0415 - only when asked for

    from reconciler.gcp.caller import SCOPES  # noqa: PLC0415 - only when asked for

    make: Any = impersonated_credentials.Credentials
    return make(source_credentials=own, target_principal=account, target_scopes=SCOPES)


def application_default() -> tuple[Any, str | None]:
    """Give Application Default Credentials and the project they name.

    Raises:
        NotPermitted: There are none.
    """
    import google.auth  # noqa: PLC0415 - late, for start-up

    from reconciler.gcp.calls import calling  # noqa: PLC0415 - late, for start-up

    with calling("sign in to", "Google Cloud"):
        found: tuple[Any, str | None] = google.auth.default(scopes=["https://www.googleapis.com/auth/cloud-platform"])
    return found
