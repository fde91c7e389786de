"""A served folder, from outside: the real process, over HTTP."""

import hashlib
import json
import re
import signal
import socket
import threading
import time
from contextlib import ExitStack

import httpx
import numpy as np
import pytest

from runtime.http.server import DRAIN_S

ROW = [5.1, 3.5, 1.4, 0.2]


@pytest.fixture(scope="module")
def iris(serve, specs):
    """The minimal example, served."""
    return serve(specs / "iris" / "model")


@pytest.fixture(scope="module")
def tumours(serve, specs, features):
    """The larger example's second version, told what to serve as the reconciler tells it."""
    model = {"uri": str(specs / "breast-cancer/model-v2"), "features": features}
    prediction = {"name": "malignant_probability"}  # its type is the default, which is not handed over
    return serve(None, model={**model, "version": "v2", "prediction": prediction}, runtime={"timeout": "30s"})


def test_a_folder_with_just_a_graph_is_enough(iris, specs):
    """Names and shapes come from the graph; rows are predicted in order."""
    rows = json.loads((specs / "iris/rows.json").read_text())

    answer = iris.post("/predict", rows)

    assert answer.status_code == 200
    kinds = answer.json()["predictions"]
    assert kinds[0] == "setosa"
    assert kinds[-1] == "virginica"
    assert len(kinds) == len(rows["instances"])


def test_live_and_ready_are_apart(serve, tmp_path):
    """A corrupt model never becomes ready, the process lives, and the reason is in the log and not in the answer."""
    (tmp_path / "model.onnx").write_bytes(b"not a graph")
    server = serve(tmp_path, wait="live")

    server.wait(lambda: "cannot open model.onnx" in server.log.read_text())

    assert server.status("/health/live") == 200
    assert server.status("/health/ready") == 503
    v2 = [server.get(f"/v2/health/{name}") for name in ("live", "ready")]
    assert [(one.status_code, one.json()) for one in v2] == [(200, {"live": True}), (503, {"ready": False})]
    refused = server.post("/predict", {"instances": [ROW]})
    assert refused.status_code == 503
    assert str(tmp_path) not in refused.text


def test_a_missing_folder_is_never_ready(serve, tmp_path):
    """The same for a model that is not there."""
    server = serve(tmp_path / "nowhere", wait="live")

    server.wait(lambda: "no such model folder" in server.log.read_text())

    assert server.status("/health/ready") == 503


def test_rows_by_name_by_position_and_columns_agree(tumours, specs):
    """Named features, lists and columns are three spellings of one request."""
    named = json.loads((specs / "breast-cancer/rows.json").read_text())["instances"]
    lists = [list(row.values()) for row in named]
    columns = {name: [row[name] for row in named] for name in named[0]}

    answers = [tumours.post("/predict", {"instances": form}).json() for form in (named, lists, columns)]

    assert answers[0] == answers[1] == answers[2]
    assert all(0 <= p <= 1 for p in answers[0]["predictions"])


def test_a_prediction_is_a_number_unless_said_otherwise(tumours, specs):
    """Of a classifier with two classes, a number is the probability of the second, not a label."""
    rows = json.loads((specs / "breast-cancer/rows.json").read_text())

    predictions = tumours.post("/predict", rows).json()["predictions"]

    assert all(0 < value < 1 for value in predictions)


@pytest.mark.parametrize(
    ("edit", "problem"),
    [
        pytest.param({"mean_radius": -1}, "-1 is below 0", id="below-min"),
        pytest.param({"mean_radius": 1e6}, "is above 100", id="above-max"),
        pytest.param({"mean_radius": "12"}, "'12' is no number", id="text-for-a-number"),
        pytest.param({"mean_radius": True}, "True is no number", id="boolean-for-a-number"),
        pytest.param({"mean_radius": None}, "is null", id="null"),
        pytest.param({"mean_radius": [1]}, "a list is no number", id="list-for-a-number"),
        pytest.param({"mean_radiu": 1}, "is no feature", id="extra-feature"),
    ],
)
def test_a_wrong_value_is_named_by_row_and_feature(tumours, specs, edit, problem):
    """The error says which row and which feature, and what is wrong with it."""
    rows = json.loads((specs / "breast-cancer/rows.json").read_text())["instances"][:2]
    rows[1] = {**rows[1], **edit}

    answer = tumours.post("/predict", {"instances": rows})

    assert answer.status_code == 422
    found = answer.json()["problems"][0]
    assert (found["row"], found["feature"]) == (1, next(iter(edit)))
    assert problem in found["message"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        pytest.param(b'{"instances": [[5.1, 3.5', 400, id="truncated"),
        pytest.param(b"\xff\xfe", 400, id="invalid-utf8"),
        pytest.param(b'{"instances": ["\xff"]}', 400, id="invalid-utf8-in-a-string"),
        pytest.param(b'{"instances": [[NaN, 1, 1, 1]]}', 400, id="nan"),
        pytest.param(b'{"instances": [[Infinity, 1, 1, 1]]}', 400, id="infinity"),
        pytest.param(b'{"instances": [[1e999, 1, 1, 1]]}', 400, id="number-out-of-range"),
        pytest.param(b'{"instances": [[1e39, 1, 1, 1]]}', 422, id="too-large-for-32-bits"),
        pytest.param(b'{"instances": [[1, 2, 3, 4], [1, 2]]}', 422, id="ragged"),
        pytest.param(b'{"instances": [[1, 2, 3, [4]]]}', 422, id="nested-row"),
        pytest.param(b'{"instances": []}', 422, id="no-rows"),
        pytest.param(b'{"instances": 7}', 422, id="no-list"),
        pytest.param(b'{"rows": []}', 400, id="no-instances"),
        pytest.param(b"[" * 100_000, 400, id="deep"),
        pytest.param(b'{"instances":' + b"[" * 100_000 + b"]" * 100_000 + b"}", 400, id="deep-and-closed"),
        pytest.param(b'{"instances":[' + b"[1,2,3,4]," * 20_000 + b"[1,2,3,4]]}", 413, id="too-many-rows"),
        pytest.param(b"", 400, id="empty"),
    ],
)
def test_a_bad_body_is_refused(iris, body, status):
    """Each bad body has its status, and the server goes on."""
    answer = iris.post("/predict", content=body)

    assert answer.status_code == status
    assert answer.json()["error"]
    assert "Traceback" not in answer.text
    assert iris.post("/predict", {"instances": [ROW]}).status_code == 200


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/predict", {"instances": [[float("nan"), 1, 1, 1]]}),
        ("/v2/models/model/infer", {"parameters": {"a": float("-inf")}, "inputs": []}),
    ],
)
def test_numbers_that_json_lacks_are_named(iris, path, body):
    """Python's json writes NaN unasked; the answer says that this is no JSON, and what to send instead."""
    answer = iris.post(path, content=json.dumps(body))

    assert answer.status_code == 400
    assert re.search(r"JSON has no (NaN|Infinity): a nullable feature takes null", answer.text)


