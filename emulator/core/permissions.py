"""What an API says about permissions, in `permissions.toml` in its folder: which methods need which, and its words.

service = "run.googleapis.com"
denied = "Permission '{permission}' denied on resource '{resource}' (or resource may not exist)."

[methods."google.cloud.run.v2.Services"]
GetService = "run.services.get"
CreateService = ["run.services.create", "iam.serviceAccounts.actAs as service.template.service_account or default"]

[policies]
"projects/*/locations/*/services/*" = "run.services"
"""

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FILE = "permissions.toml"
ANYONE = "anyone"
"""In place of a permission: the method needs none, or its behaviour shows each caller only what is his."""
DEMAND = re.compile(r"(?P<permission>[\w.]+)(?: (?P<how>on|as) (?P<field>[\w.]+))?(?P<default> or default)?")


@dataclass(frozen=True, slots=True)
class Demand:
    """One permission that a method needs.

    Attributes:
        permission: `run.services.create`.
        field: Path in the request of the resource it is needed on; nothing: `resource`, `name`, `parent`, ... of it.
        account: The field holds the e-mail of the account that the caller has the API act as.
        default: An account that is left out is the default one of Compute Engine.
    """

    permission: str
    field: tuple[str, ...] = ()
    account: bool = False
    default: bool = False

    @classmethod
    def parse(cls, text: str) -> "Demand":
        """Read `PERMISSION`, `PERMISSION on FIELD` or `PERMISSION as FIELD[ or default]`.

        Raises:
            ValueError: It is none of them.
        """
        found = DEMAND.fullmatch(text)
        if found is None:
            raise ValueError(f"{text!r} is no permission with a field")
        path = tuple((found["field"] or "").split(".")) if found["field"] else ()
        return cls(found["permission"], path, found["how"] == "as", bool(found["default"]))


@dataclass(frozen=True, slots=True)
class Table:
    """What one API says.

    Attributes:
        service: `run.googleapis.com`: the domain of the refusals' `ErrorInfo`, and `resource.service` of conditions.
        denied: The refusal's words, with `{permission}`, `{resource}`, `{caller}`.
        denied_account: The same for an account that the caller may not act as; `{resource}` is its e-mail.
        methods: By full name; none needed: an empty sequence.
        policies: Pattern of resources -> what the permissions to read and set their policies begin with.
        types: Pattern of resources -> `resource.type` of conditions.
        numbers: Names in conditions have the project's number.
        operations: What the permissions on the API's operations begin with; nothing: they need none.
    """

    service: str = ""
    denied: str = "Permission '{permission}' denied on resource '{resource}' (or it may not exist)."
    denied_account: str = ""
    methods: Mapping[str, Sequence[Demand]] = field(default_factory=dict)
    policies: Mapping[str, str] = field(default_factory=dict)
    types: Mapping[str, str] = field(default_factory=dict)
    numbers: bool = False
    operations: str = ""


def read(folder: Path) -> Table:
    """The table of the API in a folder; an empty one where it has none.

    Raises:
        TypeError: There is a word in it that means nothing.
        ValueError: A permission is not written as one.
    """
    file = folder / FILE
    if not file.exists():
        return Table()
    raw = tomllib.loads(file.read_text())
    services: dict[str, dict[str, Any]] = raw.pop("methods", {})
    methods = {
        f"{service}{'/' if service[0:1].islower() and '.' in service else '.'}{method}": demands(wanted)
        for service, entries in services.items()
        for method, wanted in entries.items()
    }
    return Table(**raw, methods=methods)


def demands(wanted: str | list[str]) -> tuple[Demand, ...]:
    """The permissions of one method."""
    if wanted == ANYONE:
        return ()
    return tuple(Demand.parse(each) for each in ([wanted] if isinstance(wanted, str) else wanted))
