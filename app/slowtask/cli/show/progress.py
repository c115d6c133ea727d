"""Show a progress bar on stderr for work that takes longer than a second."""

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

DELAY: Final = 1.0  #: seconds until the bar appears
REFRESH_INTERVAL: Final = 0.1  #: seconds


@contextmanager
def show_progress(progress: Callable[[], float | None], delay: float = DELAY) -> Iterator[None]:
    """Show a bar while the block runs, after *delay* seconds and only on a terminal.

    *progress* returns a share from 0 to 1, or None if it is unknown. It is called from another thread.
    """
    if not sys.stderr.isatty():
        yield
        return
    with run_beside(lambda done: _draw(progress, delay, done)):
        yield


@contextmanager
def run_beside(work: Callable[[threading.Event], None]) -> Iterator[None]:
    """Run *work* in a thread while the block runs; then the event is set, by which *work* ends."""
    done = threading.Event()
    thread = threading.Thread(target=work, args=(done,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _draw(progress: Callable[[], float | None], delay: float, done: threading.Event) -> None:
    """Draw the bar until *done* is set, then erase it."""
    if done.wait(delay):
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TimeRemainingColumn

    columns = ("Reading", BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None)
        while not done.wait(REFRESH_INTERVAL):
            share = progress()
            bar.update(task, completed=share or 0, total=None if share is None else 1.0)
