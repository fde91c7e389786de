"""Cloud Functions of the second generation: a source becomes a process under functions-framework.

Source: `google.cloud.functions.v2`; kinds.md section 8, constraints.md section 3.
"""

from emulator.apis.functions import functions, runtimes, urls
from emulator.apis.functions.model import API

__all__ = ["API", "functions", "runtimes", "urls"]