def test_a_large_body_is_refused_before_it_is_read(iris):
    """100 MB are refused by their declared length."""
    host, port = iris.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 104857600\r\n\r\n{")
        assert connection.recv(1024).startswith(b"HTTP/1.1 413 ")


def test_a_pickle_needs_leave_and_the_right_digest(serve, tmp_path):
    """A joblib file loads only when the spec allows it and names its digest; skops needs neither."""
    import joblib  # noqa: PLC0415 - seconds that the other tests need not wait for
    import skops.io  # noqa: PLC0415 - the same
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415 - the same

    rows = np.random.default_rng(3).normal(size=(60, 4)).round(3)
    model = LogisticRegression().fit(rows, np.digitize(rows[:, 0], [-0.5, 0.5]))
    folder = tmp_path / "pickled"
    folder.mkdir()
    joblib.dump(model, folder / "model.joblib")
    digest = hashlib.sha256((folder / "model.joblib").read_bytes()).hexdigest()
    (tmp_path / "skops").mkdir()
    skops.io.dump(model, tmp_path / "skops" / "model.skops")

    bare = serve(folder, wait="live")
    wrong = serve(folder, model={"allowPickle": True, "sha256": "0" * 64}, wait="live")
    allowed = serve(folder, model={"allowPickle": True, "sha256": digest})
    skopsed = serve(tmp_path / "skops")

    bare.wait(lambda: "runs code when it is loaded" in bare.log.read_text())
    wrong.wait(lambda: "the spec says 0000" in wrong.log.read_text())
    assert bare.status("/health/ready") == wrong.status("/health/ready") == 503
    expected = model.predict(rows).tolist()
    for server in (allowed, skopsed):
        answer = server.post("/predict", {"instances": rows.tolist()})
        assert answer.json() == {"predictions": expected}


def test_sigterm_loses_no_request(start, specs):
    """32 callers keep calling until an answer closes their connection: each request was answered, and exit is 0."""
    server = start(specs / "breast-cancer/model-v2")
    row = np.ones(10).tolist()
    failed, answered, stop = [], [], threading.Event()

    def keep_calling():
        with httpx.Client(timeout=10) as client:
            while not stop.is_set():
                answer = client.post(f"{server.url}/predict", json={"instances": [row]})
                (answered if answer.status_code == 200 else failed).append(answer.status_code)
                if answer.headers.get("connection") == "close":
                    return

    callers = [threading.Thread(target=keep_calling) for _ in range(32)]
    for caller in callers:
        caller.start()
    server.wait(lambda: len(answered) > 100)
    began = time.monotonic()
    status = server.stop()
    stop.set()
    for caller in callers:
        caller.join()

    assert status == 0
    assert failed == []
    assert time.monotonic() - began < 10


@pytest.mark.parametrize("flags", [[], ["--no-wire"]], ids=["wire", "fastapi"])
def test_the_port_closes_on_nobody_who_is_connected(start, specs, flags):
    """Callers who connect while the server has no time to accept them, as its drain ends, are answered."""
    server = start(specs / "iris" / "model", *flags)
    host, port = server.url.removeprefix("http://").split(":")
    body = json.dumps({"instances": [ROW]}).encode()
    head = f"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    assert server.post("/predict", {"instances": [ROW]}).status_code == 200  # so that nothing is left to import

    server.process.send_signal(signal.SIGTERM)
    server.wait(lambda: "signal received" in server.log.read_text())
    server.process.send_signal(signal.SIGSTOP)
    with ExitStack() as stack:
        callers = [stack.enter_context(socket.create_connection((host, int(port)), timeout=10)) for _ in range(20)]
        for caller in callers:
            caller.sendall(head + body)
        time.sleep(DRAIN_S + 0.1)
        server.process.send_signal(signal.SIGCONT)
        answers = [stack.enter_context(caller.makefile("rb")).read() for caller in callers]

    assert {answer.split(b"\r\n")[0] for answer in answers} == {b"HTTP/1.1 200 OK"}
    assert all(answer.endswith(b'{"predictions":["setosa"]}') for answer in answers)
    assert server.process.wait(15) == 0
