"""The runtimes that functions can be built for.

Source: https://cloud.google.com/functions/docs/runtime-support, Python, in November 2026. Those of other languages are
not listed: the emulator has one interpreter, its own.
"""

from typing import Any

from google.cloud.functions_v2.types import functions as messages

from emulator.apis.functions.model import API, GEN_2, SERVICE, invalid
from emulator.core.api import Call
from emulator.core.resources import refuse_query
from emulator.core.world import World

Response = messages.ListRuntimesResponse.pb()
GA = messages.ListRuntimesResponse.RuntimeStage.GA
NAMES = {f"python3{minor}": f"Python 3.{minor}" for minor in (11, 12, 13, 14)}


@API.method(SERVICE + "ListRuntimes")
def list_runtimes(_: World, request: Any, __: Call) -> Any:
    """All of them."""
    refuse_query(request, ("filter",))
    answer = Response()
    for name, shown in NAMES.items():
        answer.runtimes.add(name=name, display_name=shown, stage=GA, environment=GEN_2)
    return answer


def check(runtime: str) -> None:
    """Refuse a runtime that is not there.

    Raises:
        ApiFailure: INVALID_ARGUMENT.
    """
    if not runtime:
        raise invalid("Runtime field cannot be empty.")
    if runtime not in NAMES:
        raise invalid(f"Runtime {runtime} is not supported on this emulator: it knows {', '.join(NAMES)}.")
