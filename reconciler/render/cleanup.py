"""What cleanup takes from repositories, for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import tzinfo
from typing import Any

from rich.text import Text

from reconciler.render.moments import when
from reconciler.render.text import table

_GIB = 2**30
_DIGEST = 19
"""Characters of `sha256:` and of a digest that tell images apart."""


def render_forecasts(found: Sequence[Mapping[str, Any]], *, zone: tzinfo | None = None) -> Text:
    """Render what `core.forecast` found.

    Args:
        found: As plain data, by repository.
        zone: The reader's time zone; left out, that of this machine.
    """
    text = Text()
    if not found:
        return text.append("no spec of this project has a registry\n", "dim")
    for each in found:
        text.append(each["repository"], "bold").append(f"  {_summary(each)}\n")
        for line in _warnings(each):
            text.append(f"  {line}\n", "red")
        if each["goes"]:
            rows = [_going(one, zone) for one in each["goes"]]
            styles = ["red" if one["needed"] else "" for one in each["goes"]]
            text.append_text(table(rows, ("  goes", "GiB", "from", "by", "needed by"), right=(1,), styles=styles))
        if each["stays"]:
            rows = [_staying(one) for one in each["stays"]]
            text.append_text(table(rows, ("  stays", "GiB", "tags", "why"), right=(1,)))
    return text


def _summary(found: Mapping[str, Any]) -> str:
    sizes = found["bytes"]
    if not any(policy["action"] == "Delete" for policy in found["policies"]):
        return f"no policy deletes anything; {gib(sizes['stays'])} GiB"
    dry = ", which are in a dry run" if found["dryRun"] else ""
    going = f"{gib(sizes['goesNextNight'])} GiB go within a day, {gib(sizes['goesLater'])} later"
    return f"by its policies{dry}: {going}; {gib(sizes['stays'])} stay, {gib(sizes['needed'])} are needed"


def _warnings(found: Mapping[str, Any]) -> Iterator[str]:
    if found["endangered"]:
        yield f"{found['endangered']} that are needed would go: apply the spec that has this registry, which keeps them"
    for image in found["missing"]:
        yield f"needed, and not there: {image}"
    for why in found["unknown"]:
        yield f"what is needed is not known: {why}"
    if found["immutableTags"]:
        yield "its tags are immutable: what was needed once stays for ever"


def _going(version: Mapping[str, Any], zone: tzinfo | None) -> tuple[str, ...]:
    why, due = ", ".join(version["by"]), when(version["due"], zone)
    return f"  {_short(version['image'])}", gib(version["bytes"]), due, why, "; ".join(version["needed"]) or "-"


def _staying(version: Mapping[str, Any]) -> tuple[str, ...]:
    kept = f"kept by {', '.join(version['keptBy'])}" if version["by"] else "no policy deletes it"
    why = "; ".join(version["needed"]) or kept
    tags = [tag for tag in version["tags"] if not tag.startswith("mlservice-keep-")]
    return f"  {_short(version['image'])}", gib(version["bytes"]), ", ".join(tags) or "-", why


def gib(size_bytes: int) -> str:
    """Give bytes in GiB."""
    return f"{size_bytes / _GIB:.2f}"


def _short(image: str) -> str:
    package, _, digest = image.partition("@")
    return f"{package}@{digest[:_DIGEST]}"
