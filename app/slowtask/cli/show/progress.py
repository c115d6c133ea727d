"""A progress bar on stderr for what takes longer than a second."""

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

PATIENCE: Final = 1.0  #: seconds
FRAME: Final = 0.1


@contextmanager
def shown(progress: Callable[[], float | None], patience: float = PATIENCE) -> Iterator[None]:
    """Show *progress* (0 to 1, None: unknown) on a terminal while a block runs, after *patience* seconds."""
    if not sys.stderr.isatty():
        yield
        return
    done = threading.Event()
    thread = threading.Thread(target=_draw, args=(progress, patience, done), daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _draw(progress: Callable[[], float | None], patience: float, done: threading.Event) -> None:
    """Draw until *done*; leave no trace."""
    if done.wait(patience):
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TimeRemainingColumn

    columns = ("Reading", BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None)
        while not done.wait(FRAME):
            share = progress()
            bar.update(task, completed=share or 0, total=None if share is None else 1.0)
