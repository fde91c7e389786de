"""Calls of a torch module on a device, one behind the other: of few sizes, recorded once each, and no larger than fit.

The device gets a call before it is done with the one before; whoever called waits for its own only, without the
interpreter's lock. Launching each operation of a module anew costs more than small batches do, so a call is recorded
for some sizes (a CUDA graph), and rows are filled up to the next one. See docs/decisions/036-two-calls-on-a-gpu.md.
"""

from __future__ import annotations

import logging
import threading
from bisect import bisect_left
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from runtime.data.tensors import Array
    from runtime.frameworks.cuda import Device, Forward, Tensors

log = logging.getLogger("runtime")

# Before a call is recorded: TorchScript looks at the first ones and compiles the next.
WARM_UP_CALLS = 3
# The device works on one call and has the next.
IN_FLIGHT = 2
# Of the memory that is free, what calls may take: twice a call, once for recordings and once for a size of none.
SHARE = 0.45
# How far a recording may be from a call: libraries choose other kernels for it, and half precision shows that.
TOLERANCE = 1e-2


class _Slot:
    """What a call in flight has of its own: where its rows are fetched from, and where its answers arrive."""

    def __init__(self, device: Device, given: Any, found: Tensors) -> None:
        self.given = device.held(tuple(given.shape), given.dtype)
        self.found = [device.held(tuple(tensor.shape), tensor.dtype) for tensor in found]
        self.mark = device.mark()
        self.rows: Array = self.given.numpy()
        self.answers: list[Array] = [tensor.numpy() for tensor in self.found]


