"""What a saved plan holds in place of a value that is not for every eye: a digest, by which the value is known again.

A plan is kept, mailed and uploaded where its spec's secrets must not be. So the file says of such a value only what it
must be equal to; `apply` takes the value from the live object or from the spec, and knows it by the digest, which also
says where the value stands. Salt and cost keep a short password from being guessed at once; with time enough it can be
guessed, as from any digest.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from reconciler.core.address import Address
from reconciler.core.diff import FieldChange
from reconciler.core.plan import Change, Plan
from reconciler.core.reference import is_plain_ref
from reconciler.core.secrecy import masked
from schemas.redaction import HIDDEN, redacted

_SEALED = re.compile(r"\(sealed:([0-9a-f]{64})\).*", re.DOTALL)
_INDEX = re.compile(r"\[\d+\]")
_COST, _BLOCK = 1 << 12, 8
"""Of scrypt: 4 MiB and some milliseconds for each guess."""


@dataclass(frozen=True, slots=True)
class Sealer:
    """Seals plans with one salt, and remembers what it sealed.

    Args:
        salt: Random, in hex; a plan's own, to find what it sealed.
        known: The values sealed so far, by digest.
    """

    salt: str
    known: dict[str, Any] = field(default_factory=dict)
    _digests: dict[str, str] = field(default_factory=dict)

    def plan(self, plan: Plan) -> Plan:
        """Give a plan as it may be written down; the same plan where nothing in it is to be hidden."""
        changes = tuple(map(self._change, plan.changes))
        notes = tuple(replace(note, text=redacted(note.text)) for note in plan.notes)
        salted = self.salt if self.known else ""
        digest = self._digest("specs", plan.spec_digest) if salted else plan.spec_digest
        return replace(plan, changes=changes, notes=notes, salt=salted, spec_digest=digest)

    def record(self, address: Address, plain: Any, path: str = "") -> Any:
        """Give plain data with what is to be hidden sealed.

        Args:
            address: Whose record it is.
            plain: The record, or a part of it.
            path: Where in the record the part stands; of an item in a list, where the list does.
        """
        if isinstance(plain, Mapping) and not is_plain_ref(plain):
            return {key: self.record(address, item, f"{path}.{key}" if path else key) for key, item in plain.items()}
        if isinstance(plain, list):
            hidden = masked(path, plain)
            return [
                self._sealed(f"{address} {path}", item, shown)
                if shown == HIDDEN and isinstance(item, str)
                else self.record(address, item, path)
                for item, shown in zip(plain, hidden, strict=True)
            ]
        shown = masked(path, plain)
        alike = isinstance(plain, str) and _SEALED.fullmatch(plain)
        return self._sealed(f"{address} {path}", plain, shown) if alike or shown != plain else plain

    def _sealed(self, where: str, value: Any, shown: Any) -> str:
        digest = self._digest(where, value)
        self.known[digest] = value
        return f"(sealed:{digest}) {shown}"

    def _digest(self, where: str, value: Any) -> str:
        text = json.dumps([where, value], sort_keys=True)
        if text not in self._digests:
            salt = bytes.fromhex(self.salt)
            self._digests[text] = hashlib.scrypt(text.encode(), salt=salt, n=_COST, r=_BLOCK, p=1, dklen=32).hex()
        return self._digests[text]

    def _change(self, change: Change) -> Change:
        here = change.address
        return replace(
            change,
            desired=change.desired and self.record(here, change.desired),
            observed=change.observed and self.record(here, change.observed),
            changes=tuple(self._field(here, item) for item in change.changes),
            source=self.record(here, change.source, "source"),
            reason=redacted(change.reason),
            consequence=redacted(change.consequence),
            problem=redacted(change.problem),
        )

    def _field(self, here: Address, item: FieldChange) -> FieldChange:
        path = _INDEX.sub("", item.path)
        return FieldChange(item.path, self.record(here, item.before, path), self.record(here, item.after, path))


@dataclass(frozen=True, slots=True)
class Opener:
    """Puts values back where a plan has their digests.

    Args:
        known: Values by digest.
        missing: What was not known: address and path.
    """

    known: Mapping[str, Any]
    missing: list[str] = field(default_factory=list)

    def change(self, change: Change) -> Change:
        """Open what the plan says will be, and notes what of it is not known."""
        here = str(change.address)
        items = (FieldChange(c.path, self._quietly(c.before), self._quietly(c.after)) for c in change.changes)
        return replace(
            change,
            desired=change.desired and self.value(change.desired, here),
            observed=change.observed and self._quietly(change.observed),
            changes=tuple(items),
            source=self.value(change.source, f"{here} source"),
        )

    def _quietly(self, plain: Any) -> Any:
        """Open what was seen. What is not known has changed since, which comparing it will tell."""
        return Opener(self.known).value(plain, "")

    def value(self, plain: Any, where: str) -> Any:
        """Open plain data that stands at an address and, after a space, a path."""
        if isinstance(plain, Mapping) and not is_plain_ref(plain):
            return {key: self.value(item, f"{where}{'.' if ' ' in where else ' '}{key}") for key, item in plain.items()}
        if isinstance(plain, list):
            return [self.value(item, where) for item in plain]
        found = _SEALED.fullmatch(plain) if isinstance(plain, str) else None
        if found is None:
            return plain
        if found[1] not in self.known:
            self.missing.append(where)
            return HIDDEN
        return self.known[found[1]]
