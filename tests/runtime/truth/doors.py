"""Every protocol that the server speaks, without its sockets: the endpoints of a service, asked in turn."""

from __future__ import annotations

import asyncio
import json
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from runtime.configuration.options import Options
from runtime.configuration.settings import RuntimeSettings
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
from tests.runtime.offline import settings_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.runtime.truth.case import Case, Row

VERTEX = "/vertex"
WAIT_S = 60
TEXT = {"category", "string"}
NUMPY = {"BOOL": np.bool_, "FP16": np.float16, "FP32": np.float32, "FP64": np.float64} | {
    f"{sign}INT{bits}": getattr(np, f"{sign.lower()}int{bits}") for sign in ("", "U") for bits in (8, 16, 32, 64)
}


@dataclass(frozen=True)
class Said:
    """What came back: values in row-major order, or why there are none."""

    status: int
    values: list[Any]
    reason: str = ""


class House:
    """A model behind all doors."""

    def __init__(self, case: Case, folder: Path) -> None:
        settings = settings_of(case.features, **case.told)
        loaded = describe(Part("m", "1", folder, settings), load(folder, settings))
        assert loaded.layout is not None
        self.loop = asyncio.new_event_loop()
        options = Options(vertex_predict=VERTEX)
        service = Service(settings, RuntimeSettings(), options, Records(options, RuntimeSettings()))
        service.serve([warmed(loaded, None)], self.loop)
        self.endpoints = {path.decode(): endpoint for path, endpoint in service.endpoints.items()}
        codec = GrpcCodec(V2Codec(loaded, options.max_rows), "m", "1")
        self.endpoints["gRPC"] = service.make_endpoint(service.served[0], "grpc", codec)
        self.features = loaded.layout.schema.features
        self.inputs = loaded.model.inputs
        self.matrix = loaded.layout.matrix_input
        self.output, self.column = loaded.prediction.output, loaded.prediction.column

    def ask(self, path: str, body: bytes, headers: dict[str, str] | None = None) -> Any:
        """Send a request to an endpoint; gives its answer."""
        found: asyncio.Future[Any] = self.loop.create_future()
        given = [(name.encode(), value.encode()) for name, value in (headers or {}).items()]
        self.loop.call_soon(self.endpoints[path].handle, Request(body, given, "r"), found.set_result)
        return self.loop.run_until_complete(asyncio.wait_for(found, WAIT_S))

    def close(self) -> None:
        self.loop.close()


def plain(path: str, headers: dict[str, str] | None = None) -> Callable[[House, list[Row]], Said]:
    """Ask for predictions in plain JSON."""

    def ask(house: House, rows: list[Row]) -> Said:
        answer = house.ask(path, json.dumps({"instances": rows}).encode(), headers)
        told = json.loads(answer.body)
        error = told.get("error")
        reason = error["message"] if isinstance(error, dict) else error
        return Said(answer.status, flat(told.get("predictions", [])), reason or "")

    return ask


def flat(values: Any) -> list[Any]:
    return [one for each in values for one in flat(each)] if isinstance(values, list) else [values]


@dataclass
class Tensor:
    """One tensor as a client would send it: `values` in row-major order, None for nothing."""

    name: str
    datatype: str
    shape: list[int]
    values: list[Any]

    def packed(self) -> bytes | None:
        """Give its bytes; None where they cannot say it."""
        if self.datatype == "BYTES":
            if None in self.values:
                return None
            raw = [value.encode() for value in self.values]
            return b"".join(struct.pack("<I", len(one)) + one for one in raw)
        if None in self.values and self.datatype != "FP64":
            return None
        try:
            return np.array([np.nan if one is None else one for one in self.values], NUMPY[self.datatype]).tobytes()
        except OverflowError:
            return None


def by_feature(house: House, rows: list[Row]) -> list[Tensor]:
    """Give a tensor for each name in the rows."""
    ranks = {spec.name: len(spec.shape) for spec in house.inputs}
    found = []
    for name in rows[0]:
        feature = house.features.get(name)
        values = [row[name] for row in rows]
        datatype = _datatype("number" if feature is None else feature.type, values)
        shape = [len(rows), *[1] * (ranks.get(name, 2) - 1)]
        found.append(Tensor(name, datatype, shape, values))
    return found


def _datatype(kind: str, values: list[Any]) -> str:
    if kind in TEXT:
        return "BYTES"
    if kind == "integer" and all(value is None or value == int(value) for value in values):
        large = any(value is not None and value > np.iinfo(np.int64).max for value in values)
        return "UINT64" if large else "INT64"
    return "BOOL" if kind == "boolean" else "FP64"


