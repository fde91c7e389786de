"""For models of every framework: through each protocol, a row alone, in a batch, in any order, among others at once.

Each answer is the library's own for the same rows, bit for bit, or as close as the library is to itself when the same
rows come in other batches. `--rows 400` asks for more of them.
"""

from __future__ import annotations

import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
import tritonclient.grpc as triton_grpc
import tritonclient.http as triton

from tests.runtime.zoo import ZOO, Kept

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.runtime.servers import Server

CALLERS = 8
DATATYPES = {"number": "FP64", "integer": "INT64", "boolean": "BOOL", "category": "BYTES", "string": "BYTES"}
NUMPY = {"FP64": np.float64, "FP32": np.float32, "INT64": np.int64, "BOOL": np.bool_, "BYTES": np.object_}


@dataclass
class Asked:
    """A model that is served, and its clients."""

    name: str
    kept: Kept
    server: Server
    metadata: dict[str, Any]
    http: triton.InferenceServerClient
    grpc: triton_grpc.InferenceServerClient

    @property
    def output(self) -> str:
        """The output that is plain JSON's prediction."""
        return self.kept.told.get("prediction", {}).get("name") or self.metadata["outputs"][0]["name"]

    def records(self, rows: pd.DataFrame) -> list[dict[str, Any]]:
        """Give rows as JSON has them: by name, with null for what is missing, categories as their values."""
        return [{name: self._value(row[name]) for name in self.kept.features} for row in rows.to_dict("records")]

    @staticmethod
    def _value(value: Any) -> Any:
        return None if pd.isna(value) else value

    def tensors(self, rows: pd.DataFrame) -> dict[str, np.ndarray] | None:
        """Give an array per feature; None where text is missing, which no tensor can say."""
        found = {}
        ranks = {spec["name"]: len(spec["shape"]) for spec in self.metadata["inputs"]}
        for name, feature in self.kept.features.items():
            column = rows[name]
            if DATATYPES[feature["type"]] == "BYTES":
                if column.isna().any():
                    return None
                found[name] = column.map(str).to_numpy(object)
            else:
                datatype = "FP64" if column.isna().any() else DATATYPES[feature["type"]]
                found[name] = column.to_numpy(NUMPY[datatype])
        return {name: one.reshape(-1, *(1,) * (ranks.get(name, 2) - 1)) for name, one in found.items()}

    def matrix(self, rows: pd.DataFrame) -> dict[str, np.ndarray] | None:
        """Give the one table of numbers, with places for categories; None for a model that takes something else."""
        (spec, *more) = self.metadata["inputs"]
        if more or spec["datatype"] not in {"FP32", "FP64"} or len(spec["shape"]) != 2:
            return None
        columns = []
        for name, feature in self.kept.features.items():
            places = {value: float(place) for place, value in enumerate(feature.get("values", ()))}
            columns.append([places.get(str(value), value) if places else value for value in rows[name]])
        return {spec["name"]: np.array(columns, NUMPY[spec["datatype"]]).T.copy()}


def plain(asked: Asked, path: str, instances: Any, **options: Any) -> np.ndarray:
    """Ask in JSON."""
    body = json.dumps({"instances": instances}).encode()
    answer = asked.server.post(path, content=body, **options)
    assert answer.status_code == 200, answer.text
    return np.array(answer.json()["predictions"])


def model_path(asked: Asked) -> str:
    return f"/v1/models/{asked.name}:predict"


def lists(asked: Asked, rows: pd.DataFrame) -> np.ndarray:
    return plain(asked, model_path(asked), [list(record.values()) for record in asked.records(rows)])


def named(asked: Asked, rows: pd.DataFrame) -> np.ndarray:
    return plain(asked, model_path(asked), [dict(reversed(record.items())) for record in asked.records(rows)])


def columns(asked: Asked, rows: pd.DataFrame) -> np.ndarray:
    records = asked.records(rows)
    return plain(asked, model_path(asked), {name: [one[name] for one in records] for name in asked.kept.features})


def tensor_json(asked: Asked, given: dict[str, np.ndarray] | None) -> np.ndarray | None:
    """Ask with tensors in JSON, which has no NaN."""
    if given is None or any(one.dtype.kind == "f" and np.isnan(one).any() for one in given.values()):
        return None
    return tensors(asked, given, binary=False)


def tensors(asked: Asked, given: dict[str, np.ndarray] | None, *, binary: bool) -> np.ndarray | None:
    """Ask through Triton's client."""
    if given is None:
        return None
    inputs = [triton.InferInput(name, list(one.shape), datatype(one)) for name, one in given.items()]
    for one, array in zip(inputs, given.values(), strict=True):
        one.set_data_from_numpy(array, binary_data=binary)
    outputs = [triton.InferRequestedOutput(asked.output, binary_data=binary)]
    return asked.http.infer(asked.name, inputs, outputs=outputs).as_numpy(asked.output)


def over_grpc(asked: Asked, given: dict[str, np.ndarray] | None) -> np.ndarray | None:
    """Ask through Triton's client for gRPC."""
    if given is None:
        return None
    inputs = [triton_grpc.InferInput(name, list(one.shape), datatype(one)) for name, one in given.items()]
    for one, array in zip(inputs, given.values(), strict=True):
        one.set_data_from_numpy(array)
    return asked.grpc.infer(asked.name, inputs).as_numpy(asked.output)


