"""Thousands of bad requests: no 500, no hang, no growth. `--long` sends as many through FastAPI as without it."""

import http.client
import json
import random
import re
from pathlib import Path

import pytest

REQUESTS = 10_000
THROUGH_FASTAPI = 3_000
"""Of the same: behind the door they come to the same code."""
GOOD = {"instances": [[5.1, 3.5, 1.4, 0.2]]}
PATHS = (
    "/predict",
    "/v1/models/model:predict",
    "/v2/models/model/infer",
    "/v2/models/model/versions/1/infer",
    "/events",
)
VALUES = (
    None, True, -1, 0, 1.5, 1e308, -1e308, 10**30, "", "x", "NaN", [], {}, [[]], {"a": [1]}, "\u0000", "\ud7ff", 2**63,
    10**400, -(10**400),
)  # fmt: skip


def v2_body() -> dict:
    """Write a good inference request."""
    return {"inputs": [{"name": "X", "shape": [1, 4], "datatype": "FP32", "data": [5.1, 3.5, 1.4, 0.2]}]}


def mutated(rng: random.Random, value: object, depth: int = 0) -> object:
    """Replace, drop or repeat parts of a JSON value."""
    if depth > 5 or rng.random() < 0.15:
        return rng.choice(VALUES)
    if isinstance(value, dict):
        found = {k: mutated(rng, v, depth + 1) if rng.random() < 0.4 else v for k, v in value.items()}
        if found and rng.random() < 0.2:
            found.pop(rng.choice(list(found)))
        return found | ({rng.choice(["x", "instances", "data"]): rng.choice(VALUES)} if rng.random() < 0.2 else {})
    if isinstance(value, list):
        found = [mutated(rng, v, depth + 1) if rng.random() < 0.3 else v for v in value]
        return found * rng.choice([1, 1, 1, 2, 50]) if rng.random() < 0.3 else found
    return rng.choice(VALUES) if rng.random() < 0.5 else value


def drawn(rng: random.Random) -> tuple[str, bytes, dict[str, str]]:
    """Draw a request: mostly nearly good, now and then noise."""
    path = rng.choice(PATHS)
    good = v2_body() if "/v2/" in path else GOOD
    body = json.dumps(mutated(rng, good)).encode("utf-8", "surrogatepass")
    kind = rng.random()
    if kind < 0.1:
        body = body[: rng.randrange(len(body) + 1)]
    elif kind < 0.2:
        body = rng.randbytes(rng.randrange(200))
    elif kind < 0.25:
        body = rng.choice([b"[", b"{", b'{"instances":[']) * rng.randrange(1, 20_000)
    elif kind < 0.3:
        body = body.replace(b"1", rng.choice([b"NaN", b"Infinity", b"1e999", b"\xff", b"01"]), 1)
    headers = {"Content-Type": "application/json"}
    if rng.random() < 0.2:
        headers["Inference-Header-Content-Length"] = rng.choice(["0", "-1", "10", "x", str(len(body)), "99999999999"])
    if rng.random() < 0.1:
        headers |= {"ce-id": rng.choice(["1", "\x7f", "é"]), "ce-source": "s"}
    return path, body, headers


def memory_mib(pid: int) -> float:
    """Give the resident memory of a process."""
    found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) / 1024


@pytest.mark.slow
@pytest.mark.parametrize("flags", [[], ["--no-wire"]], ids=["wire", "fastapi"])
def test_thousands_of_bad_requests(start, specs, flags, request):
    """Every one is answered with a status that is not 500, in time, and memory does not grow."""
    count = THROUGH_FASTAPI if flags and not request.config.getoption("--long") else REQUESTS
    server = start(specs / "iris/model", *flags)
    server.get("/docs")  # FastAPI is imported by now: that growth is no leak
    rng = random.Random(20261123)  # noqa: S311 - drawn, not secret
    host = server.url.removeprefix("http://")
    connection = http.client.HTTPConnection(host, timeout=10)
    statuses: dict[int, int] = {}
    memory = 0.0
    for number in range(count):
        path, body, headers = drawn(rng)
        coded = {name: value.encode("latin-1") for name, value in headers.items()}
        connection.request("POST", path, body, coded)
        answer = connection.getresponse()
        text = answer.read()
        statuses[answer.status] = statuses.get(answer.status, 0) + 1
        assert answer.status in {200, 204, 400, 413, 422}, (path, body[:300], headers, text)
        assert b"Traceback" not in text
        assert str(specs).encode() not in text
        if number == count // 4:
            memory = memory_mib(server.process.pid)

    connection.close()
    print(flags, statuses, f"{memory:.1f} -> {memory_mib(server.process.pid):.1f} MiB")  # noqa: T201 - the run's evidence
    assert memory_mib(server.process.pid) < memory + 10
    assert server.post("/predict", GOOD).status_code == 200
