"""The usual tutorial server of a torch program: FastAPI, pydantic, a `def` endpoint, the GPU. FILE; PORT."""

import os

import torch
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel


def loaded(file: str) -> torch.nn.Module:
    """Load TorchScript or an exported program onto the GPU, if there is one."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    if file.endswith(".pt"):
        return torch.jit.load(file, map_location=device)
    program = torch.export.load(file)
    if device == "cuda":
        from torch.export.passes import move_to_device_pass  # noqa: PLC0415 - the CPU needs none of it

        program = move_to_device_pass(program, device)
    return program.module()


class Request(BaseModel):
    """Rows."""

    instances: list[list[float]]


class Answer(BaseModel):
    """One number per row."""

    predictions: list[float]


def application(module: torch.nn.Module) -> FastAPI:
    """Make the server."""
    app = FastAPI()
    device = "cuda" if torch.cuda.is_available() else "cpu"

    @app.post("/predict")
    def predict(request: Request) -> Answer:
        """Predict."""
        with torch.inference_mode():
            rows = torch.tensor(request.instances, device=device)
            return Answer(predictions=module(rows)[:, 0].float().tolist())

    return app


if __name__ == "__main__":
    port = int(os.environ["PORT"])
    uvicorn.run(application(loaded(os.environ["FILE"])), host="127.0.0.1", port=port, log_level="warning")
