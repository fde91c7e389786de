"""Functions by name, so that timers and operations can be written down and found again after a restart."""

import importlib
from collections.abc import Callable
from typing import Any


def name_of(function: Callable[..., Any] | str) -> str:
    """`module:function` of a module-level function.

    Raises:
        ValueError: A closure, a lambda or a method: nobody could find it after a restart.
    """
    if isinstance(function, str):
        return function
    if not hasattr(function, "__qualname__") or "." in function.__qualname__ or "<" in function.__qualname__:
        raise ValueError(f"{function!r} is not a module-level function")
    return f"{function.__module__}:{function.__qualname__}"


def resolve(name: str) -> Callable[..., Any]:
    """The function that `name_of` named, imported now if need be."""
    module, _, attribute = name.partition(":")
    found: Callable[..., Any] = getattr(importlib.import_module(module), attribute)
    return found
