"""The `mlservice` command: its subcommands, and the one place where errors become words and exit codes."""

from __future__ import annotations

import contextlib
import errno
import importlib
import io
import os
import sys
from itertools import pairwise
from typing import Annotated, Any, TextIO

import typer
from typer.core import TyperCommand, TyperGroup

from reconciler.cli.streams import Unwritten, has_written, told
from reconciler.engine.signals import Stopped, end_commands

COMMANDS = {
    "init": "Write a commented mlservice.yaml.",
    "validate": "Check specs, offline.",
    "schema": "Print the JSON Schema of mlservice.yaml.",
    "doctor": "Look for what is in the way of these specs.",
    "plan": "Show what apply would change.",
    "simulate": "Rehearse a rollout: what would be decided, and why.",
    "rollout": "Show where rollouts are, and what they wait for.",
    "promote": "Let the next step of a rollout begin now.",
    "pause": "Hold a rollout where it is.",
    "resume": "Let a rollout go on that was paused.",
    "abort": "Take a version back that is on its way.",
    "retry": "Try a version again that was rejected.",
    "rollback": "Go back to the version before.",
    "cost": "Show what specs cost a month, without any call.",
    "advise": "Show what of services is larger than what was measured needs.",
    "budget": "What was spent of budgets, which steps hold; lift one.",
    "comment": "Say on a pull request what merging it would do.",
    "apply": "Make Google Cloud what the specs say.",
    "status": "Show services as they are.",
    "history": "Show what became of a service, change by change.",
    "graph": "Show what a service is made of, and what flows.",
    "page": "Show the fleet in a browser: what needs you, and why nothing happened.",
    "report": "Write the page of now as files.",
    "where": "Show what runs an image, a model or a commit's specs.",
    "predict": "Send rows to a service.",
    "models": "Show the versions of a model, and where each serves.",
    "models promote": "Let another version of a model serve.",
    "monitor": "Show how far requests and answers are from their baseline.",
    "monitor run": "Compare now what is compared by schedule.",
    "monitor calibrate": "Find limits that hold a rate of false alarms.",
    "triggers": "Show what fires trainings, and when next.",
    "retrain": "Train a model again now, through the guards.",
    "why": "Show why a service was retrained, or why not.",
    "destroy": "Delete services and everything of theirs.",
    "import": "Write the YAML of a Cloud Run service that exists.",
    "publish": "Put specs where the job reads them.",
    "install": "Install the job that reconciles, or upgrade it.",
    "install ci": "Let a repository's workflows plan and publish, without a key.",
    "uninstall": "Remove the job that reconciles; services stay.",
    "uninstall ci": "Let no workflow in any more.",
    "operator": "The job that reconciles: what it did, start it, pause it.",
    "reconcile": "One pass over a folder: what the scheduled job runs.",
    "image": "Build and push our own images; show what cleanup takes.",
    "serve": "Serve a model folder on this machine.",
    "emulator": "Google Cloud on this machine.",
}
"""In the order of `--help`. Each is the module of its name below `commands`, imported when it is used. Where one of two
words begins as one of one word does, a file called as its second word is named as `./ci`."""

WRONG_USAGE = 64
STOPPED = 130


class Commands(TyperGroup):
    """Imports a command when it is called, so that `--help` imports none."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Give every command's name."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Give name and summary of a command: all that a list of them needs."""
        del ctx
        return TyperCommand(cmd_name, help=COMMANDS[cmd_name]) if cmd_name in COMMANDS else None

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Import the command that is called."""
        if args[0] not in COMMANDS and not ctx.resilient_parsing:
            ctx.fail(f"there is no command '{args[0]}'{_near(args[0])}")
        if " ".join(args[:2]) in COMMANDS:
            args = [" ".join(args[:2]), *args[2:]]
        name, command, rest = super().resolve_command(ctx, args)
        if name in COMMANDS:
            module = importlib.import_module(module_of(name))
            command = typer.main.get_command(module.app)
        return name, command, rest


def module_of(command: str) -> str:
    """Give the module of a command: `import` is a word of Python's, and a command of two words is one module."""
    return f"reconciler.cli.commands.{command.replace('import', 'import_').replace(' ', '_')}"


def _near(word: str) -> str:
    """Suggest the command that was meant."""
    from difflib import get_close_matches  # noqa: PLC0415 - late, for start-up

    near = get_close_matches(word, COMMANDS, n=1)
    return f"; did you mean '{near[0]}'?" if near else ""


def _print_version(wanted: bool) -> None:  # noqa: FBT001 - typer's form of a callback
    if wanted:
        from reconciler.cli.version import version_line  # noqa: PLC0415 - late, for start-up

        typer.echo(version_line())
        raise typer.Exit


app = typer.Typer(cls=Commands, no_args_is_help=True, add_completion=True, rich_markup_mode=None)


@app.callback()
def mlservice(
    *,
    version: Annotated[
        bool,
        typer.Option("--version", help="Print the version and its commit.", callback=_print_version, is_eager=True),
    ] = False,
) -> None:
    """One YAML file says what an ML service on Google Cloud should be; this makes it so."""
    del version


