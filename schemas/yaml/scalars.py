"""What an unquoted scalar means: the core schema of YAML 1.2, and nothing of YAML 1.1.

`no`, `on`, `1_000`, `1:30` and `2026-11-20` are text; `010` is ten.

Source:
    https://yaml.org/spec/1.2.2/#103-core-schema
"""

import re

from schemas.written import Written

_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_BOOL = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INT = re.compile(r"[-+]?[0-9]+")
_OCTAL = re.compile(r"0o[0-7]+")
_HEX = re.compile(r"0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_SPECIAL = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_LONGEST_NUMBER = 64  # characters; anything longer is text (and Python refuses to read very long integers)


def resolve(text: str) -> str | Written | None:
    """The value of an unquoted scalar."""
    if text in _NULL:
        return None
    if text in _BOOL:
        return Written(_BOOL[text], text)
    number = _number(text) if len(text) <= _LONGEST_NUMBER else None
    return text if number is None else Written(number, text)


def _number(text: str) -> int | float | None:
    if _INT.fullmatch(text):
        return int(text)
    if _OCTAL.fullmatch(text):
        return int(text, 0)
    if _HEX.fullmatch(text):
        return int(text, 0)
    if _FLOAT.fullmatch(text):
        return float(text)
    return float(text.replace(".", "")) if _SPECIAL.fullmatch(text) else None
