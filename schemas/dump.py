"""Data and services to YAML that reads back the same, here and in tools that still speak YAML 1.1."""

import re
from collections.abc import Mapping
from typing import Any

import yaml

from schemas.operator import Operator
from schemas.service import MLService
from schemas.yaml.scalars import resolve

_ESCAPED = re.compile("[\n\x80-\x9f\u2028\u2029\ufeff]")
"""What is a line's end to YAML 1.1, or no character of a file: only a double-quoted text keeps it."""


class _Dumper(yaml.SafeDumper):
    """Quotes every text that YAML 1.1 or 1.2 would read as something else."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002 - PyYAML's signature
        """Indent lists below their key, as people write them."""
        super().increase_indent(flow, False)  # noqa: FBT003 - PyYAML's signature


def _text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    style = None if isinstance(resolve(text), str) else "'"
    if _ESCAPED.search(text):
        style = '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style)


_Dumper.add_representer(str, _text)


def to_yaml(spec: MLService | Operator | Mapping[str, Any]) -> str:
    """YAML of a service (what equals its default is left out), or of plain data."""
    data = spec.to_data() if isinstance(spec, (MLService, Operator)) else dict(spec)
    return yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)
