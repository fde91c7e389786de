"""A Python class of the user's: `load` and `predict`, and where wanted `decode`, `encode` and `batch`.

```python
class Model:
    def load(self, folder): ...        # once; `folder` is the model folder
    def predict(self, inputs): ...     # arrays by feature or input name -> an array, or arrays by output name
    def predict(self, inputs, parameters): ...   # the same, with the `parameters` of the request

    def decode(self, body): ...        # one request's JSON -> one input of any type
    def batch(self, inputs): ...       # inputs of several requests -> what `predict` takes for all of them
    def encode(self, output): ...      # one output -> JSON
```

Without `decode`, rows are checked against the spec's features and arrive as one array per feature; rows of several
requests come together, if they have the same `parameters` or `predict` does not take them. With `decode`,
`predict` takes one input and gives one output; with `batch` it takes what that gives, and gives one output per input.
"""

from __future__ import annotations

import inspect
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from runtime.configuration.own_code import own_module
from runtime.data.tensors import Array, TensorSpec, datatype_of
from runtime.frameworks import LoadError, check_code

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from runtime.configuration.settings import ModelSettings

DEFAULT_CLASS = "Model"
OUTPUT = "prediction"
# With `decode`: one object per request goes through the queue.
OBJECT = "object"


class CustomModel:
    """A class without `decode`: arrays by feature in, arrays out."""

    platform = "custom"
    calls_at_once = 1

    def __init__(self, hooks: Any, settings: ModelSettings) -> None:
        self._hooks = hooks
        self.takes_parameters = "parameters" in inspect.signature(hooks.predict).parameters
        # Joining rows is the default that arrays allow; a class that cannot have it says `batchable = False`.
        self.batchable = bool(getattr(hooks, "batchable", True))
        self.inputs = tuple(
            TensorSpec(name, "BYTES" if feature.type in {"category", "string"} else "FP64", (-1,))
            for name, feature in settings.features.items()
        )
        self.outputs: tuple[TensorSpec, ...] = (TensorSpec(OUTPUT, "FP64", (-1,)),)
        declared = getattr(hooks, "outputs", None)
        self._told = bool(declared)
        if declared:
            self.outputs = tuple(TensorSpec(name, datatype, tuple(shape)) for name, datatype, shape in declared)

    def predict(
        self, inputs: Mapping[str, Array], outputs: Sequence[str], parameters: Mapping[str, Any] | None = None
    ) -> dict[str, Array]:
        """Call the class; one array is the first output, a dict is read by output name.

        Raises:
            KeyError: The class gave no output of that name. Also whatever it raises itself.
            TypeError: It gave numbers that no protocol has.
        """
        told = {"parameters": dict(parameters or {})} if self.takes_parameters else {}
        given = self._hooks.predict({name: _own(part) for name, part in inputs.items()}, **told)
        found = given if isinstance(given, dict) else {outputs[0]: given}
        arrays = {name: _sendable(np.asarray(found[name])) for name in outputs}
        if not self._told:
            self._learn(arrays)
        return arrays

    def _learn(self, arrays: Mapping[str, Array]) -> None:
        """Say of the outputs what they were in the first call, the server's own, where the class says nothing."""
        self._told = True
        self.outputs = tuple(
            TensorSpec(spec.name, datatype_of(arrays[spec.name]), (-1, *arrays[spec.name].shape[1:]))
            for spec in self.outputs
            if spec.name in arrays
        )


def _own(part: Any) -> Any:
    """Give a class what it may work on in place: the prediction log reads afterwards what was asked.

    Alone in its batch, a tensor is the request's own, or lies in its bytes.
    """
    return part.copy() if isinstance(part, np.ndarray) else part


def _sendable(array: Array) -> Array:
    """Give what a class computed a type that every protocol has a name for, and keep it: its next call may write there.

    Raises:
        TypeError: There is none.
    """
    dtype = array.dtype
    if dtype.kind in "cVm":
        raise TypeError(f"predict gave {dtype}, which no protocol has: numbers, truths or text")
    if dtype.kind == "M":
        return array.astype(str)  # ISO 8601
    if dtype.kind == "f" and dtype.itemsize > np.dtype(np.float64).itemsize:
        return array.astype(np.float64)
    return array.astype(dtype.newbyteorder("="))


class HookedModel:
    """A class with `decode`: objects in, objects out."""

    platform = "custom"
    calls_at_once = 1
    opaque = True
    inputs: tuple[TensorSpec, ...] = (TensorSpec(OBJECT, "BYTES", (-1,)),)
    outputs: tuple[TensorSpec, ...] = (TensorSpec(OUTPUT, "BYTES", (-1,)),)

    def __init__(self, hooks: Any) -> None:
        self.hooks = hooks
        self._batch = getattr(hooks, "batch", None)
        self.batchable = self._batch is not None

    def predict(self, inputs: Mapping[str, Array], outputs: Sequence[str]) -> dict[str, Array]:
        """Call the class once for all, if it batches, else once for each."""
        given = list(inputs[OBJECT])
        found = self._all(given) if self._batch is not None else [self.hooks.predict(one) for one in given]
        column = np.empty(len(found), object)
        column[:] = found
        return dict.fromkeys(outputs, column)

    def _all(self, given: list[Any]) -> list[Any]:
        assert self._batch is not None  # noqa: S101 - the caller looked
        found = list(self.hooks.predict(self._batch(given)))
        if len(found) != len(given):
            raise ValueError(f"predict gave {len(found)} outputs for a batch of {len(given)}")
        return found


def load(file: Path, settings: ModelSettings) -> CustomModel | HookedModel:
    """Make the class and let it load.

    Args:
        file: The folder's `model.py`, or the folder itself where `file` names a `module:Class` of the image.
        settings: `file` may be `scorer.py:Scorer`, `package.module:Class`, or absent for `model.py:Model`.

    Raises:
        LoadError: No such class, or its `load` fails.
    """
    _, _, name = (settings.file or "").partition(":")
    folder = file if file.is_dir() else file.parent
    try:
        kind = getattr(_module(file, settings), name or DEFAULT_CLASS)
        hooks = kind()
        if hasattr(hooks, "load"):
            hooks.load(folder)
    except LoadError:
        raise
    except Exception as error:  # the user's code may raise anything
        raise LoadError(f"the class of {settings.file or file.name} fails to load: {error!r}") from error
    if not callable(getattr(hooks, "predict", None)):
        raise LoadError(f"the class of {settings.file or file.name} has no `predict`")
    return HookedModel(hooks) if hasattr(hooks, "decode") else CustomModel(hooks, settings)


def _module(file: Path, settings: ModelSettings) -> ModuleType:
    if file.is_dir():
        return own_module((settings.file or "").partition(":")[0])
    check_code(file, settings)
    # Compiled from what was checked. Python's own loader would rather take a `__pycache__` beside it, whose digest
    # nobody gave, and which need not even be of this source.
    module = ModuleType(f"mlservice_model_{file.stem}")
    module.__file__ = str(file)
    sys.modules[module.__name__] = module  # dataclasses and pickle look up a class's module by its name
    exec(compile(file.read_bytes(), str(file), "exec"), module.__dict__)  # noqa: S102 - allowed by name
    return module
