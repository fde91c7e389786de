"""One request's way through an endpoint, without a server."""

from time import perf_counter
from types import SimpleNamespace

from runtime.data.answers import Answer, Refused, Request
from runtime.serving.engine import Endpoint
from runtime.telemetry.metrics import EndpointMetrics


class Broken:
    """A protocol with a fault of its own."""

    def decode(self, _request):
        raise KeyError("/srv/model/secret")

    def error(self, refused: Refused) -> Answer:
        return Answer(refused.status, refused.message.encode())


def test_a_fault_in_a_protocol_is_one_callers_500(caplog):
    """Nobody waits for an answer that never comes: it is 500 without the reason, which is in the log."""
    answers: list[Answer] = []
    metrics = EndpointMetrics("iris", "1", "json")
    endpoint = Endpoint(Broken(), SimpleNamespace(clock=perf_counter), 1.0, metrics)

    assert endpoint.handle(Request(b"{}", [], "r1"), answers.append) is None

    ((status, body),) = [(answer.status, answer.body) for answer in answers]
    assert (status, body) == (500, b"the request cannot be read; the log has the reason")
    assert metrics.answers[500] == 1
    assert "/srv/model/secret" in caplog.text
