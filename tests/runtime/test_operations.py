"""What operators see and set: logs, prediction log, shadow calls, keys, traces."""

import contextlib
import http.server
import json
import threading
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from runtime.configuration.identity import audience
from runtime.data.answers import Answer, Request
from runtime.data.seen import Seen
from runtime.telemetry.metrics import EndpointMetrics
from runtime.telemetry.shadow import difference
from runtime.telemetry.trace_context import trace_context
from runtime.telemetry.tracing import follower

GOOD = {"instances": [[5.1, 3.5, 1.4, 0.2]]}
TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE}-b7ad6b7169203331-01"


def test_access_log_is_cloud_loggings_json(serve, specs):
    """One line per sampled request, with severity, the request's form, and the trace of the caller."""
    server = serve(specs / "iris/model", K_SERVICE="iris", MLSERVICE_ACCESS_LOG=1, GOOGLE_CLOUD_PROJECT="p-1")

    server.post("/predict", GOOD, headers={"traceparent": PARENT, "x-request-id": "r1"})

    server.wait(lambda: '"message": "request"' in server.log.read_text(), 10)
    entry = next(json.loads(x) for x in server.log.read_text().splitlines() if '"message": "request"' in x)
    assert (entry["severity"], entry["httpRequest"]["status"], entry["request_id"]) == ("INFO", 200, "r1")
    assert entry["logging.googleapis.com/trace"] == f"projects/p-1/traces/{TRACE}"
    assert entry["model"] == "iris"


def test_the_project_is_asked_for_where_it_is_not_told(serve, specs):
    """Cloud Run does not say the project in the environment; the metadata server does, and traces get full names."""
    with stranger(b"p-2") as (metadata, asked):
        server = serve(specs / "iris/model", K_SERVICE="iris", MLSERVICE_ACCESS_LOG=1, GCE_METADATA_HOST=metadata)

        def named() -> bool:
            server.post("/predict", GOOD, headers={"traceparent": PARENT})
            return f'"projects/p-2/traces/{TRACE}"' in server.log.read_text()

        server.wait(named, 10)

    ((question, _),) = asked
    assert (question["path"], question["metadata-flavor"]) == ("/computeMetadata/v1/project/project-id", "Google")


def test_prediction_log_leaves_out_what_must_not_be_logged(serve, specs, features, tmp_path):
    """One record per row: features by name but those marked `log: false`, and the prediction; flushed at the end."""
    hidden = {**features, "mean_area": {**features["mean_area"], "log": False}}
    file = tmp_path / "predictions.jsonl"
    server = serve(
        specs / "breast-cancer/model-v2", model={"features": hidden, "version": "v2"}, MLSERVICE_PREDICTION_LOG=file
    )
    rows = json.loads((specs / "breast-cancer/rows.json").read_text())

    answer = server.post("/predict", rows, headers={"x-request-id": "r1"}).json()
    server.post("/predict", {"instances": [[1]]})
    assert server.stop() == 0

    records = [json.loads(line) for line in file.read_text().splitlines()]
    assert [record["prediction"] for record in records] == answer["predictions"]
    assert [record["row_index"] for record in records] == list(range(len(rows["instances"])))
    assert records[0].keys() - ABOUT == features.keys() - {"mean_area"} | {"prediction"}
    assert (records[0]["request_id"], records[0]["model_version"]) == ("r1", "v2")


def test_requests_that_are_logged_together_keep_their_rows(serve, specs, features, tmp_path):
    """Their numbers are read at once, whatever each holds: one row, many, none that a model's log would mix up."""
    file = tmp_path / "predictions.jsonl"
    server = serve(specs / "breast-cancer/model-v2", model={"features": features}, MLSERVICE_PREDICTION_LOG=file)
    rows = json.loads((specs / "breast-cancer/rows.json").read_text())["instances"]
    sent = {f"r{number}": [rows[(number + more) % len(rows)] for more in range(number % 5 + 1)] for number in range(80)}

    answers = {
        name: server.post("/predict", {"instances": some}, headers={"x-request-id": name}).json()
        for name, some in sent.items()
    }
    assert server.stop() == 0

    logged = {name: [] for name in sent}
    for line in file.read_text().splitlines():
        record = json.loads(line)
        logged[record["request_id"]].append(record)
    for name, some in sent.items():
        assert [[record[each] for each in features] for record in logged[name]] == [
            in_order(row, features) for row in some
        ]
        assert [record["prediction"] for record in logged[name]] == answers[name]["predictions"]
        assert [record["row_index"] for record in logged[name]] == [*range(len(some))]


