"""What stands for a GPU where there is none: the CPU, with memory that is counted and recordings that are replayed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from collections.abc import Callable

ROW_BYTES = 100


class StandIn:
    """A device of our own making. Its memory is `bytes_` large, of which a row of a call takes `ROW_BYTES`.

    Attributes:
        log: What was asked for, in order: `call` and `replay` with their rows, `mark`, `wait`, `release`.
    """

    name = "cuda"

    def __init__(self, bytes_: int = 10**9) -> None:
        self.bytes = bytes_
        self.log: list[tuple[str, int]] = []
        self.failure: Exception | None = None

    def held(self, shape: tuple[int, ...], dtype: Any) -> Any:
        return torch.zeros(shape, dtype=dtype)

    def made(self, shape: tuple[int, ...]) -> Any:
        return torch.zeros(shape)

    def given(self, rows: Any) -> Any:
        self._asked("call", len(rows))
        return rows.clone()

    def mark(self) -> Any:
        return Mark(self)

    def try_unattended(self, forward: Callable[[Any], Any], given: Any) -> None:
        forward(given)

    def recorded(self, forward: Callable[[Any], Any], given: Any) -> Callable[[], Any]:
        found = forward(given)

        def replayed() -> Any:
            self._asked("replay", len(given))
            for tensor, value in zip(found, forward(given), strict=True):
                tensor.copy_(value)
            return found

        return replayed

    def peak(self, call: Callable[[], Any]) -> int:
        (first, *_) = call()
        return ROW_BYTES * len(first)

    def free(self) -> int:
        return self.bytes

    def release(self) -> None:
        self.log.append(("release", 0))

    def memory(self) -> dict[str, str]:
        return {"device_memory_used_bytes": "1"}

    def _asked(self, what: str, rows: int) -> None:
        self.log.append((what, rows))
        if rows * ROW_BYTES > self.bytes:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate ...")


class Mark:
    """Waits for nothing, as everything is done at once; raises what the device did, as CUDA does from then on."""

    def __init__(self, device: StandIn) -> None:
        self._device = device

    def record(self) -> None:
        self._device.log.append(("mark", 0))

    def synchronize(self) -> None:
        self._device.log.append(("wait", 0))
        if self._device.failure is not None:
            raise self._device.failure
