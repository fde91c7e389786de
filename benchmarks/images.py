"""What a request with an image costs in copies: 224 x 224 x 3 numbers through each protocol that takes tensors.

python -m benchmarks.images

Bytes that are newly held by pieces of 32 KiB and more are added up between calls of functions, from the body to the
answer, without the socket: each is a copy of the image, or of a part of it, in whatever form. The answer is small.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import tempfile
import time
import tracemalloc
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from runtime.configuration.options import Options
from runtime.configuration.settings import ModelSettings, RuntimeSettings
from runtime.data.answers import Request
from runtime.data.models import Part
from runtime.frameworks import load
from runtime.grpc_v2.messages import MESSAGES
from runtime.grpc_v2.server import GrpcCodec
from runtime.protocols.v2 import V2Codec
from runtime.serving.catalog import describe
from runtime.serving.records import Records
from runtime.serving.service import Service
from runtime.serving.warming import warmed

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

SHAPE = [1, 224, 224, 3]
PIECE = 32 * 1024
ROUNDS = 5
TYPES = {"FP32": (np.float32, "FLOAT"), "UINT8": (np.uint8, "UINT8")}


class Copies:
    """Counts while it is entered: bytes that came to be held in large pieces."""

    def __init__(self) -> None:
        self.bytes = 0
        self._held = 0

    def __enter__(self) -> Self:
        tracemalloc.start(1)
        self._held = tracemalloc.get_traced_memory()[0]
        sys.setprofile(self._look)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)
        tracemalloc.stop()

    def _look(self, *_: object) -> None:
        held = tracemalloc.get_traced_memory()[0]
        self.bytes += max(held - self._held, 0) if held - self._held >= PIECE else 0
        self._held = held


def graph(folder: Path, element: str) -> None:
    """Write a graph that gives the mean of each colour."""
    import onnx  # noqa: PLC0415 - only here
    from onnx import TensorProto, helper  # noqa: PLC0415 - only here

    nodes = [
        helper.make_node("Cast", ["x"], ["f"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["f"], ["y"], axes=[1, 2], keepdims=0),
    ]
    ends = [
        [helper.make_tensor_value_info("x", getattr(TensorProto, element), ["n", *SHAPE[1:]])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 3])],
    ]
    made = helper.make_graph(nodes, "g", *ends)
    onnx.save(helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), folder / "model.onnx")


def bodies(datatype: str, image: np.ndarray[Any, Any]) -> dict[str, tuple[bytes, list[tuple[bytes, bytes]]]]:
    """Write the same request for each protocol."""
    tensor = {"name": "x", "datatype": datatype, "shape": SHAPE}
    described = {**tensor, "parameters": {"binary_data_size": image.nbytes}}
    head = json.dumps({"inputs": [described]}).encode()
    values = image.reshape(-1).tolist()
    message = MESSAGES["ModelInferRequest"](model_name="m", inputs=[tensor], raw_input_contents=[image.tobytes()])
    return {
        "v2 binary": (head + image.tobytes(), [(b"inference-header-content-length", str(len(head)).encode())]),
        "gRPC": (message.SerializeToString(), []),
        "v2 JSON": (json.dumps({"inputs": [{**tensor, "data": values}]}).encode(), []),
    }


def served(folder: Path, loop: asyncio.AbstractEventLoop) -> dict[str, Callable[..., Any]]:
    """Serve a folder, without sockets; gives its doors."""
    loaded = describe(Part("m", "1", folder, ModelSettings()), load(folder, ModelSettings()))
    options = Options()
    service = Service(ModelSettings(), RuntimeSettings(), options, Records(options, RuntimeSettings()))
    service.serve([warmed(loaded, None)], loop)
    codec = GrpcCodec(V2Codec(loaded, options.max_rows), "m", "1")
    binary = service.endpoints[b"/v2/models/m/infer"].handle
    return {
        "v2 binary": binary,
        "gRPC": service.make_endpoint(service.served[0], "grpc", codec).handle,
        "v2 JSON": binary,
    }


def asked(loop: asyncio.AbstractEventLoop, door: Callable[..., Any], request: Request) -> float:
    """Ask once; gives the milliseconds it took.

    Raises:
        SystemExit: The image was refused.
    """
    found: asyncio.Future[Any] = loop.create_future()
    began = time.perf_counter()
    loop.call_soon(door, request, found.set_result)
    answer = loop.run_until_complete(found)
    if answer.status != 200:
        raise SystemExit(answer.body.decode())
    return (time.perf_counter() - began) * 1000


def main() -> None:
    """Print a row for each datatype and protocol."""
    print(f"{'':18}{'image':>10}{'body':>12}{'copied':>12}{'of the image':>14}{'ms':>8}")
    for datatype, (kind, element) in TYPES.items():
        image = np.random.default_rng(0).integers(0, 255, SHAPE).astype(kind)
        loop = asyncio.new_event_loop()
        with tempfile.TemporaryDirectory() as folder:
            graph(Path(folder), element)
            doors = served(Path(folder), loop)
        for name, (body, headers) in bodies(datatype, image).items():
            request = Request(body, headers, "r")
            took = statistics.median(asked(loop, doors[name], request) for _ in range(ROUNDS))
            with Copies() as copies:
                asked(loop, doors[name], request)
            share = copies.bytes / image.nbytes
            row = f"{f'{datatype}, {name}':18}{image.nbytes:>10,}{len(body):>12,}{copies.bytes:>12,}"
            print(f"{row}{share:>14.1f}{took:>8.1f}")
        loop.close()


if __name__ == "__main__":
    main()
