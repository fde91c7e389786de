"""All that the model server imports for a model of most frameworks, which is half a second of a start.

Scikit-learn and what is like it stays with those that need it: it is twice as much as all of this.
"""

import importlib
import os
import pkgutil

from runtime.configuration.silence import be_silent

LIBRARIES = ("fastapi", "grpc.aio", "numpy", "onnxruntime", "uvicorn", "uvloop")
ROOMS = ("configuration", "data", "grpc_v2", "http", "protocols", "serving", "telemetry")
OPTIONAL = ("prediction_topic", "tracing")
"""Of those, what imports something large that is an option of few servers."""

be_silent(os.environ)  # before anything that would speak
for name in LIBRARIES:
    importlib.import_module(name)
for room in ROOMS:
    package = importlib.import_module(f"runtime.{room}")
    for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        if not module.name.endswith(OPTIONAL):
            importlib.import_module(module.name)
