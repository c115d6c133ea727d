"""The command `slowtask` where slowtask-cli isn't installed, as in a worker's environment."""

import sys
from typing import Final

from slowtask import __version__
from slowtask.install import install_command

HELP: Final = """\
Usage: slowtask [--version] [--help]

slowtask records every attempt of an RQ or Celery task as one JSON line.
The commands that rank these lines and watch queues are in slowtask-cli:
  {command}
"""


def main() -> None:
    """Run the command line that *sys.argv* holds."""
    words = sys.argv[1:]
    if words == ["--version"]:
        print(f"slowtask, version {__version__}")
    elif not words or words[0] in {"-h", "--help"}:
        print(HELP.format(command=install_command()), end="")
    else:
        sys.exit(f"slowtask: {words[0]} needs slowtask-cli, which isn't installed here: {install_command()}")
