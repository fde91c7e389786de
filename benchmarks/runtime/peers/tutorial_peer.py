"""The usual tutorial server: FastAPI, pydantic, a `def` endpoint. KIND: onnx or sklearn; FILE; PORT."""

import os

import uvicorn
from fastapi import FastAPI
from loading import loaded  # beside this file
from pydantic import BaseModel


class Request(BaseModel):
    """Rows."""

    instances: list[list[float]]


class Answer(BaseModel):
    """One label per row."""

    predictions: list[int]


app = FastAPI()
predict_rows = loaded(os.environ["KIND"], os.environ["FILE"])


@app.post("/predict")
def predict(request: Request) -> Answer:
    """Predict."""
    return Answer(predictions=predict_rows(request.instances).tolist())


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(os.environ["PORT"]), log_level="warning")