def datatype(array: np.ndarray) -> str:
    return next(name for name, dtype in NUMPY.items() if array.dtype == dtype)


PROTOCOLS: dict[str, Callable[[Asked, pd.DataFrame], np.ndarray | None]] = {
    "JSON lists": lists,
    "JSON by name": named,
    "JSON columns": columns,
    "v2 JSON, table": lambda asked, rows: tensor_json(asked, asked.matrix(rows)),
    "v2 JSON, by feature": lambda asked, rows: tensor_json(asked, asked.tensors(rows)),
    "v2 binary, table": lambda asked, rows: tensors(asked, asked.matrix(rows), binary=True),
    "v2 binary, by feature": lambda asked, rows: tensors(asked, asked.tensors(rows), binary=True),
    "gRPC, table": lambda asked, rows: over_grpc(asked, asked.matrix(rows)),
    "gRPC, by feature": lambda asked, rows: over_grpc(asked, asked.tensors(rows)),
}


@pytest.fixture(scope="module")
def zoo(start, tmp_path_factory, another_port) -> Iterator[dict[str, Asked]]:
    """All models in one server."""
    folder = tmp_path_factory.mktemp("zoo")
    kept = {}
    for name, make in ZOO.items():
        (folder / name).mkdir()
        kept[name] = make(folder / name)
        kept[name].write(folder / name)
    port = another_port()
    server = start(folder, "--allow-code", "--grpc-port", str(port))
    address = server.url.removeprefix("http://")
    with triton.InferenceServerClient(address) as http, triton_grpc.InferenceServerClient(f"127.0.0.1:{port}") as grpc:
        yield {
            name: Asked(name, one, server, server.get(f"/v2/models/{name}").json(), http, grpc)
            for name, one in kept.items()
        }


def requests_of(count: int, random: np.random.Generator) -> list[np.ndarray]:
    """Give the rows of each request, by their places: alone, all, backwards, in any order, and in parts."""
    every = np.arange(count)
    mixed = random.permutation(count)
    return [*every.reshape(-1, 1), every, every[::-1], mixed, *np.array_split(mixed, count // 4)]


def spread(answers: list[np.ndarray], requests: list[np.ndarray]) -> float:
    """Say how far the library is from itself when the same rows come in other batches; relative, 0.0 for not at all."""
    whole = answers[sum(len(places) == 1 for places in requests)]  # all rows in order come behind those alone
    return max(distance(answer, whole[places]) for answer, places in zip(answers, requests, strict=True))


def distance(found: np.ndarray, wanted: np.ndarray) -> float:
    """Give the greatest relative difference."""
    found = found.reshape(wanted.shape).astype(wanted.dtype)
    if np.array_equal(found, wanted):
        return 0.0
    return float((np.abs(found - wanted) / np.maximum(np.abs(wanted), np.finfo(wanted.dtype).tiny)).max())


@pytest.mark.parametrize("name", ZOO)
def test_an_answer_is_the_librarys_own(zoo, name, request):
    """Whatever the protocol, the batch and the order: what the library says to the same rows."""
    asked, count = zoo[name], request.config.getoption("--rows")
    random = np.random.default_rng(3)
    rows = asked.kept.table.iloc[random.permutation(len(asked.kept.table))[:count]]
    requests = requests_of(len(rows), random)
    wanted = [np.asarray(asked.kept.predict(rows.iloc[places])) for places in requests]
    allowed = spread(wanted, requests)
    counts: Counter[str] = Counter()
    for protocol, ask in PROTOCOLS.items():
        for places, own in zip(requests, wanted, strict=True):
            found = ask(asked, rows.iloc[places])
            away = 0.0 if found is None else distance(found, own)
            assert away <= allowed, (protocol, places, away, allowed)
            outcome = "cannot be said" if found is None else "as near as the library" if away else "bit for bit"
            counts[f"{protocol}, {outcome}"] += len(places)
    print(f"\n{name}: the library differs from itself by {allowed:.1e}")  # noqa: T201 - counts are for who asks
    print(*(f"  {what}: {n} rows" for what, n in counts.items()), sep="\n")  # noqa: T201 - the same
    assert all(
        counts[f"{protocol}, cannot be said"] == 0 for protocol in ("JSON lists", "JSON by name", "JSON columns")
    )


@pytest.mark.parametrize("name", ZOO)
def test_callers_at_once_get_their_own_rows(zoo, name, request):
    """Rows of several callers share calls of the model, and each gets the library's answer to its own."""
    asked, count = zoo[name], request.config.getoption("--rows")
    rows = asked.kept.table.iloc[:count]
    requests = requests_of(len(rows), np.random.default_rng(4))
    allowed = spread([np.asarray(asked.kept.predict(rows.iloc[places])) for places in requests], requests)

    with ThreadPoolExecutor(CALLERS) as callers:
        found = list(callers.map(lambda place: lists(asked, rows.iloc[[place]])[0], range(len(rows))))

    # Their batches are of any size, and none of those the spread was taken from.
    assert distance(np.array(found), np.asarray(asked.kept.predict(rows))) <= 2 * allowed
