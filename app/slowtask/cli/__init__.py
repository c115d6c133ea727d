"""SEE: the command line. It parses, calls one function and prints; it decides nothing.

A command's module is imported only when that command is called: `slowtask --help` stays quick.
"""

import importlib
import os
import sys
from typing import Any, Final, NoReturn

import click

from slowtask import __version__
from slowtask.cli.terminal import prepare
from slowtask.errors import SlowtaskError

#: Each command's module beside this file, and what `slowtask --help` says of it.
COMMANDS: Final = {
    "top": "Rank tasks by the time they took.",
    "parse": "Turn log lines into events, one JSON line each.",
    "pack": "Turn rotated logs into Parquet.",
    "report": "Write the ranking and charts as one HTML file.",
    "behind": "Tell who waited behind whom.",
    "whatif": "Try a change on paper: replay the log with it.",
    "setup": "Make Elasticsearch and Kibana ready.",
    "status": "Show how full the queue is, and which task to blame.",
    "monitor": "Watch the queue, and warn while there is still room.",
    "demo": "See it work: Redis, two workers, three tasks, the ranking.",
    "collapse": "See a queue fall over, on a Redis of its own.",
}


class Commands(click.Group):
    """The commands, imported when called."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; a reader that has had enough (`slowtask top … | head`) is no failure."""
        try:
            done = super().invoke(ctx)
            sys.stdout.flush()
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nothing more to flush at exit
            return None
        return done

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order of the flow, not of the alphabet."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command that `slowtask.cli.NAME` calls NAME."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = getattr(importlib.import_module(f"slowtask.cli.{cmd_name}"), cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, package_name="slowtask")
def slowtask() -> None:
    """Find the tasks that choke a job queue, before the queue collapses.

    \b
    Try it:       slowtask demo
    Rank a log:   slowtask top worker.log
    """


def main() -> NoReturn:
    """Run the command line: a person's mistake is one line on stderr and an exit status, no traceback."""
    prepare()
    try:
        sys.exit(slowtask.main(standalone_mode=False))
    except click.exceptions.Exit as end:
        sys.exit(end.exit_code)
    except click.Abort:
        sys.exit(130)
    except click.ClickException as mistake:
        click.echo(f"slowtask: {sentence(mistake)}", err=True)
        sys.exit(mistake.exit_code)
    except SlowtaskError as mistake:
        click.echo(f"slowtask: {mistake}", err=True)
        sys.exit(mistake.status)


def sentence(mistake: click.ClickException) -> str:
    """What is wrong with the call, and where help is, in one line."""
    command = (
        mistake.ctx.command_path if isinstance(mistake, click.UsageError) and mistake.ctx else "slowtask"
    )
    return f"{' '.join(mistake.format_message().split()).rstrip('.')}: see {command} --help."
