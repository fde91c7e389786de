"""Documents in a bucket of Cloud Storage, by Google's own client."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from page.sources.source import LARGEST, SourceError, TooLarge

_PATIENCE_S = 20.0
_FIELDS = "items(name,generation,size),nextPageToken"


@dataclass(slots=True)
class Bucket:
    """A bucket, of which two prefixes are read.

    Args:
        client: Google's client of Cloud Storage.
        name: The bucket's name.
    """

    client: Any
    name: str
    _sizes: dict[str, int] = field(default_factory=dict)

    @property
    def place(self) -> str:
        """Give its address."""
        return f"gs://{self.name}"

    def folders(self, below: str) -> tuple[str, ...]:
        """Name what lies below a prefix, one level deep."""
        with self._asking("list", below) as asked:
            found = self.client.list_blobs(self.name, prefix=below, delimiter="/", timeout=_PATIENCE_S)
            for _ in found.pages:  # prefixes are known when every page was read
                pass
            asked.update(dict.fromkeys(found.prefixes, ""))
        return tuple(sorted(asked))

    def listed(self, below: str) -> Mapping[str, str]:
        """Give the objects below a prefix, with their generations."""
        with self._asking("list", below) as asked:
            found = self.client.list_blobs(self.name, prefix=below, fields=_FIELDS, timeout=_PATIENCE_S)
            for blob in found:
                asked[blob.name], self._sizes[blob.name] = str(blob.generation), int(blob.size or 0)
        return asked

    def read(self, name: str) -> bytes | None:
        """Read one object."""
        if self._sizes.get(name, 0) > LARGEST:
            raise TooLarge(name)
        found: list[bytes] = []
        with self._asking("read", name):
            found.append(self.client.bucket(self.name).blob(name).download_as_bytes(timeout=_PATIENCE_S))
        return found[0] if found else None

    @contextmanager
    def _asking(self, verb: str, what: str) -> Iterator[dict[str, str]]:
        """Say in words what did not work: whatever it is, the page shows it and stays. What is not there is nothing.

        Gives where to put what was found.

        Raises:
            SourceError: Google's client raised something.
        """
        from google.api_core.exceptions import GoogleAPICallError, NotFound  # noqa: PLC0415 - late, for start-up
        from google.auth.exceptions import GoogleAuthError  # noqa: PLC0415 - late, for start-up
        from requests.exceptions import RequestException  # noqa: PLC0415 - late, for start-up

        try:
            yield {}
        except NotFound:  # the first pass makes the bucket
            return
        except GoogleAPICallError as error:
            raise SourceError(f"cannot {verb} gs://{self.name}/{what}: {error.message or error.code}") from error
        except (GoogleAuthError, RequestException) as error:
            raise SourceError(f"cannot {verb} gs://{self.name}/{what}: {type(error).__name__}") from error


def connected(bucket: str, *, emulator: str = "") -> Bucket:
    """Connect to a bucket as the account that this process runs as.

    Args:
        bucket: Its name.
        emulator: Address of an emulator's HTTP side that runs this process; empty for Google Cloud.
    """
    from google.cloud.storage import Client  # noqa: PLC0415 - late: a third of a second

    if not emulator:
        return Bucket(Client(project=None), bucket)
    from google.auth import compute_engine  # noqa: PLC0415 - on the emulator alone

    account: Any = compute_engine.Credentials
    options = {"api_endpoint": emulator}
    return Bucket(Client(project=None, credentials=account(), client_options=options), bucket)
