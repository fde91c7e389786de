"""Which object: the kind of resource, where it is, and its name there."""

from __future__ import annotations

from dataclasses import dataclass

GLOBAL = "global"
"""Location of what belongs to a project as a whole."""

_ELSEWHERE = "//"
_PARTS = 3


@dataclass(frozen=True, slots=True, order=True)
class Address:
    """One object of one kind.

    Args:
        kind: Name of the kind, such as `run_service`.
        location: Google Cloud region, multi-region such as `EU`, or `global`.
        name: Name below the location. Parts of it may be separated by `/`. Where the server picks the names, it is the
            name we know the object by (`Kind.server_named`).
        project: Project id of an object in another project than the one at hand; empty for that one.
    """

    kind: str
    location: str
    name: str
    project: str = ""

    def __str__(self) -> str:
        """Give the form used in plans, logs and the inventory; what is in another project begins with `//project/`."""
        elsewhere = f"{_ELSEWHERE}{self.project}/" if self.project else ""
        return f"{elsewhere}{self.kind}/{self.location}/{self.name}"

    @classmethod
    def parse(cls, text: str) -> Address:
        """Read what `str` gave.

        Raises:
            ValueError: There are not three parts.
        """
        project, rest = "", text
        if text.startswith(_ELSEWHERE):
            project, _, rest = text.removeprefix(_ELSEWHERE).partition("/")
        parts = rest.split("/", _PARTS - 1)
        if len(parts) != _PARTS or (text.startswith(_ELSEWHERE) and not project):
            raise ValueError(f"'{text}' is no address: kind/location/name was expected")
        return cls(parts[0], parts[1], parts[2], project)