def as_table(house: House, rows: list[Row]) -> list[Tensor] | None:
    """Give one tensor with all features side by side; None where one of them is text, or no feature."""
    spec = house.matrix
    if spec is None or rows[0].keys() - house.features.keys():
        return None
    values = []
    for row in rows:
        for name, feature in house.features.items():
            value = row.get(name)
            if feature.type in TEXT and spec.dtype.kind != "O" and value is not None:
                value = feature.values.index(value) if value in feature.values else None
                if value is None:
                    return None
            values.append(value)
    if spec.dtype.kind == "O" and not all(isinstance(value, str) for value in values):
        return None
    return [Tensor(spec.name, spec.datatype, [len(rows), len(house.features)], values)]


def v2_json(house: House, tensors: list[Tensor] | None) -> Said | None:
    """Ask with tensors in JSON."""
    if tensors is None:
        return None
    inputs = [{"name": one.name, "datatype": one.datatype, "shape": one.shape, "data": one.values} for one in tensors]
    answer = house.ask("/v2/models/m/infer", json.dumps({"inputs": inputs}).encode())
    told = json.loads(answer.body)
    if answer.status != 200:
        return Said(answer.status, [], told["error"])
    tensor = next(one for one in told["outputs"] if one["name"] == house.output)
    return Said(200, chosen(house, tensor["shape"], tensor["data"]))


def v2_binary(house: House, tensors: list[Tensor] | None) -> Said | None:
    """Ask with the binary extension, both ways."""
    packed = [one.packed() for one in tensors or ()]
    if not packed or None in packed:
        return None
    inputs = [
        {"name": one.name, "datatype": one.datatype, "shape": one.shape, "parameters": {"binary_data_size": len(raw)}}
        for one, raw in zip(tensors, packed, strict=True)
    ]
    head = json.dumps({"inputs": inputs, "parameters": {"binary_data_output": True}}).encode()
    told = {"inference-header-content-length": str(len(head))}
    answer = house.ask("/v2/models/m/infer", b"".join([head, *packed]), told)
    if answer.status != 200:
        return Said(answer.status, [], json.loads(answer.body)["error"])
    length = int(dict(answer.headers)[b"inference-header-content-length"])
    at = length
    for tensor in json.loads(answer.body[:length])["outputs"]:
        size = tensor["parameters"]["binary_data_size"]
        if tensor["name"] == house.output:
            return Said(200, chosen(house, tensor["shape"], unpacked(tensor["datatype"], answer.body[at : at + size])))
        at += size
    raise AssertionError(answer.body)


def over_grpc(house: House, tensors: list[Tensor] | None) -> Said | None:
    """Ask with a message of gRPC, its tensors raw."""
    packed = [one.packed() for one in tensors or ()]
    if not packed or None in packed:
        return None
    inputs = [{"name": one.name, "datatype": one.datatype, "shape": one.shape} for one in tensors]
    message = MESSAGES["ModelInferRequest"](model_name="m", inputs=inputs, raw_input_contents=packed)
    answer = house.ask("gRPC", message.SerializeToString())
    if answer.status != 200:
        return Said(answer.status, [], answer.body.decode())
    told = MESSAGES["ModelInferResponse"].FromString(answer.body)
    for tensor, raw in zip(told.outputs, told.raw_output_contents, strict=True):
        if tensor.name == house.output:
            return Said(200, chosen(house, list(tensor.shape), unpacked(tensor.datatype, raw)))
    raise AssertionError(told)


def unpacked(datatype: str, raw: bytes) -> list[Any]:
    """Read a tensor's bytes."""
    if datatype != "BYTES":
        return np.frombuffer(raw, NUMPY[datatype]).tolist()
    found, at = [], 0
    while at < len(raw):
        (length,) = struct.unpack_from("<I", raw, at)
        found.append(raw[at + 4 : at + 4 + length].decode())
        at += 4 + length
    return found


def chosen(house: House, shape: list[int], values: list[Any]) -> list[Any]:
    """Give what plain JSON would give of an output."""
    if house.column is None:
        return values
    return values[house.column :: shape[1]]


EVENT = {"ce-id": "1", "ce-source": "s", "ce-type": "t", "ce-specversion": "1.0"}
DOORS: dict[str, Callable[[House, list[Row]], Said | None]] = {
    "JSON": plain("/predict"),
    "KServe v1": plain("/v1/models/m:predict"),
    "Vertex AI": plain(VERTEX),
    "event": plain("/events", EVENT),
    "v2 JSON, features": lambda house, rows: v2_json(house, by_feature(house, rows)),
    "v2 JSON, table": lambda house, rows: v2_json(house, as_table(house, rows)),
    "v2 binary, features": lambda house, rows: v2_binary(house, by_feature(house, rows)),
    "v2 binary, table": lambda house, rows: v2_binary(house, as_table(house, rows)),
    "gRPC, features": lambda house, rows: over_grpc(house, by_feature(house, rows)),
    "gRPC, table": lambda house, rows: over_grpc(house, as_table(house, rows)),
}
