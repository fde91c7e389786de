"""One small mistake: where it is, what it changes, and whether somebody said that no test need notice."""

from __future__ import annotations

import ast
import copy
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

Function = ast.FunctionDef | ast.AsyncFunctionDef

ACCEPTED = Path(__file__).with_name("accepted.toml")
_NAME = re.compile(r"x(?:ǁ(?P<owner>\w+?)ǁ|_)(?P<function>\w+)__mutmut_(?:orig|\d+)$")


@dataclass(frozen=True)
class Mistake:
    """A changed line.

    Attributes:
        name: mutmut's own, such as `reconciler.core.naming.x_mark_of__mutmut_6`.
        path: Of the module, from the root.
        line: From 1.
        function: Such as `Report.to_json`.
        before: The lines it changes, without the blanks around them.
        after: What they are then.
    """

    name: str
    path: str
    line: int
    function: str
    before: str
    after: str

    def __str__(self) -> str:
        changed = [f"    - {line}" for line in self.before.splitlines()]
        changed += [f"    + {line}" for line in self.after.splitlines()]
        return "\n".join([f"{self.path}:{self.line} in {self.function}", *changed])


def accepted(path: Path = ACCEPTED) -> dict[tuple[str, str, str, str], str]:
    """Give the mistakes that may survive, with the reason of each."""
    listed = tomllib.loads(path.read_text()).get("accepted", [])
    return {(each["path"], each["function"], each["before"], each["after"]): each["reason"] for each in listed}


def key(mistake: Mistake) -> tuple[str, str, str, str]:
    """Give what `accepted` knows a mistake by: it moves along when lines are added above."""
    return mistake.path, mistake.function, mistake.before, mistake.after


def mistakes(path: str, source: str, mutated: str) -> Iterator[Mistake]:
    """Give all mistakes that mutmut wrote beside the functions of a module, but for other wordings of a message.

    Args:
        path: Of the module, from the root.
        source: Its text.
        mutated: The text that mutmut made of it.
    """
    lines = {name: node.lineno for name, node in _functions(source)}
    text = mutated.split("\n")  # once: a module has a thousand mistakes, and as many times its length
    variants = {name: node for name, node in _functions(mutated) if _NAME.search(name)}
    for name, variant in variants.items():
        found = _NAME.search(name)
        original = variants[re.sub(r"(?<=__mutmut_)\w+$", "orig", name)]
        if found and _meaning(original) != _meaning(variant):
            function = ".".join(filter(None, (found["owner"], found["function"])))
            full = f"{path.removesuffix('.py').replace('/', '.')}.{found[0]}"
            old, new = (_text(text, node, found["function"]) for node in (original, variant))
            yield Mistake(full, path, *_changed(lines[function], old, new, function))


def _text(lines: list[str], node: Function, name: str) -> list[str]:
    first, *others = lines[node.lineno - 1 : node.end_lineno]
    return [first.replace(node.name, name, 1), *others]


def _changed(first: int, old: list[str], new: list[str], function: str) -> tuple[int, str, str, str]:
    same = _same(old, new)
    tail = min(_same(old[::-1], new[::-1]), len(old) - same, len(new) - same)
    before, after = ("\n".join(map(str.strip, text[same : len(text) - tail])) for text in (old, new))
    return first + same, function, before, after


def _same(old: list[str], new: list[str]) -> int:
    pairs = enumerate(zip(old, new, strict=False))
    return next((number for number, (before, after) in pairs if before != after), min(len(old), len(new)))


def _meaning(function: Function) -> str:
    """Give a function's structure, without its name and without what messages say."""
    copied = copy.deepcopy(function)
    copied.name = ""
    for node in ast.walk(copied):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
            node.value = " "
    return ast.dump(copied)


def _functions(text: str) -> Iterator[tuple[str, Function]]:
    return _below(ast.parse(text).body, "")


def _below(body: list[ast.stmt], prefix: str) -> Iterator[tuple[str, Function]]:
    for node in body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield prefix + node.name, node
        elif isinstance(node, ast.ClassDef):
            yield from _below(node.body, f"{node.name}.")
