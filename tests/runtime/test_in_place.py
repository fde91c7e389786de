"""Models that work on what they are given, or write where they wrote before: callers and the log see none of it."""

import json
import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

WORKS_IN_PLACE = """
import numpy as np

class Model:
    def load(self, folder):
        self.answer = np.zeros(1000)

    def predict(self, inputs):
        inputs["age"] /= 100
        inputs["city"][:] = "somewhere"
        found = self.answer[: len(inputs["age"])]
        found[:] = inputs["age"]
        return found
"""


def logged(file):
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_the_log_holds_what_was_asked_and_answered_not_what_became_of_it(serve, tmp_path):
    """A class that scales its inputs in place, and gives the same array each time."""
    folder, file = tmp_path / "model", tmp_path / "predictions.jsonl"
    folder.mkdir()
    (folder / "model.py").write_text(WORKS_IN_PLACE)
    features = {"age": {"type": "number"}, "city": {"type": "string"}}
    server = serve(folder, "--allow-code", model={"features": features}, MLSERVICE_PREDICTION_LOG=file)

    for age in (25, 50):
        assert server.post("/predict", {"instances": [[age, "Rome"]]}).json() == {"predictions": [age / 100]}
    tensors = [
        {"name": "age", "shape": [1], "datatype": "FP64", "data": [75.0]},
        {"name": "city", "shape": [1], "datatype": "BYTES", "data": ["Rome"]},
    ]
    assert server.post("/v2/models/model/infer", {"inputs": tensors}).json()["outputs"][0]["data"] == [0.75]
    server.stop()

    assert [[each[name] for name in ("age", "city", "prediction")] for each in logged(file)] == [
        [25, "Rome", 0.25],
        [50, "Rome", 0.5],
        [75, "Rome", 0.75],
    ]


@pytest.mark.parametrize("named", [False, True], ids=["matrix", "frame"])
def test_an_estimator_that_scales_in_place_is_given_each_row_once(serve, tmp_path, named):
    """Its label and its probabilities are two calls: the second one is of the same rows, and so is the log."""
    folder, file = tmp_path / "model", tmp_path / "predictions.jsonl"
    folder.mkdir()
    table = np.random.default_rng(1).normal(50, 10, (200, 3))
    estimator = make_pipeline(StandardScaler(copy=False), KNeighborsClassifier())
    estimator.fit(pd.DataFrame(table, columns=[*"abc"]) if named else table.copy(), table.sum(1) > 150)
    (folder / "model.pkl").write_bytes(pickle.dumps(estimator))
    asked = [50.0, 51.5, 47.25]
    wanted = estimator.predict_proba(pd.DataFrame([asked], columns=[*"abc"]) if named else np.array([asked]))
    features = {name: {"type": "number", "nullable": True} for name in "abc"}
    server = serve(folder, "--allow-code", model={"features": features}, MLSERVICE_PREDICTION_LOG=file)

    tensor = {"name": "input", "shape": [1, 3], "datatype": "FP64", "data": asked}
    answer = server.post("/v2/models/model/infer", {"inputs": [tensor]}).json()
    server.stop()

    [found] = [each["data"] for each in answer["outputs"] if each["name"] == "probabilities"]
    assert found == pytest.approx(wanted[0])
    assert [[each[name] for name in "abc"] for each in logged(file)] == [asked]
