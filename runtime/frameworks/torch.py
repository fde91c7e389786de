"""PyTorch: TorchScript (`.pt`) and `torch.export` programs (`.pt2`), on CUDA where there is one.

Both are code, also where no pickle is in them: TorchScript can write files (`torch.save`), while it is loaded even; and
`torch.export.load` unpickles what `weights_only` refuses, loads shared libraries and evaluates text of the graph.

Neither format names its inputs in a way we could read, so the spec's features give the width of the one input.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from runtime.data.tensors import Array, TensorSpec, datatype_of
from runtime.frameworks import LoadError, cpus
from runtime.frameworks.cuda import Cuda
from runtime.frameworks.lane import IN_FLIGHT, Lane

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from runtime.configuration.settings import ModelSettings
    from runtime.frameworks.cuda import Device

INPUT = "input"


# What numpy has no type for.
_NARROW = tuple(
    getattr(torch, name)
    for name in ("bfloat16", "float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float8_e5m2fnuz")
    if hasattr(torch, name)
)


class TorchModel:
    """A module with one float input and one or more tensor outputs.

    Args:
        module: What is called with a batch.
        width: Features of a row; -1 where that is not known.
        platform: As Open Inference Protocol calls it.
        device: A GPU; None for the CPU.
    """

    batchable = True

    def __init__(self, module: Any, width: int, platform: str, device: Device | None = None) -> None:
        self.platform = platform
        self.device = device.name if device else "cpu"
        self._device = device
        self._module = module
        self._lane = Lane(self._forward, device) if device else None
        self.calls_at_once = 1 if device is None else IN_FLIGHT
        self.inputs = (TensorSpec(INPUT, "FP32", (-1, width)),)
        if width > 0:
            probe = self._run(np.zeros((2, width), np.float32))
            self.outputs = tuple(TensorSpec(n, datatype_of(a), (-1, *a.shape[1:])) for n, a in probe.items())
        else:
            self.outputs = (TensorSpec("output", "FP32", (-1, -1)),)

    def predict(self, inputs: Mapping[str, Array], outputs: Sequence[str]) -> dict[str, Array]:
        """Run the module without gradients; its outputs are called `output`, or `output_0` and so on."""
        found = self._run(inputs[INPUT])
        return {name: found[name] for name in outputs}

    def room(self, inputs: Mapping[str, Array]) -> int:
        """Say how many rows a call on the device may have, from what these take."""
        assert self._lane is not None  # noqa: S101 - asked of devices only
        return self._lane.room(inputs[INPUT])

    def prepare(self, inputs: Mapping[str, Array], sizes: tuple[int, ...] | None = None) -> tuple[int, ...]:
        """Make ready for calls of up to this many rows on the device, or of some sizes; gives those that are called."""
        assert self._lane is not None  # noqa: S101 - asked of devices only
        self._lane.prepare(inputs[INPUT], sizes)
        return self._lane.sizes

    @property
    def is_recorded(self) -> bool:
        """Whether a call costs a thread no more than handing over its rows."""
        return self._lane is not None and self._lane.is_recorded

    def memory(self) -> dict[str, str]:
        """Give the bytes that we have of the device, for metadata; empty on a CPU."""
        return self._device.memory() if self._device else {}

    def _run(self, rows: Array) -> dict[str, Array]:
        rows = np.ascontiguousarray(rows)
        found = self._lane.call(rows) if self._lane else self._here(rows)
        names = ["output"] if len(found) == 1 else [f"output_{i}" for i in range(len(found))]
        return dict(zip(names, found, strict=True))

    def _here(self, rows: Array) -> list[Array]:
        with torch.inference_mode():
            # A program may work on it in place, and what was asked is read again: by the prediction log.
            return [tensor.numpy() for tensor in self._forward(torch.from_numpy(rows.copy()))]

    def _forward(self, given: Any) -> tuple[Any, ...]:
        found = self._module(given)
        tensors = found if isinstance(found, (tuple, list)) else (found,)
        return tuple(tensor.detach().float() if tensor.dtype in _NARROW else tensor.detach() for tensor in tensors)


def load(file: Path, settings: ModelSettings) -> TorchModel:
    """Load a program onto the device.

    Raises:
        LoadError: torch refuses the file.
    """
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.set_num_threads(cpus())
    try:
        module = _exported(file, device) if file.suffix == ".pt2" else torch.jit.load(str(file), map_location=device)
    except Exception as error:  # torch raises RuntimeError, its own errors, and those of zipfile and pickle
        raise LoadError(f"torch cannot read {file.name}: {error}") from error
    platform = "pytorch_export" if file.suffix == ".pt2" else "pytorch_torchscript"
    return TorchModel(module, len(settings.features) or -1, platform, Cuda() if device == "cuda" else None)


def _exported(file: Path, device: str) -> Any:
    """Load a program, and move it: its weights, and what its text says of devices (`.to`, `arange`, constants)."""
    program = torch.export.load(str(file))
    if device != "cpu":
        from torch.export.passes import move_to_device_pass  # noqa: PLC0415 - the CPU needs none of it

        program = move_to_device_pass(program, device)
    return program.module()
