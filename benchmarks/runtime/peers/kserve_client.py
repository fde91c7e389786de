"""KServe's own clients ask a server for tensors of every datatype. PORT; gRPC at the port behind it; prints JSON lines.

Each model is called as its datatype, and gives its input `x` back as `y`.
"""

import asyncio
import json
import os
from collections.abc import Awaitable

import kserve
import numpy as np
from kserve.inference_client import RESTConfig
from kserve.protocol.infer_type import RequestedOutput

PORT = int(os.environ["PORT"])
URL = f"http://127.0.0.1:{PORT}"
TYPES = {
    "BOOL": np.bool_,
    **{f"{sign}INT{bits}": np.dtype(f"{sign.lower()}int{bits}") for sign in ("", "U") for bits in (8, 16, 32, 64)},
    "FP16": np.float16,
    "FP32": np.float32,
    "FP64": np.float64,
    "BYTES": np.object_,
}


def tensor(datatype: str) -> np.ndarray:
    """Give three rows of two, with the ends of their type."""
    if datatype == "BYTES":
        return np.array([["", "a"], ["é", "日本"], ["x" * 300, " "]], object)
    dtype = np.dtype(TYPES[datatype])
    if dtype.kind == "b":
        return np.array([[True, False]] * 3)
    ends = np.iinfo(dtype) if dtype.kind in "iu" else np.finfo(dtype)
    return np.array([[0, 1], [ends.min, ends.max], [2, 3]], dtype)


def request(datatype: str, given: np.ndarray, *, binary: bool) -> kserve.InferRequest:
    """Write a request."""
    one = kserve.InferInput("x", list(given.shape), datatype)
    one.set_data_from_numpy(given, binary_data=binary)
    wanted = [RequestedOutput("y", {"binary_data": binary})]
    return kserve.InferRequest(datatype, [one], request_outputs=wanted)


def same(answer: kserve.InferResponse, given: np.ndarray) -> bool:
    """Whether an answer is what was given; texts may come as bytes."""
    found = answer.outputs[0].as_numpy()
    if given.dtype.kind == "O":
        texts = [one.decode() if isinstance(one, bytes) else one for one in found.reshape(-1).tolist()]
        return texts == given.reshape(-1).tolist()
    return found.dtype == given.dtype and np.array_equal(found, given)


async def say(door: str, datatype: str, asked: Awaitable[object], given: np.ndarray) -> None:
    """Print what became of a request."""
    try:
        answer = await asked
        what = "equal" if same(answer, given) else f"other: {answer.outputs[0].as_numpy().tolist()}"
    except Exception as error:  # noqa: BLE001 - clients raise what they like
        what = f"error: {error!r}"
    print(json.dumps({"door": door, "datatype": datatype, "what": what[:300]}))


async def main() -> None:
    """Ask through every door."""
    rest = kserve.InferenceRESTClient(RESTConfig(protocol="v2"))
    grpc = kserve.InferenceGRPCClient(f"127.0.0.1:{PORT + 1}")
    for datatype in TYPES:
        given = tensor(datatype)
        for binary in (False, True):
            if datatype == "FP16" and not binary:
                continue  # the client writes none
            door = "REST, binary" if binary else "REST, JSON"
            asked = request(datatype, given, binary=binary)
            await say(door, datatype, rest.infer(URL, asked, model_name=datatype), given)
        await say("gRPC", datatype, grpc.infer(request(datatype, given, binary=True)), given)
    probes = {
        "REST, live": rest.is_server_live(URL),
        "REST, ready": rest.is_server_ready(URL),
        "REST, model ready": rest.is_model_ready(URL, "FP32"),
        "gRPC, live": grpc.is_server_live(),
        "gRPC, ready": grpc.is_server_ready(),
        "gRPC, model ready": grpc.is_model_ready("FP32"),
    }
    for door, probe in probes.items():
        print(json.dumps({"door": door, "datatype": "", "what": "equal" if await probe else "other: no"}))


if __name__ == "__main__":
    asyncio.run(main())
