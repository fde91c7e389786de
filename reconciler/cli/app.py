"""The `mlservice` command: its subcommands, and the one place where errors become words and exit codes."""

from __future__ import annotations

import importlib
import sys
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

COMMANDS = {
    "init": "Write a commented mlservice.yaml.",
    "validate": "Check specs, offline.",
    "schema": "Print the JSON Schema of mlservice.yaml.",
    "plan": "Show what apply would change.",
    "apply": "Make Google Cloud what the specs say.",
    "status": "Show services as they are.",
    "predict": "Send rows to a service.",
    "destroy": "Delete services and everything of theirs.",
    "import": "Write the YAML of a Cloud Run service that exists.",
    "reconcile": "One pass over a folder: what the scheduled job runs.",
    "serve": "Serve a model folder on this machine.",
    "emulator": "Google Cloud on this machine.",
}
"""In the order of `--help`. Each is the module of its name below `commands`, imported when it is used."""

WRONG_USAGE = 64


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
        name, command, rest = super().resolve_command(ctx, args)
        if name in COMMANDS:
            module = importlib.import_module(f"reconciler.cli.commands.{name.replace('import', 'import_')}")
            command = typer.main.get_command(module.app)
        return name, command, rest


app = typer.Typer(cls=Commands, no_args_is_help=True, add_completion=True, rich_markup_mode=None)


@app.callback()
def mlservice(
    *,
    version: bool = typer.Option(False, "--version", help="Print the version.", is_eager=True),  # noqa: FBT003 - typer's form
) -> None:
    """One YAML file says what an ML service on Google Cloud should be; this makes it so."""
    if version:
        from importlib.metadata import version as installed  # noqa: PLC0415 - late, for start-up

        typer.echo(f"mlservice {installed('mlservice')}")
        raise typer.Exit


def main() -> None:
    """Run the command line and exit with its code."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command line.

    Returns:
        0 done or nothing to do, 1 failed, 2 changes pending, 3 blocked by a policy, 4 partly applied, 64 wrong usage.
    """
    try:
        code: Any = typer.main.get_command(app).main(arguments, prog_name="mlservice", standalone_mode=False)
    except (typer.Abort, KeyboardInterrupt):
        typer.echo("stopped", err=True)
        return 130
    except Exception as error:  # noqa: BLE001 - the edge: whatever it is, a person reads it
        return wrong_usage(error) if hasattr(error, "show") else failed(error)
    return code if isinstance(code, int) else 0


def wrong_usage(error: Any) -> int:
    """Print what the command line library has to say; its own exit code 2 means something else here."""
    error.show()
    return WRONG_USAGE if arguments_given() else 0


def arguments_given() -> bool:
    """Tell whether there was anything on the command line; without, the help is what was wanted."""
    return len(sys.argv) > 1


def failed(error: Exception) -> int:
    """Print what went wrong and give the exit code."""
    from reconciler.cli.console import say, show_problems  # noqa: PLC0415
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
    import traceback  # noqa: PLC0415

    say("".join(traceback.format_exception(error)), "dim")
    say(f"error: this is a bug in mlservice: {type(error).__name__}: {error}", "red")
    return 1
