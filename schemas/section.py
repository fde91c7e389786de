"""What every section of the language shares: frozen, strict, camelCase in YAML, units in Python names."""

from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, model_validator
from pydantic.alias_generators import to_camel

from schemas.units import duration_text, memory_text

# An attribute says its unit, YAML writes it in the value: `timeout_s` is `timeout: 30s`.
_UNITS = ("_s", "_ms", "_mib", "_millis", "_percent")


def yaml_name(attribute: str) -> str:
    """The name a field has in YAML: camelCase, without the unit its attribute carries."""
    unit = next((unit for unit in _UNITS if attribute.endswith(unit)), "")
    return to_camel(attribute.removesuffix(unit))


def yaml_value(attribute: str, value: Any) -> Any:
    """A value as YAML writes it: 300 of `timeout_s` is `5m`, 10 of `max_body_mib` is `10Mi`."""
    if attribute.endswith("_s"):
        return duration_text(int(value) * 1000)
    if attribute.endswith("_ms"):
        return duration_text(int(value))
    return memory_text(int(value)) if attribute.endswith("_mib") else value


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

    null_is_said: ClassVar[frozenset[str]] = frozenset()
    """Keys of which null is no slip of the pen: it stays, for a check to say what is to be written instead."""

    @model_validator(mode="before")
    @classmethod
    def _complete(cls, value: Any) -> Any:
        """Null means "not written": `scaling:` with every line below it commented out has the defaults.

        A section that was not written is an empty one, read together with the whole: letting its default factory
        make it would build a validator for each, and take a fifth of the start-up time.
        """
        if not isinstance(value, dict):
            return value
        fields = cls.model_fields
        if None in value.values():
            known = {field.alias for field in fields.values()} - cls.null_is_said
            value = {key: item for key, item in value.items() if item is not None or key not in known}
        missing: dict[str | None, Any] = {
            field.alias: {}
            for name, field in fields.items()
            if _is_section(field.default_factory) and name not in value and field.alias not in value
        }
        return {**value, **missing} if missing else value


def _is_section(factory: object) -> bool:
    return isinstance(factory, type) and issubclass(factory, Section)
