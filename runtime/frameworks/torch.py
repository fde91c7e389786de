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

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from runtime.configuration.settings import ModelSettings

INPUT = "input"


class TorchModel:
    """A module with one float input and one or more tensor outputs."""

    batchable = True

    def __init__(self, module: Any, device: str, width: int, platform: str) -> None:
        self.platform = platform
        self.device = device
        self._module = module
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

    def _run(self, rows: Array) -> dict[str, Array]:
        with torch.inference_mode():
            given = torch.from_numpy(np.ascontiguousarray(rows)).to(self.device)
            found = self._module(given)
        tensors = found if isinstance(found, (tuple, list)) else (found,)
        names = ["output"] if len(tensors) == 1 else [f"output_{i}" for i in range(len(tensors))]
        return {name: tensor.detach().cpu().numpy() for name, tensor in zip(names, tensors, strict=True)}

    def memory(self) -> dict[str, str]:
        """Give the bytes allocated on the device, for metadata; empty on a CPU."""
        if self.device == "cpu":
            return {}
        free, total = torch.cuda.mem_get_info()
        return {"device_memory_used_bytes": str(total - free), "device_memory_bytes": str(total)}


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
    return TorchModel(module, device, len(settings.features) or -1, platform)


def _exported(file: Path, device: str) -> Any:
    return torch.export.load(str(file)).module().to(device)
