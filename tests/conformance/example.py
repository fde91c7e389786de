"""What a kind brings to be tested with: examples, in `tests/golden/<kind>/example.py`."""

import importlib.util
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from google.protobuf.json_format import MessageToDict

from reconciler.core.address import Address
from tests.conformance.place import LOCAL, Place
from tests.operating import Operator

GOLDEN = Path(__file__).parents[1] / "golden"
Read = Callable[[Operator], Any]


def nothing(operator: Operator) -> None:
    """Need nothing; do nothing."""


def has_all(operator: Operator) -> str:
    """Lack nothing."""
    del operator
    return ""


@dataclass(frozen=True)
class Example:
    """One object of a kind, and what may happen to it.

    Args:
        address: Which object.
        fields: The record it is made with.
        read: Give the live message, or plain data of it, by Google's own client.
        edits: Other values, field by field or together; every mutable field must be in one of them.
        places: Where each field stands in the live message.
        message: Google's proto-plus class of it; None where Google describes it in no such class.
        by_method: Fields that Google lists as output only because methods of their own set them.
        written_by_google: Outermost fields that only Google writes although its class does not say so.
        prepare: Make what must be there first.
        unmarked: The fields of the same object made by somebody else.
        meddle: Somebody else changes what we do not own, by Google's client.
        theirs: Tell whether what `meddle` did is there.
        add_key: Per map field: somebody else adds a key: as it was asked to, or the one that it gives.
        all_keys_ours: Map fields whose keys are those of a table: nobody can add one.
        by_hand: What somebody may set that no record tells, by its path in `by_hand`: see `reconciler.core.by_hand`.
        source: Folder beside the example that the content is read from.
        part: What of the kind it shows, where it has several examples.
        owner: Name of the service it belongs to.
        lacks: Say why a project cannot have it; nothing where it can.
        lacks_for: The same for edits that set a field.
    """

    address: Address
    fields: Any
    read: Read
    edits: Sequence[Mapping[str, Any]] = ()
    places: Mapping[str, Sequence[str]] = field(default_factory=dict)
    message: Any = None
    by_method: frozenset[str] = frozenset()
    written_by_google: frozenset[str] = frozenset()
    prepare: Callable[[Operator], None] = nothing
    unmarked: Mapping[str, Any] = field(default_factory=dict)
    meddle: Callable[[Operator], None] | None = None
    theirs: Callable[[Operator], bool] | None = None
    add_key: Mapping[str, Callable[[Operator, str], str | None]] = field(default_factory=dict)
    all_keys_ours: frozenset[str] = frozenset()
    by_hand: Mapping[str, Callable[[Operator], None]] = field(default_factory=dict)
    source: str = ""
    part: str = ""
    owner: str = "churn"
    lacks: Callable[[Operator], str] = has_all
    lacks_for: Mapping[str, Callable[[Operator], str]] = field(default_factory=dict)


def examples_of(kind: str, at: Place = LOCAL) -> Sequence[Example]:
    """Load a kind's examples, as they are at a place: what its function `examples` gives."""
    path = GOLDEN / kind / "example.py"
    assert path.is_file(), f"a new kind brings {path.relative_to(GOLDEN.parents[1])}: see tests/conformance/example.py"
    spec = importlib.util.spec_from_file_location(f"tests.golden.{kind}.example", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found: Sequence[Example] = module.examples(at)
    return found


def flat(live: Any) -> dict[str, list[Any]]:
    """Give every leaf of a live message by its path; the elements of lists share one."""
    if not isinstance(live, Mapping):
        raw = type(live).pb(live) if hasattr(type(live), "pb") else live
        live = MessageToDict(raw, preserving_proto_field_name=True)
    found: dict[str, list[Any]] = {}
    _walk(live, "", found)
    return found


def _walk(value: Any, path: str, found: dict[str, list[Any]]) -> None:
    if isinstance(value, Mapping):
        for name, item in value.items():
            _walk(item, f"{path}.{name}" if path else name, found)
    elif isinstance(value, list):
        for item in value:
            _walk(item, path, found)
    else:
        found.setdefault(path, []).append(value)
