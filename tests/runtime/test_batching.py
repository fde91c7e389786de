"""Requests joined into calls of the model: who waits for whom, and that everyone gets their own answer."""

import http.client
import json
import os
import re
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest

ROWS = np.random.default_rng(3).uniform([4, 2, 1, 0], [8, 4, 7, 2.5], (150, 4)).round(2).tolist()
CALLERS = 8


@pytest.fixture(scope="module")
def labels(iris):
    """What the model says of every row, asked in one request."""
    return iris.post("/predict", {"instances": ROWS}).json()["predictions"]


@pytest.fixture(scope="module")
def iris(serve, specs):
    """A quick model."""
    return serve(specs / "iris" / "model")


def ask(server, rows, times=1):
    """Ask for one row after the other on one connection; gives their predictions."""
    connection = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=30)
    found = []
    for row in rows * times:
        connection.request("POST", "/predict", json.dumps({"instances": [row]}))
        found += json.loads(connection.getresponse().read())["predictions"]
    connection.close()
    return found


def counted(server, name):
    """Read a counter."""
    return float(re.search(rf"{name}{{.*}} (\S+)", server.get("/metrics").text)[1])


def test_a_lone_caller_gets_the_answers_of_its_rows(iris, labels):
    """Requests that are not kept for others are predicted as those that are."""
    assert ask(iris, ROWS, times=3) == labels * 3


def test_callers_at_once_get_their_own_answers(iris, labels):
    """Joined rows are taken apart again as they were sent."""
    shares = [slice(number, None, CALLERS) for number in range(CALLERS)]

    with ThreadPoolExecutor(CALLERS) as threads:
        found = list(threads.map(lambda share: ask(iris, ROWS[share], times=5), shares))

    assert found == [labels[share] * 5 for share in shares]


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
def test_nobody_keeps_an_idle_server_awake(start, specs):
    """Once a lone caller stops coming back, the process sleeps."""
    iris = start(specs / "iris" / "model")
    assert iris.get("/openapi.json").status_code == 200  # what is made at the first need is made
    ask(iris, ROWS)
    before = cpu_s(iris)
    time.sleep(1)

    assert cpu_s(iris) - before < 0.2


def cpu_s(server):
    """Read the CPU time of a process."""
    fields = Path(f"/proc/{server.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.mark.parametrize(("batching", "calls"), [({}, 1), ({"maxSize": 32}, 8), ({"maxSize": 64}, 4)])
def test_a_batch_is_as_large_as_it_may_be(serve, specs, batching, calls):
    """What came together is one call of a quick model, unless the spec says how many rows may be."""
    server = serve(specs / "iris" / "model", runtime={"batching": batching})
    body = json.dumps({"instances": ROWS[:32]}).encode()
    head = b"POST /predict HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(
        body
    )
    before = counted(server, "mlservice_batch_rows_count")
    url = urlsplit(server.url)

    with socket.create_connection((url.hostname, url.port), timeout=30) as connection:
        connection.sendall((head + body) * 8)
        answers = b""
        while answers.count(b"HTTP/1.1 200 OK") < 8 or not answers.endswith(b"}"):
            answers += connection.recv(1 << 20)

    assert counted(server, "mlservice_batch_rows_count") - before == calls
    assert counted(server, "mlservice_rows_total") == 8 * 32