def in_order(row, features):
    """Give a row's numbers in the order of the features."""
    return [row[each] for each in features] if isinstance(row, dict) else row


ABOUT = {"request_id", "logging_time", "service", "model", "model_version", "revision", "row_index", "latency_ms"}


class Stranger(http.server.BaseHTTPRequestHandler):
    """A server of somebody else's. `asked` holds the headers and bodies it was sent, `answer` what it says to all."""

    asked: list[tuple[dict[str, str], bytes]]
    answer: bytes

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        self.asked.append(({"path": self.path, **{k.lower(): v for k, v in self.headers.items()}}, body))
        self.send_response(200)
        self.send_header("Metadata-Flavor", "Google")
        self.send_header("content-length", str(len(self.answer)))
        self.end_headers()
        self.wfile.write(self.answer)

    do_GET = do_POST  # noqa: N815 - the name is http.server's

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def stranger(answer: bytes) -> Iterator[tuple[str, list]]:
    """Serve one answer to everything; gives the host and what was asked."""
    asked: list = []
    handler = type("Handler", (Stranger,), {"asked": asked, "answer": answer})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"127.0.0.1:{server.server_port}", asked
    server.shutdown()
    server.server_close()


@pytest.fixture
def other_version() -> Iterator[tuple[str, list]]:
    """A server that stands for another version: its URL, and what it was asked."""
    with stranger(b'{"predictions": ["virginica"]}') as (host, asked):
        yield f"http://{host}/predict", asked


def test_shadow_calls_follow_the_answer(serve, specs, other_version):
    """A copy goes to the other version; the caller gets ours, and the difference is logged and counted."""
    url, asked = other_version
    server = serve(specs / "iris/model", runtime={"shadow": {"url": url, "percent": 100}}, K_SERVICE="iris")

    assert server.post("/predict", GOOD).json() == {"predictions": ["setosa"]}

    server.wait(lambda: "shadow compared" in server.log.read_text(), 10)
    ((headers, body),) = asked
    assert json.loads(body) == GOOD
    assert "authorization" not in headers
    entry = next(json.loads(x) for x in server.log.read_text().splitlines() if "shadow compared" in x)
    assert (entry["rows_differing"], entry["shadow_status"]) == (1, 200)
    assert 'mlservice_background_handled_total{work="shadow"} 1' in server.get("/metrics").text


def test_a_copy_is_not_copied(serve, specs, other_version):
    """Versions that are each other's shadow, or their own, end after one copy."""
    url, asked = other_version
    server = serve(specs / "iris/model", runtime={"shadow": {"url": url}})

    server.post("/predict", GOOD)
    server.wait(lambda: asked, 10)
    ((headers, _),) = asked
    copied = server.post("/predict", GOOD, headers={"x-mlservice-shadow": headers["x-mlservice-shadow"]})

    assert copied.status_code == 200
    assert server.stop() == 0
    assert len(asked) == 1


def test_a_private_version_gets_a_token(serve, specs, other_version):
    """A service that lets in only whom it knows is called with an identity token of our account, made for it."""
    url, asked = other_version
    with stranger(b"header.claims.signature") as (metadata, told):
        server = serve(
            specs / "iris/model",
            runtime={"shadow": {"url": url}},
            MLSERVICE_EMULATOR="http://127.0.0.1:1",
            GCE_METADATA_HOST=metadata,
        )
        for _ in range(2):
            server.post("/predict", GOOD)
        server.wait(lambda: len(asked) == 2, 20)

    assert {headers["authorization"] for headers, _ in asked} == {"Bearer header.claims.signature"}
    ((question, _),) = told
    assert parse_qs(urlsplit(question["path"]).query) == {"audience": [url.removesuffix("/predict")]}


