"""What a failed call says about the next one, by the true texts of the frameworks.

Where the texts come from: those of CUDA are what `cudaGetErrorString` of libcudart 13.2 gives for the numbers beside
them; torch puts "CUDA error: " before and advice behind (libc10_cuda.so of torch 2.15, and issues of its users);
onnxruntime writes "CUDA failure NUMBER: TEXT ; GPU=... ; hostname=..." (issues of its users). The two of memory on a
CPU are torch 2.15's own, raised by `torch.zeros(10**15)`, alone and in TorchScript. No GPU was at hand.
"""

import asyncio
import json

import pytest

from runtime.serving.failures import DEVICE_LOST, device_lost, out_of_memory
from tests.runtime import virtual_time
from tests.runtime.connections import doubling, front_door
from tests.runtime.queues import CALL_S, IN_THREAD, INLINE, TABLE, Doubling, Queue
from tests.runtime.test_doors import answers, post

CUDA = {
    214: "uncorrectable ECC error encountered",
    220: "uncorrectable NVLink error detected during the execution",
    226: "Invalid access of peer GPU memory over nvlink or a hardware error",
    700: "an illegal memory access was encountered",
    702: "the launch timed out and was terminated",
    710: "device-side assert triggered",
    714: "hardware stack error",
    715: "an illegal instruction was encountered",
    716: "misaligned address",
    717: "operation not supported on global/shared address space",
    718: "invalid program counter",
    719: "unspecified launch failure",
    721: "tensor memory not completely freed",
}
ADVICE = (
    "\nCUDA kernel errors might be asynchronously reported at some other API call, so the stacktrace below might be "
    "incorrect.\nFor debugging consider passing CUDA_LAUNCH_BLOCKING=1.\nCompile with `TORCH_USE_CUDA_DSA` to enable "
    "device-side assertions.\n"
)
ASSERTED = f"CUDA error: {CUDA[710]}{ADVICE}"
SCRIPT = (
    "The following operation failed in the TorchScript interpreter.\n"
    "Traceback of TorchScript (most recent call last):\n"
    '  File "<string>", line 2, in f\n    return torch.zeros([1000000000000000]) + x\n           ~~~~~~~~ <--- HERE'
    "\nRuntimeError: "
)
CPU_MEMORY = (
    "[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to allocate "
    "4000000000000000 bytes. Error code 12 (Cannot allocate memory)"
)
CUDA_MEMORY = "CUDA out of memory. Tried to allocate 20.00 GiB. GPU 0 has a total capacity of 79.10 GiB of which ..."


class AcceleratorError(RuntimeError):
    """As torch calls its own."""


def ort(number: int) -> str:
    """Write an error of CUDA as onnxruntime does."""
    return (
        "[ONNXRuntimeError] : 6 : RUNTIME_EXCEPTION : Non-zero status code returned while running Gather node. "
        f"CUDA failure {number}: {CUDA[number]} ; GPU=0 ; hostname=x ; file=cuda_call.cc ; expr=cudaGetLastError();"
    )


@pytest.mark.parametrize("number", CUDA)
def test_a_lost_device_is_recognised(number):
    """Each error that CUDA says no call gets past, as torch and as onnxruntime write it; none of them is of memory."""
    for text in (f"CUDA error: {CUDA[number]}{ADVICE}", SCRIPT + f"CUDA error: {CUDA[number]}", ort(number)):
        for kind in (RuntimeError, AcceleratorError):
            assert device_lost(kind(text))
            assert not out_of_memory(kind(text))


def test_every_text_has_its_number():
    """The list has no text that CUDA does not have."""
    assert {known for known in DEVICE_LOST if not any(known in text.lower() for text in CUDA.values())} == set()


