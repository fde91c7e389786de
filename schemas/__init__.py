"""What a user may write: the models of mlservice.yaml, its loader and its checks."""

from schemas.dump import to_yaml
from schemas.expansions import Expansion
from schemas.loader import Loaded, LoadedOperator, LoadedService, Specs, load, load_valid
from schemas.names import derived_name, service_account_id
from schemas.operator import Operator
from schemas.problems import MLServiceError, Problem, Retry, Severity, SourceRef, SpecError
from schemas.service import MLService

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
