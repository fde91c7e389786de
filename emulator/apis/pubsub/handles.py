"""Acknowledgement ids: which lease of which message, of which subscription, given out by which run of the emulator."""

import base64
import binascii
import re
import secrets
from functools import cache
from zlib import crc32

from emulator.apis.pubsub.backlog import Delivery, Handle
from emulator.core.failures import ApiFailure

FORM = re.compile(r"([0-9a-f]{8}):(\d{1,20}):([0-9a-f]{8}):(\d{1,20})")
OVER = -1
"""Number of no lease: that of an id of an earlier run."""


@cache
def run() -> str:
    """Name this run of the emulator: leases are counted from one at each start, so an id says in which it was given.

    Not by whoever imports this: a process may fork for each run.
    """
    return secrets.token_hex(4)


def written(subscription: str, delivery: Delivery) -> str:
    """The id of a delivery."""
    text = f"{crc32(subscription.encode()):08x}:{delivery.number}:{run()}:{delivery.lease}"
    return base64.urlsafe_b64encode(text.encode()).decode()


def read(subscription: str, ack_id: str) -> Handle | None:
    """What an id is about; None for one that this subscription never gave."""
    try:
        form = FORM.fullmatch(base64.urlsafe_b64decode(ack_id.encode()).decode())
    except (ValueError, binascii.Error):
        return None
    if form is None or int(form[1], 16) != crc32(subscription.encode()):
        return None
    return Handle(int(form[2]), int(form[4]) if form[3] == run() else OVER)


def read_all(subscription: str, ack_ids: list[str], *, exact: bool) -> dict[Handle, str]:
    """Handles of ids.

    Raises:
        ApiFailure: One was never given. With exactly-once delivery such a one is as good as run out.

    Source: the refusal is quoted in googleapis/google-cloud-go issue 1485 and others.
    """
    found = {}
    for ack_id in ack_ids:
        handle = read(subscription, ack_id)
        if handle is None and not exact:
            raise ApiFailure("INVALID_ARGUMENT", f"You have passed an invalid ack ID to the service (ack_id={ack_id}).")
        found[handle or Handle(OVER, OVER)] = ack_id
    return found
