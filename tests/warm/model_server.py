"""All that the model server imports for a model of most frameworks, each of which is half a second of a start.

Scikit-learn and what is like it stays with those that need it: it is twice as much as all of this.
"""

import os

from runtime.configuration.silence import be_silent

be_silent(os.environ)

import importlib  # noqa: E402 - after what keeps libraries silent, as a server does
import pkgutil  # noqa: E402

import fastapi  # noqa: E402, F401 - here for its effect
import grpc.aio  # noqa: E402, F401 - the same
import numpy as np  # noqa: E402, F401 - the same
import onnxruntime  # noqa: E402, F401 - the same
import uvicorn  # noqa: E402, F401 - the same
import uvloop  # noqa: E402, F401 - the same

import runtime.configuration  # noqa: E402
import runtime.data  # noqa: E402
import runtime.grpc_v2  # noqa: E402
import runtime.http  # noqa: E402
import runtime.protocols  # noqa: E402
import runtime.serving  # noqa: E402
import runtime.telemetry  # noqa: E402

for package in (
    runtime.configuration,
    runtime.data,
    runtime.grpc_v2,
    runtime.http,
    runtime.protocols,
    runtime.serving,
    runtime.telemetry,
):
    for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        if not module.name.endswith(("tracing", "prediction_topic")):
            importlib.import_module(module.name)
