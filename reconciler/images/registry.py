"""One repository of a registry, over the OCI distribution protocol.

Over httpx, which is here already. The Python clients that there are send large files in chunks, which Artifact Registry
refuses, or read them into memory, and neither check what they fetch against its digest.

Source: https://github.com/opencontainers/distribution-spec/blob/v1.1.0/spec.md;
    https://cloud.google.com/artifact-registry/docs/docker/authentication.
"""

from __future__ import annotations

import base64
import hashlib
import re
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Self, TypeVar
from urllib.parse import urljoin, urlsplit

from reconciler.core import errors
from reconciler.images.layers import CHUNK_BYTES, Blob, digest_of

if TYPE_CHECKING:
    import httpx

MANIFESTS = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
MANIFEST_BYTES_MOST = 4 * 1024 * 1024
BLOB_BYTES_MOST = 4 * 1024**3
TIMEOUT_S = 120.0
"""Of silence. A registry that sends a byte now and then is held to these as well:"""
PATIENCE_S = 300.0
SLOWEST_BYTES_S = 50_000
"""A request may take `PATIENCE_S`, and what its bytes take at this pace."""
PAUSES_S = (0.2, 1.0, 4.0)
"""Between tries of a request that met what passes."""
_BEARER = re.compile(r'(\w+)="([^"]*)"')
_OF_THE_WAY = frozenset({"content-encoding", "content-length", "transfer-encoding"})
_GOOGLES = {
    401: "run `gcloud auth application-default login`",
    403: "grant the caller roles/artifactregistry.writer on the repository",
}
_STRANGE = "it may not exist, or want a password, which we have none of: name another"
"""What to do about a refusal, by status: Google's roles and tokens mean nothing to other registries."""
T = TypeVar("T")
Tell = Callable[[int], None]
"""Told of bytes as they go, and of fewer than none where a file begins again."""


class _TooSlowError(errors.Unavailable):
    """A request that had time enough; another one would have no less to do."""


def _tried(act: Callable[[], T]) -> T:
    """Do something, and again after what passes."""
    for pause_s in PAUSES_S:
        try:
            return act()
        except _TooSlowError:
            raise
        except (errors.Unavailable, errors.QuotaExhausted):
            time.sleep(pause_s)
    return act()


def nobody(_: int) -> None:
    """Nobody watches."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a repository is.

    Args:
        url: `https://europe-west1-docker.pkg.dev`, or the emulator's address.
        name: As paths have it: `acme/mlservice/runtime`; on the emulator the registry's host stands before it.
        shown: As people know it: `europe-west1-docker.pkg.dev/acme/mlservice/runtime`.
        token: Gives an access token of Google's, which goes to Google's registries alone; None: nobody signs in.
        direct: Never through a proxy: it is on this machine.
    """

    url: str
    name: str
    shown: str
    token: Callable[[], str] | None = None
    direct: bool = False


