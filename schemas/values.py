"""The scalar types of the language: strict, with messages for people, and patterns for editors."""

from collections.abc import Callable
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

from schemas import units
from schemas.refusal import refusal, shown
from schemas.written import Written, unwrapped


def _as_text(value: Any) -> Any:
    """Unquoted numbers and booleans keep the characters that were written: `1.10` stays `1.10`."""
    if isinstance(value, Written):
        return value.text
    if not isinstance(value, str):
        hint = "write a value; an empty one is two quotes" if value is None else ""
        raise refusal("text-expected", f"{shown(value)} is not text", hint)
    return value


def _as_whole(value: Any) -> Any:
    plain = unwrapped(value)
    if isinstance(plain, bool) or not isinstance(plain, int):
        hint = "remove the quotes" if isinstance(plain, str) and plain.lstrip("-").isdigit() else ""
        raise refusal("whole-number-expected", f"{shown(value)} is not a whole number", hint)
    return plain


def _as_number(value: Any) -> Any:
    plain = unwrapped(value)
    if isinstance(plain, bool) or not isinstance(plain, (int, float)):
        hint = "write a plain number" if not isinstance(plain, str) else _number_hint(plain)
        raise refusal("number-expected", f"{shown(value)} is not a number", hint)
    try:
        return float(plain)
    except OverflowError:
        raise refusal("number-expected", f"{shown(value)} is too large a number") from None


def _number_hint(text: str) -> str:
    if text.endswith("%"):
        return "write a fraction: 5% is 0.05"
    return "remove the quotes" if text.replace(".", "", 1).isdigit() else "write a plain number"


def _as_flag(value: Any) -> Any:
    plain = unwrapped(value)
    if not isinstance(plain, bool):
        raise refusal("boolean-expected", f"{shown(value)} is neither true nor false", "write true or false")
    return plain


def _as_duration(unit_ms: int, unit: str) -> Callable[[Any], int]:
    def read(value: Any) -> int:
        if isinstance(value, int) and not isinstance(value, bool):
            return value  # built in Python, in the unit of the attribute's name
        text = str(value) if isinstance(value, (str, Written)) else ""
        try:
            whole, rest = divmod(units.duration_ms(text), unit_ms)
        except ValueError:
            raise refusal("duration-syntax", f"{shown(value)} is not a duration", _duration_hint(text)) from None
        if rest:
            raise refusal("duration-syntax", f"{shown(value)} is not a whole number of {unit}")
        return whole

    return read


def _duration_hint(text: str) -> str:
    example = f"{text}s" if text.isdigit() else "30s"
    return f"write a number and a unit (ms, s, m, h, d, w): {example}"


def _as_memory(value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    text = str(value) if isinstance(value, (str, Written)) else ""
    try:
        return units.memory_mib(text)
    except ValueError:
        hint = "write binary units, in whole MiB: 512Mi, 16Gi"
        raise refusal("memory-syntax", f"{shown(value)} is not an amount of memory", hint) from None


def _as_cpu(value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    text = str(value) if isinstance(value, (str, Written)) else ""
    try:
        return units.cpu_millis(text)
    except ValueError:
        hint = "write vCPUs or thousandths of one: 4, 0.5, 500m"
        raise refusal("cpu-syntax", f"{shown(value)} is not an amount of CPU", hint) from None


def _as_money(value: Any) -> Decimal:
    if isinstance(value, Decimal):
        return value
    plain = unwrapped(value)
    if isinstance(plain, bool) or not isinstance(plain, (int, float)):
        raise refusal("money-syntax", f"{shown(value)} is not an amount of money", "write a plain number: 900")
    try:
        return units.money(str(value))
    except ValueError:
        hint = "write a plain number with at most three decimals: 900"
        raise refusal("money-syntax", f"{shown(value)} is not an amount of money", hint) from None


def _money_out(amount: Decimal) -> int | float:
    return int(amount) if amount == int(amount) else float(amount)


def _cpu_out(millis: int) -> int | str:
    return millis // 1000 if millis % 1000 == 0 else units.cpu_text(millis)


_DURATION = {"type": "string", "pattern": units.DURATION_PATTERN}


def _as_plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _as_plain(item) for key, item in value.items()}
    return [_as_plain(item) for item in value] if isinstance(value, (list, tuple)) else unwrapped(value)


INT32_MOST, INT64_MOST = 2**31 - 1, 2**63 - 1
"""The largest whole numbers that Google's messages carry, by the width of the field."""

PlainData = Annotated[dict[str, Any], BeforeValidator(_as_plain)]
Text = Annotated[str, BeforeValidator(_as_text)]
# Text where people naturally write numbers: an editor should not complain.
LooseText = Annotated[str, BeforeValidator(_as_text), WithJsonSchema({"type": ["string", "number", "boolean"]})]
Whole = Annotated[int, BeforeValidator(_as_whole)]
Number = Annotated[float, BeforeValidator(_as_number)]
Flag = Annotated[bool, BeforeValidator(_as_flag)]
Seconds = Annotated[
    int,
    BeforeValidator(_as_duration(1000, "seconds")),
    PlainSerializer(lambda seconds: units.duration_text(seconds * 1000), return_type=str),
    WithJsonSchema({**_DURATION, "examples": ["30s", "4m", "6h", "90d"]}),
]
Milliseconds = Annotated[
    int,
    BeforeValidator(_as_duration(1, "milliseconds")),
    PlainSerializer(units.duration_text, return_type=str),
    WithJsonSchema({**_DURATION, "examples": ["2ms", "250ms", "1s"]}),
]
Mebibytes = Annotated[
    int,
    BeforeValidator(_as_memory),
    PlainSerializer(units.memory_text, return_type=str),
    WithJsonSchema({"type": "string", "pattern": units.MEMORY_PATTERN, "examples": ["512Mi", "16Gi"]}),
]
MilliCpu = Annotated[
    int,
    BeforeValidator(_as_cpu),
    PlainSerializer(_cpu_out),
    WithJsonSchema(
        {
            "anyOf": [{"type": "number"}, {"type": "string", "pattern": units.CPU_PATTERN}],
            "examples": [4, 0.5, "500m"],
        }
    ),
]
Money = Annotated[
    Decimal,
    BeforeValidator(_as_money),
    PlainSerializer(_money_out),
    WithJsonSchema({"type": "number", "minimum": 0}),
]
