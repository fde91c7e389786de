"""How the reconciler treats what it finds."""

from collections.abc import Iterator

from schemas.checks.finding import Finding, repeated
from schemas.fields import keys_of, type_at
from schemas.place import parse_path
from schemas.refusal import shown
from schemas.sections.management import Management
from schemas.service import Spec
from schemas.spelling import closest

_NOT_GIVEN_AWAY = ("region", "management")


def externally_owned(management: Management) -> Iterator[Finding]:
    """Paths that exist, below `spec`, each once."""
    for index, owned in enumerate(management.externally_owned):
        path = f"management.externallyOwned[{index}]"
        parts = parse_path(owned)[1:]
        if not parts or type_at(parts, Spec) is None or parse_path(owned)[0] != "spec":
            yield Finding(path, "spec-path", f"{shown(owned)} is not a path below spec", _hint(parts))
        elif parts[0] in _NOT_GIVEN_AWAY:
            yield Finding(path, "spec-path", f"{shown(owned)} cannot be decided elsewhere", "remove it")
    for index, owned in repeated(management.externally_owned):
        yield Finding(f"management.externallyOwned[{index}]", "repeated", f"{shown(owned)} is listed twice")


def _hint(parts: tuple[str | int, ...]) -> str:
    for length in range(len(parts)):
        known = keys_of(type_at(parts[:length], Spec))
        if known and parts[length] not in known:
            meant = closest(str(parts[length]), known)
            return f"did you mean `{'.'.join([*map(str, parts[:length]), meant])}`?" if meant else _EXAMPLE
    return _EXAMPLE


_EXAMPLE = "for example scaling.maxInstances"
