"""A whole number of 400 digits, which is no float and none of 64 bits: the caller's fault, on every path."""

import pytest

HUGE = "9" * 400
ROW = f"[{HUGE}, 3.5, 1.4, 0.2]"
V2 = '{"inputs": [{"name": "X", "shape": %s, "datatype": "%s", "data": %s}]%s}'
FINE = "[5.1, 3.5, 1.4, 0.2]"
BODIES = {
    "row": ("/predict", f'{{"instances": [{ROW}]}}', 422),
    "negative": ("/predict", f'{{"instances": [[-{HUGE}, 3.5, 1.4, 0.2]]}}', 422),
    "many-rows": ("/predict", f'{{"instances": [{", ".join([FINE] * 200)}, {ROW}]}}', 422),
    "columns": ("/predict", f'{{"instances": {{"sepal_length": [{HUGE}]}}}}', 422),
    "vertex": ("/v1/models/model:predict", f'{{"instances": [{ROW}]}}', 422),
    "event": ("/events", f'{{"instances": [{ROW}]}}', 422),
    "floats": ("/v2/models/model/infer", V2 % ("[1, 4]", "FP32", ROW, ""), 400),
    "doubles": ("/v2/models/model/infer", V2 % ("[1, 4]", "FP64", ROW, ""), 400),
    "integers": ("/v2/models/model/infer", V2 % ("[1, 4]", "INT64", f"[{HUGE}, 1, 1, 1]", ""), 400),
    "nested": ("/v2/models/model/infer", V2 % ("[1, 4]", "FP32", f"[{ROW}]", ""), 400),
    "shape": ("/v2/models/model/infer", V2 % (f"[{HUGE}, 4]", "FP32", FINE, ""), 400),
    "binary-size": (
        "/v2/models/model/infer",
        ('{"inputs": [{"name": "X", "shape": [1, 4], "datatype": "FP32", "data": [1, 1, 1, 1], '
        f'"parameters": {{"binary_data_size": {HUGE}}}}}]}}'),
        400,
    ),
    "parameters-of-v2": (
        "/v2/models/model/infer",
        V2 % ("[1, 4]", "FP32", FINE, f', "parameters": {{"p": {HUGE}}}'),
        200,
    ),
    "parameters": ("/predict", f'{{"instances": [{FINE}], "parameters": {{"p": {HUGE}}}}}', 200),
}  # fmt: skip
EVENT = {"ce-id": "1", "ce-source": "s", "ce-type": "t", "ce-specversion": "1.0", "content-type": "application/json"}


@pytest.fixture(scope="module")
def iris(serve, specs):
    """A server of four numbers."""
    return serve(specs / "iris/model")


@pytest.mark.parametrize(("path", "body", "status"), BODIES.values(), ids=BODIES)
def test_400_digits(iris, path, body, status):
    """Refused where a number of the model should be; passed over where nobody reads it."""
    headers = EVENT if path == "/events" else {"content-type": "application/json"}

    assert iris.post(path, content=body, headers=headers).status_code == status