@pytest.mark.parametrize(
    ("url", "emulated", "expected"),
    [
        pytest.param("https://s-1-ew.a.run.app/predict", False, "https://s-1-ew.a.run.app", id="service"),
        pytest.param("https://next---s-1-ew.a.run.app/predict", False, "https://s-1-ew.a.run.app", id="tag"),
        pytest.param("https://acme.example/predict", False, "", id="not-cloud-run"),
        pytest.param("https://a.run.app.acme.example/predict", False, "", id="looks-like-cloud-run"),
        pytest.param("http://127.0.0.1:4000/predict", True, "http://127.0.0.1:4000", id="emulator"),
        pytest.param("http://127.0.0.1:4000/predict", False, "", id="this-machine"),
    ],
)
def test_for_whom_a_token_is(url, emulated, expected):
    """For the service, whichever of its tags is called; a host that is no service gets none."""
    assert audience(url, emulated=emulated) == expected


def test_a_shadow_that_is_down_is_nobodys_problem(serve, specs):
    """Answers go on; failures are counted."""
    server = serve(specs / "iris/model", runtime={"shadow": {"url": "http://127.0.0.1:9/predict"}})

    assert [server.post("/predict", GOOD).status_code for _ in range(3)] == [200] * 3

    server.wait(lambda: 'mlservice_background_failed_total{work="shadow"} 3' in server.get("/metrics").text, 20)


@pytest.mark.parametrize("flags", [[], ["--no-wire"]], ids=["wire", "fastapi"])
def test_keys(serve, specs, flags):
    """With keys, predictions, metadata and metrics need one; probes do not."""
    server = serve(specs / "iris/model", *flags, MLSERVICE_API_KEYS="one, two")

    assert server.post("/predict", GOOD).status_code == 401
    assert server.post("/predict", GOOD, headers={"x-api-key": "three"}).status_code == 401
    assert server.post("/predict", GOOD, headers={"x-api-key": "two"}).status_code == 200
    assert server.post("/predict", GOOD, headers={"Authorization": "Bearer one"}).status_code == 200
    assert server.get("/metrics").status_code == server.get("/v2").status_code == 401
    assert server.get("/health/live").status_code == server.get("/v2/health/ready").status_code == 200


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        pytest.param([(b"traceparent", PARENT.encode())], (TRACE, "b7ad6b7169203331", True), id="w3c"),
        pytest.param([(b"x-cloud-trace-context", f"{TRACE}/1;o=1".encode())], (TRACE, f"{1:016x}", True), id="google"),
        pytest.param([(b"traceparent", b"00-zz")], None, id="malformed"),
        pytest.param([(b"traceparent", f"00-{'0' * 32}-{'0' * 16}-00".encode())], None, id="zeros"),
        pytest.param([], None, id="none"),
    ],
)
def test_trace_context(headers, expected):
    """Both headers are read; what is malformed is no trace."""
    assert trace_context(headers) == expected


def test_spans_join_the_callers_trace():
    """A request is one span of the caller's trace."""
    spans = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    request = Request(b"{}", [(b"traceparent", PARENT.encode())], "r1")

    follower(provider.get_tracer("t"))(Seen(request, Answer(503, b""), EndpointMetrics("m", "1", "json"), 1.0, 2.0))

    (span,) = spans.get_finished_spans()
    assert f"{span.context.trace_id:032x}" == TRACE
    assert span.end_time - span.start_time == 1_000_000_000
    assert not span.status.is_ok


def test_difference_of_predictions():
    """Rows that differ, and by how much."""
    assert difference([1.0, 2.0], [1.0, 2.5]) == {"rows_differing": 1, "largest": 0.5}
    assert difference(["a"], ["a", "b"]) == {"rows_differing": 2}


def test_wrong_settings_are_said_at_once(start, specs):
    """A variable that cannot be read ends the process with 64, and names the variable."""
    server = start(specs / "iris/model", wait=None, MLSERVICE_ACCESS_LOG="many")

    assert server.process.wait(30) == 64
    assert "MLSERVICE_ACCESS_LOG: 'many' is no share from 0 to 1" in server.log.read_text()
