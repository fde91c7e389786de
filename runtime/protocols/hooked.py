"""The protocol of a custom class with `decode`: JSON of the class's own choosing, one input per request."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from runtime.data.answers import Answer, Refused
from runtime.data.outputs import plain
from runtime.frameworks.custom import OBJECT, OUTPUT, HookedModel
from runtime.protocols import Query
from runtime.protocols.json_bodies import read
from runtime.protocols.plain import Dialect, refusal

if TYPE_CHECKING:
    from runtime.data.answers import Request
    from runtime.data.outputs import Outputs

log = logging.getLogger("runtime")

_LONGEST = 2000
"""Characters of a class's refusal that its caller is told."""

_parse = msgspec.json.Decoder().decode


class HookedCodec:
    """`decode` and `encode` of the class. A `ValueError` of `decode` is the caller's fault; its text is the answer."""

    def __init__(self, model: HookedModel, dialect: Dialect) -> None:
        self._decode = model.hooks.decode
        self._encode = getattr(model.hooks, "encode", None)
        self._dialect = dialect

    def decode(self, request: Request) -> Query:
        """Let the class read the JSON of a body.

        Raises:
            Refused: 400, no JSON; 422, the class says so by a `ValueError`; 500, it raised anything else.
        """
        body = read(_parse, request.body, "the body is no JSON")
        column = np.empty(1, object)
        try:
            column[0] = self._decode(body)
        except ValueError as error:
            # Whatever it says: half a character could not be sent, and a caller needs no page of it.
            told = str(error)[:_LONGEST].encode(errors="replace").decode()
            raise Refused(422, told) from error
        except BaseException as error:
            log.exception("decode failed")
            raise Refused(500, "the model failed; the log has the reason") from error
        return Query({OBJECT: column}, 1, (OUTPUT,), self)

    def encode(self, query: Query, outputs: Outputs, start: int, stop: int) -> Answer:
        """Write what the class's `encode` makes of the output, else the output as it is."""
        del query, stop  # one row per request
        output = outputs.arrays[OUTPUT][start]
        try:
            body = output if self._encode is None else self._encode(output)
        except Exception:
            raise
        except BaseException as error:  # a class may end so: the server does not
            raise RuntimeError(f"encode raised {type(error).__name__}") from error
        return Answer(200, msgspec.json.encode(body, enc_hook=plain))

    def error(self, refused: Refused) -> Answer:
        """Write an error in the dialect of the path."""
        return refusal(refused, self._dialect)
