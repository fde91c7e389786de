"""Which object: the kind of resource, where it is, and its name there."""

from __future__ import annotations

from dataclasses import dataclass

GLOBAL = "global"
"""Location of what belongs to a project as a whole."""


@dataclass(frozen=True, slots=True, order=True)
class Address:
    """One object of one kind in the project at hand.

    Args:
        kind: Name of the kind, such as `run_service`.
        location: Google Cloud region, multi-region or `global`.
        name: Name below the location. Parts of it may be separated by `/`.
    """

    kind: str
    location: str
    name: str

    def __str__(self) -> str:
        """Give the form used in plans, logs and the inventory."""
        return f"{self.kind}/{self.location}/{self.name}"

    @classmethod
    def parse(cls, text: str) -> Address:
        """Read what `str` gave.

        Raises:
            ValueError: There are not three parts.
        """
        parts = text.split("/", 2)
        if len(parts) != 3:  # noqa: PLR2004 - kind, location, name
            raise ValueError(f"'{text}' is no address: kind/location/name was expected")
        return cls(*parts)
