"""How calm our import pictures are, in numbers. `python -m benchmarks house`.

A room is a folder, and its modules are the files in it, without `__init__`. A level is one step of the longest chain of
imports; a circle, some modules or rooms each of which imports all others in the end, stands on one level. Imports in
functions count. Imports for type checkers alone do not, as nothing runs them: what they would add is said in brackets.
`python -m benchmarks.house runtime` counts one package only.
"""

from __future__ import annotations

import argparse
import tomllib
from collections import Counter, defaultdict
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from functools import cache
from pathlib import Path

import grimp

Graph = Mapping[str, AbstractSet[str]]
"""Name -> the names that it imports."""


def reach(graph: Graph) -> dict[str, set[str]]:
    """Give what each name imports directly or through others."""
    found = {}
    for start in graph:
        seen: set[str] = set()
        todo = [start]
        while todo:
            new = graph[todo.pop()] - seen
            seen |= new
            todo += new
        found[start] = seen
    return found


def circles(graph: Graph) -> list[tuple[str, ...]]:
    """Give the groups that import each other, largest first."""
    below = reach(graph)
    groups = {tuple(sorted(other for other in below[name] if name in below[other])) for name in graph}
    return sorted((group for group in groups if len(group) > 1), key=lambda group: (-len(group), group))


def levels(graph: Graph) -> int:
    """Count the steps of the longest chain, a circle being one step."""
    below = reach(graph)

    @cache
    def height(name: str) -> int:
        return 1 + max((height(other) for other in below[name] if name not in below[other]), default=0)

    return max(map(height, graph), default=0)


def modules_of(package: str, *, for_types: bool = False) -> Graph:
    """Give the import graph of a package's modules.

    Args:
        package: Of the working folder, such as `runtime`.
        for_types: With the imports below `if TYPE_CHECKING`.
    """
    found = grimp.build_graph(package, exclude_type_checking_imports=not for_types, cache_dir=None)
    return {name: found.find_modules_directly_imported_by(name) for name in found.modules}


def _is_folder(module: str) -> bool:
    return Path(*module.split(".")).is_dir()


def room_of(module: str) -> str:
    """Give the folder that a module lies in; an `__init__` lies in its own."""
    return module if _is_folder(module) else module.rpartition(".")[0]


def rooms(graph: Graph) -> dict[str, set[str]]:
    """Give the import graph of the folders."""
    between: dict[str, set[str]] = defaultdict(set)
    for module, imported in graph.items():
        here = room_of(module)
        between[here] |= {room_of(other) for other in imported} - {here}
    return dict(between)


def size(graph: Graph) -> str:
    """Say how high a graph is, and what turns in it."""
    return f"{levels(graph)} levels, {len(circles(graph))} circles"


def show(package: str) -> None:
    """Print one package."""
    graph, typed = modules_of(package), modules_of(package, for_types=True)
    sizes = Counter(room_of(name) for name in graph if not _is_folder(name))
    widest, most = sizes.most_common(1)[0]
    print(f"\n{package}: {sum(sizes.values())} modules on {size(graph)} ({size(typed)})")
    print(f"  {len(sizes)} rooms on {size(rooms(graph))} ({size(rooms(typed))}); the widest: {widest} with {most}")
    for room, count in sorted(sizes.items()):
        print(f"  {room:<40} {count:>3}")
    for kind, run, drawn in (("modules", graph, typed), ("rooms", rooms(graph), rooms(typed))):
        for group in circles(drawn):
            why = "" if group in circles(run) else ", with imports for type checkers"
            print(f"  a circle of {len(group)} {kind}{why}: {', '.join(group)}")


def main() -> None:
    """Print those named, or all that the import contracts know."""
    settings = tomllib.loads(Path("pyproject.toml").read_text())
    known = settings["tool"]["importlinter"]["root_packages"]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("packages", nargs="*", metavar="PACKAGE", help=f"of {', '.join(known)}")
    for package in [each for each in parser.parse_args().packages if each in known] or known:
        show(package)


if __name__ == "__main__":
    main()
