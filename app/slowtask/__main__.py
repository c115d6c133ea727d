"""`python -m slowtask`."""

from slowtask.cli import main

main()
