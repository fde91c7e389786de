"""A service's state in one word. Pure.

A state is a word, a sign and a tone: colour alone says nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from page.documents import Data

_ON_ITS_WAY = {"Starting", "Preview", "Step", "Bake"}
FAILED = {"failed": "failed", "refused": "refused", "blocked": "blocked"}
PERSON = {"needs a person": "needs you", "held": "held", "vulnerable": "vulnerable"}
_RESTING = {"frozen": "frozen", "locked": "locked", "waiting": "waiting"}


class Tone(StrEnum):
    """How something is."""

    GOOD = "good"
    MOVING = "moving"
    NEEDS = "needs"
    BAD = "bad"
    QUIET = "quiet"


SIGNS: Mapping[str, str] = {Tone.GOOD: "✓", Tone.MOVING: "→", Tone.NEEDS: "!", Tone.BAD: "✕", Tone.QUIET: "·"}
_WORST_FIRST = (Tone.BAD, Tone.NEEDS, Tone.MOVING, Tone.QUIET, Tone.GOOD)


@dataclass(frozen=True, slots=True)
class State:
    """What is said of a service first.

    Args:
        word: In a word or two.
        tone: How that is.
    """

    word: str
    tone: Tone

    @property
    def rank(self) -> int:
        """Give its place among states, the worst first."""
        return _WORST_FIRST.index(self.tone)

    def to_json(self) -> Data:
        """Give it as plain data."""
        return {"word": self.word, "sign": SIGNS[self.tone], "tone": str(self.tone)}


def state_of(service: Data, needs: Sequence[State]) -> State:
    """Say how a service is.

    Args:
        service: As a snapshot has it.
        needs: What of it waits for a person, what is broken first.
    """
    told = reported(service)
    if told in FAILED or service.get("problem"):
        return State(FAILED.get(told, "not working"), Tone.BAD)
    if needs:
        return State(PERSON.get(told, needs[0].word), needs[0].tone)
    if told in PERSON:
        return State(PERSON[told], Tone.NEEDS)
    if is_moving(service):
        return State("rolling out", Tone.MOVING)
    if told and told not in _RESTING:
        return State("well", Tone.GOOD)
    unknown = "no spec here" if service.get("byHand") else "not reported"
    return State(_RESTING.get(told, unknown), Tone.QUIET)


def reported(service: Data) -> str:
    """Give what the last pass said of it; empty where none did."""
    return str((service.get("report") or {}).get("state") or service.get("state") or "")


def is_moving(service: Data) -> bool:
    """Tell whether a version is on its way."""
    return (service.get("rollout") or {}).get("phase") in _ON_ITS_WAY
