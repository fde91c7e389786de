"""The usual tutorial server: FastAPI, pydantic, a `def` endpoint. KIND: onnx or sklearn; FILE; PORT."""

import os
from typing import Any

import numpy as np
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel


class Request(BaseModel):
    """Rows."""

    instances: list[list[float]]


class Answer(BaseModel):
    """One label per row."""

    predictions: list[int]


def loaded(kind: str, file: str) -> Any:
    """Give a function from rows to labels."""
    if kind == "onnx":
        import onnxruntime  # noqa: PLC0415 - only the kind that is measured

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        session = onnxruntime.InferenceSession(file, options)
        name = session.get_inputs()[0].name
        return lambda rows: session.run(None, {name: np.array(rows, dtype=np.float32)})[0]
    import joblib  # noqa: PLC0415

    model = joblib.load(file)
    return lambda rows: model.predict(np.array(rows))


app = FastAPI()
predict_rows = loaded(os.environ["KIND"], os.environ["FILE"])


@app.post("/predict")
def predict(request: Request) -> Answer:
    """Predict."""
    return Answer(predictions=predict_rows(request.instances).tolist())


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(os.environ["PORT"]), log_level="warning")