@dataclass(slots=True)
class Repository:
    """Reads and writes images of one name. Use it in a `with`."""

    place: Place
    _http: Any = None
    _authorization: dict[str, str] = field(default_factory=dict)

    def __enter__(self) -> Self:
        """Connect."""
        import httpx  # noqa: PLC0415 - late, for start-up

        # Sent as it is, every byte that comes is seen as it comes: so it can be counted, and its time be watched.
        plain = {"accept-encoding": "identity"}
        self._http = httpx.Client(timeout=TIMEOUT_S, trust_env=not self.place.direct, headers=plain)
        return self

    def __exit__(self, *_: object) -> None:
        """Let go."""
        self._http.close()

    def manifest(self, reference: str) -> tuple[str, bytes]:
        """Fetch a manifest by tag or digest; returns its media type and its bytes.

        Raises:
            ApiError: It cannot be had, or is not what its digest says.
        """
        found = self._call("GET", f"manifests/{reference}", expect=200, accept=", ".join(MANIFESTS))
        content: bytes = found.content
        self._same("fetch", found, digest_of(content))
        if reference.startswith("sha256:") and digest_of(content) != reference:
            raise errors.InvalidRequest("fetch", self.place.shown, f"the registry's answer does not match {reference}")
        return str(found.headers.get("content-type", "")).partition(";")[0], content

    def tagged(self, tag: str) -> str | None:
        """Give the digest that a tag has, or None."""
        try:
            return digest_of(self.manifest(tag)[1])
        except errors.NotFoundError:
            return None

    def has(self, digest: str) -> bool:
        """Tell whether the repository has a file."""
        try:
            self._same("fetch", self._call("HEAD", f"blobs/{digest}", expect=200), digest)
        except errors.NotFoundError:
            return False
        return True

    def fetch(self, blob: Blob, into: Path, tell: Tell = nobody) -> None:
        """Fetch a file and check it; it appears in its place when it is whole.

        Raises:
            ApiError: It cannot be had, or is not what its digest says.
        """
        _tried(lambda: self._fetch_once(blob, into, tell))

    def content(self, blob: Blob) -> bytes:
        """Fetch a file as small as a manifest, and check it.

        Raises:
            ApiError: It cannot be had, is too large, or is not what its digest says.
        """
        most = min(blob.size_bytes, MANIFEST_BYTES_MOST)
        found: bytes = self._call("GET", f"blobs/{blob.digest}", expect=200, most=most).content
        if digest_of(found) != blob.digest or len(found) != blob.size_bytes:
            raise errors.InvalidRequest("fetch", self.place.shown, f"what came does not match {blob.digest}")
        return found

    def _fetch_once(self, blob: Blob, into: Path, tell: Tell) -> None:
        # A name of its own: two builds at once may fetch the same layer into the same folder.
        with tempfile.NamedTemporaryFile(dir=into.parent, prefix=f"{into.name}.", suffix=".part", delete=False) as file:
            partial = Path(file.name)
            try:
                seen = self._received(blob, file, tell)
                file.close()
                if seen != blob.digest or partial.stat().st_size != blob.size_bytes:
                    why = f"what came does not match {blob.digest}"
                    raise errors.InvalidRequest("fetch", self.place.shown, why)
                partial.replace(into)
            finally:
                partial.unlink(missing_ok=True)

    def _received(self, blob: Blob, file: IO[bytes], tell: Tell) -> str:
        """Write what comes, and no more than was announced; returns its digest."""
        seen, until = hashlib.sha256(), self._until(min(blob.size_bytes, BLOB_BYTES_MOST))
        try:
            with self._stream(f"blobs/{blob.digest}") as answer:
                for data in answer.iter_raw():
                    until()
                    seen.update(data)
                    file.write(data)
                    tell(len(data))
                    if file.tell() > min(blob.size_bytes, BLOB_BYTES_MOST):
                        break
        except errors.ApiError:
            tell(-file.tell())  # it begins again
            raise
        return f"sha256:{seen.hexdigest()}"

    def upload(self, blob: Blob, tell: Tell = nobody) -> None:
        """Send a file, whole."""
        if blob.path is None:
            raise ValueError(f"{blob.digest} is not here")
        opened = self._call("POST", "blobs/uploads/", expect=202)
        place = urljoin(str(opened.request.url), opened.headers.get("location", ""))
        if urlsplit(place)[:2] != urlsplit(self.place.url)[:2]:
            raise errors.InvalidRequest("push to", self.place.shown, "the registry sends the upload elsewhere")
        path, gone = blob.path, 0

        def count(size_bytes: int) -> None:
            nonlocal gone
            gone += size_bytes
            tell(size_bytes)

        def content() -> Iterator[bytes]:
            count(-gone)  # of an earlier try
            yield from _read(path, count, self._until(blob.size_bytes))

        size = {"content-length": str(blob.size_bytes), "content-type": "application/octet-stream"}
        taken = self._send(
            "PUT",
            place,
            expect=201,
            params={"digest": blob.digest},
            headers=size,
            content=content,
        )
        self._same("push to", taken, blob.digest)

    def put(self, reference: str, content: bytes, media_type: str) -> str:
        """Put a manifest under a tag or digest; returns its digest."""
        kind = {"content-type": media_type}
        taken = self._call("PUT", f"manifests/{reference}", expect=201, headers=kind, content=lambda: content)
        self._same("push to", taken, digest_of(content))
        return digest_of(content)

    def _same(self, verb: str, answer: httpx.Response, digest: str) -> None:
        """Hold the digest that an answer tells against ours; registries need not tell any."""
        told = str(answer.headers.get("docker-content-digest", digest))
        if told != digest:
            raise errors.InvalidRequest(
                verb, self.place.shown, f"the registry tells of {told[:80]} and not of {digest}"
            )

    def _until(self, size_bytes: int) -> Callable[[], None]:
        """Give what is called as bytes go: it ends a request that has had time enough."""
        ends = time.monotonic() + PATIENCE_S + size_bytes / SLOWEST_BYTES_S

        def check() -> None:
            if time.monotonic() >= ends:
                raise _TooSlowError("reach", self.place.shown, "it is too slow: a request never ended")

        return check

    def _call(self, verb: str, path: str, *, accept: str = "*/*", **more: Any) -> httpx.Response:
        headers = {"accept": accept, **more.pop("headers", {})}
        return self._send(verb, f"{self.place.url}/v2/{self.place.name}/{path}", headers=headers, **more)

    def _send(
        self,
        verb: str,
        url: str,
        *,
        expect: int,
        headers: Mapping[str, str],
        most: int = MANIFEST_BYTES_MOST,
        params: Mapping[str, str] | None = None,
        content: Callable[[], bytes | Iterator[bytes]] | None = None,
    ) -> httpx.Response:
        """Send one request: again with a token where one is asked for, and again after what passes.

        What is read may lie elsewhere; what is written goes where it is meant to, or nowhere.
        """
        import httpx  # noqa: PLC0415 - late, for start-up

        def send() -> httpx.Response:
            sent = dict(headers) | self._authorization
            body = content() if content else None
            request = self._http.build_request(verb, url, headers=sent, params=params, content=body)
            return self._read(self._http.send(request, stream=True, follow_redirects=verb in {"GET", "HEAD"}), most)

        def once() -> httpx.Response:
            try:
                answer = send()
                if answer.status_code == httpx.codes.UNAUTHORIZED:
                    self._sign_in(answer)
                    answer = send()
            except httpx.HTTPError as error:
                raise self._unreachable(error) from error
            if answer.status_code != expect:
                raise self._refused(verb, answer)
            return answer

        return _tried(once)

    def _read(self, answer: httpx.Response, most: int = MANIFEST_BYTES_MOST) -> httpx.Response:
        """Read an answer that is no file, and of one that is no refusal no more than was announced."""
        import httpx  # noqa: PLC0415 - late, for start-up

        content, until = bytearray(), self._until(MANIFEST_BYTES_MOST)
        try:
            for data in answer.iter_raw():
                until()
                content += data
                if len(content) > (MANIFEST_BYTES_MOST if answer.is_error else most):
                    raise errors.InvalidRequest("fetch", self.place.shown, "its answer is too large")
        finally:
            answer.close()
        kept = {name: value for name, value in answer.headers.items() if name not in _OF_THE_WAY}
        return httpx.Response(answer.status_code, headers=kept, content=bytes(content), request=answer.request)

    @contextmanager
    def _stream(self, path: str) -> Iterator[httpx.Response]:
        """Open a file: again with a new token where the old one has expired since the file before it.

        httpx sends the token to no other host than the first: registries redirect to where their files lie.
        """
        import httpx  # noqa: PLC0415 - late, for start-up

        url = f"{self.place.url}/v2/{self.place.name}/{path}"
        try:
            for last in (False, True):
                opened = self._http.stream("GET", url, headers=self._authorization, follow_redirects=True)
                with opened as answer:
                    if answer.status_code == httpx.codes.UNAUTHORIZED and not last:
                        self._sign_in(answer)
                        continue
                    if answer.status_code != httpx.codes.OK:
                        raise self._refused("GET", self._read(answer))
                    yield answer
                    return
        except httpx.HTTPError as error:
            raise self._unreachable(error) from error

    def _sign_in(self, refused: httpx.Response) -> None:
        """Get a token from where the registry says.

        Google's own token goes to no other host than the registry's, whatever it says.
        """
        said = dict(_BEARER.findall(refused.headers.get("www-authenticate", "")))
        realm = said.pop("realm", "")
        same = urlsplit(realm)[:2] == urlsplit(self.place.url)[:2]
        if not same and urlsplit(realm).scheme != "https":
            raise errors.NotPermitted("sign in to", self.place.shown, "it does not say where tokens are to be had")
        headers = {}
        if self.place.token is not None and same:
            pair = base64.b64encode(f"oauth2accesstoken:{self.place.token()}".encode()).decode()
            headers = {"authorization": f"Basic {pair}"}
        asked = self._http.build_request("GET", realm, params=said, headers=headers)
        answer = self._read(self._http.send(asked, stream=True))
        if not answer.is_success:
            raise self._refused("sign in to", answer)
        self._authorization = {"authorization": f"Bearer {self._token(answer)}"}

    def _token(self, answer: httpx.Response) -> str:
        try:
            found = answer.json()
            return str(found.get("token") or found["access_token"])
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            why = "where it sends for tokens, none is given"
            raise errors.NotPermitted("sign in to", self.place.shown, why) from error

    def _unreachable(self, error: Exception) -> errors.ApiError:
        why = str(error) or type(error).__name__
        return errors.Unavailable("reach", self.place.shown, why[:600], hint="check the network, then run again")

    def _refused(self, verb: str, answer: httpx.Response) -> errors.ApiError:
        verb = {"PUT": "push to", "POST": "push to", "GET": "fetch", "HEAD": "fetch"}.get(verb, verb)
        why = _said(answer)
        kinds: dict[int, type[errors.ApiError]] = {
            401: errors.NotPermitted,
            403: errors.NotPermitted,
            404: errors.NotFoundError,
            429: errors.QuotaExhausted,
        }
        hints = _GOOGLES if self.place.token is not None else dict.fromkeys((401, 403), _STRANGE)
        worse = errors.Unavailable if answer.is_server_error else errors.InvalidRequest
        kind = kinds.get(answer.status_code, worse)
        return kind(verb, self.place.shown, why, hint=hints.get(answer.status_code, ""))


def _read(path: Path, tell: Tell, until: Callable[[], None]) -> Iterator[bytes]:
    with path.open("rb") as file:
        while data := file.read(CHUNK_BYTES):
            yield data
            until()
            tell(len(data))


def _said(answer: httpx.Response) -> str:
    """Give the sentence in a registry's refusal."""
    try:
        return "; ".join(str(each["message"]) for each in answer.json()["errors"])[:600] or f"HTTP {answer.status_code}"
    except (ValueError, KeyError, TypeError):
        return f"HTTP {answer.status_code}"
