"""What a user may write: the models of mlservice.yaml, its loader and its checks."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from schemas.dump import to_yaml
    from schemas.expansions import Expansion
    from schemas.loader import Loaded, LoadedOperator, LoadedService, Specs, load, load_valid
    from schemas.names import derived_name, service_account_id
    from schemas.operator import Operator
    from schemas.problems import MLServiceError, Problem, Retry, Severity, SourceRef, SpecError
    from schemas.service import MLService

# Imported when they are asked for: the model server reads a `model.yaml` with `schemas.yaml`, and the whole language
# takes longer to import than a small model to load.
_HOMES = {
    "to_yaml": "dump",
    "Expansion": "expansions",
    **dict.fromkeys(("Loaded", "LoadedOperator", "LoadedService", "Specs", "load", "load_valid"), "loader"),
    **dict.fromkeys(("derived_name", "service_account_id"), "names"),
    "Operator": "operator",
    **dict.fromkeys(("MLServiceError", "Problem", "Retry", "Severity", "SourceRef", "SpecError"), "problems"),
    "MLService": "service",
}

__all__ = [
    "Expansion",
    "Loaded",
    "LoadedOperator",
    "LoadedService",
    "MLService",
    "MLServiceError",
    "Operator",
    "Problem",
    "Retry",
    "Severity",
    "SourceRef",
    "SpecError",
    "Specs",
    "derived_name",
    "load",
    "load_valid",
    "service_account_id",
    "to_yaml",
]


def __getattr__(name: str) -> Any:
    """Import what a name stands for, once.

    Raises:
        AttributeError: It stands for nothing here.
    """
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    return found
