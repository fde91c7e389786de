"""What a graph may do with the rows of a batch, read from its file: operators that join rows of it.

The file is a protocol buffer, of which a few fields are read here; weights are passed over. Names and defaults of
operators are those of https://onnx.ai/onnx/operators/, numbers of fields those of onnx.proto in that project.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

# Whose operators are known here.
_KNOWN_DOMAINS = frozenset({"", "ai.onnx", "ai.onnx.ml"})
# They run graphs inside, look at all rows, or draw rows out of them.
_OVER_ROWS = frozenset(
    ("Compress", "DynamicQuantizeLinear", "If", "Loop", "NonMaxSuppression", "NonZero", "Scan", "SequenceMap", "Unique")
)
# Where operators with axes look when they name none: of all axes the first is one.
_DEFAULT_AXES = {
    **dict.fromkeys(("ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceMax", "ReduceMean"), 0),
    **dict.fromkeys(("ReduceMin", "ReduceProd", "ReduceSum", "ReduceSumSquare", "ArgMax", "ArgMin", "CumSum"), 0),
    "MeanVarianceNormalization": 0,
    **dict.fromkeys(("Hardmax", "LogSoftmax", "LpNormalization", "Softmax", "TopK"), -1),
    **dict.fromkeys(("LayerNormalization", "RMSNormalization"), -1),
}
# These have their axes as an input, where they are not written at the operator.
_AXES_GIVEN = frozenset(name for name in _DEFAULT_AXES if name.startswith("Reduce") or name == "CumSum")
# No tensor of axes has more whole numbers.
_MOST_AXES = 16
_INT32, _INT64 = 6, 7  # of TensorProto's data types
_SIZES = {1: 8, 5: 4}  # bytes of the wire's fixed numbers
_VARINT, _TEXT = 0, 2
_NOTHING = memoryview(b"")


@dataclass
class _Node:
    op: str = ""
    domain: str = ""
    inputs: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    axes: list[int] | None = None
    value: list[int] | None = None


def joining(file: Path, outputs: Collection[str]) -> str:
    """Name an operator of a graph that may join rows of a batch; empty where none is known to.

    An axis that is counted from the end is known where the file has the shape of the tensor, which not all writers put
    there; else it is taken for none of rows only where it is the last.

    Args:
        file: A model of ONNX that onnxruntime has opened.
        outputs: Those that are asked for; what others need does not count.

    Raises:
        ValueError: It is not laid out as such files are.
    """
    whole = np.memmap(file, np.uint8, "r").data
    try:
        return next((_joining(value, outputs) for number, value in _fields(whole) if number == 7), "")  # noqa: PLR2004 - `graph`
    except (IndexError, TypeError, UnicodeDecodeError) as error:
        raise ValueError(f"{file.name} is no ONNX file: {error}") from error


def _joining(graph: memoryview | int, outputs: Collection[str]) -> str:
    fields = list(_fields(graph))
    constants = dict(_tensor(value) for number, value in fields if number == 5)  # noqa: PLR2004 - `initializer`
    still = set(constants)  # what does not depend on values of rows, such as a shape
    nodes = [_node(value) for number, value in fields if number == 1]
    ranks = dict(_rank(value) for number, value in fields if number in {11, 12, 13})  # inputs, outputs, values between
    wanted = set(outputs)
    for node in reversed(nodes):  # each stands behind those that it needs
        wanted.update(node.inputs if wanted.intersection(node.outputs) else ())
    for node in nodes:
        if not wanted.intersection(node.outputs):
            continue
        if node.op in {"Shape", "Size", "Constant"} or all(name in still for name in node.inputs if name):
            still.update(node.outputs)
            constants.update(dict.fromkeys(node.outputs, node.value))
        elif node.domain not in _KNOWN_DOMAINS or node.op in _OVER_ROWS or _takes_rows(node, constants, ranks):
            return node.op
    return ""


def _takes_rows(node: _Node, constants: dict[str, list[int] | None], ranks: dict[str, int | None]) -> bool:
    """Whether an operator with axes has that of the rows among them, or nobody can say."""
    if node.op not in _DEFAULT_AXES:
        return False
    axes: list[int] | None = node.axes
    if axes is None and node.op in _AXES_GIVEN and len(node.inputs) > 1 and node.inputs[1]:
        axes = constants.get(node.inputs[1])
        if axes is None:
            return True
    axes = [_DEFAULT_AXES[node.op]] if axes is None else axes
    rank = ranks.get(node.inputs[0]) if node.inputs else None
    if rank is not None:
        axes = [axis + rank if axis < 0 else axis for axis in axes]
    return not axes or any(axis < -1 or axis == 0 for axis in axes)


def _node(content: memoryview | int) -> _Node:
    """Read a NodeProto."""
    found = _Node()
    for number, value in _fields(content):
        if number == 1:
            found.inputs.append(_text(value))
        elif number == 2:  # noqa: PLR2004 - `output`
            found.outputs.append(_text(value))
        elif number == 4:  # noqa: PLR2004 - `op_type`
            found.op = _text(value)
        elif number == 7:  # noqa: PLR2004 - `domain`
            found.domain = _text(value)
        elif number == 5:  # noqa: PLR2004 - `attribute`
            _read_attribute(found, dict(_fields(value)), value)
    return found


def _read_attribute(node: _Node, fields: dict[int, memoryview | int], content: memoryview | int) -> None:
    """Read an AttributeProto: axes, or the value of a constant."""
    name = _text(fields.get(1, _NOTHING))
    if name == "axis":
        node.axes = [_signed(fields.get(3, 0))]
    elif name == "axes":
        node.axes = [one for number, value in _fields(content) if number == 8 for one in _numbers(value)]  # noqa: PLR2004 - `ints`
    elif name == "value" and node.op in {"Constant", ""} and 5 in fields:  # noqa: PLR2004 - `t`
        node.value = _tensor(fields[5])[1]
    elif name in {"value_int", "value_ints"}:
        node.value = [one for number, value in _fields(content) if number in {3, 8} for one in _numbers(value)]


def _rank(content: memoryview | int) -> tuple[str, int | None]:
    """Read the name of a ValueInfoProto, and how many dimensions its tensor has; None where it does not say."""
    value = dict(_fields(content))
    kind = dict(_fields(value.get(2, _NOTHING)))  # `type`
    tensor = dict(_fields(kind.get(1, _NOTHING)))  # `tensor_type`
    shape = tensor.get(2)
    dimensions = None if shape is None else len([*_fields(shape)])  # a field, `dim`, for each
    return _text(value.get(1, _NOTHING)), dimensions


def _tensor(content: memoryview | int) -> tuple[str, list[int] | None]:
    """Read the name of a TensorProto, and its numbers where they are whole and few."""
    name, kind, numbers, raw = "", 0, list[int](), _NOTHING
    for number, value in _fields(content):
        if number == 8:  # noqa: PLR2004 - `name`
            name = _text(value)
        elif number == 2 and isinstance(value, int):  # noqa: PLR2004 - `data_type`
            kind = value
        elif number in {5, 7} and (isinstance(value, int) or len(value) <= _MOST_AXES * 10):
            numbers += _numbers(value)
        elif number == 9 and isinstance(value, memoryview):  # noqa: PLR2004 - `raw_data`
            raw = value
    if kind not in {_INT32, _INT64} or len(raw) > 8 * _MOST_AXES:
        return name, None
    return name, numbers or np.frombuffer(raw, "<i4" if kind == _INT32 else "<i8").tolist()


def _numbers(value: memoryview | int) -> list[int]:
    """Give whole numbers, which are written one by one or packed."""
    if isinstance(value, int):
        return [_signed(value)]
    found, at = [], 0
    while at < len(value):
        number, at = _varint(value, at)
        found.append(_signed(number))
    return found


def _fields(content: memoryview | int) -> Iterator[tuple[int, memoryview | int]]:
    """Give the fields of a message in their order, each by its number."""
    if isinstance(content, int):
        raise TypeError("a number where a message belongs")
    at = 0
    while at < len(content):
        key, at = _varint(content, at)
        kind = key & 7
        if kind == _VARINT:
            value, at = _varint(content, at)
            yield key >> 3, value
            continue
        size = _SIZES.get(kind, -1)
        if kind == _TEXT:
            size, at = _varint(content, at)
        if size < 0 or at + size > len(content):
            raise TypeError("a field that ends nowhere")
        yield key >> 3, content[at : at + size]
        at += size


def _varint(content: memoryview, at: int) -> tuple[int, int]:
    found = shift = 0
    while True:
        byte = content[at]
        at += 1
        found |= (byte & 0x7F) << shift
        if byte < 0x80:  # noqa: PLR2004 - the last byte of a number has no such bit
            return found, at
        shift += 7


def _signed(value: memoryview | int) -> int:
    if not isinstance(value, int):
        raise TypeError("a message where a number belongs")
    return value - 2**64 if value >= 2**63 else value


def _text(value: memoryview | int) -> str:
    return "" if isinstance(value, int) else bytes(value).decode()
