"""Durations and quantities: how they are written, and the whole numbers they become."""

import re
from decimal import Decimal

# Milliseconds of each unit, largest last.
DURATION_UNITS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
DURATION_PATTERN = r"^([0-9]+(\.[0-9]+)?(ms|s|m|h|d|w))+$"
MEMORY_PATTERN = r"^[0-9]+(\.[0-9]+)?(Mi|Gi)$"
CPU_PATTERN = r"^([0-9]+(\.[0-9]+)?|[0-9]+m)$"

_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h|d|w)")
_MONEY = re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]{1,2})?")
_LONGEST = 20  # characters, and digits of money: nothing sensible is longer, and Decimal stays exact


def duration_ms(text: str) -> int:
    """Milliseconds of `30s`, `4m`, `1h30m`, `90d`, `0.5s`.

    Raises:
        ValueError: Not a duration, or not a whole number of milliseconds.
    """
    if len(text) > _LONGEST or not re.fullmatch(DURATION_PATTERN, text):
        raise ValueError(text)
    total = sum(Decimal(number) * DURATION_UNITS[unit] for number, unit in _PART.findall(text))
    if total != int(total):
        raise ValueError(text)
    return int(total)


def duration_text(milliseconds: int) -> str:
    """The shortest single-unit form: 300000 is `5m`, 90000 is `90s`, 2 is `2ms`."""
    units = [unit for unit in ("d", "h", "m", "s") if milliseconds and milliseconds % DURATION_UNITS[unit] == 0]
    unit = units[0] if units else "ms"
    return f"{milliseconds // DURATION_UNITS[unit]}{unit}" if milliseconds else "0s"


def memory_mib(text: str) -> int:
    """MiB of `512Mi`, `16Gi`, `1.5Gi`.

    Raises:
        ValueError: Not a binary quantity, or not a whole number of MiB.
    """
    if len(text) > _LONGEST or not re.fullmatch(MEMORY_PATTERN, text):
        raise ValueError(text)
    mib = Decimal(text[:-2]) * (1024 if text.endswith("Gi") else 1)
    if mib != int(mib):
        raise ValueError(text)
    return int(mib)


def memory_text(mib: int) -> str:
    """`Gi` where it is whole, else `Mi`."""
    return f"{mib // 1024}Gi" if mib and mib % 1024 == 0 else f"{mib}Mi"


def cpu_millis(text: str) -> int:
    """Thousandths of a vCPU of `4`, `0.5`, `500m`.

    Raises:
        ValueError: Not a CPU quantity, or finer than a thousandth.
    """
    if len(text) > _LONGEST or not re.fullmatch(CPU_PATTERN, text):
        raise ValueError(text)
    millis = Decimal(text[:-1]) if text.endswith("m") else Decimal(text) * 1000
    if millis != int(millis):
        raise ValueError(text)
    return int(millis)


def cpu_text(millis: int) -> str:
    """Whole vCPUs as a number, the rest in thousandths: `4`, `500m`."""
    return str(millis // 1000) if millis % 1000 == 0 else f"{millis}m"


def money(text: str) -> Decimal:
    """An exact amount of money.

    Raises:
        ValueError: Not a number, or more than three decimals.
    """
    if len(text) > _LONGEST or not _MONEY.fullmatch(text):
        raise ValueError(text)
    amount = Decimal(text)
    if amount.adjusted() > _LONGEST or amount != amount.quantize(Decimal("0.001")):
        raise ValueError(text)
    return amount
