"""Copies for the version of this very service that carries a tag: nobody, most of the time.

Which version that is, and when, is for whoever moves the tag; a running server learns it by asking. Where nobody has
it, Google's front end says 404, which starts no container: one request in half a minute finds out.

Source:
    https://cloud.google.com/run/docs/triggering/https-request#deterministic: a tag's name, of 63 characters at most.
    https://cloud.google.com/run/docs/container-contract#metadata-server: the region, and the number of the project.
"""

from __future__ import annotations

import logging
from hashlib import sha256
from time import monotonic
from typing import TYPE_CHECKING, Any

from runtime.configuration.identity import FLAVOR, HOSTED, TAG_END, Caller
from runtime.telemetry.shadow import TIMEOUT_S, headers_of, posted

if TYPE_CHECKING:
    from collections.abc import Callable

    from runtime.configuration.options import Options
    from runtime.telemetry.shadow import Copy, Told

log = logging.getLogger("runtime.shadow")

PATH = "/predict"
NUMBER_PATH = "/computeMetadata/v1/project/numeric-project-id"
REGION_PATH = "/computeMetadata/v1/instance/region"
REST_S = 30.0
LATER_S = 5.0  # than Google's front end, which ends a request with a 504 that counts
# A copy costs the thread of requests a millisecond; more of them tell nothing that these do not.
EVERY_S = 1 / 20
NOBODY = frozenset({401, 403, 404})
PREFIX = "mlservice-shadow-"
LONGEST_ID = 128


class TaggedPlace:
    """Where the tag of this service leads to.

    Args:
        options: Which tag, and who this is.
        clock: Seconds that only go forward.
        patience_s: How long a request may take. Who hangs up before has Google count a 499, of a version that may
            only be slow to start, and no error of one that hangs.
    """

    def __init__(
        self, options: Options, clock: Callable[[], float] = monotonic, *, patience_s: float = TIMEOUT_S
    ) -> None:
        self._options = options
        self._patience_s = patience_s + LATER_S
        self._clock = clock
        self._opens_s = 0.0
        self._rests_until_s = 0.0
        self._name = ""
        self._caller: Any = None
        self._told = False

    def open(self) -> bool:
        """Take no copy while nobody is there, and no more than a few in a second."""
        return self._clock() >= self._opens_s

    def took(self) -> None:
        """The next copy is taken a little later."""
        self._opens_s = max(self._opens_s, self._clock() + EVERY_S)

    def post(self, copy: Copy, client: Any) -> Told | None:
        """Send it. Where nobody answers to it, the next one waits, and those that wait already are dropped."""
        if self._clock() < self._rests_until_s:
            return None
        try:
            answer = self._sent(copy, client)
        except Exception as error:  # noqa: BLE001 - nothing of it is this server's trouble
            self._rest()
            log.warning("a copy of a request has no answer", extra={"error": repr(error), "host": self._name})
            return None
        if answer.status not in NOBODY:
            return answer
        self._rest()
        if answer.status != 404 and not self._told:  # noqa: PLR2004 - not there, as nearly always
            self._told = True
            log.warning("copies of requests are refused", extra={"status": answer.status, "host": self._name})
        return None

    def _rest(self) -> None:
        self._opens_s = self._rests_until_s = self._clock() + REST_S

    def _sent(self, copy: Copy, client: Any) -> Told:
        tag, host = self._options.shadow_tag, self._options.run_app_host
        if not self._name:
            self._name = self._own_name(client)
            self._caller = Caller(f"https://{self._name}", client, self._options.metadata_host)
        name = f"{tag}{TAG_END}{self._name}"
        # An id of its own: whoever joins what came later with what was predicted finds each request once.
        headers = {**headers_of(id_of(copy.id)), **self._caller.headers(), "host": name}
        return posted(
            client, f"http://{host}{PATH}" if host else f"https://{name}{PATH}", copy, headers, self._patience_s
        )

    def _own_name(self, client: Any) -> str:
        """Ask for the name of this service on run.app."""
        number, region = (
            client.get(f"http://{self._options.metadata_host}{path}", headers=FLAVOR).raise_for_status().text
            for path in (NUMBER_PATH, REGION_PATH)
        )
        return f"{self._options.service}-{number}.{region.rpartition('/')[2]}{HOSTED}"


def id_of(request: str) -> str:
    """Give the id of a copy: one that would be too long is told from others by what it is made of.

    Args:
        request: Id of the request.
    """
    whole = f"{PREFIX}{request}"
    return whole if len(whole) <= LONGEST_ID else f"{PREFIX}{sha256(request.encode()).hexdigest()}"
