"""The bucket that inventories and uploaded models are kept in: never one that is somebody else's.

Names of buckets are one for the whole world: `gs://acme-mlservice` may be a stranger's, made to be written into. So the
bucket is looked at before its first use in a run: one of the default name must be in the project at hand, and any must
carry our label.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from reconciler.core import errors
from reconciler.core.naming import MANAGED_BY, MANAGER
from reconciler.gcp.calls import CALL_TIMEOUT_S, calling


@dataclass(slots=True)
class StateBucket:
    """One run's bucket.

    Args:
        project: Project id.
        storage: Gives Google's client.
        name: The bucket's name.
        chosen: The user named it (`--state`): then it may be in another project.
    """

    project: str
    storage: Callable[[], Any]
    name: str
    chosen: bool = False
    _there: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def there(self) -> bool:
        """Tell whether the bucket exists. Until it does it is looked for each time: another run may make it.

        Raises:
            NotOursError: It exists and is not ours to use.
        """
        with self._lock:
            self._there = self._there or self._look()
            return self._there

    def forget(self) -> None:
        """Look again at the next use: another run took the bucket away with its last service."""
        with self._lock:
            self._there = False

    def use(self) -> Any:
        """Give Google's object of the bucket, for reading and writing.

        Raises:
            NotFoundError: It does not exist.
            NotOursError: It exists and is not ours to use.
        """
        if not self.there:
            raise errors.NotFoundError("use", f"gs://{self.name}", "it does not exist")
        return self.storage().bucket(self.name)

    def make(self) -> None:
        """Create it in the project at hand, closed to the public. One that we have already is fine.

        Raises:
            NotOursError: Somebody else has a bucket of that name.
        """
        bucket = self.storage().bucket(self.name)
        bucket.labels = {MANAGED_BY: MANAGER}
        bucket.iam_configuration.uniform_bucket_level_access_enabled = True
        bucket.iam_configuration.public_access_prevention = "enforced"
        try:
            with calling("create", f"bucket {self.name}"):
                self.storage().create_bucket(bucket, timeout=CALL_TIMEOUT_S)
        except errors.Conflict as error:  # made by another run in this very moment, by a lost answer, or by a stranger
            if not self._look():
                raise _strangers(self.name) from error
        with self._lock:
            self._there = True

    def remove(self) -> None:
        """Take it away with the last service in it. One that holds anything stays, whoever asks.

        That is looked at first: an operator's account may not delete buckets, and a refusal would say that it failed.
        """
        if not self.there:
            return
        try:
            if self._holds_something():
                return
            with calling("delete", f"bucket {self.name}"):
                self.storage().bucket(self.name).delete(timeout=CALL_TIMEOUT_S)
        except errors.Conflict:  # something was written since
            return
        except errors.NotFoundError:  # another run's last service went in this moment, and took it
            pass
        self.forget()

    def _holds_something(self) -> bool:
        with calling("list", f"objects of bucket {self.name}"):
            found = self.storage().list_blobs(self.name, max_results=1, fields="items(name)", timeout=CALL_TIMEOUT_S)
            return any(True for _ in found)

    def _look(self) -> bool:
        """Find it among the project's buckets, or, when its name was chosen, wherever it is."""
        with calling("look for", f"bucket {self.name}"):
            found = self._named() if self.chosen else self._in_project()
        if found is None:
            return False
        if found.labels.get(MANAGED_BY) != MANAGER:
            hint = (
                f"name another with --state gs://…, or, if it is yours: gcloud storage buckets update gs://{self.name} "
                f"--update-labels={MANAGED_BY}={MANAGER}"
            )
            raise errors.NotOursError("use", f"bucket {self.name}", "it is not marked as mlservice's", hint=hint)
        return True

    def _in_project(self) -> Any:
        listed = self.storage().list_buckets(project=self.project, prefix=self.name, timeout=CALL_TIMEOUT_S)
        return next((bucket for bucket in listed if bucket.name == self.name), None)

    def _named(self) -> Any:
        return self.storage().lookup_bucket(self.name, timeout=CALL_TIMEOUT_S)


def _strangers(name: str) -> errors.NotOursError:
    hint = "names of buckets are one for the whole world: choose another with --state gs://NAME"
    return errors.NotOursError("use", f"bucket {name}", "it belongs to another project", hint=hint)
