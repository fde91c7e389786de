"""The GPU as torch knows it: memory that it fetches by itself, recordings of calls, and whose memory is whose."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import torch

if TYPE_CHECKING:
    from collections.abc import Callable

    Tensors = tuple[Any, ...]
    Forward = Callable[[Any], Tensors]


class Mark(Protocol):
    """A place in what a device was asked for."""

    def record(self) -> None:
        """Be the place behind all that was asked for so far."""

    def synchronize(self) -> None:
        """Wait until the device is there, without the interpreter's lock."""


class Device(Protocol):
    """What a lane needs of a device, which does what it is asked for in that order, whoever asks."""

    name: str

    def held(self, shape: tuple[int, ...], dtype: Any) -> Any:
        """Make a tensor of ours that the device reads and writes by itself."""

    def made(self, shape: tuple[int, ...]) -> Any:
        """Make a tensor of 32-bit floats on the device."""

    def given(self, rows: Any) -> Any:
        """Copy rows to the device."""

    def mark(self) -> Mark:
        """Make a mark, to be used again and again."""

    def try_unattended(self, forward: Forward, given: Any) -> None:
        """Call a module; an error when it waits for what it computes, as nothing that is recorded may."""

    def recorded(self, forward: Forward, given: Any) -> Callable[[], Tensors]:
        """Record a call: what is given computes it anew from what is then in `given`, into the same tensors.

        Recordings share memory: each is read before another one runs.
        """

    def peak(self, call: Callable[[], object]) -> int:
        """Give the bytes that a call holds at most."""

    def free(self) -> int:
        """Give the bytes that we could still have."""

    def release(self) -> None:
        """Give back memory that we hold and do not use; later recordings share none with those before."""

    def memory(self) -> dict[str, str]:
        """Say what we have of the device's memory, for metadata."""


class Cuda:
    """The first GPU. Calls are made in its default stream, which is the same one in every thread."""

    name = "cuda"

    def __init__(self) -> None:
        self._pool: Any = None

    def held(self, shape: tuple[int, ...], dtype: Any) -> Any:
        """Pin memory.

        It is made once and kept: when torch gets some back it looks at events, and ends the process where the device
        was lost meanwhile.
        """
        return torch.zeros(shape, dtype=dtype, pin_memory=True)

    def made(self, shape: tuple[int, ...]) -> Any:
        """Make a tensor on the device."""
        return torch.zeros(shape, dtype=torch.float32, device=self.name)

    def given(self, rows: Any) -> Any:
        """Copy from memory of any kind."""
        return rows.to(self.name)

    def mark(self) -> Mark:
        """Make an event of CUDA."""
        event: Mark = torch.cuda.Event()
        return event

    def try_unattended(self, forward: Forward, given: Any) -> None:
        """Let torch tell: a recording that fails by it may leave CUDA in a state that we do not know."""
        torch.cuda.set_sync_debug_mode("error")
        try:
            forward(given)
        finally:
            torch.cuda.set_sync_debug_mode("default")

    def recorded(self, forward: Forward, given: Any) -> Callable[[], Tensors]:
        """Capture a graph, in a stream of its own as CUDA wants it. All share one pool."""
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=self._pool, capture_error_mode="thread_local"):
            found = forward(given)
        self._pool = graph.pool()

        def replayed() -> Tensors:
            graph.replay()
            return found

        return replayed

    def peak(self, call: Callable[[], object]) -> int:
        """Ask torch's allocator."""
        torch.cuda.synchronize()
        before = torch.cuda.memory_allocated()
        torch.cuda.reset_peak_memory_stats()
        call()
        torch.cuda.synchronize()
        return int(torch.cuda.max_memory_allocated()) - int(before)

    def free(self) -> int:
        """Add what the card has left to what we hold and do not use."""
        left, _ = torch.cuda.mem_get_info()
        return int(left) + int(torch.cuda.memory_reserved()) - int(torch.cuda.memory_allocated())

    def release(self) -> None:
        """Empty torch's cache. A pool whose graphs are gone is not to be used again."""
        self._pool = None
        torch.cuda.empty_cache()

    def memory(self) -> dict[str, str]:
        """Give what our tensors take, what torch holds for them, and what the card has."""
        _, total = torch.cuda.mem_get_info()
        found = {
            "device_memory_used_bytes": torch.cuda.memory_allocated(),
            "device_memory_held_bytes": torch.cuda.memory_reserved(),
            "device_memory_bytes": total,
        }
        return {name: str(value) for name, value in found.items()}
