"""`docs/commands.md`: every command with its options, generated from the commands themselves.

`python -m reconciler.cli.manual` writes it.
"""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any

import typer

from reconciler.cli.app import COMMANDS, module_of

FILE = "docs/commands.md"

_INTRODUCTION = """\
# Commands

<!-- Generated: `python -m reconciler.cli.manual`. Edit the help texts in reconciler/cli/commands/. -->

Results go to stdout, everything about them to stderr. Colour is for terminals; `NO_COLOR` turns it off there, too.
With `--output json` an error is `{"error": {message, hint, exitCode, problems}}` on stdout as well.
`mlservice --install-completion` teaches the shell the commands and their options.

| Exit code | Means |
|---|---|
| 0 | done, or nothing to do |
| 1 | failed, or a person is needed: a service does not work, or everyone may call one that is to be private |
| 2 | changes are pending; only with `plan --detailed-exitcode` |
| 3 | blocked: by what the spec protects, its cost limit, scans or signatures of its images, or somebody else's object |
| 4 | partly applied: some changes were made, others failed or were left for it |
| 64 | wrong usage |
| 130, 143, 129 | stopped by Ctrl-C, SIGTERM, SIGHUP; what was done is recorded, and no lock is left |

| Variable | Means |
|---|---|
| `GOOGLE_CLOUD_PROJECT` | the project, where neither `--project` nor the spec's environment names one |
| `GOOGLE_APPLICATION_CREDENTIALS` | whose credentials, as for every Google client |
| `MLSERVICE_EMULATOR_STATE` | folder of the emulator's state; left out, the nearest `.mlservice/emulator` going up |
| `MLSERVICE_EMULATOR_KEY` | key file of the emulator, of an account or a CI: `--local` calls as it, with its roles |
| `MLSERVICE_RUNTIME_IMAGE` | image of services without one; left out, what `mlservice image push` pushed |
| `MLSERVICE_PRICES` | prices that `cost --refresh` read; left out, `mlservice/prices.json` in the user's cache |
| `MLSERVICE_GIT_TOKEN` | what `mlservice reconcile --git` reads the repository with: a token, or `user:token` |
"""


def commands() -> Iterator[tuple[str, Any]]:
    """Give every command with its name, subcommands after their group."""
    for name in COMMANDS:
        module = importlib.import_module(module_of(name))
        yield from _with_those_below(name, typer.main.get_command(module.app))


def _with_those_below(name: str, command: Any) -> Iterator[tuple[str, Any]]:
    yield name, command
    for below, subcommand in getattr(command, "commands", {}).items():
        yield from _with_those_below(f"{name} {below}", subcommand)


def manual() -> str:
    """Write the page."""
    return "\n".join([_INTRODUCTION, *(_section(name, command) for name, command in commands())])


def _section(name: str, command: Any) -> str:
    level = "##" + "#" * name.count(" ")
    lines = [f"{level} mlservice {name}", "", _paragraphs(command.help or COMMANDS[name])]
    if not hasattr(command, "commands"):
        lines += ["", "```", f"mlservice {name}{_usage(command)}", "```"]
    rows = [_row(parameter) for parameter in command.params]
    if rows:
        lines += ["", "| | |", "|---|---|", *rows]
    return "\n".join([*lines, ""])


def _paragraphs(text: str) -> str:
    return "\n\n".join(re.sub(r"\s+", " ", part).strip() for part in text.strip().split("\n\n"))


def _usage(command: Any) -> str:
    options = any(parameter.param_type_name == "option" for parameter in command.params)
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    words = [f"{p.name.upper()}{'...' if p.nargs == -1 else ''}" for p in arguments]
    shown = [word if p.required else f"[{word}]" for p, word in zip(arguments, words, strict=True)]
    return "".join(f" {word}" for word in [*shown, *(["[OPTIONS]"] if options else [])])


def _row(parameter: Any) -> str:
    is_option = parameter.param_type_name == "option"
    names = ", ".join(f"`{name}`" for name in parameter.opts) if is_option else f"`{parameter.name.upper()}`"
    return f"| {names} | {parameter.help}{_choices(parameter)}{_default(parameter)} |".replace("$", "\\$")


def _choices(parameter: Any) -> str:
    kind = type(parameter.default)
    return f" One of {', '.join(f'`{member.value}`' for member in kind)}." if issubclass(kind, Enum) else ""


def _default(parameter: Any) -> str:
    value = parameter.default.value if isinstance(parameter.default, Enum) else parameter.default
    if value is None or isinstance(value, bool) or not parameter.show_default:
        return ""
    return f" Default: `{value}`." if parameter.param_type_name == "option" or str(value) != "." else ""


def main() -> None:
    """Write the page to the file named on the command line, or to where it is committed."""
    Path(sys.argv[1] if len(sys.argv) > 1 else FILE).write_text(manual(), encoding="utf-8")


if __name__ == "__main__":
    main()
