"""HTTP path templates (`/v2/{name=projects/*/locations/*}/services:verb`) and which of them a path fits best.

Source: google/api/http.proto, "Path template syntax".
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import unquote

from emulator.wire.table import Binding, Method

VARIABLE = re.compile(r"\{([^=}]+)(?:=([^}]*))?\}")
ESCAPED_SLASH = re.compile("%2f", re.IGNORECASE)


@dataclass(frozen=True)
class Route:
    """A binding, compiled when a path is first compared with it: a start has no time for thousands."""

    method: Method
    binding: Binding

    @cached_property
    def compiled(self) -> tuple[re.Pattern[str], tuple[str, ...]]:
        """The path's regular expression and its variables."""
        return compile_template(self.binding.path)


def compile_template(template: str) -> tuple[re.Pattern[str], tuple[str, ...]]:
    """A regular expression with one group per variable, and the variables' field paths."""
    parts, variables, at = [], [], 0
    for found in VARIABLE.finditer(template):
        parts += [re.escape(template[at : found.start()]), "(", _wild(found[2] or "*"), ")"]
        variables.append(found[1])
        at = found.end()
    parts.append(re.escape(template[at:]))
    return re.compile("".join(parts)), tuple(variables)


def _wild(pattern: str) -> str:
    return "".join({"**": ".+", "*": "[^/]+"}.get(part, re.escape(part)) for part in re.split(r"(\*\*|\*)", pattern))


def rank(template: str) -> tuple[int, int, int]:
    """Sort key: custom verbs first, then no `**`, then most literal text."""
    verb = ":" in template.rsplit("}", 1)[-1]
    literal = len(re.sub(r"\*|\{[^=}]+=?|\}", "", template))
    return (not verb, template.count("**"), -literal)


class Routes:
    """Every HTTP binding of the table, the best fit first."""

    def __init__(self, methods: Iterable[Method]) -> None:
        found = [Route(method, binding) for method in methods for binding in method.bindings]
        self._routes: dict[tuple[str, str], list[Route]] = {}
        for route in sorted(found, key=lambda route: rank(route.binding.path)):
            self._routes.setdefault((route.binding.verb, first(route.binding.path)), []).append(route)

    def match(self, verb: str, raw_path: str) -> tuple[Route, dict[str, str]] | None:
        """The route of a request, and its path variables by field path. An escaped slash stays escaped."""
        path = unquote(ESCAPED_SLASH.sub("%252F", raw_path))
        for route in self._routes.get((verb, first(path)), ()):
            pattern, variables = route.compiled
            if fit := pattern.fullmatch(path):
                return route, dict(zip(variables, fit.groups(), strict=True))
        return None


def first(path: str) -> str:
    """The first part of a path, which is the API's version in all that Google's packages bind."""
    return path.split("/", 2)[1] if path.startswith("/") else ""