@pytest.mark.parametrize(
    "text",
    [
        "CUDA error: invalid argument",
        "CUDA error: no kernel image is available for execution on the device",
        "CUDA error: invalid configuration argument",
        "mat1 and mat2 shapes cannot be multiplied (1x3 and 4x1)",
        "device-side assert triggered, said somebody who has no such device",
        "misaligned address in line 3 of the letter",
        CUDA_MEMORY,
    ],
)
def test_a_device_that_goes_on_is_not_lost(text):
    """An error that is over with its call ends no process."""
    assert not device_lost(RuntimeError(text))


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(SCRIPT + CUDA_MEMORY, id="torchscript-gpu"),
        pytest.param(SCRIPT + CPU_MEMORY, id="torchscript-cpu"),
        pytest.param(CPU_MEMORY, id="torch-cpu"),
        pytest.param(CUDA_MEMORY, id="torch-gpu"),
        pytest.param("CUDA error: out of memory" + ADVICE, id="cuda"),
        pytest.param("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`", id="cublas"),
        pytest.param("cuDNN error: CUDNN_STATUS_ALLOC_FAILED", id="cudnn"),
        pytest.param("Failed to allocate memory for requested buffer of size 4000", id="onnxruntime"),
        pytest.param("std::bad_alloc", id="c++"),
        pytest.param(
            "Memory allocation error on worker 0: std::bad_alloc: cudaErrorMemoryAllocation: ...", id="xgboost"
        ),
    ],
)
def test_memory_that_ran_out_is_recognised(text):
    """Whoever says so, in a plain error, on the CPU or the GPU."""
    assert out_of_memory(RuntimeError(text))
    assert not device_lost(RuntimeError(text))


@pytest.mark.parametrize("cost", [INLINE, IN_THREAD], ids=["inline", "in-a-thread"])
@pytest.mark.parametrize("door", ["wire", "fastapi"])
def test_a_lost_device_is_the_end(door, cost):
    """The request that did it is told of its own failure; those behind it may go elsewhere; live and ready are over."""
    get = b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\nGET /health/ready HTTP/1.1\r\nHost: x\r\n\r\n"

    async def work(loop):
        queue = Queue(loop, cost, Doubling(inputs=TABLE), max_rows=1)
        service = doubling(loop, queue)
        assert service.alive
        queue.model.failure = AcceleratorError(ASSERTED)
        connection = front_door(loop, door, service).connect()
        connection.data_received(post(1, 2))
        await asyncio.sleep(3 * CALL_S)
        queue.model.failure = None
        connection.data_received(post(3, 4) + post(5, 6) + get)
        await asyncio.sleep(5 * CALL_S)

        found = answers(connection.transport.written)
        assert [status for status, _ in found] == [500, 503, 503, 503, 503]
        assert json.loads(found[0][1]) == {"error": "the model failed; the log has the reason"}
        assert (found[3][1], found[4][1]) == (b"stuck", b"device lost")
        assert b"retry-after: 1" in connection.transport.written
        assert (service.alive, service.ready, queue.model.sizes) == (False, False, [1])

    virtual_time.run(work)


SOURCE = f"""class Model:
    def predict(self, inputs):
        if (inputs['a'] > 5).any(): raise RuntimeError({ASSERTED!r})
        return inputs['a']
"""


def test_the_process_ends(start, tmp_path):
    """Nobody waits for a platform that looks at liveness every ten seconds: the process ends, with its own status."""
    (tmp_path / "model.py").write_text(SOURCE)
    server = start(tmp_path, model={"framework": "custom", "features": {"a": {"type": "number"}}})
    assert server.post("/predict", {"instances": [[1]]}).status_code == 200

    answer = server.post("/predict", {"instances": [[6]]})

    assert answer.json() == {"error": "the model failed; the log has the reason"}
    assert server.process.wait(15) == 70
    assert "the device is lost" in server.log.read_text()


@pytest.mark.filterwarnings("ignore:.*torch.jit")
def test_torchscript_without_memory_is_503(start, tmp_path):
    """The same with torch itself, where it is installed."""
    torch = pytest.importorskip("torch")
    module = torch.jit.ScriptModule()
    module.define(
        "def forward(self, x: Tensor):\n"
        "    if bool((x > 5).any()):\n"
        "        return torch.zeros([1000000000000000]) + x\n"
        "    return x\n"
    )
    module.save(str(tmp_path / "model.pt"))
    server = start(tmp_path, "--allow-code", model={"features": {"a": {"type": "number"}}})

    refused = server.post("/predict", {"instances": [[6]]})

    assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
    assert server.post("/predict", {"instances": [[1]]}).status_code == 200