class Lane:
    """One module on one device. Calls may come from several threads.

    Args:
        forward: From a batch on the device to its outputs there.
        device: Where it is.
    """

    def __init__(self, forward: Forward, device: Device) -> None:
        self._forward = forward
        self._device = device
        self._lock = threading.Lock()
        self._given: Any = None
        self._recorded: dict[int, Callable[[], Tensors]] = {}
        self._slots: SimpleQueue[_Slot] = SimpleQueue()
        self._unrecorded = ""
        self.sizes: tuple[int, ...] = ()
        """Rows that calls are filled up to."""

    @property
    def is_recorded(self) -> bool:
        """Whether calls are replayed."""
        return bool(self._recorded)

    def call(self, rows: Array) -> list[Array]:
        """Compute the outputs of some rows; in halves where the device has no memory for all of them."""
        try:
            size = filled_up(len(rows), self.sizes)
            return self._apart(rows, size) if size not in self._recorded else self._replayed(rows, size)
        except RuntimeError as error:
            if len(rows) == 1 or not _no_memory(error):
                raise
        self._device.release()
        half = len(rows) // 2
        log.warning("no memory on the device for %d rows: they are halved", len(rows))
        halves = zip(self.call(rows[:half]), self.call(rows[half:]), strict=True)
        return [np.concatenate(parts) for parts in halves]

    def _apart(self, rows: Array, size: int | None) -> list[Array]:
        """Call the module. Shapes are few, as TorchScript compiles for each: the last row fills up what is missing."""
        count = len(rows)
        if size is not None and size > count:
            rows = np.concatenate([rows, np.repeat(rows[-1:], size - count, axis=0)])
        with torch.inference_mode():
            found = self._forward(self._device.given(torch.from_numpy(rows)))
            # What has other rows than it was given is left whole, so that it is not taken for the answer to ours.
            return [(tensor[:count] if _has(tensor, len(rows)) else tensor).cpu().numpy() for tensor in found]

    def _replayed(self, rows: Array, size: int) -> list[Array]:
        count = len(rows)
        slot = self._slots.get()
        try:
            slot.rows[:count] = rows
            with self._lock, torch.inference_mode():
                self._start(slot, count, self._recorded[size])
            slot.mark.synchronize()
            return [answers[:count].copy() for answers in slot.answers]
        finally:
            self._slots.put(slot)

    def _start(self, slot: _Slot, count: int, recorded: Callable[[], Tensors]) -> None:
        """Ask for a call. Rows behind ours are left from one before, whose answers nobody fetches again."""
        self._given[:count].copy_(slot.given[:count], non_blocking=True)
        for held, tensor in zip(slot.found, recorded(), strict=True):
            held[:count].copy_(tensor[:count], non_blocking=True)
        slot.mark.record()

    def room(self, rows: Array) -> int:
        """Say how many rows a call may have, from what these take, or half of them where they do not fit."""
        try:
            with torch.inference_mode():
                given = self._device.given(torch.from_numpy(rows))
                peak = self._device.peak(lambda: self._forward(given))
        except RuntimeError as error:
            if len(rows) == 1 or not _no_memory(error):
                raise
            self._device.release()
            return self.room(rows[: len(rows) // 2])
        return max(int(self._device.free() * SHARE * len(rows) / max(peak, 1)), 1)

    def prepare(self, rows: Array, sizes: tuple[int, ...] | None = None) -> None:
        """Settle sizes and record a call of each, the largest first: the others use its memory.

        A module that cannot be recorded (it looks at what it computes, or draws numbers) is called as ever.

        Args:
            rows: As many as a call may have.
            sizes: Of calls; all up to that many, where they are left out.
        """
        self.sizes = sizes or sizes_up_to(len(rows))
        self._recorded, self._slots = {}, SimpleQueue()
        self._device.release()
        try:
            self._record_all(rows)
        except Exception as error:  # noqa: BLE001 - torch, CUDA and the module itself raise what they like
            why = str(error).partition("\n")[0]
            if why != self._unrecorded:
                log.info("calls are not recorded: %s", why)
            self._recorded, self._unrecorded = {}, why
        self._device.release()

    def _record_all(self, rows: Array) -> None:
        self._given = self._device.made(rows.shape)
        with torch.inference_mode():
            self._given.copy_(self._device.given(torch.from_numpy(rows)))
            self._device.try_unattended(self._forward, self._given)
            recorded = {size: self._record(self._given[:size]) for size in reversed(self.sizes)}
            found = self._forward(self._given)
        for _ in range(IN_FLIGHT):
            self._slots.put(_Slot(self._device, self._given, found))
        self._recorded = recorded

    def _record(self, given: Any) -> Callable[[], Tensors]:
        for _ in range(WARM_UP_CALLS):
            expected = self._forward(given)
        if not all(_has(tensor, len(given)) for tensor in expected):
            raise RuntimeError("a call gives other rows than it is given")
        recorded = self._device.recorded(self._forward, given)
        if not all(_alike(*pair) for pair in zip(recorded(), expected, strict=True)):
            raise RuntimeError("two calls with the same rows differ")
        return recorded


def sizes_up_to(most: int) -> tuple[int, ...]:
    """Give 1, 2, 3, 4, 6, 8, 12 and so on, and the last: no batch is filled up by more than half of its rows."""
    powers = [1 << power for power in range(most.bit_length())]
    found = {size for power in powers for size in (power, power + power // 2) if size < most}
    return (*sorted(found), most)


def filled_up(rows: int, sizes: Sequence[int]) -> int | None:
    """Give the next size; None when there is none so large."""
    place = bisect_left(sizes, rows)
    return sizes[place] if place < len(sizes) else None


def _has(tensor: Any, rows: int) -> bool:
    """Whether a tensor has so many rows."""
    return tuple(tensor.shape[:1]) == (rows,)


def _no_memory(error: RuntimeError) -> bool:
    return isinstance(error, torch.OutOfMemoryError) or "out of memory" in str(error).lower()


def _alike(one: Any, other: Any) -> bool:
    first, second = one.double(), other.double()
    scale = float(second.abs().nan_to_num(0.0, 0.0, 0.0).max()) if second.numel() else 0.0
    return bool(torch.allclose(first, second, rtol=TOLERANCE, atol=TOLERANCE * scale, equal_nan=True))
