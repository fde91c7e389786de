"""What kept documents share: a version that readers look at first, and bounds, since whoever writes there may lie.

A version says what words mean. A document of an older one is read as the current one; of a newer one nothing is
believed, since what this program does not know may be what matters. Keys that are not known are left out: a version may
gain some.
"""

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Annotated, Any, ClassVar, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from schemas.redaction import redacted
from schemas.refusal import shown

Data = dict[str, Any]


class KeptError(ValueError):
    """A document cannot be read. The text says why, and what to do about it."""


_YEARS = range(1970, 3000)
"""Years that moments may be of: beyond them, sums of a moment and a duration end in errors."""
MOST = (1 << 53) - 1
"""The largest count: every program that reads JSON reads it as it is."""
MOST_SECONDS = 366 * 24 * 3600
"""The longest that anything takes: no pass and no job of Google's runs for a year."""


def _moment(text: str) -> str:
    found = datetime.fromisoformat(text)
    if found.tzinfo is None or found.year not in _YEARS:
        raise ValueError(f"a moment without a time zone, or not between {_YEARS[0]} and {_YEARS[-1]}")
    if not set(text) <= set("0123456789-:.+TWZ "):
        raise ValueError("a moment with something else in it")
    return text


Moment = Annotated[str, AfterValidator(_moment), Field(json_schema_extra={"format": "date-time"})]
"""ISO 8601 with a time zone."""
Count = Annotated[int, Field(ge=0, le=MOST)]
Seconds = Annotated[float, Field(ge=0, le=MOST_SECONDS, allow_inf_nan=False)]


class Part(BaseModel):
    """A part of a document: YAML's names, nothing of it changes once it is read."""

    model_config = ConfigDict(frozen=True, extra="ignore", alias_generator=to_camel, populate_by_name=True)

    def to_json(self) -> Data:
        """Give the form that is kept."""
        return self.model_dump(mode="json", by_alias=True)


class Kept(Part):
    """A document with a version.

    Attributes:
        family: What `format` begins with; the version follows, as `/v2`.
        version: The newest one, which is written.
        older: By version, what makes one of the next of it.
    """

    family: ClassVar[str]
    version: ClassVar[int]
    older: ClassVar[Mapping[int, Callable[[Data], Data]]] = {}

    @classmethod
    def form(cls) -> str:
        """Give the `format` that is written."""
        return f"{cls.family}/v{cls.version}"

    @classmethod
    def read(cls, said: object) -> Self:
        """Read a document of this version or of an older one.

        Args:
            said: What JSON gave.

        Raises:
            KeptError: It is none, it is damaged, or a newer version of this program wrote it.
        """
        try:
            return cls.model_validate(cls.current(said))
        except ValidationError as error:
            raise KeptError(f"it is damaged: {_first(error)}") from error

    @classmethod
    def current(cls, said: object) -> Data:
        """Give a document as one of this version, unchecked: for who goes on with parts of it, and checks those.

        Args:
            said: What JSON gave.

        Raises:
            KeptError: It is none, or a newer version of this program wrote it.
        """
        if not isinstance(said, dict):
            raise KeptError("it is no JSON object")
        data: Data = said
        for number in range(cls._version_of(data), cls.version):
            data = _upgraded(cls.older[number], data)
        return data | {"format": cls.form()}

    @classmethod
    def _version_of(cls, said: Data) -> int:
        form = said.get("format")
        family, _, number = form.rpartition("/v") if isinstance(form, str) else ("", "", "")
        if family != cls.family or not (number.isascii() and number.isdigit() and len(number) < len("10000")):
            raise KeptError(f"it is no {cls.family} of ours: its format is {shown(form)}")
        if int(number) > cls.version:
            raise KeptError(
                f"a newer mlservice wrote it ({form}; this one reads up to v{cls.version}): upgrade mlservice here"
            )
        if int(number) != cls.version and int(number) not in cls.older:
            raise KeptError(f"there never was a version {form}")
        return int(number)


def compact(document: Mapping[str, Any]) -> str:
    """Write a document that may be large, and that only programs read: with no byte that says nothing.

    Args:
        document: As plain data, without halves of characters.
    """
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))


def _upgraded(step: Callable[[Data], Data], data: Data) -> Data:
    try:
        return step(data)
    except (LookupError, TypeError, AttributeError, ValueError) as error:
        raise KeptError("it is damaged: what an older version wrote is not all there") from error


def _first(error: ValidationError) -> str:
    """Say where a document is wrong first; its values may be anybody's, so none is repeated."""
    found = error.errors(include_url=False, include_input=False)[0]
    return redacted(f"{'.'.join(map(str, found['loc']))[:200]}: {found['msg'][:200]}")
