"""Who must have attested an image, as a spec says it (`registry.signed`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Rule:
    """Whose attestations an image needs.

    Args:
        attestors: `projects/…/attestors/…`: each of them.
        required: Without one of them an image is not deployed; False: that is told of only.
    """

    attestors: tuple[str, ...]
    required: bool = True

    @classmethod
    def of(cls, signed: Any) -> Rule:
        """Read the section of a spec.

        Args:
            signed: `registry.signed`.
        """
        return cls(tuple(dict.fromkeys(signed.attestors)), signed.required)


@dataclass(frozen=True, slots=True)
class Attested:
    """What became of an attestor's attestations of one image.

    Args:
        holds: One of them does: it is of this image's digest, and a key signed it that the attestor has now.
        denials: Why others do not, as Google says it.
        more: There are more, and nobody looked at them.
    """

    holds: bool = False
    denials: tuple[str, ...] = ()
    more: bool = False
