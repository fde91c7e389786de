"""Long-running operations that really are pending: the first answer is never done, the work goes on beside it.

Source: google/longrunning/operations.proto; a first answer has `name` and `metadata` and no `done` (kinds.md 1.2).

A behaviour starts an operation and answers it; the dispatcher calls `begin` when the behaviour is through, so that no
work runs inside its transaction and an injected fault can take the operation first.
"""

import json
import logging
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from google.longrunning import operations_pb2
from google.protobuf.empty_pb2 import Empty

from emulator.core.callbacks import name_of
from emulator.core.failures import ApiFailure, without_room
from emulator.core.faults import OperationFault
from emulator.core.store import Store

if TYPE_CHECKING:
    from google.protobuf.message import Message

log = logging.getLogger(__name__)

WORKERS = 32
GET_WAIT_S = 0.2
"""A read of an operation waits this long for work that is nearly done; clients sleep a second between two reads."""

Finish = Callable[[], Any]
"""The work: returns the response message, or raises (or returns) `ApiFailure`."""


class Operations:
    """Every API's operations, by name. Thread-safe.

    Args:
        store: Keeps them.
        call: Runs a task by its name, with the world and these arguments.
    """

    def __init__(self, store: Store, call: Callable[..., Any]) -> None:
        self._store = store
        self._call = call
        self._work: dict[str, Finish] = {}
        self._done = threading.Condition()
        self._pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="operation")
        self._stopped = False

    def start(self, parent: str, metadata: "Message | None", finish: Finish) -> Any:
        """Record an operation whose work is a closure. After a restart it is failed with ABORTED.

        Args:
            parent: `projects/p/locations/l`, or empty for APIs whose operations have no parent.
            metadata: What `operation.metadata` holds; a Run service puts the whole resource there.
            finish: Runs in a thread after the first answer. Raise `ApiFailure` for an operation that ends in error.
        """
        operation = self._record(parent, metadata, task=None, args=())
        self._work[operation.name] = finish
        return operation

    def start_task(self, parent: str, metadata: "Message | None", task: Callable[..., Any] | str, *args: str) -> Any:
        """Record an operation that survives a restart: `task(world, *args)` runs again at the next start.

        The task must be a module-level function that can run twice.
        """
        operation = self._record(parent, metadata, task=name_of(task), args=args)
        self._work[operation.name] = self._task(name_of(task), args)
        return operation

    def done(self, parent: str, metadata: "Message | None", response: "Message | None" = None) -> Any:
        """Record an operation that is finished in its first answer, as deletes of Vertex AI are (kinds.md 1.2)."""
        operation = self._record(parent, metadata, task=None, args=())
        self._end(operation.name, response)
        return self.find(operation.name)

    def _task(self, task: str, args: Sequence[str]) -> Finish:
        return lambda: self._call(task, *args)

    def _record(self, parent: str, metadata: "Message | None", *, task: str | None, args: Sequence[str]) -> Any:
        name = f"{parent}/operations/{uuid.uuid4()}".lstrip("/")
        operation = operations_pb2.Operation(name=name)
        if metadata is not None:
            operation.metadata.Pack(metadata)
        with self._store.transaction():
            self._save(operation)
            pending = {"task": task, "args": list(args)}
            self._store.put("operation.pending", name, json.dumps(pending).encode())
        return operation

    def begin(self, name: str, fault: OperationFault | None = None) -> None:
        """Let the work of a started operation run; with a fault, never (`stuck`) or not at all (`fail`)."""
        finish = self._work.pop(name, None)
        if finish is None:
            return
        if fault == "stuck":
            self._store.put("operation.pending", name, b'{"stuck": true}')
        elif fault == "fail":
            self._end(name, ApiFailure("INTERNAL", "injected fault: the operation failed"))
        elif not self._stopped:
            self._pool.submit(self._run, name, finish)

    def _run(self, name: str, finish: Finish) -> None:
        try:
            with without_room():
                outcome = finish()
        except ApiFailure as failure:
            outcome = failure
        except Exception:
            if self._stopped:
                return  # taken up again, or failed, at the next start
            log.exception("operation failed", extra={"operation": name})
            outcome = ApiFailure("INTERNAL", "an internal error has occurred")
        self._end(name, outcome)

    def _end(self, name: str, outcome: Any) -> None:
        with self._store.transaction():
            operation = self.find(name)
            pending = self._store.delete("operation.pending", name)
            if operation is None or not pending or operation.done:
                return  # deleted or cancelled meanwhile
            operation.done = True
            if isinstance(outcome, ApiFailure):
                operation.error.code, operation.error.message = outcome.number, outcome.message
                for detail in outcome.details:
                    operation.error.details.add().Pack(detail)
            else:
                operation.response.Pack(outcome if outcome is not None else Empty())
            self._save(operation)
        with self._done:
            self._done.notify_all()

    def update_metadata(self, name: str, metadata: "Message") -> None:
        """Show progress in an operation that is not done."""
        with self._store.transaction():
            operation = self.find(name)
            if operation is not None and not operation.done:
                operation.metadata.Pack(metadata)
                self._save(operation)

    def _save(self, operation: Any) -> None:
        self._store.put("operation", operation.name, operation.SerializeToString())

    def find(self, name: str) -> Any:
        """The operation as it is now, or None."""
        body = self._store.get("operation", name)
        return None if body is None else operations_pb2.Operation.FromString(body)

    def wait(self, name: str, timeout_s: float) -> Any:
        """The operation once it is done, or as it is after `timeout_s`; None when it is not known."""
        deadline = time.monotonic() + timeout_s
        with self._done:
            while (operation := self.find(name)) is not None and not operation.done:
                left_s = deadline - time.monotonic()
                if left_s <= 0 or self._is_stuck(name):
                    break
                self._done.wait(min(left_s, 0.05))
        return operation

    def _is_stuck(self, name: str) -> bool:
        return b"stuck" in (self._store.get("operation.pending", name) or b"")

    def cancel(self, name: str) -> None:
        """End an operation with CANCELLED; work that is under way goes on unseen."""
        self._work.pop(name, None)
        self._end(name, ApiFailure("CANCELLED", "The operation was cancelled."))

    def delete(self, name: str) -> bool:
        """Forget an operation; it is not cancelled. False when it was not there."""
        with self._store.transaction():
            self._store.delete("operation.pending", name)
            return self._store.delete("operation", name)

    def resume(self) -> None:
        """After a restart: run tasks again, fail what only the old process knew, leave stuck ones stuck."""
        for name, body in self._store.list("operation.pending"):
            pending = json.loads(body)
            if pending.get("stuck"):
                continue
            if pending["task"] is None:
                self._end(name, ApiFailure("ABORTED", "interrupted by a restart of the emulator"))
            else:
                self._pool.submit(self._run, name, self._task(pending["task"], pending["args"]))

    def reset(self) -> None:
        """Forget work that has not begun. Call after the store was cleared."""
        self._work.clear()

    def stop(self) -> None:
        """Take no new work; what is under way is taken up at the next start."""
        self._stopped = True
        self._pool.shutdown(wait=False, cancel_futures=True)
