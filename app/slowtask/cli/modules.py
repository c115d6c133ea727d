"""Call a module of slowtask in a process of its own."""

import sys


def module_command(name: str) -> tuple[str, ...]:
    """The command that calls the module *name* with this Python.

    Without `-P`, Python would import modules that happen to lie in this folder, which may be one of logs.
    """
    return sys.executable, "-P", "-m", name
