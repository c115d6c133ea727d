"""The command line: parse the options, call one function, print what it returns.

The module of a command is imported only when the command is called, so that `slowtask --help` starts fast.
"""

import importlib
import os
import sys
from typing import Any, Final, NoReturn

import click

from slowtask import __version__
from slowtask.cli.terminal import print_message, replace_unprintable
from slowtask.errors import SlowtaskError

#: The module of each command in this folder, and the first sentence of its help.
COMMANDS: Final = {
    "top": "Rank tasks by the worker time they used.",
    "diff": "Show which tasks got slower, and what that costs.",
    "parse": "Convert log lines to events, one JSON object per line.",
    "pack": "Convert rotated logs to Parquet files.",
    "rollup": "Keep the figures of each hour, for longer than the logs.",
    "task": "Show on one page why a task is slow.",
    "report": "Write the ranking and charts to one HTML file.",
    "serve": "Serve the ranking and the queues as pages for a browser.",
    "behind": "Show which tasks kept the jobs of others waiting.",
    "whatif": "Replay a log with a change, such as more workers.",
    "setup": "Set up Elasticsearch and Kibana for slowtask.",
    "status": "Say what is wrong with the queues, why, and what to do.",
    "monitor": "Watch the broker and send alerts before it is full.",
    "otel": "Send the runs to OpenTelemetry: metrics, logs and lost spans.",
    "doctor": "Check that workers record: versions, hooks, settings, log.",
    "demo": "Run example jobs on a temporary Redis and rank them.",
    "collapse": "Fill a temporary broker until it fails, and watch.",
}


class Commands(click.Group):
    """The group of all commands, which imports a command when it is called."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command. A closed pipe, as in `slowtask top … | head`, is no error."""
        try:
            try:
                result = super().invoke(ctx)
            finally:
                sys.stdout.flush()
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else Python flushes at exit
            return None
        return result

    def list_commands(self, ctx: click.Context) -> list[str]:
        """List the commands in the order of `COMMANDS`, not of the alphabet."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command *cmd_name* from the module of that name."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = getattr(importlib.import_module(f"slowtask.cli.{cmd_name}"), cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, package_name="slowtask")
def slowtask() -> None:
    """Find the tasks that choke a job queue, before the queue collapses.

    \b
    Try it with example jobs:
      slowtask demo
    Rank the tasks of a log:
      slowtask top worker.log

    \b
    Exit status, where a command's help says nothing else:
      0  success
      1  the command failed; stderr says why
      2  an argument or a setting is wrong
    """


def main() -> NoReturn:
    """Run the command line. An expected error is one line on stderr and an exit status, no traceback."""
    replace_unprintable()
    try:
        sys.exit(slowtask.main(standalone_mode=False))
    except click.exceptions.Exit as end:
        sys.exit(end.exit_code)
    except click.Abort:
        sys.exit(130)
    except click.ClickException as mistake:
        print_message(describe(mistake))
        sys.exit(mistake.exit_code)
    except SlowtaskError as mistake:
        print_message(str(mistake))
        sys.exit(mistake.status)


def describe(mistake: click.ClickException) -> str:
    """Describe *mistake* in one line that ends with the command to ask for help."""
    context = mistake.ctx if isinstance(mistake, click.UsageError) else None
    named = [argument for argument in sys.argv[1:2] if argument in COMMANDS]  # click doesn't always say
    command = context.command_path if context else " ".join(["slowtask", *named])
    return f"{' '.join(mistake.format_message().split()).rstrip('.')}: see {command} --help."