def main() -> None:
    """Run the command line and exit with its code."""
    end_commands()
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by who started us: what is said is heard by nobody
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115, PTH123 - until the end
        else:
            setattr(sys, name, told(getattr(sys, name)))
    sys.exit(_flushed(run(sys.argv[1:])))


def _flushed(code: int) -> int:
    """Write what waits in the streams; what cannot be written is lost, and makes of a success a failure."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            _say_nothing_more(stream)
            code = code or 1
    return code


def run(arguments: list[str]) -> int:
    """Run one command line.

    Returns:
        0 done or nothing to do, 1 failed, 2 changes pending, 3 blocked by a policy, 4 partly applied, 64 wrong usage,
        130 stopped by Ctrl-C, 143 by SIGTERM, 129 by SIGHUP.
    """
    try:
        code: Any = typer.main.get_command(app).main(arguments, prog_name="mlservice", standalone_mode=False)
    except (typer.Abort, KeyboardInterrupt, Stopped) as stop:
        typer.echo("stopped", err=True)
        return stop.exit_code if isinstance(stop, Stopped) else STOPPED
    except Exception as error:  # noqa: BLE001 - the edge: whatever it is, a person reads it
        try:
            code = wrong_usage(error) if hasattr(error, "show") else failed(error)
            if code and _reads_json(arguments) and not has_written(sys.stdout):
                _tell_program(error, code)
        except OSError:  # even that cannot be written
            _say_nothing_more(sys.stderr)
            return 1
    return code if isinstance(code, int) else 0


def _reads_json(arguments: list[str]) -> bool:
    """Tell whether a program reads what a command prints."""
    options = arguments[: arguments.index("--")] if "--" in arguments else arguments
    joined = any(each in ("-ojson", "-o=json", "--output=json") for each in options)
    return joined or any(pair in (("-o", "json"), ("--output", "json")) for pair in pairwise(options))


def _tell_program(error: Exception, code: int) -> None:
    """Print what went wrong as JSON, for a program that would otherwise find nothing where it reads."""
    from reconciler.cli.console import data  # noqa: PLC0415 - late, for start-up
    from schemas import SpecError  # noqa: PLC0415 - late, for start-up
    from schemas.report import records, summary_line  # noqa: PLC0415 - late, for start-up

    problems = error.problems if isinstance(error, SpecError) else ()
    message = summary_line(problems) if problems else str(getattr(error, "message", "") or error)
    hint = getattr(error, "hint", "") or None
    data({"error": {"message": message, "hint": hint, "exitCode": code, "problems": records(problems)}})


def wrong_usage(error: Any) -> int:
    """Print what the command line library has to say; its own exit code 2 means something else here.

    It quotes what was typed, which may be a secret in the wrong place.
    """
    if type(error).__name__ == "NoArgsIsHelpError":  # a group without a subcommand shows its help, which was wanted
        error.show()
        return 0
    from reconciler.cli.console import say  # noqa: PLC0415 - late, for start-up

    said = io.StringIO()
    error.show(file=said)
    say(said.getvalue())
    return WRONG_USAGE


_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


def _unwritten(error: OSError) -> int:
    """Say that there is no room, or nowhere to write to: where even that cannot be said, the exit code says it.

    Who reads no further, as `head` does, wants to hear nothing of it.
    """
    _say_nothing_more(sys.stdout)
    if error.errno == errno.EPIPE:
        return 1
    from reconciler.cli.console import say  # noqa: PLC0415 - late, for start-up

    with contextlib.suppress(OSError, ValueError):
        say(f"error: the output cannot be written: {error.strerror}", "red")
    return 1


def _say_nothing_more(stream: TextIO) -> None:
    """Let what is written to a stream from now on be lost: what waits in its buffer cannot be written either."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def failed(error: Exception) -> int:
    """Print what went wrong and give the exit code."""
    from reconciler.cli.console import say, show_problems  # noqa: PLC0415 - late, for start-up
    from schemas import MLServiceError, SpecError  # noqa: PLC0415 - late, for start-up

    if isinstance(error, SpecError):
        show_problems(error.problems)
        return 1
    if isinstance(error, MLServiceError):
        say(f"error: {error}", "red")
        hint = getattr(error, "hint", "")
        if hint:
            say(f"  hint: {hint}", "dim")
        return int(getattr(error, "exit_code", 1))
    if isinstance(error, Unwritten):
        return _unwritten(error)
    if isinstance(error, OSError) and (error.filename or error.errno in _FULL):
        # Which file it is that there is no room for, Python does not say.
        say(f"error: {error.filename or 'a file cannot be written'}: {error.strerror}", "red")
        return 1
    import traceback  # noqa: PLC0415 - late, for start-up

    say("".join(traceback.format_exception(error)), "dim")
    say(f"error: this is a bug in mlservice: {type(error).__name__}: {error}", "red")
    return 1
