"""Ports of containers on this machine: in Cloud Run each instance has all of them to itself, here it shares them.

The port that takes requests is another one for each instance; it is in `PORT`, and where arguments or variables name
the container's own port, it is put in its place there. Any other port of a container that a probe names stays as it is,
as long as nobody else has it.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence

HERE = r"(?:localhost|127\.0\.0\.1|0\.0\.0\.0|\[::1?\]|\*)"
OPTION = re.compile(r"-p|--?(?:[\w-]*[-_])?port", re.IGNORECASE)
VARIABLE = re.compile(r"(?:.*_)?PORT(?:_.*)?", re.IGNORECASE)


def arguments(words: Sequence[str], ports: Mapping[int, int]) -> tuple[str, ...]:
    """Put ports in the place of others in a command line."""
    found: list[str] = []
    for index, word in enumerate(words):
        before = words[index - 1] if index else ""
        whole = word.isdecimal() and OPTION.fullmatch(before) and int(word) in ports
        found.append(str(ports[int(word)]) if whole else within(word, ports))
    return tuple(found)


def variables(environment: Mapping[str, str], ports: Mapping[int, int]) -> dict[str, str]:
    """Put ports in the place of others in variables."""
    found = {}
    for name, value in environment.items():
        whole = value.isdecimal() and VARIABLE.fullmatch(name) and int(value) in ports
        found[name] = str(ports[int(value)]) if whole else within(value, ports)
    return found


def within(text: str, ports: Mapping[int, int]) -> str:
    """Put ports in the place of others where a text names them as such: `--port=8000`, `localhost:8000`, `:8000`."""
    if not ports:
        return text
    either = "|".join(str(port) for port in ports)
    named = rf"(?<![\w-])(--?(?:[\w-]*[-_])?port(?:=|\s+))({either})(?!\w)"
    local = rf"((?<![\w.-]){HERE}:|(?:^|(?<=[\s=,])):)({either})(?![\w.])"
    for pattern in (named, local):
        text = re.sub(pattern, lambda match: match[1] + str(ports[int(match[2])]), text, flags=re.IGNORECASE)
    return text


def left(
    words: Sequence[str], environment: Mapping[str, str], ports: Mapping[int, int], own: Collection[int]
) -> Iterator[str]:
    """Say where a port was not put in the place of another one, for who wonders why a program does not find another.

    Args:
        words: The command line, as it was given.
        environment: Variables, likewise.
        ports: By the number that was asked for, the one that it is here; of those that are others.
        own: Ports that the container's probes name and its program may know by itself.
    """
    put, filled = arguments(words, ports), variables(environment, ports)
    for port, here in ports.items():
        number = re.compile(rf"(?<![\w.])(?<![\w\].]:){port}(?![\w.])")  # not that of another machine
        named = [f"argument {index + 1}" for index, word in enumerate(put) if number.search(word)]
        named += [f"variable {name}" for name, value in sorted(filled.items()) if number.search(value)]
        if named:
            yield f"Port {port} is {here} here. As it may be no port there, {' and '.join(named)} still says {port}."
        elif port in own and not _named(words, environment, {port: here}):
            why = "and neither arguments nor variables name it: a program that knows no other is not found"
            yield f"Port {port} is {here} here, since another instance or program has it, {why}."


def _named(words: Sequence[str], environment: Mapping[str, str], ports: Mapping[int, int]) -> bool:
    return arguments(words, ports) != (*words,) or variables(environment, ports) != environment
