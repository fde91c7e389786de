"""Which of several containers takes requests, whatever a hand did."""

import pytest

from reconciler.kinds.run_service.container import main_of

SERVER, PROXY = {"name": "server", "image": "r/app:1"}, {"name": "proxy", "image": "r/proxy@sha256:0"}
PORT = {"ports": [{"containerPort": 8080}]}


@pytest.mark.parametrize(
    ("containers", "name", "sidecars", "place"),
    [
        pytest.param([], "", (), -1, id="none-yet"),
        pytest.param([SERVER], "", (), 0, id="alone"),
        pytest.param([{**PROXY, **PORT}], "", (), 0, id="alone-with-another-image"),
        pytest.param([{**SERVER, **PORT}, PROXY], "server", ("proxy",), 0, id="as-it-should-be"),
        pytest.param([PROXY, {**SERVER, **PORT}], "", (), 1, id="of-others-and-first"),
        pytest.param([SERVER, {**PROXY, **PORT}], "server", ("proxy",), 0, id="a-sidecar-has-the-port"),
        pytest.param([{**PROXY, **PORT}], "server", ("proxy",), -1, id="and-ours-is-gone"),
        pytest.param([SERVER, {**PROXY, **PORT}], "", (), 0, id="a-container-of-others-has-it"),
        pytest.param([{**SERVER, "image": "r/old"}, {**PROXY, **PORT}], "", (), 1, id="which-is-ours-nobody-knows"),
    ],
)
def test_which_container_is_to_take_requests(containers, name, sidecars, place):
    """The one with the port, but where that is another's by what the spec says; versions of images do not count."""
    assert main_of(containers, name, "r/app:2", sidecars) == place
