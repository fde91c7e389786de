"""What a failed call of a model says about the next one: memory that ran out may do again, a lost device never does.

Frameworks share no class for either, and their own may not be importable here, so they are known by name and text.
"""

from __future__ import annotations

# torch on a CPU and a GPU, also from TorchScript, whose errors are plain ones with the text of what they stand for;
# onnxruntime; C++ libraries; what CUDA's own libraries say when they find no room for their workspace.
NO_MEMORY = (
    "out of memory",
    "can't allocate memory",
    "failed to allocate memory",
    "bad_alloc",
    "cudaerrormemoryallocation",
    "_status_alloc_failed",
)
# After these every further call of CUDA gives the same error, and only a new process can go on. Source: `cudaError_t`
# in the CUDA runtime's documentation, which says so of each; the texts are `cudaGetErrorString`'s.
DEVICE_LOST = (
    "uncorrectable ecc error encountered",
    "uncorrectable nvlink error detected",
    "invalid access of peer gpu memory over nvlink or a hardware error",
    "an illegal memory access was encountered",
    "the launch timed out and was terminated",
    "device-side assert triggered",
    "hardware stack error",
    "an illegal instruction was encountered",
    "misaligned address",
    "operation not supported on global/shared address space",
    "invalid program counter",
    "unspecified launch failure",
    "tensor memory not completely freed",
)


def out_of_memory(error: Exception) -> bool:
    """Whether a call failed for want of memory, on the CPU or on a GPU: a smaller or later one may do."""
    named = isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"
    return named or _says(error, NO_MEMORY)


def device_lost(error: Exception) -> bool:
    """Whether an error is one after which this process can no longer use its GPU."""
    return "cuda" in str(error).lower() and _says(error, DEVICE_LOST)


def _says(error: Exception, texts: tuple[str, ...]) -> bool:
    said = str(error).lower()
    return any(text in said for text in texts)


class DeviceLost(RuntimeError):
    """The outcome of a call that was not made, as the device was lost in an earlier one."""
