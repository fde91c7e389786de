"""Locks whose holder was killed on this machine: with the emulator, the next run need not wait for them to expire."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from reconciler.core.inventory import Inventory

_HOLDER = re.compile(r"(?P<where>.+) pid (?P<pid>[1-9][0-9]{0,6})", re.DOTALL)


def without_dead(inventory: Inventory, me: str, now: datetime) -> Inventory:
    """Let the lock of a process that is gone end now. Only for the emulator, where every run is on one machine.

    In Google Cloud a name of a host says little: instances of a Cloud Run job are all called alike, and begin at pid 1.

    Args:
        inventory: As it was read.
        me: Who we are, as locks say it: user, host and process.
        now: The time there.
    """
    lock = inventory.lock
    if lock is None or lock.expired(now) or not _gone(lock.holder, me):
        return inventory
    return replace(inventory, lock=replace(lock, expires=now))


def _gone(holder: str, me: str) -> bool:
    """Tell whether a holder was a process of this user on this host, and is none any more."""
    held, mine = _HOLDER.fullmatch(holder), _HOLDER.fullmatch(me)
    if not held or not mine or held["where"] != mine["where"]:
        return False
    try:
        os.kill(int(held["pid"]), 0)
    except ProcessLookupError:
        return True
    except OSError:  # somebody else's: it lives
        return False
    return False
