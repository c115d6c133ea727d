"""`python -m slowtask`, and the command `slowtask`."""

from importlib import import_module
from importlib.util import find_spec


def main() -> None:
    """Run the command line of slowtask-cli; where that isn't installed, as in a worker, the small one."""
    import_module("slowtask.cli" if find_spec("slowtask.cli") else "slowtask.doctor.command").main()


if __name__ == "__main__":
    main()
