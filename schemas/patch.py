"""Environments: a JSON merge patch (RFC 7396) on the tree, so that every value keeps its place.

Source:
    https://www.rfc-editor.org/rfc/rfc7396
"""

from schemas.yaml.tree import Entry, Mapping, Node, Scalar


def merge(base: Node | None, patch: Node) -> Node:
    """`patch` over `base`: mappings merge key by key, null removes, everything else replaces."""
    if not isinstance(patch, Mapping):
        return patch
    entries = dict(base.entries) if isinstance(base, Mapping) else {}
    for key, entry in patch.entries.items():
        if _is_null(entry.node):
            entries.pop(key, None)
            continue
        below = entries.get(key)
        node = merge(below.node if below else None, entry.node)
        if below and isinstance(below.node, Mapping) and isinstance(entry.node, Mapping):
            entries[key] = Entry(below.mark, node, below.patched)
        else:
            entries[key] = Entry(entry.mark, node, patched=True)
    return Mapping(patch.mark, entries, 1 + sum(1 + entry.node.size for entry in entries.values()))


def _is_null(node: Node) -> bool:
    return isinstance(node, Scalar) and node.value is None


def removals(patch: Node, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """The paths a patch removes."""
    if not isinstance(patch, Mapping):
        return []
    found: list[tuple[str, ...]] = []
    for key, entry in patch.entries.items():
        found += [(*path, key)] if _is_null(entry.node) else removals(entry.node, (*path, key))
    return found
