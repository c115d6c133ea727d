"""`python -m slowtask`, and the command `slowtask`."""

import sys
from importlib import import_module
from importlib.util import find_spec
from typing import Final

from slowtask.install import install_command

#: What every command of slowtask-cli needs. Other libraries are those of its extras.
LIBRARIES: Final = ("click", "duckdb", "rich")


def main() -> None:
    """Run the command line of slowtask-cli; where that isn't installed, as in a worker, the small one."""
    try:
        import_module("slowtask.cli" if find_spec("slowtask.cli") else "slowtask.doctor.command").main()
    except ModuleNotFoundError as error:
        if error.name not in LIBRARIES:
            raise
        sys.exit(f"slowtask: the library {error.name} isn't installed: {install_command()}")


if __name__ == "__main__":
    main()
