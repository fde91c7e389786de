"""What every section of the language shares: frozen, strict, camelCase in YAML, units in Python names."""

from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator
from pydantic.alias_generators import to_camel

# An attribute says its unit, YAML writes it in the value: `timeout_s` is `timeout: 30s`.
_UNITS = ("_s", "_ms", "_mib", "_millis", "_percent")


def yaml_name(attribute: str) -> str:
    """The name a field has in YAML: camelCase, without the unit its attribute carries."""
    unit = next((unit for unit in _UNITS if attribute.endswith(unit)), "")
    return to_camel(attribute.removesuffix(unit))


class Section(BaseModel):
    """One mapping of the language.

    Python code may build a section by attribute names; the loader reads YAML names only.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        alias_generator=yaml_name,
        validate_by_name=True,
        validate_by_alias=True,
        validate_default=False,
        defer_build=True,  # nested sections are built once, as part of the service: half the start time
        allow_inf_nan=False,
    )

    @model_validator(mode="before")
    @classmethod
    def _null_is_absent(cls, value: Any) -> Any:
        """`scaling:` with every line below it commented out means the default, not nothing."""
        if not isinstance(value, dict) or None not in value.values():
            return value
        known = {field.alias for field in cls.model_fields.values()}
        return {key: item for key, item in value.items() if item is not None or key not in known}
